"""examples -> NIAH-style samples: pools of documents, with questions about each pool."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, islice

from longattncomp.data.rows import Context, Evidence, Example, contexts
from longattncomp.data.sources import sentence_ends
from longattncomp.training.samples.queries import (
    DEFAULT,
    SampleOptions,
    ask,
    generator,
    move,
    rounded_at_random,
    unanswerable,
)
from longattncomp.types import Document

_ROWS = 256
"""Multi-hop rows in memory, from which the next one is drawn."""
_SENTENCES = (2, 6)
"""Of an excerpt."""
_TITLES = 20
"""SQuAD titles in memory, for each title of a pool."""
_Title = tuple[str, list[Context], list[Context]]
"""A title, its paragraphs, and those of them that are in no pool so far."""


def mixed(
    streams: Mapping[str, Iterable[Example]], *, weights: Mapping[str, float] | None = None, seed: int = 0
) -> Iterator[Example]:
    """Draw whole contexts from several streams at random until all are used up.

    The weights, above 0 and 1 by default, say how often a stream is drawn, relative to the others.
    """
    rng = generator(seed, "mixed")
    live = {name: contexts(streams[name]) for name in sorted(streams)}
    while live:
        names = list(live)
        (name,) = rng.choices(names, [(weights or {}).get(key, 1.0) for key in names])
        if (context := next(live[name], None)) is None:
            del live[name]
        else:
            yield from context


def paragraph_samples(examples: Iterable[Example], options: SampleOptions = DEFAULT) -> Iterator[Example]:
    """Make pools of SQuAD paragraphs: several titles, several paragraphs of each; each paragraph is in one pool.

    An unanswerable question comes from a paragraph that is not in the pool, though others of its title are; its answer
    is in no paragraph of that title in the pool.
    """
    rng = generator(options.seed, "paragraphs")
    coming = groupby(contexts(examples), key=lambda context: str(context[0].documents[0].metadata["title"]))
    opened: list[_Title] = []
    while True:
        opened = [group for group in opened if group[2]]
        for title, group in islice(coming, max(0, _TITLES * options.titles - len(opened))):
            paragraphs = list(group)
            opened.append((title, paragraphs, rng.sample(paragraphs, len(paragraphs))))
        if not opened:
            return
        rng.shuffle(opened)
        taken = _take(opened, options)
        documents, places = pool([context[0].documents[0] for context in taken], rng)
        singles = [move(question, documents, places) for context in taken for question in context]
        yield from ask(singles, _left_out(opened, documents, places, rng), options, rng)


def excerpt_samples(examples: Iterable[Example], options: SampleOptions = DEFAULT) -> Iterator[Example]:
    """Make contexts of a few sentences of a SQuAD paragraph; an unanswerable question is about the rest of it."""
    rng = generator(options.seed, "excerpts")
    for context in _shuffled(contexts(examples), rng):
        (document,) = context[0].documents
        cuts = [0, *sentence_ends(document.text)]
        first = rng.randrange(len(cuts) - 1)
        last = min(len(cuts) - 1, first + rng.randint(*_SENTENCES))
        low, high = cuts[first], cuts[last]
        text = document.text[low:high]
        if not text.strip() or last - first == len(cuts) - 1:
            continue
        excerpt = (replace(document, text=text),)
        singles, foreign = [], []
        for question in context:
            (span,) = question.evidence
            if low <= span.start and span.end <= high:
                moved = Evidence(0, span.start - low, span.end - low)
                singles.append(replace(question, documents=excerpt, evidence=(moved,)))
            elif not any(answer.lower() in text.lower() for answer in question.answers):
                foreign.append(unanswerable(question, excerpt))
        yield from ask(singles, iter(foreign), options, rng) if singles else foreign[:1]


def multi_hop_samples(examples: Iterable[Example], options: SampleOptions = DEFAULT) -> Iterator[Example]:
    """Make pools of HotpotQA, 2Wiki or MuSiQue: the shuffled paragraphs of several rows, or of one row alone.

    For an unanswerable question, the pool has the distractors of its row, but no paragraph that holds its evidence.
    """
    rng = generator(options.seed, "multi-hop")
    rows: list[Context] = []
    size = 0
    for row in _shuffled(contexts(examples), rng):
        length = len(row[0].documents)
        if rng.random() < options.native:
            yield from _rows_sample([row], replace(options, compound=0.0), rng)
            continue
        if rows and size + length > options.documents:
            yield from _rows_sample(rows, options, rng)
            rows, size = [], 0
        rows.append(row)
        size += length
    if rows:
        yield from _rows_sample(rows, options, rng)


def contract_samples(
    examples: Iterable[Example], unanswered: Iterable[Example], options: SampleOptions = DEFAULT
) -> Iterator[Example]:
    """Make contexts of one contract each, with its questions and questions that it does not answer.

    Examples of one contract follow each other.
    """
    rng = generator(options.seed, "contracts")
    foreign: dict[str, list[Example]] = {}
    for question in unanswered:
        foreign.setdefault(question.documents[0].text, []).append(question)
    for context in _shuffled(contexts(examples), rng):
        documents = context[0].documents
        none = [unanswerable(question, documents) for question in foreign.get(documents[0].text, ())]
        yield from ask(context, iter(none), options, rng)


def pool(documents: Iterable[Document], rng: random.Random) -> tuple[tuple[Document, ...], dict[str, int]]:
    """Shuffle documents, each text once; return them and the place of each text."""
    once = list({document.text: document for document in documents}.values())
    rng.shuffle(once)
    return tuple(once), {document.text: place for place, document in enumerate(once)}


def _shuffled(rows: Iterable[Context], rng: random.Random) -> Iterator[Context]:
    window: list[Context] = []
    for row in rows:
        window.append(row)
        if len(window) > _ROWS:
            yield window.pop(rng.randrange(len(window)))
    rng.shuffle(window)
    yield from window


def _take(opened: Sequence[_Title], options: SampleOptions) -> list[Context]:
    """Take some paragraphs of each title in turn, until the pool is full."""
    share = -(-options.documents // options.titles)
    taken: list[Context] = []
    while len(taken) < options.documents and any(unused for _, _, unused in opened):
        for _, _, unused in opened:
            for _ in range(min(share, len(unused), options.documents - len(taken))):
                taken.append(unused.pop())
    return taken


def _left_out(
    opened: Sequence[_Title], documents: tuple[Document, ...], places: Mapping[str, int], rng: random.Random
) -> Iterator[Example]:
    texts: dict[str, str] = {}
    for document in documents:
        title = document.metadata["title"]
        texts[title] = f"{texts.get(title, '')}\n{document.text.lower()}"
    candidates = [
        (title, question)
        for title, paragraphs, _ in opened
        if title in texts
        for context in paragraphs
        if context[0].documents[0].text not in places
        for question in context
    ]
    for title, question in rng.sample(candidates, len(candidates)):
        if not any(answer.lower() in texts[title] for answer in question.answers):
            yield unanswerable(question, documents)


def _rows_sample(rows: Sequence[Context], options: SampleOptions, rng: random.Random) -> list[Example]:
    count = min(len(rows), rounded_at_random(len(rows) * options.unanswerable / (1 - options.compound), rng))
    robbed = set(rng.sample(range(len(rows)), count))
    gold = [{question.documents[span.document].text for question in row for span in question.evidence} for row in rows]
    kept = [
        document
        for number, row in enumerate(rows)
        for document in row[0].documents
        if number not in robbed or document.text not in gold[number]
    ]
    if not kept:  # rows that are nothing but evidence
        return []
    documents, places = pool(kept, rng)
    singles = [
        move(question, documents, places) for number, row in enumerate(rows) if number not in robbed for question in row
    ]
    foreign = [
        unanswerable(question, documents)
        for number in sorted(robbed)
        if gold[number].isdisjoint(places)
        for question in rows[number]
    ]
    return ask(singles, foreign, options, rng)

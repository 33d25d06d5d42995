"""examples -> short contexts, each with all its questions, for a target to read as vectors."""

import random
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from longattncomp.data.rows import Context, Example, contexts
from longattncomp.data.sources import sentence_ends
from longattncomp.types import Document

_WINDOW = 40
"""Contexts among whose documents distractors are drawn."""
_MOST_CHARACTERS = 2_000
"""Of a document: about one piece of SAC."""
_CONTINUATION = 600
"""Most characters that are predicted of a text's second half."""
_RETOLD = 240
"""Most characters of a sentence that is told again."""


def reading_samples(examples: Iterable[Example], *, distractors: int, seed: int, retold: int = 0) -> Iterator[Example]:
    """Keep the documents with evidence, among up to so many others in any order.

    Questions without answers are left out. Distractors come from the same row where it has some (HotpotQA and the
    like), else from rows nearby. Of each context up to `retold` sentences with evidence or beside it are to be told
    again, with no question.
    """
    rng = random.Random(f"{seed}/reading")  # noqa: S311 (a sample, no secret)
    coming = (context for context in contexts(examples) if any(example.answers for example in context))
    window: deque[Document] = deque(maxlen=_WINDOW)
    for context in _ahead(coming, window):
        asked = [example for example in context if example.answers and example.evidence]
        for own in _together(asked):
            needed = _needed(own[0])
            others = [document for document in context[0].documents if document not in needed]
            others = others or [document for document in window if document not in needed]
            drawn = rng.sample(others, min(len(others), rng.randint(0, distractors)))
            documents = [*needed, *drawn]
            rng.shuffle(documents)
            cut = tuple(replace(document, text=document.text[:_MOST_CHARACTERS]) for document in documents)
            for example in own:
                yield replace(example, documents=cut, evidence=())
            sentences = list(_sentences(cut[documents.index(needed[0])].text))
            for sentence in rng.sample(sentences, min(len(sentences), retold)):
                yield replace(own[0], query="", answers=(sentence,), documents=cut, evidence=())


def continuation_samples(examples: Iterable[Example], *, distractors: int, seed: int) -> Iterator[Example]:
    """Ask for the second half of a text, or its beginning, after the first half; there is no question."""
    for context in contexts(reading_samples(examples, distractors=distractors, seed=seed)):
        documents = context[0].documents
        text = documents[-1].text
        half = min(sentence_ends(text), key=lambda cut: abs(cut - len(text) // 2))
        first, rest = text[:half], text[half : half + _CONTINUATION]
        if first.strip() and len(rest.strip()) > 1:
            cut = (*documents[:-1], replace(documents[-1], text=first))
            yield replace(context[0], query="", answers=(rest,), documents=cut)


def _ahead(coming: Iterator[Context], window: deque[Document]) -> Iterator[Context]:
    """Yield contexts while the window holds documents of some that come later, too."""
    held: deque[Context] = deque()
    for context in coming:
        held.append(context)
        window.extend(islice(context[0].documents, 2))
        if len(held) > _WINDOW // 2:
            yield held.popleft()
    yield from held


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for end in sentence_ends(text):
        sentence = text[start:end].strip()[:_RETOLD]
        if sentence:
            yield sentence
        start = end


def _together(asked: list[Example]) -> Iterator[list[Example]]:
    """Group the questions of a context that need the same documents."""
    groups: dict[tuple[int, ...], list[Example]] = {}
    for example in asked:
        groups.setdefault(tuple(sorted({span.document for span in example.evidence})), []).append(example)
    yield from groups.values()


def _needed(example: Example) -> list[Document]:
    """Take the documents that answer an example; of one that is too long, the passages that do."""
    needed = []
    for index in sorted({span.document for span in example.evidence}):
        document = example.documents[index]
        if len(document.text) > _MOST_CHARACTERS:
            spans = [span for span in example.evidence if span.document == index]
            document = replace(document, text="\n".join(document.text[span.start : span.end] for span in spans))
        needed.append(document)
    return needed

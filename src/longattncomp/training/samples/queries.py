"""questions about one context -> queries to train on: single, compound and unanswerable."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from math import floor

from longattncomp.chunking.segments import SEPARATOR
from longattncomp.data.rows import Evidence, Example, contexts
from longattncomp.errors import InputError
from longattncomp.types import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleOptions:
    """How samples are drawn.

    Attributes:
        documents: most documents in a context.
        titles: how many titles the SQuAD paragraphs of a context come from at first; paragraphs of the title of the
            evidence are hard negatives.
        questions: most queries about one context.
        unanswerable: share of the queries for which nothing in the context is relevant.
        compound: share of the queries that are several questions in one, where the context has several questions.
        needles: most passages of evidence of a compound query.
        native: share of multi-hop rows whose context is their own paragraphs only.
        seed: another seed draws other samples from the same examples.
    """

    documents: int = 100
    titles: int = 10
    questions: int = 64
    unanswerable: float = 0.25
    compound: float = 0.15
    needles: int = 8
    native: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in {"documents": 1, "titles": 1, "questions": 1, "needles": 2}.items():
            if getattr(self, name) < least:
                raise InputError(f"{name}: expected {least} or more, got {getattr(self, name)}")
        for name in ("unanswerable", "compound", "native"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name}: expected a share between 0 and 1, got {getattr(self, name)}")
        if self.unanswerable + self.compound >= 1:
            raise InputError(
                f"unanswerable + compound: expected less than 1, got {self.unanswerable} + {self.compound}; "
                "what is left are single questions with an answer"
            )


DEFAULT = SampleOptions()


def generator(seed: int, part: str) -> random.Random:
    """Make the random numbers of one part of the training data, independent of all other parts."""
    return random.Random(f"{seed}/{part}")  # noqa: S311


def move(question: Example, documents: tuple[Document, ...], places: Mapping[str, int]) -> Example:
    """Ask a question about other documents, which hold its evidence: `places` says where each text is."""
    spans = (
        Evidence(places[question.documents[span.document].text], span.start, span.end) for span in question.evidence
    )
    return replace(question, documents=documents, evidence=_union(spans))


def joined(examples: Iterable[Example], share: float, *, seed: int = 0) -> Iterator[Example]:
    """Join the documents of some contexts into one document, with blank lines between them.

    A `share` of the contexts is joined; the questions of one context follow each other.
    """
    rng = generator(seed, "joined")
    for context in contexts(examples):
        if rng.random() >= share:
            yield from context
            continue
        documents = context[0].documents
        starts = [0, *accumulate(len(document.text) + len(SEPARATOR) for document in documents)]
        whole = (Document(SEPARATOR.join(document.text for document in documents), documents[0].id),)
        for question in context:
            spans = (
                Evidence(0, starts[span.document] + span.start, starts[span.document] + span.end)
                for span in question.evidence
            )
            yield replace(question, documents=whole, evidence=tuple(spans))


def unanswerable(question: Example, documents: tuple[Document, ...]) -> Example:
    """Ask a question about documents in which nothing is relevant."""
    return replace(question, id=f"{question.id}#none", answers=(), documents=documents, evidence=())


def ask(
    singles: Sequence[Example], foreign: Iterable[Example], options: SampleOptions, rng: random.Random
) -> list[Example]:
    """Draw the queries of one context in random order: single, compound and unanswerable ones by their shares.

    Of `foreign`, questions that the context does not answer, a list is taken whole, an iterator as far as needed.
    """
    share = 1 - options.unanswerable - options.compound
    queries = rng.sample(singles, min(len(singles), max(1, rounded_at_random(options.questions * share, rng))))
    if isinstance(foreign, list):
        queries += foreign
    else:
        queries += islice(foreign, rounded_at_random(len(queries) * options.unanswerable / share, rng))
    for _ in range(rounded_at_random(len(queries) * options.compound / (1 - options.compound), rng)):
        if (query := compound(singles, options.needles, rng)) is not None:
            queries.append(query)
    rng.shuffle(queries)
    return queries


def compound(questions: Sequence[Example], needles: int, rng: random.Random) -> Example | None:
    """Put several questions of a context into one query with up to `needles` passages; None if no two fit."""
    wanted = rng.randint(2, needles)
    chosen: list[Example] = []
    evidence: tuple[Evidence, ...] = ()
    for question in rng.sample(questions, len(questions)):
        union = _union((*evidence, *question.evidence))
        if len(union) > needles or _row(question) in map(_row, chosen):
            continue
        chosen.append(question)
        evidence = union
        if (len(chosen) > 1 and len(evidence) >= wanted) or len(chosen) == needles:
            break
    if len(chosen) < 2:
        return None
    queries = [question.query for question in chosen]
    separator = rng.choice((" ", "\n")) if not any("\n" in query for query in queries) else "\n"
    return replace(
        chosen[0],
        id="&".join(question.id for question in chosen) + "#compound",
        query=separator.join(queries),
        answers=tuple(answer for question in chosen for answer in question.answers),
        evidence=evidence,
    )


def _row(question: Example) -> str:
    return question.id.partition("#")[0]


def _union(spans: Iterable[Evidence]) -> tuple[Evidence, ...]:
    merged: list[Evidence] = []
    for span in sorted(spans):
        if merged and merged[-1].document == span.document and span.start < merged[-1].end:
            merged[-1] = replace(merged[-1], end=max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)


def rounded_at_random(value: float, rng: random.Random) -> int:
    """Round to a whole number, at random up or down, so that the mean is `value`."""
    return floor(value) + (rng.random() < value - floor(value))

"""a file of rows -> as many of its questions as asked for, over their own documents or a longer context."""

import heapq
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from longattncomp.data.haystack import FILLED, fill
from longattncomp.data.rows import Example, read_rows
from longattncomp.data.sources import held_back
from longattncomp.errors import InputError
from longattncomp.evaluation.tasks.task import Draw


def sampled(examples: Iterable[Example], draw: Draw, *, name: str) -> list[Example]:
    """Draw examples at random; memory never holds more than are drawn.

    Another name of the source draws other examples.
    """

    def place(item: tuple[int, Example]) -> float:
        return random.Random(f"{draw.seed} {name} {item[0]}").random()  # noqa: S311 (a sample, no secret)

    return [example for _, example in heapq.nsmallest(draw.examples, enumerate(examples), key=place)]


def rows_of(path: Path, *, split: bool = False) -> Iterator[Example]:
    """Read the rows of a file; with `split` only those that are held back from training."""
    return (example for example in read_rows(path) if not split or held_back(example))


def among_others(path: Path, draw: Draw, *, name: str, split: bool = False) -> Iterator[Example]:
    """Ask each question over its evidence among documents of other questions, up to the context's length.

    Raises:
        InputError: the file is broken, or has too few documents.
    """
    chosen = sampled(rows_of(path, split=split), draw, name=name)
    pool = {document.text: document for example in read_rows(path) for document in example.documents}

    @cache
    def size(text: str) -> int:
        return draw.count(f"\n\n{text}")

    for example in chosen:
        rng = random.Random(f"{draw.seed} {name} {example.id}")  # noqa: S311 (a sample, no secret)
        wanted = [example.documents[place] for place in sorted({span.document for span in example.evidence})]
        own = {document.text for document in wanted}
        others = (text for text in rng.sample(list(pool), len(pool)) if text not in own)
        room = draw.context_tokens - sum(map(size, own))
        documents = [*wanted, *(pool[text] for text in fill(others, room, size))]
        if (found := sum(size(document.text) for document in documents)) < FILLED * draw.context_tokens:
            raise InputError(
                f"{path}: expected documents that fill {draw.context_tokens} tokens, got {found}: choose another length"
            )
        rng.shuffle(documents)
        places = {document.text: place for place, document in enumerate(documents)}
        yield replace(
            example,
            id=f"{draw.context_tokens}-{example.id}",
            documents=tuple(replace(document, id=str(place)) for place, document in enumerate(documents)),
            evidence=tuple(
                replace(span, document=places[example.documents[span.document].text]) for span in example.evidence
            ),
        )

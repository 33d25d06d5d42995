"""own rows -> contexts of tables, settings, code, logs, lists, sections, talks and records, with their questions."""

from collections.abc import Iterator
from pathlib import Path

from longattncomp.data.rows import Example, contexts, read_rows
from longattncomp.training.samples.queries import DEFAULT, SampleOptions, ask, generator

_ROWS = Path(__file__).with_name("structure.jsonl.gz")
"""Texts with many near-alike neighbours, written for this project; evidence is the row, item, entry or line alone."""


def structure_samples(*, options: SampleOptions = DEFAULT) -> Iterator[Example]:
    """Ask about each text in random order; what it does not tell is asked, too."""
    rng = generator(options.seed, "structure")
    texts = list(contexts(read_rows(_ROWS)))
    for context in rng.sample(texts, len(texts)):
        told = [question for question in context if question.evidence]
        yield from ask(told, iter([question for question in context if not question.evidence]), options, rng)

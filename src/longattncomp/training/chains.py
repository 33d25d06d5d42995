"""paragraphs -> chains of assignments hidden in them: evidence that shares no word with the question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count

from longattncomp.evaluation.needles import Chains, hide
from longattncomp.evaluation.rows import Example
from longattncomp.training.queries import DEFAULT, SampleOptions, generator, unanswerable

_CHARACTERS = 4  # of a token, roughly
_TOKENS = (2_000, 6_000)
_SEED = 1_000_000  # and above: examples that no evaluation draws


def chain_samples(examples: Iterable[Example], options: SampleOptions = DEFAULT) -> Iterator[Example]:
    """A value handed on from variable to variable, between the paragraphs of SQuAD; without end.

    Each context is asked for the variables of one value that is there, and some for one that is not.

    Args:
        examples: whose paragraphs are the prose.
        options: the share of the unanswerable, and the seed.
    """
    rng = generator(options.seed, "chains")
    paragraphs = list(dict.fromkeys(example.documents[0].text for example in examples))
    for number in count():
        kind = Chains(hops=rng.randint(1, 5), distractors=rng.randint(0, 3))
        (found,) = hide(
            kind,
            paragraphs,
            lambda text: len(text) // _CHARACTERS,
            examples=1,
            context_tokens=rng.randint(*_TOKENS),
            seed=_SEED * (1 + options.seed) + number,
        )
        found = replace(found, id=f"chains-{number}", task="chains")
        yield found
        if rng.random() < options.unanswerable / (1 - options.unanswerable):
            values = {word.rstrip(".") for word in found.documents[0].text.split()}
            other = next(value for value in iter(lambda: str(rng.randint(10_000, 99_999)), "") if value not in values)
            query = " ".join(other if word.isdecimal() else word for word in found.query.split())
            yield unanswerable(replace(found, query=query), found.documents)

"""paragraphs -> samples with chains of assignments or lines with values hidden in them."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

from longattncomp.data.needles import Chains, Hidden, hide_drawn
from longattncomp.data.patterns import different
from longattncomp.data.rows import Example
from longattncomp.data.written import written_beside
from longattncomp.training.samples.queries import DEFAULT, SampleOptions, ask, generator, unanswerable

_CHARACTERS = 4  # in a token, roughly
_TOKENS = (2_000, 6_000)
_NEEDLE_TOKENS = (2_000, 12_000)
_SEED = 1_000_000  # training has seeds from here on, the evaluation smaller ones
_KINDS_AT_ONCE = (1, 4)
_KEYS = (1, 4)
"""Keys of a kind."""
_VALUES = (1, 1, 2, 3, 4, 6, 8, 10)
"""How many values a key may have."""
_TOGETHER = 0.3
"""Share of the kinds with one question for all keys."""
_LINE_TOKENS = 100
"""Least tokens of prose for each line."""


@dataclass(frozen=True, slots=True)
class NeedleKind:
    """A kind of hidden line, in other words than those of `data.needles`, which the evaluation uses.

    Keys and values are drawn from patterns (`data.patterns`).

    Attributes:
        told: lines with `{key}` and `{value}`.
        asked: questions with `{key}` that fit one key as well as several.
        keys: patterns of keys.
        value: pattern of values.
    """

    told: tuple[str, ...]
    asked: tuple[str, ...]
    keys: tuple[str, ...]
    value: str


@dataclass(frozen=True, slots=True)
class _Line:
    """A hidden line with one of the values of a key."""

    kind: int
    key: str
    value: str
    text: str


def chain_samples(examples: Iterable[Example], options: SampleOptions = DEFAULT) -> Iterator[Example]:
    """Hide chains of assignments between the paragraphs of SQuAD, without end.

    Most of the evidence shares no word with the question, which asks for all variables of a value. Some questions ask
    for a value that is not there.
    """
    rng = generator(options.seed, "chains")
    paragraphs = _paragraphs(examples)
    for number in count():
        kind = Chains(hops=rng.randint(1, 5), distractors=rng.randint(0, 3))
        found = hide_drawn(kind.task, kind.draw, paragraphs, _count, rng.randint(*_TOKENS), _seed(options, number))
        found = replace(found, id=f"chains-{number}", task="chains")
        yield found
        if rng.random() < options.unanswerable / (1 - options.unanswerable):
            values = {word.rstrip(".") for word in found.documents[0].text.split()}
            other = next(value for value in iter(lambda: str(rng.randint(10_000, 99_999)), "") if value not in values)
            query = " ".join(other if word.isdecimal() else word for word in found.query.split())
            yield unanswerable(replace(found, query=query), found.documents)


def needle_samples(examples: Iterable[Example], options: SampleOptions = DEFAULT) -> Iterator[Example]:
    """Hide lines that give a key one value or many between the sentences of SQuAD, without end.

    A question asks for all values of a key, or of all keys of a kind: much evidence, in the words of the question.
    Lines of other keys are hard negatives. Unanswerable questions ask for keys without a value.
    """
    rng = generator(options.seed, "needles")
    paragraphs = _paragraphs(examples)
    kinds = written_beside(__file__, tuple[NeedleKind, ...])
    for number in count():
        lines: list[_Line] = []
        missing: dict[int, str] = {}
        for kind in rng.sample(range(len(kinds)), rng.randint(*_KINDS_AT_ONCE)):
            missing[kind], *keys = different(kinds[kind].keys, rng.randint(*_KEYS) + 1, rng)
            for key in keys:
                told = rng.choice(kinds[kind].told)
                values = different([kinds[kind].value], rng.choice(_VALUES), rng)
                lines += [_Line(kind, key, value, told.format(key=key, value=value)) for value in values]
        tokens = max(rng.randint(*_NEEDLE_TOKENS), _LINE_TOKENS * len(lines))
        draw = partial(_all_lines, lines)
        context = hide_drawn("needles", draw, paragraphs, _count, tokens, _seed(options, number))
        yield from ask(*_questions(context, kinds, lines, missing, rng), options, rng)


def _questions(
    context: Example,
    kinds: Sequence[NeedleKind],
    lines: Sequence[_Line],
    missing: Mapping[int, str],
    rng: random.Random,
) -> tuple[list[Example], Iterator[Example]]:
    """Make the questions about keys, one by one or all of a kind, and those about keys without a value."""
    (document,) = context.documents
    spans = {document.text[span.start : span.end]: span for span in context.evidence}

    def ask_for(kind: int, keys: Sequence[str]) -> Example:
        own = [line for line in lines if line.kind == kind and line.key in keys]
        named = " and ".join(filter(None, (", ".join(keys[:-1]), keys[-1])))
        return replace(
            context,
            id=f"{context.id}-{named}",
            query=rng.choice(kinds[kind].asked).format(key=named),
            answers=tuple(line.value for line in own),
            evidence=tuple(sorted(spans[line.text] for line in own)),
        )

    keys: dict[int, dict[str, None]] = {kind: {} for kind in missing}
    for line in lines:
        keys[line.kind][line.key] = None
    asked = [
        (kind, together)
        for kind, own in keys.items()
        for together in ([list(own)] if rng.random() < _TOGETHER else [[key] for key in own])
    ]
    foreign = (unanswerable(ask_for(kind, [key]), context.documents) for kind, key in missing.items())
    return [ask_for(*question) for question in asked], foreign


def _paragraphs(examples: Iterable[Example]) -> list[str]:
    return list(dict.fromkeys(example.documents[0].text for example in examples))


def _all_lines(lines: Sequence[_Line], rng: random.Random) -> Hidden:
    """Shuffle the lines; all of them are evidence."""
    return Hidden("", (), tuple((line.text, True) for line in rng.sample(lines, len(lines))), ("", " "))


def _count(text: str) -> int:
    return len(text) // _CHARACTERS


def _seed(options: SampleOptions, number: int) -> int:
    return _SEED * (1 + options.seed) + number

"""real prose -> RULER-like examples: needles and chains of assignments hidden in it (arXiv 2404.06654)."""

from __future__ import annotations

import random
import re
import string
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from longattncomp.data.rows import Evidence, Example
from longattncomp.errors import InputError
from longattncomp.types import Document

_SENTENCE_START = re.compile(r"(?<=\w\w\w[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z])")
_WORD = re.compile(r"\S+")


def _words(*lines: str) -> list[str]:
    return [word for line in lines for word in line.split()]


_ADJECTIVES = _words(
    "amber ancient brave bright calm clever copper cosmic crisp curious distant eager early faint gentle golden",
    "hidden hollow humble icy jolly keen lively lonely mellow misty noble odd pale patient plain polite quiet rapid",
    "rough rusty salty shy silent silver slow sturdy sunny swift tidy vivid warm weary wild wooden",
)
_NOUNS = _words(
    "acorn anchor badger barrel basket beacon bicycle blanket button candle canyon carpet castle cobweb compass",
    "dolphin falcon feather fiddle garden glacier hammer harbor helmet island kettle lantern lemon magnet marble",
    "meadow mirror orchard otter paddle pebble pepper pigeon pillow pocket ribbon saddle sparrow spoon thimble ticket",
    "trumpet tunnel velvet walnut",
)


@dataclass(frozen=True, slots=True)
class Hidden:
    """What one example asks for, and the lines to hide.

    Attributes:
        query: the question.
        answers: its answers.
        lines: (text, whether it is evidence), in the order in which they may have to stand.
        gap: what stands before and after a line.
    """

    query: str
    answers: tuple[str, ...]
    lines: tuple[tuple[str, bool], ...]
    gap: tuple[str, str]


class Puzzle(Protocol):
    """What is hidden, and the question about it."""

    @property
    def task(self) -> str:
        """The name of its kind."""

    def draw(self, rng: random.Random) -> Hidden:
        """One of its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needles:
    """Sentences that give a key a magic number.

    Attributes:
        needles: numbers of each key that is asked for.
        keys: keys that the query asks for.
        distractors: other keys, each with as many numbers.

    Raises:
        InputError: a number is out of its range.
    """

    needles: int = 1
    keys: int = 1
    distractors: int = 0

    def __post_init__(self) -> None:
        most = len(_ADJECTIVES) * len(_NOUNS)
        if self.needles < 1 or self.keys < 1 or self.distractors < 0 or self.keys + self.distractors > most:
            raise InputError(f"expected needles and keys of at least 1 and at most {most} keys in all, got {self}")

    @property
    def task(self) -> str:
        """Such as `needles-4`, or `needles-4-keys-2-of-5`."""
        keys = f"-keys-{self.keys}-of-{self.keys + self.distractors}" if self.keys + self.distractors > 1 else ""
        return f"needles-{self.needles}{keys}"

    def draw(self, rng: random.Random) -> Hidden:
        """Keys and numbers, all different."""
        pairs = rng.sample(range(len(_ADJECTIVES) * len(_NOUNS)), self.keys + self.distractors)
        keys = [f"{_ADJECTIVES[pair // len(_NOUNS)]} {_NOUNS[pair % len(_NOUNS)]}" for pair in pairs]
        numbers = [str(number) for number in rng.sample(range(1_000_000, 10_000_000), len(keys) * self.needles)]
        given = [(keys[index // self.needles], number) for index, number in enumerate(numbers)]
        wanted = self.keys * self.needles
        lines = [
            (f"One of the special magic numbers for {key} is: {number}.", index < wanted)
            for index, (key, number) in enumerate(given)
        ]
        rng.shuffle(lines)
        *most, last = keys[: self.keys]
        named = f"{', '.join(most)} and {last}" if most else last
        query = f"What are all the special magic numbers for {named} mentioned in the text?"
        return Hidden(query, tuple(numbers[:wanted]), tuple(lines), ("", " "))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """A variable that is given a value and handed on, as RULER's variable tracking.

    Attributes:
        hops: how often the value is handed on; a chain has one line more.
        distractors: chains of other values.

    Raises:
        InputError: a number is out of its range.
    """

    hops: int = 4
    distractors: int = 2

    def __post_init__(self) -> None:
        if self.hops < 0 or self.distractors < 0:
            raise InputError(f"expected hops and distractors of at least 0, got {self}")

    @property
    def task(self) -> str:
        """Such as `variables-4-hops`."""
        return f"variables-{self.hops}-hops"

    def draw(self, rng: random.Random) -> Hidden:
        """Names and values, all different; each chain's lines in order, the chains mixed."""
        length, count = self.hops + 1, self.distractors + 1
        names: dict[str, None] = {}
        while len(names) < length * count:
            names["".join(rng.choices(string.ascii_uppercase, k=5))] = None
        values = rng.sample(range(10_000, 100_000), count)
        variables = list(names)
        chains = []
        for index, value in enumerate(values):
            own = variables[index * length : (index + 1) * length]
            sources = [str(value), *(f"VAR {name}" for name in own)]
            chains.append([(f"VAR {name} = {source}", index == 0) for name, source in zip(own, sources, strict=False)])
        turns = [index for index in range(count) for _ in range(length)]
        rng.shuffle(turns)
        lines = tuple(chains[turn].pop(0) for turn in turns)
        query = f"Find all variables that are assigned the value {values[0]} in the text."
        return Hidden(query, tuple(variables[:length]), lines, ("\n", "\n"))


def hide(
    kind: Puzzle,
    paragraphs: Sequence[str],
    count: Callable[[str], int],
    *,
    examples: int,
    context_tokens: int = 32_768,
    seed: int = 0,
) -> Iterator[Example]:
    """Hide lines between sentences of real prose, at uniform depths of one long document.

    Args:
        kind: what is hidden and asked for.
        paragraphs: the haystack; each example draws its own, none twice.
        count: how many tokens a text has.
        examples: how many to make; the first of a longer run are the same.
        context_tokens: length of the document with what is hidden in it.
        seed: another seed draws other examples.

    Raises:
        InputError: the paragraphs have fewer tokens, or what is hidden leaves them no room.
    """
    if examples < 1 or context_tokens < 1:
        raise InputError(f"expected at least one example and one token, got {examples} and {context_tokens}")
    for index in range(examples):
        rng = random.Random(f"{seed} {kind.task} {index}")  # noqa: S311 (a sample, no secret)
        hidden = kind.draw(rng)
        before, after = hidden.gap
        lead = " " if before else ""  # the one in front would otherwise belong to the next word
        room = context_tokens - sum(count(lead + before + line + after) for line, _ in hidden.lines)
        text, evidence = _insert(_prose(paragraphs, count, room, rng), hidden, rng)
        yield Example(
            id=f"{kind.task}-{context_tokens}-{seed}-{index}",
            task=kind.task,
            query=hidden.query,
            answers=hidden.answers,
            documents=(Document(text, id="prose"),),
            evidence=evidence,
        )


def _prose(paragraphs: Sequence[str], count: Callable[[str], int], room: int, rng: random.Random) -> str:
    """So many tokens of paragraphs in random order, the last one cut at a word."""
    if room < 1:
        raise InputError(f"what is to be hidden has {1 - room} tokens too many: raise context_tokens or hide less")
    parts: list[str] = []
    left = room
    for index in rng.sample(range(len(paragraphs)), len(paragraphs)):
        part = f"\n\n{paragraphs[index].strip()}"  # in front: many tokenizers take a blank line at the end as one
        if (tokens := count(part)) >= left:
            ends = [match.end() for match in _WORD.finditer(part)]
            fitting = bisect_right(ends, left, key=lambda end: count(part[:end]))
            return "".join([*parts, part[: ends[fitting - 1]] if fitting else ""]).strip()
        parts.append(part)
        left -= tokens
    raise InputError(f"expected paragraphs of at least {room} tokens, got {room - left}: pass more of them")


def _insert(prose: str, hidden: Hidden, rng: random.Random) -> tuple[str, tuple[Evidence, ...]]:
    starts = [0, *(match.end() for match in _SENTENCE_START.finditer(prose)), len(prose)]
    if len(starts) < len(hidden.lines):
        raise InputError(f"expected prose of at least {len(hidden.lines)} sentences, got {len(starts) - 1}")
    before, after = hidden.gap
    parts: list[str] = []
    evidence: list[Evidence] = []
    done = length = 0
    for (line, wanted), place in zip(hidden.lines, sorted(rng.sample(starts, len(hidden.lines))), strict=True):
        lead = " " if place == len(prose) and not before else before
        parts += [prose[done:place], lead, line, after]
        start = length + place - done + len(lead)
        if wanted:
            evidence.append(Evidence(0, start, start + len(line)))
        length, done = start + len(line) + len(after), place
    return "".join([*parts, prose[done:]]), tuple(evidence)

"""real prose -> RULER-like examples: needles and chains of assignments hidden in it (arXiv 2404.06654)."""

import random
import re
import string
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from longattncomp.data.rows import Evidence, Example
from longattncomp.data.written import written_beside
from longattncomp.errors import InputError
from longattncomp.types import Document

_SENTENCE_START = re.compile(r"(?<=\w\w\w[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z])")
_WORD = re.compile(r"\S+")


@cache
def _key_words() -> tuple[list[str], list[str]]:
    """Read the adjectives and the nouns that keys are made of."""
    words = written_beside(__file__, dict[str, str])
    return words["adjectives"].split(), words["nouns"].split()


@dataclass(frozen=True, slots=True)
class Hidden:
    """What one example asks for, and the lines to hide.

    Attributes:
        query: the question.
        answers: the accepted answers.
        lines: (text, whether it is evidence), in the order in which they are hidden.
        gap: the text before and after each line.
    """

    query: str
    answers: tuple[str, ...]
    lines: tuple[tuple[str, bool], ...]
    gap: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needles:
    """Sentences that give a key a magic number.

    Attributes:
        needles: how many numbers each key has.
        keys: how many keys the query asks for.
        distractors: how many other keys there are.
    """

    needles: int = 1
    keys: int = 1
    distractors: int = 0

    @property
    def task(self) -> str:
        """A name such as `needles-4` or `needles-4-keys-2-of-5`."""
        keys = f"-keys-{self.keys}-of-{self.keys + self.distractors}" if self.keys + self.distractors > 1 else ""
        return f"needles-{self.needles}{keys}"

    def draw(self, rng: random.Random) -> Hidden:
        """Draw keys and numbers, all different."""
        keys = rng.sample([" ".join(pair) for pair in product(*_key_words())], self.keys + self.distractors)
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
    """Variables that hand a value on from one to the next, like RULER's variable tracking.

    Attributes:
        hops: how often the value is handed on; a chain has one line more.
        distractors: how many chains of other values there are.
    """

    hops: int = 4
    distractors: int = 2

    @property
    def task(self) -> str:
        """A name such as `variables-4-hops`."""
        return f"variables-{self.hops}-hops"

    def draw(self, rng: random.Random) -> Hidden:
        """Draw names and values, all different; the lines of a chain stay in order, between those of other chains."""
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


def hide_drawn(
    task: str,
    draw: Callable[[random.Random], Hidden],
    paragraphs: Sequence[str],
    count: Callable[[str], int],
    context_tokens: int,
    seed: int,
    index: int = 0,
) -> Example:
    """Hide lines between sentences of real prose, at uniform depths of one long document.

    The document has `context_tokens`, hidden lines included, and no paragraph twice. Seed and index decide the draw.

    Raises:
        InputError: the paragraphs have too few tokens, or the hidden lines leave them no room.
    """
    rng = random.Random(f"{seed} {task} {index}")  # noqa: S311 (a sample, no secret)
    hidden = draw(rng)
    before, after = hidden.gap
    lead = " " if before else ""  # without it, the first token would belong to the word before
    room = context_tokens - sum(count(lead + before + line + after) for line, _ in hidden.lines)
    text, evidence = _insert(_prose(paragraphs, count, room, rng), hidden, rng)
    return Example(
        id=f"{task}-{context_tokens}-{seed}-{index}",
        task=task,
        query=hidden.query,
        answers=hidden.answers,
        documents=(Document(text, id="prose"),),
        evidence=evidence,
    )


def _prose(paragraphs: Sequence[str], count: Callable[[str], int], room: int, rng: random.Random) -> str:
    """Take `room` tokens of paragraphs in random order; the last paragraph is cut after a word."""
    if room < 1:
        raise InputError(f"what is to be hidden has {1 - room} tokens too many: raise context_tokens or hide less")
    parts: list[str] = []
    left = room
    for index in rng.sample(range(len(paragraphs)), len(paragraphs)):
        # The blank line comes first: many tokenizers make one token of a blank line at the end of a text.
        part = f"\n\n{paragraphs[index].strip()}"
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

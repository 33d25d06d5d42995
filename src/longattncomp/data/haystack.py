"""nothing -> paragraphs to hide something in, on every machine."""

from __future__ import annotations

import inspect
import random
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TypeVar

from longattncomp.data.packages import python_files

Item = TypeVar("Item")

_TRIPLE_QUOTED = re.compile(r'"""(.*?)"""', re.DOTALL)
_LEAST_CHARACTERS = 60
_LEAST_WORDS = 10
_LETTERS = 0.85
_MISSES = 150
"""Items that do not fit in a row, after which nothing more is tried."""
FILLED = 0.95
"""Of the tokens asked for, a context of whole documents has at least so many."""
_NOISE_PARAGRAPHS = 5000
_NOISE_SENTENCES = (
    "The kettle is warm.",
    "A bus goes by.",
    "The window is open.",
    "Rain falls on the roof.",
    "The cat sleeps on the chair.",
    "Bread is on the table.",
    "The clock has stopped.",
    "Two birds sit on the fence.",
    "The river runs slowly.",
    "Leaves lie on the path.",
    "The lamp is still on.",
    "A door closes upstairs.",
    "The garden is quiet now.",
    "Somebody hums a tune.",
    "The hills are far away.",
    "Snow covers the field.",
    "The boat moves with the wind.",
    "Tea is ready.",
    "The street is long and straight.",
    "A dog barks twice.",
    "The moon is nearly full.",
    "Children play behind the house.",
    "The coat hangs by the door.",
    "Smoke rises from the chimney.",
    "The bridge is made of stone.",
    "Apples lie in the basket.",
    "The letter has not come.",
    "Waves break on the shore.",
    "The train is on time.",
    "It is an ordinary day.",
)


@cache
def prose() -> tuple[str, ...]:
    """Paragraphs of English prose that Python itself carries, about 900,000 characters, each on one line.

    These are its manual's topics (`pydoc_data`) and what the standard library says of itself between
    triple quotes; another version of Python has others.
    """
    from pydoc_data.topics import topics

    found: dict[str, None] = {}
    for name in sorted(topics):
        found |= dict.fromkeys(_paragraphs(topics[name]))
    for _, path in sorted(python_files(()).items()):
        source = path.read_text("utf-8", errors="ignore")
        for text in _TRIPLE_QUOTED.findall(source):
            found |= dict.fromkeys(_paragraphs(inspect.cleandoc(text)))
    return tuple(found)


@cache
def noise() -> tuple[str, ...]:
    """Paragraphs of a few plain sentences over and over, as RULER's noise (arXiv 2404.06654)."""
    rng = random.Random("noise")  # noqa: S311 (a sample, no secret)
    return tuple(" ".join(rng.sample(_NOISE_SENTENCES, 8)) for _ in range(_NOISE_PARAGRAPHS))


def fill(items: Iterable[Item], tokens: int, size: Callable[[Item], int]) -> Iterator[Item]:
    """Items in their order, those that do not fit left out, until hardly any room is left."""
    left, misses = tokens, 0
    for item in items:
        if left < tokens // 100 or misses == _MISSES:
            return
        if (length := size(item)) <= left:
            left, misses = left - length, 0
            yield item
        else:
            misses += 1


def _paragraphs(text: str) -> Iterator[str]:
    """Those that are whole sentences of prose: no code, tables, headings or lists of names."""
    for part in text.split("\n\n"):
        lines = part.strip("\n").split("\n")
        line = " ".join(part.split())
        if (
            len(line) >= _LEAST_CHARACTERS
            and line[0].isupper()
            and line[-1] in ".!?"
            and line.count(" ") >= _LEAST_WORDS - 1
            and not any(one.startswith("     ") for one in lines)
            and sum(character.isalpha() or character == " " for character in line) > _LETTERS * len(line)
        ):
            yield line

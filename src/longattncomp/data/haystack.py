"""nothing -> paragraphs of prose or noise, in which something can be hidden on every machine."""

import inspect
import random
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TypeVar

from longattncomp.data.packages import python_files
from longattncomp.data.written import written_beside

Item = TypeVar("Item")

_TRIPLE_QUOTED = re.compile(r'"""(.*?)"""', re.DOTALL)
_LEAST_CHARACTERS = 60
_LEAST_WORDS = 10
_LETTERS = 0.85
_MISSES = 150
"""`fill` gives up after this many items in a row that do not fit."""
FILLED = 0.95
"""A context of whole documents has at least this share of the tokens asked for."""
_NOISE_PARAGRAPHS = 5000


@cache
def prose() -> tuple[str, ...]:
    """Collect the English prose that Python itself carries: about 900,000 characters, one line for each paragraph.

    The prose is the topics of Python's manual (`pydoc_data`) and the triple-quoted texts of the standard library.
    Another version of Python has other prose.
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
    """Make paragraphs that repeat a few plain sentences, like RULER's noise (arXiv 2404.06654)."""
    sentences = written_beside(__file__, tuple[str, ...])
    rng = random.Random("noise")  # noqa: S311 (a sample, no secret)
    return tuple(" ".join(rng.sample(sentences, 8)) for _ in range(_NOISE_PARAGRAPHS))


def fill(items: Iterable[Item], tokens: int, size: Callable[[Item], int]) -> Iterator[Item]:
    """Yield items in their order until hardly any room is left; items that do not fit are left out."""
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
    """Yield the paragraphs that are whole sentences of prose: no code, tables, headings or lists of names."""
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

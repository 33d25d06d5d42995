"""a seed -> long lists of made-up words, a few of them far more frequent than others (RULER, arXiv 2404.06654)."""

import random
from collections.abc import Callable, Iterator, Sequence

from longattncomp.data.rows import Example
from longattncomp.errors import InputError
from longattncomp.evaluation.tasks.task import Draw
from longattncomp.types import Document

_CONSONANTS = "bdfghklmnprstvz"
_VOWELS = "aeiou"
_SYLLABLES = 3
_TRIES = 12
_CLOSE = 0.97
"""Share of the context's tokens that a list has at least."""

COMMON_WORDS = 10
_OFTEN, _SELDOM = 30, 3
FREQUENT_WORDS = 3
_STEEPNESS = 2.0
"""Exponent of Zipf's law: the k-th word is `k ** -2` times as frequent as the first."""

_List = Callable[[int, random.Random], tuple[str, Sequence[str]]]
"""Makes the text of a list with a number of entries, and the answer."""


def common_words(draw: Draw) -> Iterator[Example]:
    """Make numbered lists in which ten words occur 30 times each, all others 3 times.

    Raises:
        InputError: the context is too short for them.
    """
    return _examples("cwe", draw, f"What are the {COMMON_WORDS} most common words in the list?", _numbered)


def frequent_words(draw: Draw) -> Iterator[Example]:
    """Make texts of words whose frequencies follow Zipf's law; the question asks for the three most frequent ones.

    Raises:
        InputError: the context is too short for them.
    """
    query = f"What are the {FREQUENT_WORDS} words that come most often in the coded text?"
    return _examples("fwe", draw, query, _zipf)


def _examples(name: str, draw: Draw, query: str, words: _List) -> Iterator[Example]:
    tokens = draw.context_tokens
    for index in range(draw.examples):
        entries = tokens // 5
        for _ in range(_TRIES):  # until the list has as many entries as the tokens allow
            text, answers = words(entries, random.Random(f"{draw.seed} {name} {index}"))  # noqa: S311 (a sample)
            found = draw.count(text)
            if _CLOSE * tokens <= found <= tokens:
                break
            entries = int(entries * (1 + _CLOSE) / 2 * tokens / found)
        yield Example(
            id=f"{name}-{tokens}-{draw.seed}-{index}",
            task=name,
            query=query,
            answers=tuple(answers),
            documents=(Document(text, id="words"),),
            evidence=(),
        )


def _numbered(entries: int, rng: random.Random) -> tuple[str, Sequence[str]]:
    uncommon = (entries - COMMON_WORDS * _OFTEN) // _SELDOM
    if uncommon < COMMON_WORDS:
        raise InputError(
            f"expected room for {COMMON_WORDS * (_OFTEN + _SELDOM)} words, got {entries}: raise context_tokens"
        )
    known = _words(COMMON_WORDS + uncommon, rng)
    common = known[:COMMON_WORDS]
    listed = common * _OFTEN + known[COMMON_WORDS:] * _SELDOM
    rng.shuffle(listed)
    return " ".join(f"{number}. {word}" for number, word in enumerate(listed, 1)), common


def _zipf(entries: int, rng: random.Random) -> tuple[str, Sequence[str]]:
    total = sum(rank**-_STEEPNESS for rank in range(1, entries + 1))
    times = [times for rank in range(1, entries + 1) if (times := round(entries * rank**-_STEEPNESS / total))]
    if len(times) <= FREQUENT_WORDS or len(set(times[: FREQUENT_WORDS + 1])) <= FREQUENT_WORDS:
        raise InputError(f"expected room for some 50 words, got {entries}: raise context_tokens")
    known = _words(len(times), rng)
    listed = [word for word, often in zip(known, times, strict=True) for _ in range(often)]
    rng.shuffle(listed)
    return " ".join(listed), known[:FREQUENT_WORDS]


def _words(number: int, rng: random.Random) -> list[str]:
    """Make different words without a meaning."""
    found: dict[str, None] = {}
    while len(found) < number:
        syllables = (rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(_SYLLABLES))
        found["".join(syllables)] = None
    return list(found)

"""pattern, random numbers -> invented names, numbers and codes."""

import random
import string
from collections.abc import Callable, Mapping, Sequence

_SYLLABLES = (2, 4)
_CONSONANTS = "bdfgklmnprstvz"
_DRAWN: Mapping[str, Callable[[random.Random], str]] = {
    "#": lambda rng: rng.choice(string.digits),
    "@": lambda rng: rng.choice(string.ascii_uppercase),
    "%": lambda rng: rng.choice("0123456789abcdef"),
    "~": lambda rng: _name(rng).capitalize(),
    "^": lambda rng: _name(rng),
}


def drawn(pattern: str, rng: random.Random) -> str:
    """Replace `#` by a digit, `@` by a capital letter, `%` by a hexadecimal digit, `~` and `^` by an invented name."""
    return "".join(_DRAWN[one](rng) if one in _DRAWN else one for one in pattern)


def different(patterns: Sequence[str], most: int, rng: random.Random) -> list[str]:
    """Draw different texts from patterns."""
    found: dict[str, None] = {}
    while len(found) < most:
        found[drawn(rng.choice(patterns), rng)] = None
    return list(found)


def _name(rng: random.Random) -> str:
    return "".join(rng.choice(_CONSONANTS) + rng.choice("aeiou") for _ in range(rng.randint(*_SYLLABLES)))

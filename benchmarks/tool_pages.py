"""a seed -> the beginning of a page: a text that knows what each of its values belongs to, and names to fill it."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Span = tuple[int, int]

_AREAS = ("billing", "search", "export", "import", "login", "invoice", "catalog", "shipping", "refund", "session")
_ROLES = ("api", "worker", "cache", "gateway", "sync", "index", "queue", "proxy")
_PEOPLE = ("Ada Marsh", "Bo Lind", "Cem Aydin", "Dina Roth", "Eli Voss", "Fay Okoro", "Gus Hale", "Hana Sato")
ERRORS = ("TimeoutError", "ValueError", "KeyError", "ConnectionError", "PermissionError", "OSError", "RuntimeError")
_GAP = re.compile(r"(?:\A|\n)\[\.\.\.\](?:\n|\Z)")


@dataclass(frozen=True)
class Value:
    """A value in a page.

    Attributes:
        start, end: its characters.
        heads: what it belongs to, the outermost first: (start, end) of a key, header or name at each level.
        question: asks for it; "" where nothing does.
    """

    start: int
    end: int
    heads: tuple[Span, ...]
    question: str = ""


@dataclass
class Page:
    """A text that grows, with what stands where."""

    text: str = ""
    heads: list[tuple[int, int, int]] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    asked: Value | None = None
    _open: list[Span] = field(default_factory=list)

    def write(self, text: str) -> None:
        self.text += text

    def head(self, level: int, text: str) -> None:
        """Write what the values below it belong to, until the next one of this level."""
        span = (len(self.text), len(self.text) + len(text))
        self.heads.append((level, *span))
        self._open[level:] = [span]
        self.text += text

    def value(self, text: object, question: str = "") -> None:
        start = len(self.text)
        self.text += str(text)
        self.values.append(Value(start, len(self.text), tuple(self._open), question))

    def shown(self, content: str) -> list[Span]:
        """Find the spans of this page that a shortened text consists of."""
        spans, at = [], 0
        for piece in filter(None, (part.strip("\n") for part in _GAP.split(content))):
            start = self.text.find(piece, at)
            if start < 0:
                raise ValueError(f"expected the kept text verbatim and in order, got {piece!r}")
            at = start + len(piece)
            spans.append((start, at))
        return spans

    def found(self, spans: list[Span]) -> bool:
        """Tell whether the value that was asked for is among these spans, with all that it belongs to."""
        return self.asked is not None and all(
            any(low <= start and end <= high for low, high in spans)
            for start, end in (*self.asked.heads, (self.asked.start, self.asked.end))
        )

    def false_values(self, spans: list[Span]) -> list[str]:
        """List the values that are cut, or that stand under what another one belongs to."""

        def inside(start: int, end: int) -> bool:
            return any(low <= start and end <= high for low, high in spans)

        shown = [(level, start, end) for level, start, end in self.heads if inside(start, end)]
        found = []
        for value in self.values:
            if not any(low < value.end and value.start < high for low, high in spans):
                continue
            above = [
                next(
                    ((start, end) for level, start, end in reversed(shown) if level == depth and end <= value.start),
                    own,
                )
                for depth, own in enumerate(value.heads)
            ]
            if not inside(value.start, value.end) or tuple(above) != value.heads:
                found.append(self.text[value.start : value.end])
        return found


class Draw:
    """What a page is made from: names and numbers, each once."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        names = [f"{area}-{role}" for area, role in itertools.product(_AREAS, _ROLES)]
        self.random.shuffle(names)
        self._names = itertools.chain(names, (f"{name}-{n}" for n in range(2, 99) for name in names))
        self._numbers: set[int] = set()

    def name(self) -> str:
        return next(self._names)

    def number(self, low: int = 100, high: int = 9_999) -> int:
        while (number := self.random.randint(low, high)) in self._numbers:
            pass
        self._numbers.add(number)
        return number

    def person(self) -> str:
        return f"{self.random.choice(_PEOPLE)} {self.number()}"

    def one_of(self, *values: str) -> str:
        return self.random.choice(values)


Form = Callable[[Page, Draw], Iterator[None]]
"""Writes a page; what comes after a `yield` may be left out."""


def clock(page: Page) -> str:
    second = page.text.count("\n")
    return f"2026-03-01T10:{second // 60 % 60:02}:{second % 60:02}Z"

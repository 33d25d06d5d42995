"""The units of one text as a tree: which unit leads which others in."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

SENTENCE_TOKENS = 96
"""Longest sentence, line or row that stays whole in one node, in tokens."""

RECORD_TOKENS = 256
"""Longest record (object, log entry with its traceback, hunk) that stays whole, in tokens."""

BLOCK_TOKENS = 64
"""Longest block of code that stays whole, in tokens."""

MOST_LEAD_INS = 32
"""Nearest units above a unit that lead it in; deeper ones are left out."""


@dataclass(slots=True)
class Outline:
    """Units in order, which tile the text: a unit ends where the next begins.

    A unit may be led in by an earlier one, its parent. The units below a parent follow it without a gap, so a unit
    and all below it are one piece of text.

    Attributes:
        starts: first character of each unit.
        parents: index of the unit that leads each in, -1 for none.
        together: tokens up to which a unit and all below it stay together, as a record does.
        breaks: whether a unit begins a paragraph.
        prose: units that are sentences, but none of a speaker, or quoted lines.
        also: units that lead a unit in without being above it, by index.
        entries: units of code, settings and data, which may stand in blocks.
        named: units that name the block they stand in; they share no node with others.
    """

    starts: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    together: list[int] = field(default_factory=list)
    breaks: list[bool] = field(default_factory=list)
    prose: set[int] = field(default_factory=set)
    also: dict[int, tuple[int, ...]] = field(default_factory=dict)
    entries: list[int] = field(default_factory=list)
    named: set[int] = field(default_factory=set)

    def add(self, start: int, parent: int = -1, *, together: int = 0, breaks: bool = False, prose: bool = False) -> int:
        """Begin a unit, which ends the one before, and return its index; an empty one before it is replaced."""
        unit = len(self.starts)
        if self.starts and start <= self.starts[-1]:
            unit -= 1
            self.parents[unit], self.together[unit] = parent if parent < unit else -1, together
            self.breaks[unit] = breaks
            return unit
        if prose and (parent < 0 or not self.together[parent]):
            self.prose.add(unit)
        self.starts.append(start if self.starts else 0)
        self.parents.append(parent)
        self.together.append(together)
        self.breaks.append(breaks)
        return unit

    def lead(self, led: Iterable[int], *units: int) -> None:
        """Let units lead in those that are `led`, too, though they are not above them."""
        for unit in led:
            also = dict.fromkeys((*self.also.get(unit, ()), *units))
            also.pop(unit, None)
            if also:
                self.also[unit] = tuple(also)

    def end(self, unit: int, text: str) -> int:
        """Find where a unit of a text ends."""
        return self.starts[unit + 1] if unit + 1 < len(self.starts) else len(text)

    def unit_at(self, at: int) -> int:
        """Find the unit that a character is part of."""
        return bisect_right(self.starts, at) - 1

    def below(self, unit: int) -> range:
        """The units below a unit, which follow it without a gap; all of them for -1."""
        after = unit + 1
        while after < len(self.starts) and self.parents[after] >= unit:
            after += 1
        return range(unit + 1, after)

    def lead_ins(self, unit: int) -> Sequence[int]:
        """List the units that lead a unit in, the nearest first; those that are not above it follow its parent."""
        found = self.above(unit)
        return [*found[:1], *self.also.get(unit, ()), *found[1:]]

    def above(self, unit: int) -> list[int]:
        """List the units above a unit, the nearest first."""
        found: list[int] = []
        while len(found) < MOST_LEAD_INS and (unit := self.parents[unit]) >= 0:
            found.append(unit)
        return found

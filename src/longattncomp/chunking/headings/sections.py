"""headings of a text -> the sections that are open, each in those above it."""

from collections import Counter

from longattncomp.chunking.lines.commands import COMMAND
from longattncomp.chunking.lines.headings import DAY, MARKED, PLAIN


class Sections:
    """The headings above a line.

    Attributes:
        open: rank and unit of each, the outermost first.
    """

    def __init__(self) -> None:
        self.open: list[tuple[int, int]] = []
        self._begun: Counter[int] = Counter()  # sections by their rank
        self._holding: set[int] = set()  # ranks of days and marked headings that plain titles stand below

    @property
    def unit(self) -> int:
        """The heading right above, -1 for none."""
        return self.open[-1][1] if self.open else -1

    @property
    def command(self) -> int:
        """The command, or the heading in what it prints, right above; -1 for none."""
        return self.unit if self.open and self.open[-1][0] >= COMMAND else -1

    def end(self, rank: int) -> None:
        """End the sections that a heading is no part of, by its rank.

        A plain title after several days or marked headings is beside them if none stood below an earlier one.
        """
        while self.open and self.open[-1][0] >= rank:
            self.open.pop()
        last = self.open[-1][0] if self.open else 0
        if PLAIN <= rank < COMMAND and (last == DAY or MARKED <= last < PLAIN):
            if self._begun[last] > 1 and last not in self._holding:
                self.open.pop()
            else:
                self._holding.add(last)

    def begin(self, rank: int, unit: int) -> None:
        """Begin a section."""
        self.open.append((rank, unit))
        self._begun[rank] += 1

    def leave(self, unit: int) -> None:
        """End the sections that begin at a unit or after it."""
        self.open = [section for section in self.open if section[1] < unit]

"""names of columns that stand once above several groups of rows -> what leads in the rows of all groups."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.columns import CELL, NUMERIC, is_line
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.outline import Outline

_YEAR = re.compile(r"(?:19|20)\d\d$")
_SIGNS = re.compile(r"\d[-:/]\d")
_DECIMALS = re.compile(r"\d[.,]\d{1,2}(?!\d)")
_PROMPT = re.compile(r"\S{0,40}[$#%>] ")
_LONGEST = 200  # characters of a line
_INDENT = 8  # characters before names of columns that stand in other ones than the names of rows
_LINES = 3  # of names of columns
_APART = 4  # blank lines and strokes between names of columns, the name of a group, and its rows
_SHIFT = 4  # characters by which rows are more indented than the names of columns, or less
_NEAR = 1  # characters by which a cell begins or ends elsewhere than the name of its column
_WIDTH = 2  # characters by which a line below a title is longer, or shorter
_OTHER = (kinds.HEADING, kinds.CAPTION, kinds.ITEM, kinds.FENCE, kinds.TURN, kinds.LATEX, kinds.LETTER)
"""Lines that are no names of groups."""

Cells = list[tuple[int, int]]
"""Where each cell of a line begins and ends."""


class _Names(NamedTuple):
    """Names of columns.

    Attributes:
        units: of their lines; none if it is not sure that they are names.
        columns: where each begins and ends, without the first one if that is the column of the rows' names.
        stop: the line after them.
    """

    units: tuple[int, ...]
    columns: Cells
    stop: int = 0


@dataclass(slots=True)
class _Table:
    """What is known of the table that names of columns stand above.

    Attributes:
        spaced: whether there is a blank line below the names of the columns, as there may be between groups, too.
        apart: whether there are a blank line and a title below the last row.
        names: of its rows.
        figures: what its figures look like.
    """

    spaced: bool = False
    apart: bool = False
    names: set[str] = field(default_factory=set)
    figures: set[str] = field(default_factory=set)


def link_names(lines: Sequence[Line], outline: Outline) -> None:
    """Let names of columns lead in the rows in these columns, up to other names or to what is no row.

    Between them stand no more than blank lines, strokes and the names of groups of rows.
    """
    links = _Links(lines, outline)
    if any(len(cells) > 1 for cells in links.cells):
        links.run()


class _Links:
    def __init__(self, lines: Sequence[Line], outline: Outline) -> None:
        self._lines, self._out = lines, outline
        self.cells = [_cells(line.text) for line in lines]

    def run(self) -> None:
        """Link the rows, from the first line to the last."""
        starts, code, near = self._out.starts, set(self._out.entries), self._near()
        leading = set(self._out.parents)
        names: _Names | None = None
        table = _Table()
        number = 0
        for at, cells in enumerate(self.cells):
            if at < number or self._is_apart(at):
                continue
            unit = self._unit(at)
            if not cells:
                names = None
            elif len(cells) == 1:
                names = names if self._is_group(at) else None
                table.apart = table.apart or (at > 0 and self._lines[at - 1].indent < 0)
            elif starts[unit] == self._lines[at].start and unit not in code and (found := self._begun(at, names)):
                names, number = (found if found.units else None), found.stop
                table = _Table(spaced=self._lines[number].indent < 0)
            elif near[unit] > (names.units[-1] if names else -1):
                names = self._read(near[unit], cells)
                table = _Table(spaced=names is not None and self._lines[names.stop].indent < 0)
                self._goes_on(at, table)
            elif names and not self._goes_on(at, table):
                names = None
            elif names and (near[unit] not in names.units or len(names.units) > 1):
                if unit in leading or not (_fits(names.columns, cells) and self._is_row(at, names)):
                    names = None
                else:
                    above = (unit, *self._out.above(unit))
                    self._out.lead([unit], *(own for own in names.units if own not in above))

    def _unit(self, at: int) -> int:
        return self._out.unit_at(self._lines[at].start)

    def _near(self) -> list[int]:
        """Find the nearest unit above each that begins with several cells, -1 for none."""
        rows = {line.start for line, cells in zip(self._lines, self.cells, strict=True) if len(cells) > 1}
        found: list[int] = []
        for parent in self._out.parents:
            row = parent >= 0 and self._out.starts[parent] in rows
            found.append(parent if row or parent < 0 else found[parent])
        return found

    def _is_apart(self, at: int) -> bool:
        line = self._lines[at]
        return line.indent < 0 or is_line(line.text)

    def _below(self, at: int) -> int:
        """Find the next line that is neither blank nor strokes; the number of lines if there is none near."""
        stop = min(len(self._lines), at + _APART)
        return next((number for number in range(at, stop) if not self._is_apart(number)), len(self._lines))

    def _is_group(self, at: int) -> bool:
        """Whether a line may be the name of a group of rows."""
        text, words = self._lines[at].text, self._lines[at].text.strip()
        if len(words) > kinds.SHORT or kinds.ends_part(words) or not any(map(str.isalpha, words)):
            return False
        if not (words[0].isalnum() or words[0] in "([") or _PROMPT.match(words):
            return False
        under = self._lines[at + 1].text.strip() if at + 1 < len(self._lines) else ""
        titled = under[:1] == "=" and abs(len(under) - len(words)) <= _WIDTH
        return not titled and not any(kind.match(text) for kind in _OTHER)

    def _goes_on(self, at: int, table: _Table) -> bool:
        """Add a row to a table, unless it begins another one: below a blank line and a title, figures have to look like
        those above, and a name of a row has to come again if there is no blank line below the names of the columns.
        """
        stop = at + 1
        while table.apart and stop < len(self.cells) and len(self.cells[stop]) > 1:
            stop += 1
        names, figures = set[str](), set[str]()
        for line, ((begin, end), *others) in zip(self._lines[at:stop], self.cells[at:stop], strict=True):
            names.add(line.text[begin:end])
            figures |= {_figure(line.text[first:last]) for first, last in others} - {""}
        if table.apart and table.names:
            alike = not figures or bool(figures & table.figures)
            if not alike or not (table.spaced or names & table.names):
                return False
        table.apart = False
        table.names |= names
        table.figures |= figures
        return True

    def _is_row(self, at: int, names: _Names) -> bool:
        """Whether a line in the columns of a table is a row of it.

        A row has figures or dashes in at least two columns, and there is another line with cells right above or below
        it, unlike the head of a page, which stands alone.
        """
        cells = self.cells
        beside = [*cells[max(0, at - 1) : at], *cells[at + 1 : at + 2]]
        if not any(beside) or len(cells[at]) - 1 < min(2, len(names.columns)):
            return False
        return any(char.isdigit() or char in "-–—" for char in self._lines[at].text[cells[at][1][0] :])

    def _are_words(self, at: int, *, first: bool) -> bool:
        """Whether all cells of a line are words; those of the first names of a text may be years or have a number."""
        for begin, end in self.cells[at]:
            cell = self._lines[at].text[begin:end]
            word = any(map(str.isalpha, cell))
            if not (first and (word or _YEAR.match(cell))) and (not word or NUMERIC.match(cell)):
                return False
        return True

    def _begun(self, at: int, above: _Names | None) -> _Names | None:
        """Read names of columns from a line on: below them stands a row, perhaps below the name of its group."""
        own, lines = self.cells[at], self._lines
        if at and not self._is_apart(at - 1) and len(self.cells[at - 1]) != 1:
            return None
        if not self._are_words(at, first=above is None):
            return None
        stop, most = at + 1, own
        while stop < min(len(lines), at + _LINES) and len(self.cells[stop]) > 1:
            begin, end = self.cells[stop][0]
            later = begin >= own[0][1] if own[0][0] < _INDENT else end >= own[0][0]
            if not later or not self._are_words(stop, first=False):
                break
            most = max(most, self.cells[stop], key=len)
            stop += 1
        group = below = self._below(stop)
        if below < len(lines) and len(self.cells[below]) == 1 and self._is_group(below):
            below = self._below(below + 1)
        row = self.cells[below] if below < len(lines) else []
        if len(row) < 2 or not any(map(str.isdigit, lines[below].text[row[1][0] :])):
            return None
        last = bisect_left(self._out.starts, lines[stop - 1].start + len(lines[stop - 1].text))
        units = tuple(range(self._unit(at), last))
        if row[0][1] <= min(own[0][0], most[0][0]):
            return _Names(units, most, stop) if len(most) > 1 and _fits(most, row) else None
        if group == below or len(own) < 3 or abs(own[0][0] - row[0][0]) > _SHIFT or not _fits(own[1:], row):
            return None
        return _Names(() if above and _fits(above.columns, own) else units, own[1:], stop)

    def _read(self, unit: int, row: Cells) -> _Names | None:
        """Read the names of columns that a unit has, which leads in a row; None if it has none."""
        first = bisect_right(self._lines, self._out.starts[unit], key=lambda line: line.start) - 1
        here = [number for number in range(first, min(first + _LINES, len(self._lines))) if self._unit(number) == unit]
        here = [number for number in here if len(self.cells[number]) > 1]
        if not here or not all(self._are_words(number, first=True) for number in here):
            return None
        columns = max((self.cells[number] for number in here), key=len)
        columns = columns[1:] if columns[0][0] < row[0][1] else columns
        return _Names((unit,), columns, here[-1] + 1) if len(columns) > 1 and _fits(columns, row) else None


def _cells(line: str) -> Cells:
    """Find the cells of a line with gaps; none in a line that is blank, too long, or has signs or tabs between them."""
    words = line.rstrip()
    if not words or len(words) > _LONGEST or "\t" in words or "|" in words:
        return []
    return [match.span() for match in CELL.finditer(words)]


def _figure(cell: str) -> str:
    """What a figure looks like: whole, with decimals, or with other signs between its digits; "" for none."""
    if not any(map(str.isdigit, cell)):
        return ""
    if _SIGNS.search(cell):
        return "signs"
    return "decimals" if _DECIMALS.search(cell) else "whole"


def _fits(columns: Cells, row: Cells) -> bool:
    """Whether the cells of a row but the first stand in columns, each in one of its own."""
    at = 0
    for begin, end in row[1:]:
        while at < len(columns) and not _is_in(columns[at], begin, end):
            at += 1
        at += 1
    return len(row) > 1 and at <= len(columns) and row[0][0] < columns[0][0]


def _is_in(column: tuple[int, int], begin: int, end: int) -> bool:
    """Whether a cell stands in a column: it begins or ends there, or one of both is within the other."""
    first, last = column
    if abs(first - begin) <= _NEAR or abs(last - end) <= _NEAR:
        return True
    return first <= begin <= end <= last or begin <= first <= last <= end

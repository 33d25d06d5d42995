"""rows of a table -> those that name its columns, and where each row begins."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines.columns import CELL, NUMERIC, cells
from longattncomp.chunking.lines.kinds import GAPS, Line, ends_part, has_gap

_SIGNS = "\t;,|"  # between cells
_DATE = re.compile(r"\s*(?:(?:19|20)\d\d|\d{1,2}\.? [^\W\d_]{3,9}\.?)\s*$")
"""A year or a day, which may name a column."""

_UNIT = re.compile(r"\s*\"?[(\[][^()\[\]]*[)\]]\"?\s*$|\s*$")
"""A cell of a row of units below names of columns, such as (km)."""

_YEAR = re.compile(r"(?:19|20)\d\d$")
_LEAST = 3  # names of columns
_INDENT = 8  # characters by which names of columns stand farther right than those of rows
_MOST = 4  # lines of the names of columns
_LOOKED_AT = 6  # rows below them
_LONGEST = 400  # characters of a line


def have_places(rows: Sequence[str]) -> bool:
    """Whether the first of some rows names columns, and the cells of the others, some of which may be missing, begin or
    end where such a name does; one of them is a number.
    """
    if max(map(len, rows)) > _LONGEST or any("\t" in row for row in rows):
        return False
    names, *cells = (list(CELL.finditer(row)) for row in rows)
    if len(names) < _LEAST or not all(name[0][0].isalpha() for name in names):
        return False
    if any(":" in name[0] or ends_part(name[0]) for name in names):
        return False
    if not any(NUMERIC.match(cell[0]) for row in cells for cell in row[1:]):
        return False
    places = {at for name in names for at in name.span()}
    return all(not places.isdisjoint(cell.span()) for row in cells for cell in row[1:])


def goes_on(row: Line, line: Line) -> bool:
    """Whether a line stands in later columns of a row than its first and goes on in them: it has no number, and begins
    where a cell of the row does.
    """
    if len(line.text) > _LONGEST or not is_below(row, line):
        return False
    words, above = cells(line.text), cells(row.text[:_LONGEST])
    begins = {match.end() for match in GAPS.finditer(row.text[:_LONGEST])}
    few = len(words) == 1 or len(words) < len(above) - 1
    at = len(line.text) - len(line.text.lstrip())
    return few and at in begins and not any(map(NUMERIC.match, words))


def is_below(row: Line, line: Line) -> bool:
    """Whether a line begins to the right of the first cell of a row above it."""
    if line.indent <= row.indent:
        return False
    above = row.text[:_LONGEST]
    if "\t" in above or "\t" in line.text[: line.indent] or not has_gap(above):
        return False
    return line.indent > row.indent + len(cells(above)[0])


def begins(lines: Sequence[Line], *, named: bool = False) -> list[int]:
    """Find the lines at which rows begin, some of which go on in the lines below; [] if none does.

    Args:
        lines: of a table.
        named: whether the first row may be the names of columns, with units below them.
    """
    found = [0]
    for number, line in enumerate(lines[1:], 1):
        units = named and len(found) == 1 and number < _MOST and _has_no_first(lines, number)
        if not goes_on(lines[found[-1]], line) and not (units and not any(map(NUMERIC.match, cells(line.text)))):
            found.append(number)
    return found if len(found) < len(lines) else []


def more_names(lines: Sequence[Line], names: int) -> int:
    """Count the lines with names of columns, given how many are: others may stand below the names of groups of them."""
    groups = 0
    while groups < min(_MOST, len(lines) - 2) and _has_no_first(lines, groups):
        groups += 1
    if not groups:
        return names
    row, below = (cells(line.text) for line in lines[groups : groups + 2])
    return groups + int(len(row) > 1 and not any(map(NUMERIC.match, row)) and any(map(NUMERIC.match, below)))


def wiki_names(lines: Sequence[Line]) -> int:
    """Count the lines of a table of MediaWiki down to the names of its columns; 0 if it is none."""
    if not lines or not lines[0].text.startswith("{|"):
        return 0
    names = 1
    for number, line in enumerate(lines[1:], 1):
        if line.text[0] == "!":
            names = number + 1
        elif names > 1 or line.text[:2] not in ("|+", "|-"):
            break
    return names


def name_more(row: str, below: str) -> bool:
    """Whether a row below names of columns has more of them, or their units: it has units in brackets only, or no first
    cell and no number where the row below it has both, in most cells but the first.
    """
    sign = max(_SIGNS, key=row.count)
    cells, others = ([cell.strip() for cell in words.strip().strip("|").split(sign)] for words in (row, below))
    if len(cells) < 2 or not any(cells):
        return False
    if all(map(_UNIT.match, cells)):
        return True
    numbers = sum(NUMERIC.match(cell) is not None for cell in others[1:])
    named = len(cells) >= _LEAST and not cells[0] and all(cells[1:]) and others[0] and 2 * numbers > len(others[1:])
    return bool(named) and (all(map(_YEAR.match, cells[1:])) or not any(map(NUMERIC.match, cells)))


def _has_no_first(lines: Sequence[Line], at: int) -> bool:
    """Whether a line stands in later columns than the first cells of the rows below it, the next of which has one."""
    below = lines[at + 1 : at + 1 + _LOOKED_AT]
    rows = [line for line in below if line.indent < lines[at].indent and has_gap(line.text)]
    return 2 * len(rows) > len(below) and all(lines[at].indent > row.indent + len(cells(row.text)[0]) for row in rows)


def are_names(first: list[str], rows: list[list[str]]) -> bool:
    """Whether the first row names columns: it has no number where the others have one, or nothing but short names."""
    dates = not any(_DATE.match(cell) for row in rows for cell in row)
    odd = [at for at, cell in enumerate(first) if NUMERIC.match(cell) and not (dates and _DATE.match(cell))]
    if odd and not _stand_out(first, rows, odd):
        return False
    if not all(cell.strip() for cell in first):
        return False
    numeric = any(NUMERIC.match(cell) for row in rows for cell in row)
    return numeric or all(cell.strip(' "').isidentifier() for cell in first)


def _stand_out(first: list[str], rows: list[list[str]], odd: list[int]) -> bool:
    """Whether cells with a number and a word, such as 500_m, are names of columns: the other columns of numbers have
    names without, and no cell below has the same word.
    """
    numbers = [
        column for column in range(len(first)) if all(NUMERIC.match(row[column]) for row in rows if row[column:])
    ]
    words = {column: first[column].strip().lstrip("0123456789") for column in odd}
    if any(
        not word or any(row[column].strip().endswith(word) for row in rows if row[column:])
        for column, word in words.items()
    ):
        return False
    return len(set(numbers) - set(odd)) > 1 and 2 * len(set(numbers) & set(odd)) <= len(numbers)


def ends_in_total(rows: Sequence[str]) -> bool:
    """Whether the last row of Markdown is the total of all groups: bold, as no other with several cells is but the one
    above it, which is that of the last group.
    """
    bold = []
    for row in rows:
        filled = [cell for cell in map(str.strip, row.split("|")) if cell]
        bold.append(len(filled) > 1 and all(cell.startswith(("**", "__")) for cell in filled))
    return bold[-1] and (not any(bold[:-1]) or bold[-2])


def are_again(names: frozenset[str], row: Sequence[str]) -> bool:
    """Whether a row has most of the names of the columns in its cells, perhaps in another order, and no number."""
    if len(row) < 2 or any(map(NUMERIC.match, row)):
        return False
    return 2 * len(names.intersection(row)) > max(len(row), len(names))


def are_years(above: Line, line: Line) -> bool:
    """Whether a line below a row without years has years only, far right of where that begins: names of columns."""
    years, cells = (list(map(_YEAR.match, row.text.split())) for row in (line, above))
    return len(years) > 1 and all(years) and not any(cells) and line.indent >= above.indent + _INDENT

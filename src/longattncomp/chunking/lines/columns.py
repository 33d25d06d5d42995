"""lines of a table in aligned columns -> names of columns, rows, and lines that a row goes on in."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines.kinds import CODE, GAPS, LABEL, TURN, Line, ends_in_colon, ends_part, has_gap, is_title

_RULE = re.compile(r"[ \t]*[-=_─━═]{2,}(?:[ \t]+[-=_─━═]{2,})*[ \t]*$")
NUMERIC = re.compile(r"[\W_]*+\d[\d\W_]*+(?:[a-zA-Z][a-zA-Z%°]{0,2}[\W_]*+)?$")
"""A cell with a number, perhaps with a unit."""

_CORNERS = frozenset("┌┏╔╭")
_ASCII = str.maketrans(
    dict.fromkeys("│┃║┆┇┊╎", "|")
    | dict.fromkeys("─━┄┈╌", "-")
    | {"═": "="}
    | dict.fromkeys("┌┬┐├┼┤└┴┘╭╮╰╯┏┳┓┣╋┫┗┻┛┡╇┩┢╈┪┠┨╔╦╗╠╬╣╚╩╝╞╪╡╟╫╢╤╧", "+")
)
"""What the boxes of tables are drawn in, and the signs of ASCII for that."""

EDGE = re.compile(r"[ \t]*\+-[-+]*\+\s*$")
"""The upper or lower edge of a box around a table."""

_CELL = re.compile(r"\S+(?: \S+)*")
_SIGNS = "\t;,"  # between cells
_BESIDE = "\t;,|"
_ENDED = re.compile(r"\||[,;][ \t]{2}")
_DATE = re.compile(r"\s*(?:(?:19|20)\d\d|\d{1,2}\.? [^\W\d_]{3,9}\.?)\s*$")
"""A year or a day, which may name a column."""

_UNIT = re.compile(r"\s*\"?[(\[][^()\[\]]*[)\]]\"?\s*$|\s*$")
"""A cell of a row of units below names of columns, such as (km)."""

_YEAR = re.compile(r"(?:19|20)\d\d$")
_LEAST = 3  # rows of two columns, with their names; columns of a table right below another one
_INDENT = 8  # characters by which names of columns stand farther right than those of rows
_MOST = 4  # lines of the names of columns
_LOOKED_AT = 6  # rows below them
_LONGEST = 400  # characters of a line


def unboxed(lines: Sequence[Line]) -> Sequence[Line]:
    """Draw the box around a table in the signs of ASCII; lines without one stay as they are."""
    first = (line.text.strip() for line in lines[:_MOST] if line.indent >= 0)
    if not any(text[:1] in _CORNERS and " " not in text for text in first):
        return lines
    return [line._replace(text=line.text.translate(_ASCII)) for line in lines]


def is_above_box(lines: Sequence[Line], at: int) -> bool:
    """Whether a line stands right above the box around a table, and is none of it."""
    return EDGE.match(lines[at + 1].text) is not None and not any(sign in lines[at].text for sign in "|+&")


def is_line(row: str) -> bool:
    """Whether a line is nothing but strokes, as below the names of columns or above a total."""
    return _RULE.match(row) is not None


def cells(row: str) -> list[str]:
    """Split a row at its gaps."""
    return GAPS.split(row.strip())


def are_aligned(row: str) -> bool:
    """Whether a line has several cells with gaps between them, and no signs that end them."""
    return len(GAPS.findall(row.strip())) > 1 and not _ENDED.search(row)


def may_be_title(line: str, below: str) -> bool:
    """Whether a line without cells may be the title of a table; above aligned columns it may have any words."""
    words, signs = line.strip(), set(line)
    if GAPS.search(words) or "|" in signs or words[:1] in "#+":
        return False
    if are_aligned(below):
        return len(words) <= _LONGEST and (not CODE.match(line) or any(kind.match(line) for kind in (TURN, LABEL)))
    if CODE.match(line):
        return False
    return not signs & set(_SIGNS) and (is_title(line) or (ends_in_colon(words) and not signs & set("()[]{}=")))


def is_label(lines: Sequence[Line], at: int) -> bool:
    """Whether a line is a word with a colon above more indented names of columns, with strokes below them."""
    if not LABEL.match(lines[at].text):
        return False
    names = lines[at + 1 : at + 3]
    below = len(names) > 1 and lines[at].indent < names[0].indent <= names[1].indent
    return below and is_line(names[1].text) and all(has_gap(line.text) for line in names)


def ruled(lines: Sequence[Line]) -> int:
    """Count the lines of a header down to the strokes that end it; 0 if there are none.

    The names have gaps, and so have the strokes or the row below them, or a row with all columns below the name of a
    group: a title has a line below it, too.
    """
    for number, line in enumerate(lines[1 : _MOST + 2], 1):
        if not is_line(line.text):
            continue
        names = [above.text for above in lines[:number] if not is_line(above.text)]
        if not names or number + 1 >= len(lines):
            continue
        wide = 2 * len(line.text.strip()) >= max(len(name.strip()) for name in names)
        rows = any(map(has_gap, (line.text, lines[number + 1].text))) or _has_row(names, lines[number + 2 :])
        fit = wide and rows and any(map(has_gap, names))
        return number + 1 if fit and not _is_title(names[0]) else 0
    return 0


def _has_row(names: Sequence[str], below: Sequence[Line]) -> bool:
    """Whether a line near names of columns has a cell for each: a number in the second of two."""
    columns = max(len(cells(name)) for name in names)
    rows = (cells(line.text[:_LONGEST]) for line in below[:_LOOKED_AT])
    return any(len(row) == columns and (columns >= _LEAST or NUMERIC.match(row[-1])) for row in rows)


def is_between(lines: Sequence[Line], at: int) -> bool:
    """Whether a line is the title of a table right below another one: rows above and names below have as many cells."""
    title = lines[at].text
    if not 0 < at < len(lines) - 2 or title[0].islower() or any(sign in title for sign in _BESIDE):
        return False
    if not is_title(title):
        return False
    above, names, below = (lines[number].text.strip() for number in (at - 1, at + 1, at + 2))
    sign = max(_BESIDE, key=names.count)
    rows = [row.split(sign) for row in (above, names, below)]
    if len(rows[1]) < _LEAST or len({len(row) for row in rows}) > 1:
        return False
    return [any(map(NUMERIC.match, row)) for row in rows] == [True, False, True]


def paired(lines: Sequence[Line]) -> int:
    """Say whether the first line has the names of two columns, a number in the second of which each row has; 1 or 0."""
    rows = [line.text.strip() for line in lines]
    if len(rows) < _LEAST or max(map(len, rows)) > _LONGEST:
        return 0
    pairs = [GAPS.split(row) for row in rows]
    if any(len(pair) != 2 for pair in pairs) or any(NUMERIC.match(cell) or ":" in cell for cell in pairs[0]):
        return 0
    begins = {line.indent + row.rindex(pair[1]) for line, row, pair in zip(lines, rows, pairs, strict=True)}
    ends = {line.indent + len(row) for line, row in zip(lines, rows, strict=True)}
    aligned = len(begins) == 1 or len(ends) == 1 or all("\t" in row for row in rows)
    return int(aligned and all(NUMERIC.match(second) for _, second in pairs[1:]))


def _is_title(name: str) -> bool:
    """Whether a line at the left has no gap, as a title above the names of columns has none."""
    return not name[0].isspace() and not has_gap(name)


def have_places(rows: Sequence[str]) -> bool:
    """Whether the first of some rows names columns, and the cells of the others, some of which may be missing, begin or
    end where such a name does.
    """
    if max(map(len, rows)) > _LONGEST or any("\t" in row for row in rows):
        return False
    names, *cells = (list(_CELL.finditer(row)) for row in rows)
    if len(names) < _LEAST or not all(name[0][0].isalpha() for name in names):
        return False
    if any(":" in name[0] or ends_part(name[0]) for name in names):
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
    cell and no number where the row below it has both.
    """
    sign = max(_BESIDE, key=row.count)
    cells, others = ([cell.strip() for cell in words.strip().strip("|").split(sign)] for words in (row, below))
    if len(cells) < 2 or not any(cells):
        return False
    if all(map(_UNIT.match, cells)):
        return True
    named = (
        len(cells) >= _LEAST and not cells[0] and all(cells[1:]) and others[0] and any(map(NUMERIC.match, others[1:]))
    )
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

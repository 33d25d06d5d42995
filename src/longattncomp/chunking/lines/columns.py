"""lines of a table in aligned columns -> its title, the names of its columns, and where it ends."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines.kinds import CODE, GAPS, LABEL, TURN, Line, ends_in_colon, has_gap, is_title

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

CELL = re.compile(r"\S+(?: \S+)*")
"""A cell in aligned columns."""

_SIGNS = "\t;,"  # between cells
_BESIDE = "\t;,|"
_ENDED = re.compile(r"\||[,;][ \t]{2}")
_LEAST = 3  # rows of two columns, with their names; columns of a table right below another one
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
    if len(lines[at].text) > _LONGEST or not LABEL.match(lines[at].text):
        return False
    names = lines[at + 1 : at + 3]
    below = len(names) > 1 and lines[at].indent < names[0].indent <= names[1].indent
    below = below and max(len(line.text) for line in names) <= _LONGEST
    return below and is_line(names[1].text) and all(has_gap(line.text) for line in names)


def ends_labelled(lines: Sequence[Line], at: int, first: int) -> bool:
    """Whether a line stands below the table of the label in the line `first`, and no deeper than that."""
    return first < at and lines[at].indent <= lines[first].indent and is_label(lines, first)


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

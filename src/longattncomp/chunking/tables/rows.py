"""rows of a table, of CSV and of aligned columns -> units, led in by their header."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from longattncomp.chunking.lines import columns
from longattncomp.chunking.lines.columns import NUMERIC
from longattncomp.chunking.lines.commands import CONTINUED, PROMPT
from longattncomp.chunking.lines.kinds import GAPS, Line, ends_in_colon, has_gap, is_rule, is_title
from longattncomp.chunking.lines.preprocessor import DIRECTIVE
from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.tables import naming

_LEAST_ROWS = 3
_FIELD = 100  # lines of a quoted field
_TITLE = 40  # characters
_LONGEST_TITLE = 200
_COUNTED = 20  # rows whose cells are counted
_ABOVE = 6  # lines of a table of LaTeX above its columns, or of a command above what it prints
_GRID = 12  # lines of the header of a grid
_RULES = 3  # of a table in a box whose rows have none between them
_TABULAR = re.compile(r"\\begin\{(?:tabular|longtable|tabularx)\b")
_BOXED = 3  # lines of the header of a table in a box
_SIMPLE = re.compile(r"={3,}(?: +={3,})+\s*$")
_DELIMITERS = ("\t", ";", ",", "|")
_QUOTED = re.compile(r'"[^"]*"')
_OPENS = re.compile(r'(?:^|[,;\t|])[ ]?"(?:[^"]|"")*+$')
"""The end of a line whose last field is quoted and goes on in the next line."""

_ROOT = re.compile(r"[ \t]*# [a-z][\w./-]*(?: |$)")
_COLUMNS = re.compile(r"[ \t]*[A-Z]\D*$")
_COUNT = re.compile(r"[ \t]*\(\d+ [^\W\d]+\)[ \t]*$")
"""The line below the rows of a table that says how many they are."""

_JIRA = re.compile(r"[ \t]*\|\|[^\n]+\|\|[ \t]*$")
_WIKI = re.compile(r"![^!\[]")
"""Names of columns in the markup of Jira and of MediaWiki."""

_STATEMENT = re.compile(r"(?:INSERT|CREATE|SELECT|UPDATE|WITH)\b")
_SENTENCE = re.compile(r"[a-z]{2}[.!?] [A-Z]")


class Header(NamedTuple):
    """What stands above the rows of a table.

    Attributes:
        title: lines that are no part of the table, such as the command that printed it.
        names: lines with the names of its columns, with a comment above them and units below them.
    """

    title: int
    names: int


def header_of(lines: Sequence[Line]) -> Header | None:
    """Find what stands above the rows of a table; None if the lines of a paragraph are no table."""
    lines, title = columns.unboxed(lines), 0
    while title < min(len(lines) - 2, _ABOVE) and (_is_prompt(lines, title) or columns.is_above_box(lines, title)):
        title += 1
    below = lines[title:]
    if len(below) > _LEAST_ROWS and columns.may_be_title(below[0].text, below[1].text):
        names = _commented(below[1:])
        sure = is_title(below[0].text) or ends_in_colon(below[0].text)
        if names or (names is not None and sure and len(GAPS.findall(below[1].text.strip())) > 1):
            return Header(title + 1, names)
    if above := _titles(below):
        names = _commented(below[above:])
        if names:
            return Header(title + above, names)
    names = _commented(below)
    if names is None and title:
        title, names = 0, _commented(lines)
    return None if names is None else Header(title, names)


def _titles(lines: Sequence[Line]) -> int:
    """Count the lines above the names of the columns of CSV that have fewer cells, or none but the first filled."""
    rows = [_QUOTED.sub('""', line.text.strip()) for line in lines[:_COUNTED]]
    if len(rows) <= _LEAST_ROWS or rows[0][:1] in "|+":
        return 0
    delimiter = max(_DELIMITERS, key=lambda sign: min(row.count(sign) for row in rows[-_LEAST_ROWS:]))
    usual = rows[-1].count(delimiter)
    found = 0
    while found < min(_ABOVE, len(rows) - _LEAST_ROWS):
        if len(_split(rows[found], delimiter)) > (usual + 1) // 2 or len(rows[found]) > _LONGEST_TITLE:
            break
        found += 1
    return found if usual > 1 and all(row.count(delimiter) == usual for row in rows[found:]) else 0


def _is_prompt(lines: Sequence[Line], at: int) -> bool:
    """Whether a line is a prompt with a command; that of root looks like a comment, except above a table."""
    text = lines[at].text
    if _ROOT.match(text) and not has_gap(text):
        below = lines[at + 1].text.strip() if at + 1 < len(lines) else ""
        return _COLUMNS.match(below) is not None and GAPS.search(below) is not None
    return PROMPT.match(text) is not None or CONTINUED.match(text) is not None


def _commented(lines: Sequence[Line]) -> int | None:
    """Count the lines with the names of columns, with a comment above them and units below them."""
    comment = int(len(lines) > _LEAST_ROWS and lines[0].text.lstrip()[0] in "#%")
    found = _header_rows(lines[comment:])
    if found is None:
        return _header_rows(lines) if comment else None
    found += comment
    return found + int(0 < found < len(lines) - 1 and naming.name_more(*(line.text for line in lines[found:][:2])))


def is_table_edge(lines: Sequence[Line], at: int, first: int) -> bool:
    """Whether a table begins or ends at a line, right below other text or above it: one of Markdown, what a command
    prints, or one of MediaWiki, in the paragraph that begins at the line `first`.
    """
    if is_printed_edge(lines, at) or columns.is_between(lines, at) or columns.is_label(lines, at):
        return True
    bar, before = (line.text.lstrip().startswith("|") or is_rule(line.text) for line in (lines[at], lines[at - 1]))
    if bar and not before:
        return at + 1 < len(lines) and (is_rule(lines[at + 1].text) or _JIRA.match(lines[at].text) is not None)
    names = lines[first].text.startswith("{|") and _WIKI.match(lines[at].text)
    return before and "|" not in lines[at].text and not bar and not names


def is_printed_edge(lines: Sequence[Line], at: int) -> bool:
    """Whether a line is a prompt with a command right below what another one printed, or stands below its last row."""
    above = lines[at - 1].text.strip()
    if _COUNT.match(above):
        return True
    if not _is_prompt(lines, at) or _is_prompt(lines, at - 1):
        return False
    rows = [line.text.strip() for line in lines[at + 1 : at + 3]]
    printed = len(rows) > 1 and (any(map(is_rule, rows)) or all(map(GAPS.search, rows)))
    return printed or len(GAPS.findall(above)) > 1 or "|" in above


def _header_rows(lines: Sequence[Line]) -> int | None:
    if any(_TABULAR.match(line.text.lstrip()) for line in lines[:_ABOVE]):
        first = next((number for number, line in enumerate(lines) if "&" in line.text), -1)
        return None if first < 0 else first + 1 + (first + 1 < len(lines) and "\\" in lines[first + 1].text[:2])
    if len(lines) > _LEAST_ROWS and all(_SIMPLE.match(lines[number].text) for number in (0, 2)):
        return 3
    if found := naming.wiki_names(lines) or columns.ruled(lines) or columns.paired(lines):
        return found
    if len(lines) >= 2 and is_rule(lines[1].text) and _cells(lines[0].text) > 1:
        return 2
    if len(lines) >= 3 and is_rule(lines[0].text):
        last = next((number for number, line in enumerate(lines[2:_GRID], 2) if is_rule(line.text)), 0)
        lone = 2 < last < len(lines) - 1 and sum(is_rule(line.text) for line in lines) <= _RULES
        lone = lone and 2 < lines[0].text.count("+") == lines[last].text.count("+")
        if last == 2 or (last and "=" in lines[last].text) or lone:
            return last + 1
    if len(lines) >= 2 and all(line.text.lstrip().startswith("|") for line in lines):
        return int([_JIRA.match(line.text) is not None for line in lines[:2]] == [True, False])
    if len(lines) < _LEAST_ROWS:
        return None
    begins = naming.begins(lines, named=True) or _records(lines)
    rows = [_QUOTED.sub('""', row.strip()) for row in _joined(lines, begins)]
    if len(rows) < _LEAST_ROWS:
        return None
    if 2 * sum(row.endswith((";", "{", "}")) for row in rows) >= len(rows) or _STATEMENT.match(rows[0]):
        return None
    if DIRECTIVE.match(rows[0]) or any(row.startswith("* ") for row in rows):
        return None
    gaps = [len(GAPS.findall(row)) for row in rows[:50]]
    # A short row without gaps is the title of the rows below it.
    below = [count for count, row in zip(gaps[1:], rows[1:], strict=False) if count or len(row) > _TITLE]
    if 2 * len(below) >= len(gaps) - 1:
        if sum(count >= 2 for count in below) >= 0.8 * len(below):
            usual = max(set(below), key=below.count)
            named = gaps[0] != usual or naming.are_names(GAPS.split(rows[0]), [GAPS.split(row) for row in rows[1:20]])
            return naming.more_names(lines, begins[1] * int(named))
        if len(below) > 1 and all(below) and naming.have_places([lines[begin].text for begin in begins[:50]]):
            return begins[1]
    for delimiter in _DELIMITERS:
        counts = [row.count(delimiter) for row in rows[:50]]
        most = max(set(counts), key=counts.count)
        numbers = all(NUMERIC.match(row.rpartition(delimiter)[2]) for row in rows[1:20])
        least = 1 if delimiter in "\t;" or (delimiter == "," and numbers) else 2
        if most >= least and counts.count(most) >= 0.9 * len(counts):
            if delimiter in ",;" and any(_SENTENCE.search(row) for row in rows[:20]):
                continue
            return begins[1] * int(
                naming.are_names(rows[0].split(delimiter), [row.split(delimiter) for row in rows[1:20]])
            )
    return None


def _records(lines: Sequence[Line]) -> list[int]:
    """Find the lines at which rows begin; a quoted field of CSV may go on in the next lines."""
    starts: list[int] = []
    opened = -1
    for index, line in enumerate(lines):
        if 0 <= opened < index - _FIELD:
            starts.extend(range(opened + 1, index))
            opened = -1
        if opened < 0:
            starts.append(index)
        if line.text.count('"') % 2:
            opened = index if opened < 0 and _OPENS.search(line.text.rstrip()) else -1
    if opened >= 0:
        starts.extend(range(opened + 1, len(lines)))
    return starts


def _joined(lines: Sequence[Line], begins: Sequence[int]) -> list[str]:
    return ["".join(line.text for line in lines[low:high]) for low, high in pairwise([*begins, len(lines)])]


def add_table(outline: Outline, lines: Sequence[Line], header: Header, parent: int) -> None:
    """Add one unit for what stands above the header, one for the header and one for each row.

    A row with nothing but its first cell leads in those below it, as deep as they are, and a row with a first cell
    those without. Names of columns that come again lead in the rows below them instead, with such a row above. In a
    grid a row ends at a line of signs, and goes over several lines; elsewhere such a line belongs to the row above it.
    """
    lines, top, above_all = columns.unboxed(lines), header.title + header.names, parent
    if header.title:
        parent = outline.add(lines[0].start, parent, breaks=True)
    base = parent
    names, body = lines[header.title : top], lines[top:]
    boxed = header.names == _BOXED and all(columns.EDGE.match(names[number].text) for number in (0, 2))
    if boxed:
        outline.add(names[0].start, parent, breaks=not header.title)
    if header.names:
        parent = outline.add(names[boxed].start, parent, breaks=not header.title)
    wrapped = naming.begins(body) if body else []
    delimiter = _delimiter([body[number] for number in wrapped] or body)
    grid = header.names and "=" in lines[top - 1].text and lines[top - 1].text.lstrip().startswith("+")
    grid = grid and any(is_rule(row.text) for row in body[:-1])
    begins = [n for n in range(len(body)) if not n or is_rule(body[n - 1].text)] if grid else _records(body)
    if naming.wiki_names(names):
        begins = [n for n, line in enumerate(body) if not n or line.text.startswith("|-")]
    begins = begins if delimiter else wrapped or begins
    words = frozenset(cell for line in names for cell in _split(line.text, delimiter))
    group = full = parent
    named: Line | None = None  # the row above that has a first cell
    depth = deeper = -1  # columns before the group of rows, and before those in it
    for index, after in pairwise([*begins, len(body)]):
        row = "".join(line.text for line in body[index:after] if not (is_rule(line.text) or columns.is_line(line.text)))
        if not row and (index or top):
            continue
        line, start = body[index], (names[2].start if boxed and not index else body[index].start)
        years = not delimiter and named is not None and naming.are_years(named, line)
        if years or naming.are_again(words, _split(row, delimiter)):
            titled = group == len(outline.starts) - 1
            if titled:
                outline.parents[group] = above_all
            group = full = parent = outline.add(start, group if titled else base, breaks=True)
            named, depth = None, -1
            continue
        first, others = _filled(row, delimiter)
        below = not delimiter and named is not None and naming.is_below(named, line)
        first, sums = first and not below, below and not others and NUMERIC.match(row.strip()) is not None
        if depth >= 0 and not delimiter:
            deeper = max(deeper, line.indent)
            group = parent if line.indent <= depth < deeper else group
        sums = sums or (index == begins[-1] and naming.ends_in_total([body[begin].text for begin in begins]))
        above = parent if sums or (first and not others) else group if first else full
        together = RECORD_TOKENS if after > index + 1 else 0
        unit = outline.add(start, above, together=together, breaks=not top and not index)
        if first:
            full, named = unit, line
        if first and not others:
            group, depth, deeper = unit, line.indent, -1


def _split(row: str, delimiter: str) -> list[str]:
    """The cells of a row that are not empty."""
    return [
        word for cell in (row.split(delimiter) if delimiter else GAPS.split(row)) if (word := cell.strip(' "\r\n|'))
    ]


def _delimiter(rows: Sequence[Line]) -> str:
    """Find what stands between the cells of a table; "" for gaps of two spaces or more."""
    if not rows or rows[0].text.lstrip().startswith("|"):
        return "|"
    if "\t" in rows[0].text.rstrip():
        return "\t"
    if 2 * sum(has_gap(row.text) for row in rows) >= len(rows):
        return ""
    return max(_DELIMITERS, key=lambda sign: sum(row.text.count(sign) for row in rows[:20]))


def _filled(row: str, delimiter: str) -> tuple[bool, bool]:
    """Tell whether the first cell of a row has something in it, and whether another has."""
    row = _QUOTED.sub(lambda quoted: "_" if len(quoted[0]) > 2 else "", row)
    if not delimiter:
        return True, len(GAPS.split(row.strip())) > 1
    if delimiter == "|":
        row = row.strip().removeprefix("|").removesuffix("|")
    first, _, others = row.partition(delimiter)
    return bool(first.strip()), bool(others.strip(f"{delimiter} \r\n"))


def _cells(row: str) -> int:
    return row.strip().strip("|").count("|") + 1 if "|" in row else len(GAPS.split(row.strip()))

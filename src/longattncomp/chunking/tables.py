"""rows of a table, of CSV and of aligned columns -> units, led in by their header."""

import re
from collections.abc import Sequence
from itertools import pairwise

from longattncomp.chunking.lines import GAPS, Line, is_rule
from longattncomp.chunking.outline import Outline

_LEAST_ROWS = 3
_TITLE = 40  # characters
_ABOVE = 6  # lines of a table of LaTeX above its columns
_TABULAR = re.compile(r"\\begin\{(?:tabular|longtable|tabularx)\b")
_SIMPLE = re.compile(r"={3,}(?: +={3,})+\s*$")
_DELIMITERS = ("\t", ";", ",", "|")
_QUOTED = re.compile(r'"[^"]*"')
_NUMERIC = re.compile(r"[\W_]*\d[\d\W_]*(?:[a-zA-Z%°]{0,3})[\W_]*$")
_STATEMENT = re.compile(r"(?:INSERT|CREATE|SELECT|UPDATE|WITH)\b")
_YEAR = re.compile(r"\s*(?:19|20)\d\d\s*$")
_SENTENCE = re.compile(r"[a-z]{2}[.!?] [A-Z]")
_UNIT = re.compile(r"\s*\"?[(\[][^()\[\]]*[)\]]\"?\s*$|\s*$")
"""A cell of a row of units below a header, such as (km)."""


def header_rows(lines: Sequence[Line]) -> int | None:
    """Count the lines that are a table's header, with a comment above it and units below it; None if the lines of a
    paragraph are no table.
    """
    comment = int(len(lines) > _LEAST_ROWS and lines[0].text.lstrip()[0] in "#%")
    found = _header_rows(lines[comment:])
    if found is None:
        return _header_rows(lines) if comment else None
    found += comment
    return found + int(0 < found < len(lines) - 1 and _are_units(lines[found].text))


def is_table_edge(lines: Sequence[Line], at: int) -> bool:
    """Whether a table of Markdown begins or ends at a line, right below other text or above it."""
    bar, before = (line.text.lstrip().startswith("|") or is_rule(line.text) for line in (lines[at], lines[at - 1]))
    if bar and not before:
        return at + 1 < len(lines) and is_rule(lines[at + 1].text)
    return before and "|" not in lines[at].text and not bar


def _are_units(row: str) -> bool:
    cells = re.split(r"[\t;,|]", row.strip().strip("|"))
    return len(cells) > 1 and bool(row.strip(" \t;,|")) and all(map(_UNIT.match, cells))


def _header_rows(lines: Sequence[Line]) -> int | None:
    if any(_TABULAR.match(line.text.lstrip()) for line in lines[:_ABOVE]):
        first = next((number for number, line in enumerate(lines) if "&" in line.text), -1)
        return None if first < 0 else first + 1 + (first + 1 < len(lines) and "\\" in lines[first + 1].text[:2])
    if len(lines) > _LEAST_ROWS and all(_SIMPLE.match(lines[number].text) for number in (0, 2)):
        return 3
    if len(lines) >= 2 and is_rule(lines[1].text) and _cells(lines[0].text) > 1:
        return 2
    if len(lines) >= 3 and is_rule(lines[0].text) and is_rule(lines[2].text):
        return 3
    if len(lines) >= 2 and all(line.text.lstrip().startswith("|") for line in lines):
        return 0
    if len(lines) < _LEAST_ROWS:
        return None
    rows = [_QUOTED.sub('""', line.text.strip()) for line in lines]
    if 2 * sum(row.endswith((";", "{", "}")) for row in rows) >= len(rows) or _STATEMENT.match(rows[0]):
        return None
    if rows[0].startswith("#define") or any(row.startswith("* ") for row in rows):
        return None
    gaps = [len(GAPS.findall(row)) for row in rows[:50]]
    # A short row without gaps is the title of the rows below it.
    below = [count for count, row in zip(gaps[1:], rows[1:], strict=False) if count or len(row) > _TITLE]
    if 2 * len(below) >= len(gaps) - 1 and sum(count >= 2 for count in below) >= 0.8 * len(below):
        usual = max(set(below), key=below.count)
        return int(gaps[0] != usual or _is_header(GAPS.split(rows[0]), [GAPS.split(row) for row in rows[1:20]]))
    for delimiter in _DELIMITERS:
        counts = [row.count(delimiter) for row in rows[:50]]
        most = max(set(counts), key=counts.count)
        numbers = all(_NUMERIC.match(row.rpartition(delimiter)[2]) for row in rows[1:20])
        least = 1 if delimiter in "\t;" or (delimiter == "," and numbers) else 2
        if most >= least and counts.count(most) >= 0.9 * len(counts):
            if delimiter in ",;" and any(_SENTENCE.search(row) for row in rows[:20]):
                continue
            return int(_is_header(rows[0].split(delimiter), [row.split(delimiter) for row in rows[1:20]]))
    return None


def records(lines: Sequence[Line]) -> list[int]:
    """Find the lines at which rows begin; a quoted field of CSV may go on in the next line."""
    starts: list[int] = []
    open_quote = False
    for index, line in enumerate(lines):
        if not open_quote:
            starts.append(index)
        if line.text.count('"') % 2:
            open_quote = not open_quote
    return starts if not open_quote else list(range(len(lines)))


def add_table(outline: Outline, lines: Sequence[Line], n_header: int, parent: int) -> None:
    """Add one unit for the header and one for each row.

    A row with nothing but its first cell leads in those below it, and a row with a first cell those without.
    """
    if n_header:
        parent = outline.add(lines[0].start, parent, breaks=True)
    body = lines[n_header:]
    delimiter = _delimiter(body)
    group = full = parent
    for number, (index, after) in enumerate(pairwise([*records(body), len(body)])):
        row = "".join(line.text for line in body[index:after])
        if is_rule(row):
            outline.add(body[index].start, full)
            continue
        first, others = _filled(row, delimiter)
        above = parent if first and not others else group if first else full
        unit = outline.add(body[index].start, above, breaks=not n_header and not number)
        if first:
            full = unit
        if first and not others:
            group = unit


def _delimiter(rows: Sequence[Line]) -> str:
    """Find what stands between the cells of a table; "" for gaps of two spaces or more."""
    if not rows or rows[0].text.lstrip().startswith("|"):
        return "|"
    if "\t" in rows[0].text.rstrip():
        return "\t"
    if 2 * sum(GAPS.search(row.text.strip()) is not None for row in rows) >= len(rows):
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


def _is_header(first: list[str], rows: list[list[str]]) -> bool:
    """Whether the first row names columns: it has no number where the others have one, or nothing but short names."""
    years = not any(_YEAR.match(cell) for row in rows for cell in row)
    if any(_NUMERIC.match(cell) and not (years and _YEAR.match(cell)) for cell in first):
        return False
    if not all(cell.strip() for cell in first):
        return False
    numeric = any(_NUMERIC.match(cell) for row in rows for cell in row)
    return numeric or all(cell.strip(' "').isidentifier() for cell in first)

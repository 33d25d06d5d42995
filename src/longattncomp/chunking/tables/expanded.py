"""rows that a database prints with a line for each column -> records, led in by the command right above them."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines.commands import PROMPT, is_prompt
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.outline import RECORD_TOKENS, Outline

_RECORD = re.compile(r"-\[ RECORD \d+ \][-+]*\s*$|\*{5,} \d+\. [^\W\d]+ \*{5,}\s*$")
_COLUMN = re.compile(r"[ \t]*[^\s|:][^|:\n]{0,80}(?:\||:(?= |$))|[ \t]+\|")
_MOST = 12  # lines of a command and its answer above the first record
_NAME = 100  # characters of the column that says whose a record is


def _begins(lines: Sequence[Line], at: int) -> bool:
    """Whether a record begins at a line."""
    return _RECORD.match(lines[at].text) is not None


def add_records(outline: Outline, lines: Sequence[Line], at: int, above: int) -> int:
    """Add records and the lines above them; return the line after them, or `at`.

    The first line of a record leads in the rest, with the first column, which mostly says whose record it is. The
    command right above leads in the records, but nothing that stands above that.
    """
    first = at
    while first < min(at + _MOST, len(lines)) and lines[first].indent >= 0 and not _begins(lines, first):
        if first > at and is_prompt(lines[first].text):
            return at
        first += 1
    if first == len(lines) or not _begins(lines, first):
        return at
    if first > at:
        command = next((number for number in range(first - 1, at, -1) if PROMPT.match(lines[number].text)), at)
        if command > at:
            outline.add(lines[at].start, above, breaks=True)
        above = outline.add(lines[command].start, above, breaks=command == at)
    record, index, named = -1, first, 0
    while index < len(lines) and lines[index].indent >= 0:
        if _begins(lines, index):
            record = outline.add(lines[index].start, above, together=RECORD_TOKENS, breaks=index == at)
            named = index + 1
        elif _COLUMN.match(lines[index].text):
            if index > named or len(lines[index].text) > _NAME:
                outline.add(lines[index].start, record)
        elif not lines[index].text[0].isspace():
            break
        index += 1
    return index

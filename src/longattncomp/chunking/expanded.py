"""rows that a database prints with a line for each column -> records, led in by the command above them."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines import Line
from longattncomp.chunking.outline import RECORD_TOKENS, Outline

_RECORD = re.compile(r"-\[ RECORD \d+ \][-+]*\s*$|\*{5,} \d+\. [^\W\d]+ \*{5,}\s*$")
_COLUMN = re.compile(r"[ \t]*[^\s|:][^|:\n]{0,80}(?:\||:(?= |$))|[ \t]+\|")
_COMMAND = 12  # lines of a command and its answer above the first record


def _begins(lines: Sequence[Line], at: int) -> bool:
    """Whether a record begins at a line."""
    return _RECORD.match(lines[at].text) is not None


def add_records(outline: Outline, lines: Sequence[Line], at: int, above: int) -> int:
    """Add records, each of which its first line leads in, and the lines above them; return the line after, or `at`."""
    first = at
    while first < min(at + _COMMAND, len(lines)) and lines[first].indent >= 0 and not _begins(lines, first):
        first += 1
    if first == len(lines) or not _begins(lines, first):
        return at
    if first > at:
        above = outline.add(lines[at].start, above, breaks=True)
    record, index = -1, first
    while index < len(lines) and lines[index].indent >= 0:
        if _begins(lines, index):
            record = outline.add(lines[index].start, above, together=RECORD_TOKENS, breaks=index == at)
        elif _COLUMN.match(lines[index].text):
            outline.add(lines[index].start, record)
        elif not lines[index].text[0].isspace():
            break
        index += 1
    return index

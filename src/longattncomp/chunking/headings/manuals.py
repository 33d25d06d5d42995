"""lines of a manual's page -> the headings of its sections, in capitals at the left above indented lines."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.headings import CAPITALS
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.speakers import Head

_NAME = r"[ \t]+-{1,2}[A-Za-z0-9][\w-]*(?=[ \t,=\[<]|$)"
_OPTION = re.compile(_NAME)
_VALUE = r"(?:[^\s,]|,(?! ))*"
_ALONE = re.compile(
    rf"{_NAME}(?:[=\[<]{_VALUE}| [a-z]+(?=  |\t|\s*$))?(?:,? (?:[-<\[{{|]{_VALUE}|[A-Z]{{2}}{_VALUE}|[A-Z]\b))*"
    r"(?:  |\t|\s*$)"
)
"""An option with its values, then a gap or nothing: what begins with a dash may be a speech or an item as well."""

_SECTION = re.compile(r"(?:NAME|SYNOPSIS|OPTIONS|DESCRIPTION)\s*$")
_LEAST = 2  # options, and sections
_INDENT = 2  # columns of what stands in a section


def manual_sections(lines: Sequence[Line]) -> dict[int, Head]:
    """Find the headings of sections, by number, if a text is the page of a manual: it has options, line by line.

    What stands below one is no speech, so it need not stay together.
    """
    option = _OPTION if any(_SECTION.match(line.text) for line in lines) else _ALONE
    if sum(option.match(line.text) is not None for line in lines) < _LEAST:
        return {}
    found: dict[int, Head] = {}
    indent = -1  # of the next line that is not blank
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        begins = number == 0 or lines[number - 1].indent < 0
        if line.indent == 0 and indent >= _INDENT and begins and kinds.is_capitals(line.text):
            found[number] = Head(CAPITALS, 1)
        indent = line.indent if line.indent >= 0 else indent
    return found if len(found) >= _LEAST else {}

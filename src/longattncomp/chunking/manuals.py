"""lines of a manual's page -> the headings of its sections, in capitals at the left above indented lines."""

import re
from collections.abc import Sequence

from longattncomp.chunking import lines as kinds
from longattncomp.chunking.headings import CAPITALS
from longattncomp.chunking.lines import Line
from longattncomp.chunking.speakers import Head

_OPTION = re.compile(r"[ \t]+--?[A-Za-z]")
_LEAST = 2  # options, and sections
_INDENT = 2  # columns of what stands in a section


def sections(lines: Sequence[Line]) -> dict[int, Head]:
    """Find the headings of sections, by number, if a text is the page of a manual: it has options, line by line.

    What stands below one is no speech, so it need not stay together.
    """
    if sum(_OPTION.match(line.text) is not None for line in lines) < _LEAST:
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

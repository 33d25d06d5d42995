"""lines of a text -> those that are headings by the number of their section."""

import re
from collections import defaultdict
from collections.abc import Sequence

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.headings import PLAIN, is_alone
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.speakers import Head

_NUMBERED = re.compile(r" {0,3}(\d{1,3}(?:\.\d{1,3}){0,8})\.?[ \t]+(?=[^\W\d_a-z])")
_LEAST = 2  # headings with numbers in a text


def numbered(lines: Sequence[Line]) -> dict[int, Head]:
    """Find the headings with numbers that count on, by line, each with its rank.

    Each is a title that stands alone, and nearly all of a depth have something below that is no more indented, as the
    rest of an item is, and no heading of the same depth.
    """
    depths: dict[int, list[int]] = defaultdict(list)  # lines by how many parts their number has
    last: dict[str, int] = {}  # the last part of a number by what stands before it
    found: dict[int, str] = {}  # numbers by line
    for at, line in enumerate(lines):
        match = _NUMBERED.match(line.text)
        if match is None or kinds.ends_in_colon(line.text) or not (is_alone(lines, at) and kinds.is_title(line.text)):
            continue
        around, _, number = match[1].rpartition(".")
        if int(number) in (1, last.get(around, int(number) - 1) + 1):
            last[around] = int(number)
            found[at] = match[1]
            depths[around.count(".") + bool(around)].append(at)
    heads = {}
    for depth, numbers in depths.items():
        leading = [at for at in numbers if _leads(lines, at, found)]
        if 4 * len(leading) >= 3 * len(numbers):
            heads.update(dict.fromkeys(leading, Head(PLAIN + depth, 1)))
    return heads if len(heads) >= _LEAST else {}


def _leads(lines: Sequence[Line], at: int, found: dict[int, str]) -> bool:
    """Whether something stands below a line that may be its section."""
    after = kinds.below(lines, at + 1)
    if after == len(lines) or lines[after].indent > lines[at].indent + 1:
        return False
    return found[after].startswith(f"{found[at]}.") if after in found else not _NUMBERED.match(lines[after].text)

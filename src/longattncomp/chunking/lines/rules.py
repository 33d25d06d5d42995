"""lines of signs between the parts of a text -> what ends or begins there."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.kinds import Line

DIVIDER = re.compile(r"[ \t]*([-*_])(?:[ \t]*\1){2,}\s*$")
"""A line that parts what stands above it from what stands below."""

BANNER = re.compile(
    r"[ \t]*(?:#+|//+|;+|%+|--(?=[ \t])|/\*+)[ \t]*([-=*~#])\1+[ \t]*(?!\1)[^\n]{1,80}(?<=[\w)\]:. \t])\1{2,}"
    r"[ \t]*(?:\*/)?\s*$"
)
"""A title in a comment, between signs: of all lines down to the next one or a blank line."""

_LONGEST = 100  # lines of settings above a page
_SETTING = re.compile(rf"{kinds.ENTRY.pattern}|[ \t]+\S|-(?:[ \t]|$)|[\]}}]")
"""The beginning of a line with a key, or of one below that belongs to its value."""


def front_matter(lines: Sequence[Line]) -> int:
    """Find the line after the settings that a page begins with, between two rules; 0 if it begins with none.

    Settings below them, too, are another document of the same kind.
    """
    if not lines or lines[0].text.strip() != "---":
        return 0
    for number in range(1, min(_LONGEST, len(lines))):
        text = lines[number].text
        if text.strip() == "---":
            below = kinds.below(lines, number + 1)
            page = number > 1 and below < len(lines) and not _SETTING.match(lines[below].text)
            return number + 1 if page else 0
        if lines[number].indent >= 0 and not (_SETTING.match(text) or kinds.COMMENT.match(text)):
            return 0
    return 0

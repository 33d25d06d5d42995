"""a line such as a price list's -> the dots in it that lead from a name to its value."""

import re

LEADER = re.compile(
    r"(?<=[^\s.])(?:[ \t]+(?:\.{2}(?=[ \t])|\.{4,}|\.{3}(?=[ \t]+[+-]?[$€£¥]?\d)|\.(?:[ \t]+\.){2,})"
    r"|\.{6,}|\.{4,}(?=[ \t]*[+-]?[$€£¥]?\d))(?=[ \t]*[^\s.])"
)
"""Dots between a name and what stands in the same line, unlike those of a pause."""


def leader_end(text: str, at: int) -> int:
    """Find where dots end that lead from a name to its value, the first of which stands at `at`; `at` if none do."""
    name = at
    while name and text[name - 1] in " \t":
        name -= 1
    found = LEADER.match(text, name)
    return found.end() if found else at

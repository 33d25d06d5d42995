"""lines of a paragraph -> which of them begin an item, a term or a quoted line, and which speak of all items."""

import re
from collections.abc import Sequence
from itertools import pairwise

from longattncomp.chunking import lines as kinds
from longattncomp.chunking.lines import Line

QUOTED = re.compile(r">+[ \t]*")
_ALERT = re.compile(r">[ \t]*\[!\w+\]")
TAIL = re.compile(
    r"(?:provided|except|unless|subject to|but (?:only|not|excluding)|other than|excluding|excepting|if and only if"
    r"|only if|in (?:each|any|either|every|all) cases?)\b"
)
"""How a line below the last item of a list begins that speaks of all of them."""

_LONGEST_TERM = 60  # characters
_LEAST_SPACES = 2  # in the first line of a definition


def items(here: Sequence[Line], *, code: bool, led: bool) -> list[str]:
    """Find the markers of a list's items, "" for a line without; [] if the lines of a paragraph are no list.

    Args:
        here: the lines.
        code: whether code stands above.
        led: whether what stands above leads to them, so that quoted lines are items, too.
    """
    marks = [match[0] if (match := kinds.ITEM.match(line.text)) else "" for line in here]
    quoted = next((number for number, line in enumerate(here) if number and line.text.startswith(">")), 0)
    alert = _ALERT.match(here[0].text) is not None
    led = bool(quoted and here[quoted - 1].text.rstrip().endswith(":")) or (led and here[0].text.startswith(">"))
    if not any(marks) and (led or alert):
        marks = [match[0] if (match := QUOTED.match(line.text)) else "" for line in here]
        marks[0] = "" if alert else marks[0]
    first = next((number for number, mark in enumerate(marks) if mark), -1)
    if first < 0:
        return []
    if first and not alert and sum(map(bool, marks)) < 2 and not here[first - 1].text.rstrip().endswith(":"):
        return []
    bullets = "•" if code else "-*+•"
    others = here if code else [line for line, mark in zip(here, marks, strict=True) if not mark]
    statements = (code or not first) and bool(others) and kinds.is_code(others, within=code)
    return [] if statements and here[0].text.lstrip()[0] not in bullets else marks


def terms(here: Sequence[Line]) -> list[bool]:
    """Say which lines are short and have more indented sentences below them, as terms with their definitions; [] if
    the lines of a paragraph are something else.
    """
    first = here[0].indent
    found = [line.indent == first for line in here]
    if found[-1] or any(line.indent < first for line in here):
        return []
    for (line, below), (term, next_term) in zip(pairwise(here), pairwise(found), strict=True):
        long = len(line.text.strip()) > _LONGEST_TERM or kinds.ends_part(line.text)
        if term and (next_term or long or below.text.strip().count(" ") < _LEAST_SPACES):
            return []
    return found

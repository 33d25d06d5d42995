"""mails -> where what answers a quotation begins, and which quotation that is."""

import re
from collections.abc import Sequence
from itertools import pairwise

from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.outline import Outline

_MOST = 8  # units of an answer
_ANSWERED = 600  # characters of what is quoted in a mail and leads in as long an answer below it
_QUOTED = 4  # last units of it
_WROTE = re.compile(
    r"^(?:(?:From|Von|De|Da): \S|[> \t]{0,8}(?:On|Am|Le|El|Il) [^\n]{0,200}"
    r"\b(?:wrote|schrieb|a écrit|escribió|ha scritto)\b)",
    re.MULTILINE,
)
"""A line above what a mail quotes."""


def answers(text: str, lines: Sequence[Line]) -> set[int]:
    """Find the lines right below quoted ones in a mail, by number, whose sign stands before each quoted line."""
    if not _WROTE.search(text):
        return set()
    return {
        number
        for number, (above, line) in enumerate(pairwise(lines), 1)
        if above.text.startswith(">") and line.indent >= 0 and not line.text.startswith(">")
    }


def link_answers(text: str, outline: Outline) -> None:
    """Let what is quoted in a mail lead in the paragraphs right below it, which answer it, unless either is long.

    A single quotation that asks nothing may be a whole mail.
    """
    if not _WROTE.search(text):
        return
    starts, parents = outline.starts, outline.parents
    found: dict[int, tuple[list[int], list[int]]] = {}  # what is quoted and what answers it, by the first unit
    asked: list[int] = []  # units of what is quoted above
    quoted = False
    for unit, start in enumerate(starts):
        before, quoted = quoted, text.startswith(">", start)
        if quoted:
            if not before or _is_apart(text, start):
                asked = []
            asked.append(unit)
        elif asked:
            goes_on = unit - asked[-1] <= _MOST and parents[unit] == parents[asked[-1] + 1]
            if not goes_on or start - starts[asked[0]] > 2 * _ANSWERED or _WROTE.match(text, start):
                asked = []
            else:
                found.setdefault(asked[0], (asked, []))[1].append(unit)
    for units, answering in found.values():
        if len(found) > 1 or any(sign in text[starts[units[0]] : starts[answering[0]]] for sign in "?？"):
            outline.lead(answering, *units[-_QUOTED:])


def _is_apart(text: str, start: int) -> bool:
    """Whether a blank line stands above."""
    return text[max(0, start - 4) : start].replace("\r", "").endswith("\n\n")

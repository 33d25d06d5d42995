"""lines of what a tool prints -> the block that begins at one: a failed test, an error, a step, a package."""

import re
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Literal, NamedTuple

from longattncomp.chunking.lines.kinds import Line

LONGEST = 240
"""Characters of a part that is one unit."""

_LOOKED_AT = 200  # lines that tell what a block is
_LEAST = 4  # lines with a prefix

_RULE = re.compile(r"([=-])\1{39,}\s*$")
_RULED_TEST = re.compile(r"[A-Z][A-Z ]{2,20}: \S")
_PLACED_TEST = re.compile(r"\d+\) [\w\\]+::\S")
_PLACE = re.compile(r"(?:[A-Za-z]:)?[^\s:()]+:\d+\s*$")
_TIMED_TEST = re.compile(r"\s*(?:Failed|X) \S[^\n]{0,300} \[[^\[\]\n]{1,30}\]\s*$")
_CALL = re.compile(r"\s+(?:at \S|--- End of )")
_GO_TEST = re.compile(r"\s*(?:--- (?:FAIL|PASS|SKIP): |=== (?:RUN|NAME|CONT) )\s*\S")
_BUNDLED = re.compile(r"(?:ERROR|WARNING) in \S+(?: \d+:\d+(?:-\d+(?::\d+)?)?)?\s*$")
_PANICKED = re.compile(r"thread '[^'\n]*'(?: \(\d+\))? panicked at ")
_BACKTRACE = re.compile(r"stack backtrace:|note: ")
_GROUP = re.compile(r"\s*\+ Exception Group Traceback ")
_GROUPED = re.compile(r"\s*[|+]")
_AUDITED = re.compile(r"[@\w./-]{1,100}  [<>=*^~\d]")
_SEVERITY = re.compile(r"Severity: [a-z]+\s*$")
_CAPTURED = re.compile(r"---- \S[^\n]{0,200} std(?:out|err) ----\s*$")
_REPORTED = re.compile(r"(?:failures|successes):\s*$|test result: |---- \S")
_CAUSED = re.compile(r"Caused by:\s*$")
_UNDERLINED = re.compile(r"-{8,}\s*$")
_SHOWN = re.compile(r" *\d+ \|")
_RUN = re.compile(r" ?(?:FAIL|PASS) {1,2}\S+\.\w+(?: \([^)\n]*\))?\s*$| [❯✓✔√×✗] \S+\.\w+ \(\d")
_TESTED = re.compile(r"\s+[✓✔√✕✖×✗○] ")
_PREFIX = re.compile(r"npm (?:error|ERR!)(?=[ \r\n])|│")
STEP = re.compile(r"#(\d{1,3}) \[\S")
OF_STEP = re.compile(r"#(\d{1,3}) (?=\S)")
PART = re.compile(r"\s*(?:[A-Z][a-z]+ [A-Z]?[a-z]+:\s*$|\+[+-]*-{3}|[^\s:]+:\d+: \S)")
"""What begins a part of a block: a label, the line above an exception of a group, or a place with what is said."""

_MAY_BEGIN = re.compile(
    r"\s*(?:={40}|\d+\) |Failed |X |-{3,4} |=== |ERROR in |WARNING in |\+ Exc|thread '|npm |#\d|[╷│]"
    r"|Error: |[^\s:]+:\d+\s*$|(?:FAIL|PASS) |[❯✓✔√×✗] )|[@\w./-]{1,100}  [<>=*^~\d]"
)
"""Most lines are known by it to begin nothing."""


class Block(NamedTuple):
    """Lines that belong together.

    Attributes:
        end: the line after them.
        head: how many of them name it, and lead in the others.
        prefix: what stands before what each line says.
        kind: of blocks that are read in a way of their own.
    """

    end: int
    head: int = 1
    prefix: str = ""
    kind: Literal["", "test", "trace", "group", "steps", "tree"] = ""


def block_at(lines: Sequence[Line], at: int) -> Block | None:
    """Find the block that a line begins."""
    text = lines[at].text
    if not _MAY_BEGIN.match(text):
        return None
    below = lines[at + 1 : at + _LOOKED_AT]
    for find in _FINDERS:
        if found := find(lines[at], below, lines[at - 1] if at else None):
            return found._replace(end=at + 1 + found.end)
    return None


def _stop(lines: Sequence[Line], goes_on: Callable[[Line], object]) -> int:
    return sum(1 for _ in takewhile(goes_on, lines))


# Each finds a block by its first line, those below, and the one above; its end is counted from the line below on.


def _ruled_test(line: Line, below: Sequence[Line], _: Line | None) -> Block | None:
    if not _RULE.match(line.text) or len(below) < 2 or not _RULED_TEST.match(below[0].text):
        return None
    head = next((number for number in (1, 2) if _RULE.match(below[number].text)), 0) if len(below) > 2 else 0
    if not head:
        return None
    return Block(head + 1 + _stop(below[head + 1 :], lambda other: not _RULE.match(other.text)), head + 2, kind="trace")


def _placed_test(line: Line, below: Sequence[Line], _: Line | None) -> Block | None:
    if not _PLACED_TEST.match(line.text):
        return None
    stop = _stop(below, lambda other: not _PLACED_TEST.match(other.text))
    placed = [number for number in range(stop) if _PLACE.match(below[number].text)]
    return Block(placed[-1] + 1, kind="test") if placed else None


def _timed_test(line: Line, below: Sequence[Line], _: Line | None) -> Block | None:
    if not (_TIMED_TEST.match(line.text) and below and PART.match(below[0].text)):
        return None
    stop = _stop(below, lambda other: not _TIMED_TEST.match(other.text))
    calls = [number for number in range(stop) if _CALL.match(below[number].text)]
    return Block(calls[-1] + 1, kind="test") if calls else None


def _go_test(line: Line, below: Sequence[Line], _: Line | None) -> Block | None:
    if not _GO_TEST.match(line.text):
        return None
    stop = _stop(below, lambda other: other.indent > line.indent)
    return Block(stop) if stop else None


def _bundled(line: Line, below: Sequence[Line], _: Line | None) -> Block | None:
    stop = _stop(below, lambda other: other.indent >= 0) if _BUNDLED.match(line.text) else 0
    return Block(stop, 2) if stop else None


def _panicked(line: Line, below: Sequence[Line], _: Line | None) -> Block | None:
    if not _PANICKED.match(line.text):
        return None
    told = _stop(below, lambda other: other.indent >= 0 and not _BACKTRACE.match(other.text))
    shown = _stop(below[told:], lambda other: other.indent > 0 or _BACKTRACE.match(other.text))
    size = sum(len(other.text) for other in below[:told])
    return Block(told + shown, told + 1 if size <= LONGEST else 1) if told + shown else None


def _group(line: Line, below: Sequence[Line], _: Line | None) -> Block | None:
    if not _GROUP.match(line.text):
        return None
    return Block(_stop(below, lambda other: _GROUPED.match(other.text)), kind="group")


def _steps(line: Line, below: Sequence[Line], _: Line | None) -> Block | None:
    if not STEP.match(line.text):
        return None
    stop = _stop(below, lambda other: other.indent < 0 or OF_STEP.match(other.text))
    prints = any(OF_STEP.match(other.text) and not STEP.match(other.text) for other in below[:stop])
    return Block(stop, kind="steps") if prints else None


def _prefixed(line: Line, below: Sequence[Line], before: Line | None) -> Block | None:
    opened = line.text.rstrip() == "╷"
    prefix = _PREFIX.match("│" if opened else line.text)
    if prefix is None or (before is not None and before.text.startswith(prefix[0])):
        return None
    stop = _stop(below, lambda other: other.text.startswith(prefix[0]))
    said = [len(other.text) > len(prefix[0]) + 1 for other in below[:stop]]
    head = 1 + next((n for n in range(opened, stop) if not below[n].text.removeprefix(prefix[0]).strip()), stop)
    closed = opened and stop < len(below) and below[stop].text.rstrip() == "╵"
    if stop + 1 < _LEAST or not any(said) or (prefix[0] == "│" and not closed):
        return None
    while head > 1 + opened and sum(len(other.text) for other in below[: head - 1]) > LONGEST:
        head -= 1
    return Block(stop + closed, head, prefix[0])


def _audited(line: Line, below: Sequence[Line], _: Line | None) -> Block | None:
    named = _AUDITED.match(line.text) and below and _SEVERITY.match(below[0].text)
    return Block(_stop(below, lambda other: other.indent >= 0)) if named else None


def _captured(line: Line, below: Sequence[Line], _: Line | None) -> Block | None:
    if not _CAPTURED.match(line.text):
        return None
    stop = _stop(below, lambda other: not _REPORTED.match(other.text))
    return Block(stop, kind="test") if any(other.indent >= 0 for other in below[:stop]) else None


def _caused(line: Line, below: Sequence[Line], _: Line | None) -> Block | None:
    causes = _stop(below, lambda other: other.indent < 0)
    if not line.text.startswith("Error: ") or causes == len(below) or not _CAUSED.match(below[causes].text):
        return None
    return Block(causes + 1 + _stop(below[causes + 1 :], lambda other: other.indent > 0))


def _run(line: Line, below: Sequence[Line], _: Line | None) -> Block | None:
    if not _RUN.match(line.text):
        return None
    stop = _stop(below, lambda other: other.indent > line.indent)
    return Block(stop, kind="tree") if any(_TESTED.match(other.text) for other in below[:stop]) else None


def _shown(line: Line, below: Sequence[Line], _: Line | None) -> Block | None:
    """Find the lines of a file that a tool shows between rules, below the place of the one that failed."""
    if not (below and _UNDERLINED.match(below[0].text) and _PLACE.match(line.text)):
        return None
    stop = 1 + _stop(below[1:], lambda other: _SHOWN.match(other.text))
    return Block(stop + 1, 2) if 1 < stop < len(below) and _UNDERLINED.match(below[stop].text) else None


_FINDERS = (
    *(_ruled_test, _placed_test, _timed_test, _go_test, _bundled, _panicked, _group, _steps, _prefixed),
    *(_audited, _captured, _caused, _run, _shown),
)

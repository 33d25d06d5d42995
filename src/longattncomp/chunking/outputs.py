"""blocks of what a tool prints -> units: a failed test, an error in a frame, a step, a commit, each with its name."""

import re
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Literal, NamedTuple

from longattncomp.chunking.graphs import add_graph, begins_graph
from longattncomp.chunking.lines import Line
from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.references import lead
from longattncomp.chunking.traces import SHORT, add_trace

_LOOKED_AT = 200  # lines that tell what a block is
_LEAST = 4  # lines with a prefix
_LONGEST = 240  # characters of a part that is one unit

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
_FRAME = re.compile(r"[\s|]*File \"")
_PREFIX = re.compile(r"npm (?:error|ERR!)(?=[ \r\n])|│")
_STEP = re.compile(r"#(\d{1,3}) \[\S")
_OF_STEP = re.compile(r"#(\d{1,3}) (?=\S)")
_PART = re.compile(r"\s*(?:[A-Z][a-z]+ [A-Z]?[a-z]+:\s*$|\+[+-]*-{3}|[^\s:]+:\d+: \S)")
"""What begins a part of a block: a label, the line above an exception of a group, or a place with what is said."""

_MAY_BEGIN = re.compile(r"\s*(?:={40}|\d+\) |Failed |X |--- |=== |ERROR in |WARNING in |\+ Exc|thread '|npm |#\d|[╷│])")
"""Most lines are known by it to begin nothing."""


class _Block(NamedTuple):
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
    kind: Literal["", "test", "trace", "group", "steps"] = ""


def begins_output(lines: Sequence[Line], at: int) -> bool:
    """Whether a line begins a block."""
    return begins_graph(lines, at) or _block(lines, at) is not None


def add_output(outline: Outline, text: str, lines: Sequence[Line], at: int, above: int) -> int:
    """Add the block that begins at a line, and return the line after it; `at` if there is none.

    The name of a failed test leads in what is said about it, and so does the beginning of that; an error leads in the
    rest of its report, and the first line of a step all that the step prints.
    """
    if begins_graph(lines, at):
        return add_graph(outline, lines, at, above)
    block = _block(lines, at)
    if block is None:
        return at
    block = block._replace(end=_end(lines, block))
    if block.kind == "steps":
        _add_steps(outline, lines[at : block.end], above)
        return block.end
    head = outline.add(lines[at].start, above, together=RECORD_TOKENS, breaks=True)
    here = lines[at + block.head : block.end]
    if block.kind == "trace":
        add_trace(outline, text, [line for line in here if line.indent >= 0], head)
        return block.end
    firsts: list[int] = []
    for part in _parts(here, block.prefix):
        size = sum(len(line.text) for line in part)
        first = last = outline.add(part[0].start, head)
        firsts.append(first)
        filled = len(part[0].text)
        for line in part[1:] if size > _LONGEST else ():
            if filled + len(line.text) > SHORT or (block.kind == "group" and _FRAME.match(line.text)):
                last, filled = outline.add(line.start, head), 0
            filled += len(line.text)
        if block.kind == "group":
            lead(outline, range(first, last), last)
    if block.kind == "test" and firsts:
        lead(outline, range(firsts[0] + 1, len(outline.starts)), firsts[0])
    return block.end


def _end(lines: Sequence[Line], block: _Block) -> int:
    """Find the end of a block that is longer than what is looked at."""
    stop = block.end
    while stop < len(lines) and (
        (block.kind == "steps" and (lines[stop].indent < 0 or _OF_STEP.match(lines[stop].text)))
        or (block.prefix and lines[stop].text.startswith(block.prefix))
    ):
        stop += 1
    return stop


def _parts(lines: Sequence[Line], prefix: str) -> list[list[Line]]:
    """Group the lines of a block: a part begins below one that says nothing, which belongs to the part above."""
    found: list[list[Line]] = []
    begins = True
    for line in lines:
        empty = not line.text.removeprefix(prefix).strip()
        if not empty and (begins or _PART.match(line.text)):
            found.append([])
        if found:
            found[-1].append(line)
        begins = empty
    return found


def _add_steps(outline: Outline, lines: Sequence[Line], above: int) -> None:
    """Add the lines of the steps of a build, which may take turns."""
    heads: dict[str, int] = {}
    open_ = ""
    for start, line, _ in lines:
        step = _OF_STEP.match(line)
        if step is None:
            continue
        number = step[1]
        if _STEP.match(line):
            heads[number], open_ = outline.add(start, above, together=RECORD_TOKENS, breaks=True), number
        elif number == open_:
            outline.add(start, heads[number])
        else:
            unit, open_ = outline.add(start, above), ""
            lead(outline, [unit], *([heads[number]] if number in heads else []))


def _block(lines: Sequence[Line], at: int) -> _Block | None:
    """Find the block that a line begins."""
    text = lines[at].text
    if not _MAY_BEGIN.match(text):
        return None
    below = lines[at + 1 : at + _LOOKED_AT]
    for find in (_ruled_test, _placed_test, _timed_test, _go_test, _bundled, _panicked, _group, _steps, _prefixed):
        if found := find(lines[at], below, lines[at - 1] if at else None):
            return found._replace(end=at + 1 + found.end)
    return None


def _stop(lines: Sequence[Line], goes_on: Callable[[Line], object]) -> int:
    return sum(1 for _ in takewhile(goes_on, lines))


# Each finds a block by its first line, those below, and the one above; its end is counted from the line below on.


def _ruled_test(line: Line, below: Sequence[Line], _: Line | None) -> _Block | None:
    if not _RULE.match(line.text) or len(below) < 2 or not _RULED_TEST.match(below[0].text):
        return None
    head = next((number for number in (1, 2) if _RULE.match(below[number].text)), 0) if len(below) > 2 else 0
    if not head:
        return None
    return _Block(
        head + 1 + _stop(below[head + 1 :], lambda other: not _RULE.match(other.text)), head + 2, kind="trace"
    )


def _placed_test(line: Line, below: Sequence[Line], _: Line | None) -> _Block | None:
    if not _PLACED_TEST.match(line.text):
        return None
    stop = _stop(below, lambda other: not _PLACED_TEST.match(other.text))
    placed = [number for number in range(stop) if _PLACE.match(below[number].text)]
    return _Block(placed[-1] + 1, kind="test") if placed else None


def _timed_test(line: Line, below: Sequence[Line], _: Line | None) -> _Block | None:
    if not (_TIMED_TEST.match(line.text) and below and _PART.match(below[0].text)):
        return None
    stop = _stop(below, lambda other: not _TIMED_TEST.match(other.text))
    calls = [number for number in range(stop) if _CALL.match(below[number].text)]
    return _Block(calls[-1] + 1, kind="test") if calls else None


def _go_test(line: Line, below: Sequence[Line], _: Line | None) -> _Block | None:
    if not _GO_TEST.match(line.text):
        return None
    stop = _stop(below, lambda other: other.indent > line.indent)
    return _Block(stop) if stop else None


def _bundled(line: Line, below: Sequence[Line], _: Line | None) -> _Block | None:
    stop = _stop(below, lambda other: other.indent >= 0) if _BUNDLED.match(line.text) else 0
    return _Block(stop, 2) if stop else None


def _panicked(line: Line, below: Sequence[Line], _: Line | None) -> _Block | None:
    if not _PANICKED.match(line.text):
        return None
    told = _stop(below, lambda other: other.indent >= 0 and not _BACKTRACE.match(other.text))
    shown = _stop(below[told:], lambda other: other.indent > 0 or _BACKTRACE.match(other.text))
    size = sum(len(other.text) for other in below[:told])
    return _Block(told + shown, told + 1 if size <= _LONGEST else 1) if told + shown else None


def _group(line: Line, below: Sequence[Line], _: Line | None) -> _Block | None:
    if not _GROUP.match(line.text):
        return None
    return _Block(_stop(below, lambda other: _GROUPED.match(other.text)), kind="group")


def _steps(line: Line, below: Sequence[Line], _: Line | None) -> _Block | None:
    if not _STEP.match(line.text):
        return None
    stop = _stop(below, lambda other: other.indent < 0 or _OF_STEP.match(other.text))
    prints = any(_OF_STEP.match(other.text) and not _STEP.match(other.text) for other in below[:stop])
    return _Block(stop, kind="steps") if prints else None


def _prefixed(line: Line, below: Sequence[Line], before: Line | None) -> _Block | None:
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
    while head > 1 + opened and sum(len(other.text) for other in below[: head - 1]) > _LONGEST:
        head -= 1
    return _Block(stop + closed, head, prefix[0])

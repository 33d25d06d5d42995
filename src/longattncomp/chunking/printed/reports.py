"""lines of a test's report or of a compiler's messages -> units, what failed and where with each other."""

import re
from bisect import bisect_left
from collections.abc import Sequence

from longattncomp.chunking.lines.kinds import FENCE, RULED, STAMP, Line
from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.printed.outputs import add_output, begins_output
from longattncomp.chunking.printed.traces import SHORT, add_trace, begins_trace, is_crash, trace_end

_LOOKED_AT = 100  # lines below a possible beginning

_FAILED = re.compile(r"E {2,}\S")
_FAILING = re.compile(r">\s|\S+:\d+: in \S")
_FAILED_AT = re.compile(r"\S+:\d+: (?!in )[\w.]*\s*$")

_BULLET = re.compile(r"\s*● \S")
_NUMBERED = re.compile(r"\s+\d+\) \S")
_FAIL = re.compile(r"\s?FAIL  \S+ > \S")
_NAMED = re.compile(r"\s+\S[^\n>›]{0,120} [>›] \S")
_FAILED_FILE = re.compile(r"\s?FAIL  ?\S+\.\w+(?: \([^)\n]*\))?\s*$")
_RULE = re.compile(r"\s*⎯")
_SOURCE = re.compile(r"\s*(?:[>❯]\s*)?(?:\d+\s*)?[|│]|\s*\^+\s*$")
_CALLED = re.compile(r"\s*(?:at \S[^\n]*(?::\d|\()|❯ \S|# [^\s:]+:\d+:in |\S+\.exs?:\d+: \S)")
_EXPECTED = re.compile(r"\s*(?:[-+] ?)?(?:expected|received|actual|got|want)\b", re.IGNORECASE)

_COMPARED = re.compile(r"\s*(?:Expected|Received)\b[^:\n]{0,20}: *\S")

_PATH = r"(?:[A-Za-z]:)?[^\s:()]+"
_MESSAGE = re.compile(
    rf"{_PATH}(?::\d+(?::\d+)?:|\(\d+(?:,\d+)?\) ?:|:\d+:\d+ -) (?:fatal |internal compiler )?"
    r"(?:[Ee]rror|[Ww]arning|(note|info|hint|remark))\b"
)
_WITHIN = re.compile(rf"{_PATH}: (?:In|At) \S[^\n]*:\s*$|In file included from {_PATH}:\d")
_INCLUDED = re.compile(rf"\s+from {_PATH}:\d")
_ARROW = re.compile(r"\s*--> \S+:\d+:\d+\s*$")
_NUMBER = re.compile(r"\s*\d+\s*\|")
_BAR = re.compile(r"\s*(?:\d+\s*)?\|")
_SHOWN = re.compile(r"\d+ {1,60}\S")
_MAY_BEGIN = re.compile(
    r"\s*(?:Traceback|panic: |fatal error: |● |FAIL  |\d+\) |In file |\S[^\n>›]{0,120} [>›] \S|"
    r"(?:file://|[A-Za-z]:)?[^\s:()\"']+(?::\d|\(\d|: (?:In|At) ))"
)
_MAY_FOLLOW = re.compile(r"\s*(?:-->|at |\d+:\d+\s)")
"""Most lines are known by these two to begin nothing."""

_LEVELLED = re.compile(
    r"\[?(?:error|err|warn|warning|fatal|critical|severe)\]?: \S"
    r"|[^\n]{0,80}\b(?:ERROR|WARN|WARNING|FATAL|CRITICAL|SEVERE)\b"
)
_UNEQUAL = re.compile(r"\s*AssertionError\b[^\n]*:\s*$")
_ROW = re.compile(r"\s+\d+:\d+\s+(?:error|warning|info)\s")


def add_failure(outline: Outline, lines: Sequence[Line], title: int, size: int, heading: int) -> int:
    """Add what pytest says about a test below its heading of `size` lines, if it does, and return the line after it.

    The line that failed, how, and where are one record, which leads in the rest of the test. Each part brings the one
    above it along, so that none of them, the record least of all, is there only to lead others in.
    """
    stop = last = at = title + size
    named = RULED.match(lines[title].text)
    if named is None or named[1] != "_":
        return at
    while stop < len(lines) and not RULED.match(lines[stop].text):
        failed = _FAILED.match(lines[stop].text)
        last = stop + 1 if failed or (last > at and _FAILED_AT.match(lines[stop].text)) else last
        stop += 1
    if last == at:
        return at
    outline.together[heading] = RECORD_TOKENS
    record = failed_at = told = -1  # the record that is open, the last place, the last record that tells how
    size = 0  # characters of the record's first unit
    for number in range(at, last):
        start, line, indent = lines[number]
        if indent < 0:
            size += len(line)
        elif _FAILING.match(line) or (record < 0 and _FAILED.match(line)):
            record, size = outline.add(start, heading, together=RECORD_TOKENS, breaks=True), len(line)
            told = record if _FAILED.match(line) else told
        elif record < 0:
            outline.add(start, heading, breaks=lines[number - 1].indent < 0)
        elif _FAILED_AT.match(line):
            failed_at = outline.add(start, record)
            outline.lead(range(record + 1, failed_at), failed_at)
            record = -1
        else:
            told = record if _FAILED.match(line) else told
            size += len(line)
            if size > SHORT or record < len(outline.starts) - 1:
                outline.add(start, record)
    above = -1  # the part of the test above
    for unit in range(heading + 1, len(outline.starts)):
        beside = [above] if above >= 0 and outline.parents[unit] == heading else []
        if told in (unit, outline.parents[unit]):
            outline.lead([unit], *beside)
        else:
            outline.lead([unit], told, *([failed_at] if failed_at > told else []), *beside)
        above = unit if outline.parents[unit] == heading else above
    return last


def parts_report(lines: Sequence[Line], first: int, at: int, *, code: bool) -> bool:
    """Whether a line parts its paragraph, which begins at `first`: a report begins there that no log holds."""
    return _begins_report(lines, at, code=code) and (not STAMP.match(lines[first].text) or is_crash(lines, at))


def _begins_report(lines: Sequence[Line], at: int, *, code: bool = False) -> bool:
    """Whether a line begins a report, a compiler's message or a stack trace; in code the latter is an example's."""
    line, below = lines[at].text, lines[at + 1].text if at + 1 < len(lines) else ""
    if begins_output(lines, at):
        return True
    if not (_MAY_BEGIN.match(line) or _MAY_FOLLOW.match(below)) or FENCE.match(line) or STAMP.match(line):
        return False
    if _MESSAGE.match(line) or _ARROW.match(below):
        return True
    if _WITHIN.match(line) and (_MESSAGE.match(below) or _WITHIN.match(below) or _INCLUDED.match(below)):
        return True
    return _begins_rows(lines, at) or _is_trace(lines, at, code) or _test_end(lines, at) > at


def add_report(outline: Outline, text: str, lines: Sequence[Line], at: int, above: int, *, code: bool) -> int:
    """Add a report, messages of a compiler or a stack trace, and return the line after it; `at` if there is none."""
    if (after := add_output(outline, text, lines, at, above)) > at:
        return after
    if not _begins_report(lines, at, code=code):
        return at
    if (stop := _test_end(lines, at)) > at:
        _add_test(outline, lines, at, stop, above)
        return stop
    if _is_trace(lines, at, code):
        stop = trace_end(lines, at)
        first = len(outline.starts)
        add_trace(outline, text, [line for line in lines[at:stop] if line.indent >= 0], -1, above)
        if at and _LEVELLED.match(lines[at - 1].text):  # an entry of a log that has no date at its beginning
            outline.lead(range(first, len(outline.starts)), outline.unit_at(lines[at - 1].start))
        return stop
    if _begins_rows(lines, at):
        return _add_rows(outline, lines, at, above)
    if not _MESSAGE.match(lines[at].text) and _ARROW.match(lines[at + 1].text):
        return _add_pointed(outline, lines, at, above)
    return _add_messages(outline, lines, at, above)


def _test_end(lines: Sequence[Line], at: int) -> int:
    """Find the line after what is said about a test, as by Jest, Vitest or Mocha; `at` if it is none."""
    line = lines[at]
    ruled, numbered, named = _FAIL.match(line.text), _NUMBERED.match(line.text), _NAMED.match(line.text)
    if not (ruled or numbered or named or _BULLET.match(line.text)):
        return at
    stop, called, unequal = at + 1, False, False
    for number in range(at + 1, min(len(lines), at + _LOOKED_AT)):
        below = lines[number]
        if below.indent < 0:
            continue
        unequal = (unequal or (numbered is not None and _UNEQUAL.match(below.text) is not None)) and not called
        if _RULE.match(below.text) if ruled else below.indent <= line.indent and not (unequal and below.indent < 1):
            break
        called = called or bool((_COMPARED if named else _CALLED).match(below.text))
        stop = number + 1
    return stop if called else at


def _add_test(outline: Outline, lines: Sequence[Line], at: int, stop: int, above: int) -> None:
    """Add a test: its name leads in the rest, and so do what was expected and the file that failed."""
    name = outline.add(lines[at].start, above, together=RECORD_TOKENS, breaks=True)
    here = [line for line in lines[at + 1 : stop] if line.indent >= 0]
    while len(here) > 1 and _NUMBERED.match(lines[at].text) and here[0].indent > here[1].indent:
        here.pop(0)  # the test's name below that of its suite
    kinds = [2 if _CALLED.match(line.text) else int(bool(_SOURCE.match(line.text))) for line in here]
    told = next((number for number, kind in enumerate(kinds) if kind), len(here))
    short = sum(len(line.text) for line in here[:told]) <= SHORT
    expected: list[int] = []
    size, before = 0, -1
    for number, (line, kind) in enumerate(zip(here, kinds, strict=True)):
        size += len(line.text)
        apart = size > SHORT or (not kind and not short)
        if kind != before or kind == 2 or apart:
            unit, size, before = outline.add(line.start, name), len(line.text), kind
            if number < told and len(expected) < 4 and (short or _EXPECTED.match(line.text)):
                expected.append(unit)
    outline.lead(range(name + 1, len(outline.starts)), *expected)
    for line in reversed(lines[max(0, at - _LOOKED_AT) : at]):
        if _FAILED_FILE.match(line.text):
            file = bisect_left(outline.starts, line.start)
            if outline.starts[file] == line.start:
                outline.together[file] = 0
                outline.lead(range(name, len(outline.starts)), file)
            break


def _add_messages(outline: Outline, lines: Sequence[Line], at: int, above: int) -> int:
    """Add messages one after the other; the line that says in which function they are leads them in."""
    within = message = shown = -1
    number, sourced = at, False
    while number < len(lines):
        start, line, indent = lines[number]
        if match := _MESSAGE.match(line):
            if match[1] and message >= 0:
                shown = outline.add(start, message)
            else:
                message = outline.add(start, within if within >= 0 else above, together=RECORD_TOKENS, breaks=True)
                shown, sourced = -1, False
        elif _WITHIN.match(line) and _begins_report(lines, number):
            if within < 0 or message >= 0:
                within, message = outline.add(start, above, breaks=True), -1
        elif message < 0:
            if within < 0 or not _INCLUDED.match(line):
                break
        elif indent < 0:
            if not (number + 1 < len(lines) and _SHOWN.match(lines[number + 1].text) and not sourced):
                break
        elif indent > 0 or _BAR.match(line) or (lines[number - 1].indent < 0 and _SHOWN.match(line)):
            sourced = sourced or not indent
            if shown < 0 or _NUMBER.match(line):
                shown = outline.add(start, message)
        else:
            break
        number += 1
    return number


def _add_pointed(outline: Outline, lines: Sequence[Line], at: int, above: int) -> int:
    """Add a message with an arrow to its place, as Rust's: each line of source with what is said about it."""
    message = outline.add(lines[at].start, above, together=RECORD_TOKENS, breaks=True)
    number = at + 2
    while number < len(lines) and lines[number].indent >= 0:
        start, line, indent = lines[number]
        bar = _BAR.match(line)
        if not (bar or indent or line.startswith(("note", "help", "..."))):
            break
        if _NUMBER.match(line) or not bar:
            outline.add(start, message)
        number += 1
    return number


def _is_trace(lines: Sequence[Line], at: int, code: bool) -> bool:
    """Whether a stack trace begins that is no example in code, or in the text of a docstring."""
    logged = bool(at) and _LEVELLED.match(lines[at - 1].text) is not None
    return (logged or not code) and not lines[at].indent and begins_trace(lines, at)


def _begins_rows(lines: Sequence[Line], at: int) -> bool:
    return not lines[at].indent and at + 1 < len(lines) and bool(_ROW.match(lines[at + 1].text))


def _add_rows(outline: Outline, lines: Sequence[Line], at: int, above: int) -> int:
    """Add a file's name and the messages below it, one a line."""
    file = outline.add(lines[at].start, above, breaks=True)
    number = at + 1
    while number < len(lines) and lines[number].indent > 0:
        outline.add(lines[number].start, file)
        number += 1
    return number

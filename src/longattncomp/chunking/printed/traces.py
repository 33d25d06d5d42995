"""lines of a stack trace -> units, each led in by the error that ends or begins it."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines.kinds import STAMP, Line, below
from longattncomp.chunking.outline import RECORD_TOKENS, Outline

SHORT = 160
"""Characters of several lines that are one unit, so that it is no longer than a sentence may be."""

_LOOKED_AT = 8  # lines below a possible beginning

_TRACEBACK = re.compile(r"\s*Traceback \(most recent call last\):")
_PROMPT = re.compile(r"\s*(?:>>>|\.\.\.)(?: |$)")
_FRAME = re.compile(
    r"\s+at (?:(?:async |new )*[^\s()]+(?:\(| ?(?:\[as \w+\] ?)?\([^()\n]*(?::\d|native|<anonymous>))"
    r"|(?=\S*[^\W\d])\S+:\d+)"
)
"""A function that was called, below the error, as JavaScript, Java and C# print it."""

_MORE = re.compile(r"\s+(?:\.\.\. \d+ (?:more|common)\b|--- End of )|--- End of ")
_PLACE = re.compile(r"(?:file://|[A-Za-z]:)?[^\s:()\"']+:\d+\s*$")
"""The line above the source that Node.js shows."""

_CARET = re.compile(r"\s*[\^~]+\s*$")
_PANIC = re.compile(r"(?:panic|fatal error): \S")
_ROUTINE = re.compile(r"goroutine \d+ \[")
_CHAINED = re.compile(r"The above exception was the direct cause|During handling of the above exception|\s*Caused by: ")
_ERROR = re.compile(r"\s*(?:[\w.]*(?:Error|Exception|Fault|Interrupt|Exit|Warning)\b|Caused by|panic)")


def begins_trace(lines: Sequence[Line], at: int) -> bool:
    """Whether a line begins a stack trace, or the source that is shown above one."""
    line = lines[at]
    if _TRACEBACK.match(line.text):
        return not (at and _PROMPT.match(lines[at - 1].text))
    if _names_frames(lines, at):
        return True
    if line.indent:
        return False
    if _PANIC.match(line.text):
        return is_crash(lines, at)
    return bool(_PLACE.match(line.text)) and _excerpt(lines, at) > at


def is_crash(lines: Sequence[Line], at: int) -> bool:
    """Whether a line begins what Go prints when it crashes, which is part of no log."""
    return bool(_PANIC.match(lines[at].text)) and any(
        _ROUTINE.match(below.text) for below in lines[at + 1 : at + _LOOKED_AT]
    )


def _names_frames(lines: Sequence[Line], at: int) -> bool:
    """Whether a line says what happened in the frames right below it."""
    if at + 1 >= len(lines) or not _FRAME.match(lines[at + 1].text):
        return False
    return not (_FRAME.match(lines[at].text) or _MORE.match(lines[at].text) or _CARET.match(lines[at].text))


def _excerpt(lines: Sequence[Line], at: int) -> int:
    """Find the line with the error below the source that begins at `at`; `at` if there is none."""
    for number in range(at + 2, min(len(lines), at + _LOOKED_AT)):
        if _CARET.match(lines[number].text):
            error = below(lines, number + 1)
            return error if error < len(lines) and _names_frames(lines, error) else at
    return at


def goes_on(lines: Sequence[Line], at: int) -> bool:
    """Whether a line goes on with a stack trace that stands above a blank line."""
    text = lines[at].text
    signs = (_TRACEBACK, _CHAINED, _FRAME, _MORE, _ROUTINE)
    return any(sign.match(text) for sign in signs)


def is_trace(lines: Sequence[Line], at: int) -> bool:
    """Whether a line is one by which a stack trace is known."""
    return begins_trace(lines, at) or goes_on(lines, at)


def trace_end(lines: Sequence[Line], at: int) -> int:
    """Find the line after the trace that begins at `at`."""
    base, stop = lines[at].indent, at + 1
    error = _excerpt(lines, at) if _PLACE.match(lines[at].text) else at
    if is_crash(lines, at):
        error = next(number for number in range(at, len(lines)) if _ROUTINE.match(lines[number].text)) - 1
    open_ = bool(_TRACEBACK.match(lines[at].text))  # until the line that names the error
    routine = False  # until a blank line
    for number in range(at + 1, len(lines)):
        line = lines[number]
        if line.indent < 0:
            routine = False
            continue
        apart = lines[number - 1].indent < 0
        if number <= error:
            base = line.indent if number == error else base
        elif STAMP.match(line.text):
            break
        elif goes_on(lines, number):
            open_ = bool(_TRACEBACK.match(line.text)) or (open_ and line.indent > base)
            routine = routine or bool(_ROUTINE.match(line.text))
        elif open_:
            open_ = line.indent > base
        elif not routine and (apart or line.indent <= base):
            break
        stop = number + 1
    return stop


def add_trace(outline: Outline, text: str, lines: Sequence[Line], entry: int, above: int = -1) -> None:
    """Add the lines below an entry of a log, or those of a trace without one, as units.

    The last error of a chain says what it came to, so it leads in all others, next to their own. An error and the first
    of the frames below it are one unit, as are a frame and its source.

    Args:
        outline: gets the units.
        text: the whole text.
        lines: those that are not blank.
        entry: the unit of the entry; -1 for none, where the first unit takes its place.
        above: the unit that leads in the trace without an entry.
    """
    adder = _Trace(outline, lines, entry, above)
    adder.run()
    units = range(adder.first, len(outline.starts))
    error = adder.error
    if error < 0 and len(units) > 1 and _ERROR.match(text, outline.starts[units[-1]]):
        error = units[-1]
    if adder.errors > 1:  # their frames may stay out
        for chained in adder.chain:
            outline.together[chained] = 0
    for unit in units:
        own = next((end for begin, end in adder.tracebacks if begin <= unit < end), error)
        ends = (adder.crashed.get(unit, -1), own, error)
        found = tuple(dict.fromkeys(end for end in ends if end >= 0 and end not in (unit, outline.parents[unit])))
        if found:
            outline.also[unit] = found


class _Trace:
    def __init__(self, outline: Outline, lines: Sequence[Line], entry: int, above: int) -> None:
        self._out, self._lines, self._entry, self._above = outline, lines, entry, above
        self.first = len(outline.starts)
        self.error = -1  # the last one
        self.errors = 0
        self.chain: list[int] = []  # errors with their frames below them
        self.tracebacks: list[tuple[int, int]] = []  # the first unit of each, and its error
        self.crashed: dict[int, int] = {}  # the function in which it crashed, for those that called it

    def _add(self, line: Line, owner: int = -1) -> int:
        """Add a unit below another one, or else below the entry."""
        together = 0 if owner >= 0 else RECORD_TOKENS
        if self._entry < 0:
            self._entry = self._out.add(line.start, self._above, together=RECORD_TOKENS, breaks=True)
            return self._entry
        return self._out.add(line.start, owner if owner >= 0 else self._entry, together=together)

    def run(self) -> None:
        lines, number = self._lines, 0
        names = excerpt = -1  # the units of the error whose frames follow, and of the source above it
        base = -1  # the indent of a traceback whose error is still to come
        begun = False  # whether a frame stands above that goes on
        routine = crash = traceback = -1
        while number < len(lines):
            line = lines[number]
            size = 1
            if names >= 0 and (_FRAME.match(line.text) or _MORE.match(line.text)):
                self._add(line, names)
            elif (below := _excerpt(lines, number) if _PLACE.match(line.text) else number) > number:
                excerpt = self._add(line)
                size = below - number
            elif _names_frames(lines, number):
                names = self.error = self._add(line, excerpt)
                self.errors += 1
                self.chain.append(names)
                self._out.together[names] = RECORD_TOKENS
                size = 2 if len(line.text) + len(lines[number + 1].text) <= SHORT else 1
                excerpt, base = -1, -1
            elif _TRACEBACK.match(line.text):
                traceback = self._add(line)
                base, begun, names = line.indent, False, -1
                if sum(len(other.text) for other in lines[number : number + 3]) <= SHORT:
                    size, begun = 2, True  # with the first frame
            elif 0 <= base < line.indent:
                if not begun or line.text.lstrip().startswith("File "):
                    self._add(line)
                begun = True
            elif base >= 0 and not _CHAINED.match(line.text):
                self.error, base = self._add(line), -1
                self.tracebacks.append((traceback, self.error))
                self.errors += 1
            elif _PANIC.match(line.text):
                self.error = crash = self._add(line)
            elif _ROUTINE.match(line.text) and crash >= 0 and routine >= 0:
                routine = self._out.add(line.start, self._above, together=RECORD_TOKENS, breaks=True)
                size, crash = 3, -1
            elif _ROUTINE.match(line.text):
                routine = self._add(line)
                size = 3  # with the first function and its place
                self.crashed.update(dict.fromkeys(range(crash + 1, routine), routine) if crash >= 0 else {})
            elif routine >= 0 and line.text[0] == "\t":
                pass  # the place of the function above
            elif crash >= 0 and routine >= 0:
                self.crashed[self._out.add(line.start, self._above)] = routine
            else:
                self._add(line, routine)
            number += size

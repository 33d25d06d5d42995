"""hunks of a diff, entries of a log -> units, each led in by what it belongs to."""

import re
from collections.abc import Sequence
from itertools import pairwise

from longattncomp.chunking.headings import breaks
from longattncomp.chunking.lines import CUE, DIFF, ENTRY, ITEM, STAMP, Line
from longattncomp.chunking.outline import RECORD_TOKENS, SENTENCE_TOKENS, Outline
from longattncomp.chunking.traces import add_trace, is_trace

_DATED = re.compile(
    r"\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}|\b\d{1,2}[./]\d{1,2}[./]\d{2,4},? \d{1,2}:\d{2}"
    r"|\b\d{1,2}/[A-Z][a-z]{2}/\d{4}[: ]\d{2}:\d{2}|\b[A-Z][a-z]{2} {1,2}\d{1,2} \d{2}:\d{2}"
    r"|^\^?[0-9a-f]{7,40} .{0,80}\b\d{4}-\d{2}-\d{2}\b"
)
"""A date and a time within a line, as in what `git blame` or `ls -l` prints; before a commit, a date will do."""

_LOOKED_AT = 200  # characters of a line
_ROWS = 3  # lines with a date
_SPREAD = 2  # by which the words before it differ; in prose it may stand anywhere


def add_diff(outline: Outline, text: str, lines: Sequence[Line], at: int, above: int) -> int:
    """Add the files of a diff as units: the lines with the file's name lead in its hunks, a hunk leads in its changes.

    A change is a run of removed and added lines; its first line leads in the others. Returns the line after the diff,
    `at` if there is none.
    """
    if not DIFF.match(text, lines[at].start):
        return at
    file = name = hunk = change = -1
    for index in range(at, len(lines)):
        start, line, _ = lines[index]
        if not line.startswith("@@") and DIFF.match(text, start) and (hunk >= 0 or file < 0 or line[0] != "-"):
            file, name, hunk = outline.add(start, above, breaks=True), -1, -1
        elif line.startswith("--- ") and hunk < 0:
            continue
        elif line.startswith("+++ ") and hunk < 0:
            name = outline.add(start, file if file >= 0 else above)
        elif line.startswith("@@"):
            owner = next((unit for unit in (name, file) if unit >= 0), above)
            hunk = outline.add(start, owner, together=RECORD_TOKENS, breaks=True)
            change = -1
        elif hunk >= 0 and line[0] in "+-":
            unit = outline.add(start, hunk if change < 0 else change, together=SENTENCE_TOKENS if change < 0 else 0)
            change = unit if change < 0 else change
        elif hunk >= 0 and line[0] in " \\\r\n":
            outline.add(start, hunk)
            change = -1
        elif hunk >= 0:
            return index
    return len(lines)


def stamped(lines: Sequence[Line]) -> list[bool]:
    """Say which lines of a paragraph begin an entry of a log, a dated turn or a subtitle; [] if they are none."""
    if len(lines) > 1 and CUE.match(lines[1].text):
        return [True] + [False] * (len(lines) - 1)
    found = [STAMP.match(line.text) is not None for line in lines]
    if not found[0] and not ITEM.match(lines[0].text) and not ENTRY.match(lines[0].text):
        dates = [_DATED.search(line.text[:_LOOKED_AT]) for line in lines]
        words = [
            line.text.count(" ", 0, date.start()) - line.text.count("  ", 0, date.start())
            for line, date in zip(lines, dates, strict=True)
            if date
        ]
        rows = len(words) >= _ROWS and 2 * len(words) > len(lines) and max(words) - min(words) <= _SPREAD
        return [date is not None for date in dates] if dates[0] and rows else []
    goes_on = len(lines) == 1 or lines[1].indent > 0 or lines[1].text.startswith("Traceback")
    return found if found[0] and (goes_on or sum(found) >= 2 or lines[0].text.rstrip().endswith(":")) else []


def add_log(outline: Outline, text: str, lines: Sequence[Line], at: int, end: int, above: int) -> int:
    """Add log lines and dated turns as units, and return the line after them; `at` if there are none.

    What follows without a date belongs to the entry above it, blank lines within a stack trace or not.
    """
    if not stamped(lines[at:end]):
        return at
    end = _log_end(lines, at, end)
    here = [line for line in lines[at:end] if line.indent >= 0]
    begins = [number for number, begun in enumerate(stamped(here)) if begun]
    for first, after in pairwise([*begins, len(here)]):
        entry = outline.add(here[first].start, above, together=RECORD_TOKENS, breaks=not first)
        add_trace(outline, text, here[first + 1 : after], entry)
    return end


def _log_end(lines: Sequence[Line], at: int, end: int) -> int:
    """Find where the last entry of a paragraph ends, which may have a stack trace with blank lines in it."""
    while any(is_trace(lines, number) for number in _since_stamp(lines, at, end)):
        first = end
        while first < len(lines) and lines[first].indent < 0:
            first += 1
        stop = first
        while stop < len(lines) and lines[stop].indent >= 0 and not breaks(lines, stop):
            stop += 1
        if stop == first or STAMP.match(lines[first].text):
            break
        if not is_trace(lines, first) and not any(STAMP.match(line.text) for line in lines[first:stop]):
            break
        at, end = first, stop
    return end


def _since_stamp(lines: Sequence[Line], at: int, end: int) -> range:
    first = next((number for number in range(end - 1, at, -1) if STAMP.match(lines[number].text)), at)
    return range(first, end)

"""hunks of a diff, entries of a log -> units, each led in by what it belongs to."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines import CUE, DIFF, STAMP, Line
from longattncomp.chunking.outline import RECORD_TOKENS, SENTENCE_TOKENS, Outline

_ERROR = re.compile(r"\s*(?:[\w.]*(?:Error|Exception|Fault|Interrupt|Exit|Warning)\b|Caused by|panic)")


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
    goes_on = len(lines) == 1 or lines[1].indent > 0 or lines[1].text.startswith("Traceback")
    return found if found[0] and (goes_on or sum(found) >= 2 or lines[0].text.rstrip().endswith(":")) else []


def add_log(outline: Outline, text: str, lines: Sequence[Line], stamped: Sequence[bool], above: int) -> None:
    """Add log lines and dated turns as units; what follows without a date belongs to the entry above it.

    The last line of a traceback names the error, so it leads in the lines before it.
    """
    entry = last = -1
    for line, begins in zip(lines, stamped, strict=True):
        if begins or entry < 0:
            _end_entry(outline, text, entry, last)
            entry, last = outline.add(line.start, above, together=RECORD_TOKENS, breaks=entry < 0), -1
        else:
            last = outline.add(line.start, entry)
    _end_entry(outline, text, entry, last)


def _end_entry(outline: Outline, text: str, entry: int, last: int) -> None:
    if last > entry + 1 and _ERROR.match(text, outline.starts[last]):
        for unit in range(entry + 1, last):
            outline.also[unit] = (last,)

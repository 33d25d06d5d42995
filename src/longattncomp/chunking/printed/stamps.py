"""log with a time or a name before every line, listing of a file with their numbers -> what the lines say, and its
units in the text with the times or numbers.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from longattncomp.chunking.lines.columns import paired
from longattncomp.chunking.lines.entries import LEVELS
from longattncomp.chunking.lines.kinds import Line, is_rule, lines_of
from longattncomp.chunking.lines.listings import MAY_BE, number_sizes
from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.printed.traces import begins_trace, trace_end

_STAMP = re.compile(
    r"\ufeff?(?:[^\t\n]{1,80}\t[^\t\n]{1,80}\t)?\ufeff?\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z(?: |(?=\s*$))"
)
"""A time, perhaps below the names of a job and its step."""

_COMMAND = re.compile(r"##\[(?:group|endgroup|error|warning|section|command|debug|notice)\]")

_LONGEST = 240  # characters of several lines that are one unit
_WEIGHT = 3  # tokens of a digit, against those of a letter

_PREFIX = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})[ ]"
    r"|[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} (?P<process>[\w.-]{1,60} [\w./@()-]{1,60}(?:\[\d{1,9}\])?: )"
    r"|\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3} (?P<tag>[ \d]{3,20} [VDIWEF] [\w.$/-]{1,60} {0,30}: )"
    r"|(?P<pod>\[pod/[\w./-]{1,120}\] )|(?P<service>[A-Za-z][\w./-]{0,60} {0,30}\|)(?: |$)"
)
"""What a line of a log begins with: a time, perhaps with the name of who writes, or such a name alone."""

_BAD = re.compile(rf"\b(?:{LEVELS[LEVELS.index('ERROR') :]})\b")  # an entry that may have a trace below it
_MORE = re.compile(r"[ \t]|[)\]}]|(?:STATEMENT|DETAIL|HINT|CONTEXT|QUERY|LOCATION):")
"""The beginning of a line that tells more about the one above it, from the same service."""

_LEAST = 3  # lines of a log of services


class Entries(NamedTuple):
    """The lines of a log without what each begins with.

    Attributes:
        lines: what they say.
        begun: whether each begins an entry; the others are those of a trace, or tell more.
    """

    lines: list[Line]
    begun: list[bool]


def entries(lines: Sequence[Line]) -> Entries | None:
    """Read a log whose traces have a time or name before each line, too; None if the lines are none.

    In a log of services, the name of each stands before a bar or in brackets; few lines there have none.
    """
    found = [_PREFIX.match(line.text) for line in lines[:2]]
    if not any(found):
        return None
    found += [_PREFIX.match(line.text) for line in lines[2:]]
    keys = [match[match.lastgroup] if match and match.lastgroup else "" for match in found]
    rests = [line.text[match.end() if match else 0 :] or "\n" for line, match in zip(lines, found, strict=True)]
    said = [lines_of(rest)[0]._replace(start=line.start) for rest, line in zip(rests, lines, strict=True)]
    services = all(match is None or match.lastgroup in ("pod", "service") for match in found)
    if not (_are_services(keys, said) and not paired(lines) if services else all(found)):
        return None
    begun: list[bool] = []
    for _, group in groupby(range(len(lines)), key=keys.__getitem__):
        run = [said[number] for number in group]
        at = 0
        while at < len(run):
            trace = begins_trace(run, at)
            more = at > 0 and (_BAD.search(run[at - 1].text) if trace else services and _MORE.match(run[at].text))
            stop = trace_end(run, at) if trace else at + 1
            begun += [not more] + [False] * (stop - at - 1)
            at = stop
    return Entries(said, begun) if services or not all(begun) else None


def _are_services(keys: Sequence[str], said: Sequence[Line]) -> bool:
    """Whether the names before the lines of a paragraph are those of services, and no cells of a table: that has more
    bars, or strokes.
    """
    names = [key for key in keys if key]
    bars = {len(name) for name in names if name[-1] == "|"}
    rests = [line.text.strip() for line in said]
    words = sum(" " in line for line in rests)
    table = any(map(is_rule, rests)) or 2 * sum("|" in line for line in rests) >= len(rests)
    often = len(names) >= _LEAST and 4 * len(names) >= 3 * len(keys) and len(set(names)) < len(names)
    return often and not table and len(bars) < 2 and 2 * words >= len(keys)


class Stamps(NamedTuple):
    """The lines of a text without their stamps.

    Attributes:
        text: what they say.
        starts: first character of each line in it.
        places: where each line begins in the text with the stamps.
        sizes: characters of each stamp.
    """

    text: str
    starts: list[int]
    places: list[int]
    sizes: list[int]

    def restored(self, outline: Outline) -> Outline:
        """Move the units to where they stand with the stamps; what begins a line begins with its stamp.

        The lines of a unit that has become too long stay together as those of a record.
        """
        found = Outline()
        moved: list[int] = []
        ends = [*outline.starts[1:], len(self.text)]
        for unit, (start, end) in enumerate(zip(outline.starts, ends, strict=True)):
            first, after = bisect_right(self.starts, start) - 1, bisect_left(self.starts, end)
            within = start - self.starts[first]
            above, together = outline.parents[unit], outline.together[unit]
            lines = [line for line in range(first + 1, after) if self.sizes[line]]
            apart = bool(lines) and end - start + _WEIGHT * (len(lines) + 1) * self.sizes[first] > _LONGEST
            place = self.places[first] + (within + self.sizes[first] if within else 0)
            moved.append(len(found.starts))
            found.add(
                place,
                moved[above] if above >= 0 else -1,
                together=max(together, RECORD_TOKENS) if apart else together,
                breaks=outline.breaks[unit],
                prose=unit in outline.prose,
            )
            for line in lines if apart else ():
                found.add(self.places[line], moved[unit])
        found.named.update(moved[unit] for unit in outline.named)
        for unit, others in outline.also.items():
            after = moved[unit + 1] if unit + 1 < len(moved) else len(found.starts)
            found.lead(range(moved[unit], after), *(moved[other] for other in others))
        return found


def stamped(text: str) -> Stamps | None:
    """Read the log of a job as GitHub or Azure write it, or a listing of a file; None if a text is none.

    The lines of such a log are those of many tools, which the stamps would hide, and those of a listing are those of a
    file. The entries of other logs stay as they are.
    """
    if not (_STAMP.match(text) or MAY_BE.match(text)):
        return None
    lines = lines_of(text)
    sizes = _job_sizes(text, lines) or number_sizes(lines)
    if not sizes:
        return None
    said = [line.text[size:] or "\n" for size, line in zip(sizes, lines, strict=True)]
    for at in range(1, len(lines)):
        if (sizes[at - 1] == 0) != (sizes[at] == 0) and lines[at].indent >= 0 and lines[at - 1].indent >= 0:
            said[at - 1] += "\n"  # what stands above a listing or below it is a paragraph of its own
    starts = [0]
    for line in said:
        starts.append(starts[-1] + len(line))
    return Stamps("".join(said), starts[:-1], [line.start for line in lines], sizes)


def _job_sizes(text: str, lines: Sequence[Line]) -> list[int]:
    """Count the characters of the stamp of each line in the log of a job; none if the text is no such log."""
    if not (_STAMP.match(text) and _COMMAND.search(text)):
        return []
    sizes = [match.end() if (match := _STAMP.match(line.text)) else 0 for line in lines]
    return sizes if all(size or line.indent < 0 for size, line in zip(sizes, lines, strict=True)) else []

"""log of a job with a time before every line, listing of a file with their numbers -> what the lines say, and its units
in the text with the times or numbers.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from longattncomp.chunking.lines.kinds import Line, lines_of
from longattncomp.chunking.lines.listings import MAY_BE, number_sizes
from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.prose.references import lead

_STAMP = re.compile(
    r"\ufeff?(?:[^\t\n]{1,80}\t[^\t\n]{1,80}\t)?\ufeff?\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3,9}Z(?: |(?=\s*$))"
)
"""A time, perhaps below the names of a job and its step."""

_COMMAND = re.compile(r"##\[(?:group|endgroup|error|warning|section|command|debug|notice)\]")

_LONGEST = 240  # characters of several lines that are one unit
_WEIGHT = 3  # tokens of a digit, against those of a letter


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
            lead(found, range(moved[unit], after), *(moved[other] for other in others))
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

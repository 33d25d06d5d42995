"""texts, their units -> numbers of their words, which a copy of a passage shares with the passage."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import regex

from longattncomp.chunking.lines.kinds import ANNOUNCES, STAMP, TURN, introduces
from longattncomp.chunking.outline import Outline
from longattncomp.chunking.prose.lists import QUOTED
from longattncomp.chunking.sentences import UNSPACED
from longattncomp.runtime.cancellation import step
from longattncomp.types import Span

_LEAST = 10
"""Words of a passage from which it is no coincidence that it stands twice."""

_LONG = 40
"""Words from which a passage is a copy under other headings, too."""

_WORD = regex.compile(rf"(?V1)(?m:^[ \t]*>[> \t]*)(*SKIP)(*FAIL)|{UNSPACED}|[\w--{UNSPACED}]+|[^\w\s]")
"""A word or a sign; what marks a line as quoted is neither."""

_BREAK = re.compile(r"(?<=\n)\r?\n")

_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Copies:
    """Finds passages that stand in several places, and says where nodes have to end for them.

    A sentence is a copy if it lies in a run of at least `_LEAST` words that stands elsewhere under the same headings,
    of `_LONG` words in another text under others, or behind quote marks; never below what speaks of it, such as a
    speaker's name or "The following is false." What is no sentence, such as a row, a log's entry, a statement or a
    turn, may be meant to stand there as often as it does: it is a copy only where one text ends with the different
    lines that another begins with, as overlapping chunks do, or where a long text stands there twice. A sentence of a
    turn is a copy only together with who says it.

    Attributes:
        cuts: for each text the units, by their first characters, that begin or follow a passage with copies.
    """

    def __init__(self, texts: Sequence[str], outlines: Sequence[Outline | None]) -> None:
        """Compare texts, each with its units; None for a text that is one unit."""
        self.cuts: list[list[int]] = [[] for _ in texts]
        self._texts, self._outlines = texts, outlines
        self._begun: dict[int, tuple[list[int], list[int]]] = {}  # where lines and paragraphs begin, by text
        self._announcing: dict[tuple[int, int], int] = {}  # ends of announcements, by text and paragraph
        known: dict[str, int] = {}
        ids, places = array("q"), array("q")  # places of the words in their texts
        self._first = [0]  # word of each text; one that stands nowhere ends each
        for number, text in enumerate(texts):
            step()
            for match in _WORD.finditer(text):
                ids.append(known.setdefault(match[0].casefold(), len(known)))
                places.append(match.start())
            ids.append(-1 - number)
            places.append(len(text))
            self._first.append(len(ids))
        self._known = list(known)
        self._ids, self._places = np.array(ids), np.array(places)
        self._numbers = np.arange(len(ids))
        self._shared = np.zeros(len(ids), dtype=bool)
        runs = list(_runs(self._ids))
        if not runs:
            return
        telling = np.array([word[0].isalnum() for word in known], dtype=bool)
        self._telling = np.append(0, (telling[np.maximum(self._ids, 0)] & (self._ids >= 0)).cumsum())
        self._bounds: list[int] = []  # first word of each unit, and the end of each text
        self._unit_of: list[tuple[int, int]] = []  # text and number in it
        for number, outline in enumerate(outlines):
            low, high = self._first[number], self._first[number + 1] - 1
            starts = outline.starts if outline else [0]
            self._bounds += (low + np.searchsorted(self._places[low:high], [0, *starts[1:]])).tolist()
            self._bounds.append(high)
            self._unit_of += [(number, unit) for unit in range(len(starts) + 1)]
        edges: set[int] = set()
        reached = -1  # end of the last run that goes on from the beginning of its text
        for start, source, size in runs:
            reached = self._read(start, source, size, reached, edges)
        for at in np.flatnonzero(np.isin(self._numbers[self._bounds], list(edges))):
            number, unit = self._unit_of[at]
            if (outline := outlines[number]) and unit < len(outline.starts):
                self.cuts[number].append(outline.starts[unit])

    def passages(self, text: int, start: int, end: int) -> tuple[Span, ...]:
        """Number the words of a piece of a text; () if none of them has a copy."""
        places = self._places[self._first[text] : self._first[text + 1] - 1]
        low, high = (self._first[text] + int(at) for at in np.searchsorted(places, [start, end]))
        if not self._shared[low:high].any():
            return ()
        own = self._numbers[low:high]
        breaks = [0, *(np.flatnonzero(np.diff(own) != 1) + 1).tolist(), len(own)]
        return tuple((int(own[low]), int(own[high - 1]) + 1) for low, high in pairwise(breaks))

    def _read(self, start: int, source: int, size: int, reached: int, edges: set[int]) -> int:
        """Give the units of a run that are copies the numbers of their source."""
        if not np.array_equal(self._ids[start : start + size], self._ids[source : source + size]):
            return reached  # only their hashes are equal
        own, other = (bisect_right(self._first, at) - 1 for at in (start, source))
        (low, high), (from_, to) = ((self._first[text], self._first[text + 1] - 1) for text in (own, other))
        # A text that was cut out of another may begin or end within a word.
        if start == low + 1 and source > from_ and self._ends_with(source - 1, low):
            start, source, size = start - 1, source - 1, size + 1
        end, stop = start + size, source + size
        if end == high - 1 and stop < to and self._known[self._ids[stop]].startswith(self._known[self._ids[end]]):
            end, stop = end + 1, stop + 1
        bounds, stood = self._bounds, source - start
        first, after = bisect_left(bounds, start), bisect_right(bounds, end) - 1
        words = int(self._telling[end] - self._telling[start])
        if after <= first or words < _LEAST:
            return reached
        begins, ends = start <= max(low, reached), end == high
        whole = begins and ends, source == from_ and stop == to
        joins = own != other and not any(whole) and ((begins and stop == to) or (ends and source == from_))
        if joins:
            lines = [tuple(self._ids[a:b]) for a, b in pairwise(bounds[first : after + 1])]
            joins = len(set(lines)) == len(lines)
            reached = end if joins and begins else reached
        same = joins or (all(whole) and words >= _LONG)
        anywhere = words >= _LONG and own != other
        announced = any(map(self._announced, (bounds[first], bounds[first] + stood)))
        for unit in range(first, after):
            low, high = bounds[unit], bounds[unit + 1]
            copied = same or self._is_copy(low, low + stood, start, anywhere=anywhere, announced=announced)
            if high > low and copied:
                self._numbers[low:high] = self._numbers[low + stood : high + stood]
                self._shared[low:high] = self._shared[low + stood : high + stood] = True
                if own != other:  # what a text itself says again and again needs no end of its own
                    edges.update((int(self._numbers[low]), int(self._numbers[high - 1]) + 1, high))
        return reached

    def _ends_with(self, word: int, end: int) -> bool:
        known: str = self._known[self._ids[word]]
        return known.endswith(self._known[self._ids[end]])

    def _is_copy(self, word: int, source: int, start: int, *, anywhere: bool, announced: bool) -> bool:
        """Whether the unit at a word is a copy of the words at `source`, in a run of words from `start` on.

        Args:
            word: first one of the unit.
            source: where it stood.
            start: of the run.
            anywhere: whether it does not matter under which headings it stands.
            announced: whether what stands right above the run speaks of it.
        """
        own, unit = self._unit_of[bisect_right(self._bounds, word) - 1]
        other, its = self._unit_of[bisect_right(self._bounds, source) - 1]
        outline, elsewhere = self._outlines[own], self._outlines[other]
        if outline is None or elsewhere is None:
            return False
        text, (line, said) = self._texts[own], self._begins(own, word)
        if (QUOTED.match(text, line) is None) != (
            QUOTED.match(self._texts[other], self._begins(other, source)[0]) is None
        ):
            return True
        if unit not in outline.prose or its not in elsewhere.prose:
            return False
        if (TURN.match(text, said) or STAMP.match(text, said)) and int(self._places[start]) > said:
            return False
        if announced or anywhere:
            return not announced
        above, there = self._leading(own, unit), self._leading(other, its)
        return above == there

    def _begins(self, number: int, word: int) -> Span:
        """Find where the line and the paragraph of a word begin."""
        if number not in self._begun:
            text = self._texts[number]
            self._begun[number] = (
                [0, *(match.end() for match in re.finditer("\n", text))],
                [0, *(match.end() for match in _BREAK.finditer(text))],
            )
        place = int(self._places[word])
        lines, paragraphs = self._begun[number]
        return lines[bisect_right(lines, place) - 1], paragraphs[bisect_right(paragraphs, place) - 1]

    def _announced(self, word: int) -> bool:
        """Whether what is above a word speaks of what comes, such as a speaker's name or a line with a colon."""
        if self._first[bisect_right(self._first, word) - 1] == word:
            return False
        number, unit = self._unit_of[bisect_right(self._bounds, word - 1) - 1]
        outline, text = self._outlines[number], self._texts[number]
        if outline is None:
            return False
        above = text[outline.starts[unit] : int(self._places[word])]
        begun, end = self._begins(number, word - 1)[1], int(self._places[word])
        return ("\n" in above and introduces(above)) or self._announces(number, begun) <= end

    def _announces(self, number: int, begun: int) -> int:
        """Find where the first announcement of a paragraph ends; behind the text if there is none."""
        if (number, begun) not in self._announcing:
            text, paragraphs = self._texts[number], self._begun[number][1]
            after = bisect_right(paragraphs, begun)
            end = paragraphs[after] if after < len(paragraphs) else len(text)
            found = ANNOUNCES.search(text, begun, end)
            self._announcing[number, begun] = found.end() if found else len(text) + 1
        return self._announcing[number, begun]

    def _leading(self, number: int, unit: int) -> list[str]:
        outline, text = self._outlines[number], self._texts[number]
        if outline is None:
            return []
        spans = [[*outline.starts[above : above + 2], len(text)][:2] for above in outline.lead_ins(unit)]
        return [" ".join(text[start:end].casefold().split()) for start, end in spans]


def _runs(ids: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yield runs of words that stood before: their first word, the first one where they stood, and their number."""
    n = len(ids) - _LEAST + 1
    if n < 2:
        return
    values = (ids.astype(np.uint64) + np.uint64(1)) * _FACTOR
    hashes = np.zeros(n, dtype=np.uint64)
    for at in range(_LEAST):
        hashes = hashes * _FACTOR + (values[at : at + n] ^ (values[at : at + n] >> np.uint64(29)))
    order = np.argsort(hashes, kind="stable")
    begins = np.append(True, hashes[order][1:] != hashes[order][:-1])
    first = np.empty(n, dtype=np.int64)
    first[order] = order[np.maximum.accumulate(np.where(begins, np.arange(n), 0))]
    again = np.flatnonzero(first < np.arange(n))
    if not len(again):
        return
    heads = np.append(0, np.flatnonzero((np.diff(again) != 1) | (np.diff(first[again]) != 1)) + 1)
    starts, sizes = again[heads], np.diff(np.append(heads, len(again))) + _LEAST - 1
    sources = first[starts]
    apart = sources + sizes <= starts
    yield from zip(starts[apart].tolist(), sources[apart].tolist(), sizes[apart].tolist(), strict=True)

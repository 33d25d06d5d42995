"""a paragraph -> its sentences as units, and whether it leads to what stands below."""

import re
from collections.abc import Sequence
from itertools import pairwise

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.outline import Outline
from longattncomp.chunking.prose.run_in import parts
from longattncomp.chunking.sentences import sentences

ANNOUNCED = 400
"""Characters after an announcement that it speaks of."""

_LISTED = "とおり|通り|場合|もの|項目|事項|書類|費用|料金|条件|方法|手順|種類|いずれか"
_POINTS_ON = re.compile(rf"(?:次の(?:{_LISTED})|(?<![\d円歳人名個％%])以下[のに]|下[記列]|如下)[^。]{{0,30}}。\s*$")
"""The same as `kinds.POINTS` in Chinese and Japanese; what else is next is no list, and 以下 is "at most", too."""

_PASSAGE = re.compile(r"(?:[^\W\d_a-z][^\W\d_]{2,9} ?)?\[\d{1,3}\](?:\([^\n()]{1,200}\):)?[ \t]+[^\W\d_]")
"""The beginning of a passage that is cited by its number: its first sentence leads in the others."""

_FEW = 3  # short lines that together lead to a list


class Prose:
    """Paragraphs of sentences.

    Attributes:
        intro: the last unit, if it leads to a list or table below; otherwise -1.
    """

    def __init__(self, text: str, outline: Outline) -> None:
        self._text, self._out = text, outline
        self._announces = -1  # the unit right before, if it speaks of the paragraph below
        self.intro = self._lone = -1
        self._first = 0  # the first unit of the paragraph, if each begins a line, otherwise the last

    @property
    def lone(self) -> int:
        """The unit right above, if it is the only one of a paragraph; otherwise -1."""
        return self._lone if self._lone == len(self._out.starts) - 1 else -1

    def add(self, here: Sequence[Line], end: int, beside: int) -> None:
        """Add the sentences of a paragraph; rows, and short lines that no paragraph is wrapped to, stay apart.

        Args:
            here: its lines.
            end: the first character after it.
            beside: the unit that leads in what no announcement does.
        """
        text = self._text
        bounds, rows = kinds.apart(here)
        if kinds.CAPTION.match(here[0].text) and end - here[0].start <= ANNOUNCED:
            bounds, rows = [here[0].start], {here[0].start}
        found = parts(here)
        if found.entries:
            bounds, rows = found.entries, found.bounds
        bounds, rows = sorted({*bounds, *found.bounds}), rows.difference(found.heads)
        first, asked, lines = len(self._out.starts), False, {*(line.start for line in here), end}
        unit = first - 1
        owner, announced = (self._announces if self._announces == unit >= 0 else beside), here[0].start
        label, head = beside, -1  # what leads in all below it, and the words that lead in a part of that
        for low, high in pairwise([*bounds, end]):
            whole = low in rows
            after = found.heads.get(low, low)
            if low in found.heads:
                owner, head = (label if head >= 0 else owner), -1
            for at, stop in [(low, high)] if whole else sentences(text, after, high):
                start = low if at == after else at
                leads = start in found.labels or (stop in rows and text[start:stop].rstrip().endswith(":"))
                again = asked and start in lines and stop in lines and kinds.ends_question(text[start:stop])
                cited = not whole and start in lines and stop - start <= ANNOUNCED and _PASSAGE.match(text, start, stop)
                if leads or cited:
                    label, head = beside, -1
                if leads or cited or again or start - announced > ANNOUNCED:
                    owner = max(label, head)
                begins = len(self._out.starts) == first
                unit = self._out.add(start, owner, breaks=begins, prose=not whole)
                if cited or start in found.labels or start in found.heads:
                    label, head = (unit, -1) if start in found.labels else (label, unit)
                    owner, announced = unit, stop
                    continue
                if whole or stop - start > ANNOUNCED // 2:
                    continue
                asks = len(here) > 1 and stop == here[1].start and kinds.ends_question(here[0].text)
                asked = asked or asks
                if leads or asks or again or kinds.ANNOUNCES.search(text, start, stop):
                    owner, announced = unit, stop
        last = text[self._out.starts[unit] : end]
        told = first <= owner < unit and owner not in (label, head)
        points = kinds.introduces(last) or kinds.POINTS.search(last) or _POINTS_ON.search(last)
        self.intro = unit if told or points else -1
        self._announces = unit if owner == unit not in (label, head) else -1
        self._lone = unit if unit == first else -1
        self._first = first if all(start in bounds for start in self._out.starts[first:]) else unit

    def joined(self, intro: int) -> int:
        """Let each of few short lines above a list lead in the next one, if the last of them, `intro`, leads to it."""
        starts, first = self._out.starts, self._first
        if intro < 0 or intro != self.intro or intro - first >= _FEW:
            return intro
        above = [self._text[start:end] for start, end in pairwise(starts[first : intro + 1])]
        if all(len(line) <= 2 * kinds.SHORT and not kinds.ends_part(line) for line in above):
            for unit in range(first + 1, intro + 1):
                self._out.parents[unit] = unit - 1
        return intro

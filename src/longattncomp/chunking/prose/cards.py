"""lines -> cards below a line of their own: an advert, a day of a journey, each led in by what it begins with.

Several paragraphs have the same keys, once each, below a first line that has none.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.prose.notices import HOLDS_NO_MORE

RULE = re.compile(r"([-=*_~#+%])\1+\s*$")
"""A line of signs between two cards."""

_KEY = re.compile(r"(?:\*\*|__)?([^\W\d][\w .()/'’&-]{0,39}?)(?:\*\*|__)?(?: ?:(?:\*\*|__)?[ \t]+|：)\S")
_OTHER = re.compile(r"[|>\[{(<@$+\-*_=~#%/]|https?:|\d+\s*$")
"""How a line begins that is no first line of a card."""

_NUMBERED = re.compile(r"\[\w+ #?\d+\][ \t]+\S")
"""A first line such as "[memo 17] ..."."""

_REACHED = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+\s*$|(?:\+|\(?0)[\d ()/.-]{6,24}\s*$")
"""An address of mail or a number of a telephone, alone in a line."""

_LONGEST = 120  # characters of a first line
_MOST = 40  # lines of a card
_LEAST = 3  # cards with a key
_LEAST_LISTED = 2  # cards with nothing but keys, which may be others in each, or of people
_MOST_OF_ONE = 8  # lines of the card of somebody
_LEAST_KEYS = 2  # of such a card


def groups(lines: Sequence[Line]) -> Iterator[tuple[int, int, bool]]:
    """Find lines without blank ones or rules between them: the first, the one after them, whether a rule is beside."""
    first, ruled = 0, False
    for number in range(len(lines) + 1):
        rule = number < len(lines) and RULE.match(lines[number].text) is not None
        if number == len(lines) or lines[number].indent < 0 or rule:
            if first < number:
                yield first, number, ruled or rule
            ruled = rule or (ruled and first == number)
            first = number + 1


def link_ended(outline: Outline, here: Sequence[Line], first: int) -> None:
    """Let a field that says that its card holds no longer lead in all of it; `first` is the unit of the first card."""
    for line in here:
        if HOLDS_NO_MORE.match(line.text):
            unit = outline.unit_at(line.start)
            card = outline.parents[unit]
            parts = (other for other in outline.below(card) if outline.parents[other] == card)
            outline.lead((card, *parts) if card >= first else (), unit)


class Cards:
    """The cards of a text that begin with a line without a key.

    Attributes:
        ends: the line after each card, by its first line.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self.ends: dict[int, int] = {}
        found: list[tuple[int, int, list[str]]] = []
        times: Counter[str] = Counter()
        plain: Counter[str] = Counter()  # how often each key stands before a value that is no sentence
        again: set[str] = set()
        for first, stop, _ in groups(lines):
            if not 2 <= stop - first <= _MOST or not _is_first(lines[first]):
                continue
            keys: list[str] = []
            for line in lines[first + 1 : stop]:
                inner = line.indent in (lines[first].indent, lines[first + 1].indent)
                match = _KEY.match(line.text.lstrip()) if inner else None
                keys.append(match[1] if match else "")
                if match and not kinds.ends_sentence(line.text):
                    plain[match[1]] += 1
            own = Counter(filter(None, keys))
            times.update(own.keys())
            again.update(key for key, count in own.items() if count > 1)
            found.append((first, stop, keys))
        shared = {key for key, count in times.items() if count >= _LEAST and key not in again}
        told = {key for key in shared if 2 * plain[key] > times[key]}
        pairs = sum(len(shared.intersection(keys)) > 1 for _, _, keys in found)
        cards = [
            (first, stop)
            for first, stop, keys in found
            if (keys[0] in shared or 2 * sum(map(bool, keys)) >= len(keys)) and not shared.isdisjoint(keys)
        ]
        if (told or pairs >= _LEAST) and len(cards) >= _LEAST:
            self.ends = dict(cards)
        else:
            listed = [
                (first, stop)
                for first, stop, keys in found
                if _is_listed(lines[first:stop], keys) or _is_of_one(lines[first:stop])
            ]
            self.ends = dict(listed if len(listed) >= _LEAST_LISTED else ())

    def add(self, outline: Outline, at: int, above: int) -> int:
        """Add the card that begins in a line, and return the line after it; the same line if none does."""
        stop = self.ends.get(at, at)
        if stop == at:
            return at
        here = self._lines[at:stop]
        card = outline.add(here[0].start, above, together=RECORD_TOKENS, breaks=True)
        for start in kinds.apart(here[1:])[0]:
            outline.add(start, card)
        link_ended(outline, here, card)
        return stop + (stop < len(self._lines) and RULE.match(self._lines[stop].text) is not None)


def _is_listed(here: Sequence[Line], keys: Sequence[str]) -> bool:
    """Whether a title has nothing but several keys below it, once each, with values that are no sentences, and no head
    of a mail.
    """
    short = len(here[0].text.strip()) <= kinds.SHORT and kinds.is_title(here[0].text)
    several = len(keys) >= _LEAST_KEYS and all(keys) and len(set(keys)) == len(keys)
    return short and several and not any(kinds.ends_part(line.text) or kinds.LETTER.match(line.text) for line in here)


def _is_of_one(here: Sequence[Line]) -> bool:
    """Whether short lines below a name tell how somebody is reached."""
    return (
        2 < len(here) <= _MOST_OF_ONE
        and kinds.is_title(here[0].text)
        and not any(len(line.text) > kinds.SHORT or kinds.ends_part(line.text) for line in here)
        and any(_REACHED.match(line.text) for line in here)
    )


def _is_first(line: Line) -> bool:
    text = line.text
    return (
        len(text) <= _LONGEST
        and (_NUMBERED.match(text) is not None or not _OTHER.match(text.lstrip()))
        and not _KEY.match(text)
        and not kinds.ends_part(text)
        and not kinds.ends_in_colon(text)
        and not any(kind.match(text) for kind in (kinds.ITEM, kinds.STAMP, kinds.LETTER, kinds.FOOTNOTE))
        and not (kinds.CODE.match(text) and kinds.CODE_END.search(text))
    )

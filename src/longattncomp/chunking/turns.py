"""turns of a talk -> units, each led in by who speaks and on which day."""

from collections import Counter
from collections.abc import Sequence

from longattncomp.chunking import lines as kinds
from longattncomp.chunking.headings import MARKDOWN, NESTED, REPLY, TURN
from longattncomp.chunking.lines import Line
from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.sentences import sentences
from longattncomp.chunking.speakers import days, speakers

_SAID = 1000  # characters of a turn whose parts all come with who speaks


class Turns:
    """Adds the turns of a text that begin with a name; it knows the lines that say who speaks below them.

    Attributes:
        heads: lines that lead in turns, by number: who speaks, and the days.
        speaker: the turn above, -1 for none.
    """

    def __init__(self, text: str, lines: Sequence[Line], out: Outline) -> None:
        self._text, self._lines, self._out = text, lines, out
        self._talk = is_talk(lines)
        told = speakers(lines)
        self.heads = {**told, **days(lines, told, talk=self._talk)}
        self._question = -1  # the turn above, if it asks
        self.speaker = -1

    def end(self) -> None:
        """End the talk at a heading."""
        self.speaker = self._question = -1

    def are_spoken(self, here: Sequence[Line]) -> bool:
        """Whether the lines of a paragraph are turns that begin with a name."""
        turns = sum(kinds.TURN.match(line.text) is not None for line in here)
        return (turns >= 2 and 2 * turns >= len(here)) or (self._talk and kinds.TURN.match(here[0].text) is not None)

    def rank(self, rank: int, at: int, sections: Sequence[tuple[int, int]]) -> int:
        """Find the rank of a heading among the sections above: one in a turn is below who speaks.

        A title ends the turn if one of its rank or a lower one stands above the talk, or if the next turn follows right
        below.
        """
        turn = next((number for number, (level, _) in enumerate(sections) if level in (TURN, REPLY)), -1)
        if turn < 0 or at in self.heads:
            return rank
        below = kinds.below(self._lines, at + 1)
        beside = any(rank <= level <= MARKDOWN for level, _ in sections[:turn])
        return rank if rank <= MARKDOWN and (beside or below in self.heads) else rank + NESTED

    def add(self, here: Sequence[Line], end: int, above: int) -> None:
        """Add turns: who speaks leads in what is said, unless it is long, and a question the answer below it."""
        begins = [number for number, line in enumerate(here) if not number or kinds.TURN.match(line.text)]
        stops = [here[number].start for number in begins[1:]]
        for number, stop in zip(begins, [*stops, end], strict=True):
            line = here[number]
            answers = self._question >= 0 and kinds.ANSWER.match(line.text)
            owner = self._question if answers else above
            turn = self._out.add(line.start, owner, together=RECORD_TOKENS, breaks=not number)
            self.speaker = turn if self._talk else -1
            if kinds.ASKED.match(line.text):
                self._question = turn
                continue
            named = kinds.TURN.match(line.text)
            for start, _ in sentences(self._text, line.start + named.end() - 1 if named else line.start, stop):
                self._out.add(start, turn if stop - line.start <= _SAID else owner)
            self._question = self._question if answers else -1


def is_talk(lines: Sequence[Line]) -> bool:
    """Whether most paragraphs begin with the name of somebody who speaks, and two of them speak twice."""
    first = [
        line
        for above, line in zip([None, *lines], lines, strict=False)
        if line.indent >= 0 and (above is None or above.indent < 0)
    ]
    names = [name for line in first if (name := kinds.speaker(line.text))]
    again = sum(count > 1 for count in Counter(names).values())
    return again > 1 and 2 * len(names) >= len(first)

"""turns of a talk -> units, each led in by who speaks and on which day."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

from longattncomp.chunking.headings.sections import Sections
from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.headings import MARKDOWN, NESTED, REPLY, TURN
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.speakers import days, is_role, speakers
from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.prose.cards import groups
from longattncomp.chunking.sentences import sentences

_SAID = 1000  # characters of a turn whose parts all come with who speaks

ASKING = ("user", "human", "interviewer", "moderator")
ANSWERING = ("assistant", "interviewee", "chatbot", "chatgpt", "claude", "gemini", "copilot", "ai", "bot")
"""Names of who asks, and of who answers, in a talk with a model or an interview."""

_ROLE = re.compile(
    rf"(?:\*\*|__|\[)?(?:(?P<asks>{'|'.join(ASKING)})"
    rf"|(?P<tells>{'|'.join(ANSWERING[:-2])}|(?P<short>ai|bot))"
    r"|(?:speaker|participant) (?P<number>\w{1,2})|system|developer|tool|function"
    r"|(?P<acts>(?:tool|function)[ _-]?(?:call|use|result|response|output)))"
    r"(?:\*\*|__)?(?::(?:\*\*|__)?[ \t]+|：|\][ \t]+)\S",
    re.IGNORECASE,
)
"""The beginning of a turn of somebody known by a role, who needs not speak often."""

_ACTS = re.compile(r"Action(?: \d{1,3})?(?: Input(?: \d{1,3})?)?:")
_FOLLOWS = re.compile(r"(?:Action(?: \d{1,3})? Input|Observation)(?: \d{1,3})?:")
"""What an agent does, which leads in the rest of it, and what comes of it."""

_AGENT = re.compile(r"(?:(?P<own>Thought|Action(?: \d{1,3})? Input)|Action|(?P<seen>Observation))(?: \d{1,3})?:")
"""The labels of what an agent does, some of which are its own; what it observes follows on that."""

_BEGINNING = 12  # lines in which the first such turn stands
_WORDS = 8  # of a turn that says something without ending a sentence
_LEAST = 3  # examples with the same labels; two if the last one is to be completed


class Turns:
    """Adds the turns of a text that begin with a name; it knows the lines that say who speaks below them.

    Attributes:
        heads: lines that lead in turns, by number: who speaks, and the days.
        begun: lines that begin the turn of somebody known by a role.
        speaker: the turn above, -1 for none.
    """

    def __init__(self, text: str, lines: Sequence[Line], out: Outline) -> None:
        self._text, self._lines, self._out = text, lines, out
        self._talk = is_talk(lines)
        told = speakers(lines)
        self._roles = all(is_role(lines[number]) for number in told) and has_roles(lines)
        self._examples = frozenset() if told or self._roles or self._talk else examples(lines)
        self.begun = frozenset(
            number for number, line in enumerate(lines) if self._roles and number not in told and _ROLE.match(line.text)
        )
        self.heads = {**told, **days(lines, told, talk=self._talk)}
        asked = (line.start for line in lines if kinds.ASKED.match(line.text) and kinds.TURN.match(line.text))
        self._last_asked = max(asked, default=-1)
        self._question = -1  # the turn above, if it asks
        done = [match for line in lines if (match := _AGENT.match(line.text))]
        self._acts = any(match["own"] for match in done) and not done[0]["seen"]
        self.speaker = -1

    def _begun(self, line: Line) -> re.Match[str] | None:
        named = _ROLE.match(line.text) if self._roles else None
        return named or (kinds.TURN.match(line.text) if self._talk or not self._roles else None)

    def _is_example(self, here: Sequence[Line]) -> bool:
        return bool(self._examples) and _labels(here) in self._examples

    def end(self) -> None:
        """End the talk at a heading."""
        self.speaker = self._question = -1

    def are_spoken(self, here: Sequence[Line]) -> bool:
        """Whether the lines of a paragraph are turns that begin with a name."""
        turns = sum(self._begun(line) is not None for line in here)
        if (turns >= 2 and 2 * turns >= len(here)) or self._is_example(here):
            return True
        return (self._talk or self._roles) and bool(self._begun(here[0]))

    def says(self, at: int, sections: Sequence[tuple[int, int]]) -> bool:
        """Whether somebody known by a role says a line: it begins a turn, or asks and is the last one of a turn."""
        if at in self.begun:
            return True
        asks = kinds.ends_question(self._lines[at].text) and any(level == TURN for level, _ in sections)
        return asks and kinds.below(self._lines, at + 1) in self.begun

    def rank(self, rank: int, at: int, sections: Sequence[tuple[int, int]]) -> int:
        """Find the rank of a heading among the sections above: one in a turn is below who speaks.

        A title ends the turn if one of its rank or a lower one stands above the talk, or if the next turn follows right
        below.
        """
        turn = next((number for number, (level, _) in enumerate(sections) if level in (TURN, REPLY)), -1)
        if turn < 0 or at in self.heads:
            return rank
        below = kinds.below(self._lines, at + 1)
        if below in self.begun:
            return rank
        beside = any(rank <= level <= MARKDOWN for level, _ in sections[:turn])
        return rank if rank <= MARKDOWN and (beside or below in self.heads) else rank + NESTED

    def add(self, here: Sequence[Line], end: int, sections: Sections, region: int) -> int:
        """Add turns: who speaks leads in what is said, unless it is long, a question the answer below it, what an agent
        does what comes of it, and the first label of an example the others. Returns the last unit if it leads to a list
        or table below, otherwise -1.

        Args:
            here: the lines of a paragraph.
            end: the first character after it.
            sections: those that are open; that of somebody known by a role leads in all below it.
            region: the unit above that begins a region, -1 for none.
        """
        if self._roles:
            sections.end(TURN)
        above = max(sections.unit, region)
        begins = [number for number, line in enumerate(here) if not number or self._begun(line)]
        turn, example = -1, self._is_example(here)
        stops = [here[number].start for number in begins[1:]]
        for number, stop in zip(begins, [*stops, end], strict=True):
            line = here[number]
            follows = (self._acts and _FOLLOWS.match(line.text)) or kinds.ANSWER.match(line.text)
            answers = self._question >= 0 and ((example and number) or follows)
            owner = self._question if answers else above
            turn = self._out.add(line.start, owner, together=RECORD_TOKENS, breaks=not number)
            goes_on = bool(answers) and line.start < self._last_asked  # until the next question
            self.speaker = turn if self._talk or goes_on else -1
            acts = self._acts and _ACTS.match(line.text)
            leads = ((example and not number) or acts) and stop - line.start <= _SAID
            if leads or kinds.ASKED.match(line.text):
                self._question = turn
                continue
            named = self._begun(line)
            for start, _ in sentences(self._text, line.start + named.end() - 1 if named else line.start, stop):
                self._out.add(start, turn if stop - line.start <= _SAID else owner)
            self._question = self._question if answers else -1
        if self._roles:
            sections.begin(TURN, turn)
        return len(self._out.starts) - 1 if kinds.ends_in_colon(here[-1].text) else -1


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


def examples(lines: Sequence[Line]) -> frozenset[tuple[str, ...]]:
    """Find the labels of the examples in a text: with which several paragraphs begin their lines."""
    found: Counter[tuple[str, ...]] = Counter()
    asked: set[tuple[str, ...]] = set()  # with nothing behind the last label, which is to be completed
    talks: set[tuple[str, ...]] = set()  # where who speaks last asks the other one, who answers in the next paragraph
    for first, stop, _ in groups(lines):
        labels = _labels(lines[number] for number in range(first, stop))
        found[labels] += 1
        if labels and lines[stop - 1].text.rstrip() == f"{labels[-1]}:":
            asked.add(labels)
        if labels and kinds.ends_question(lines[stop - 1].text) and not kinds.ASKED.match(lines[stop - 1].text):
            talks.update(() if kinds.ends_question(lines[first].text) else [labels])
    kept = (labels for labels, count in found.items() if labels and count >= _LEAST - (labels in asked))
    return frozenset(kept) - talks


def _labels(here: Iterable[Line]) -> tuple[str, ...]:
    """Read the labels with which the lines of a paragraph begin; none if the first has none, or one comes twice.

    Only behind that in the last line nothing may stand.
    """
    *above, last = (line.text for line in here)
    labels = [*map(kinds.speaker, above), kinds.speaker(f"{last.rstrip()} -")]
    named = tuple(filter(None, labels))
    return named if labels[0] and len(named) > 1 and len(set(named)) == len(named) else ()


def has_roles(lines: Sequence[Line]) -> bool:
    """Whether a text is a talk of a user and an assistant, or of numbered speakers: two of them say something.

    What tools are called for, and what comes of it, counts as well.
    """
    first = islice((line for line in lines if line.indent >= 0), _BEGINNING)
    if not any(_ROLE.match(line.text) for line in first):
        return False
    found = [(line.text, match) for line in lines if (match := _ROLE.match(line.text))]
    said = [match for text, match in found if kinds.ends_part(text) or text[match.end() :].count(" ") >= _WORDS]
    numbers = {match["number"].lower() for match in said if match["number"]}
    asked = any(match["asks"] for match in said)
    told = [match for match in said if match["tells"]]
    short = all(match["short"] for match in told)
    again = len(found) > len({match[0].lower().partition(":")[0] for _, match in found})
    acts = sum(match["acts"] is not None for _, match in found)
    return len(numbers) > 1 or acts > 1 or (asked and bool(told) and (not short or again))

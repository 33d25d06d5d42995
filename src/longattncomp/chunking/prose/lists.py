"""items of lists, terms with their definitions, quoted lines -> units, each led in by what leads to it."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import NamedTuple

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.connectives import OPENS, TAKES_BACK
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.outline import SENTENCE_TOKENS, Outline
from longattncomp.chunking.prose.steps import steps
from longattncomp.chunking.sentences import sentences

QUOTED = re.compile(r">+[ \t]*")
_ALERT = re.compile(r">[ \t]*\[!\w+\]")
TAIL = re.compile(
    r"(?:provided|except|unless|subject to|but (?:only|not|excluding)|other than|excluding|excepting|if and only if"
    r"|only if|in (?:each|any|either|every|all) cases?)\b"
)
"""How a line below the last item of a list begins that speaks of all of them."""

_ROMAN = re.compile(r"[ivxlc]+")
_FIRST = ("1", "a", "A", "i")
"""What the marker of the first item of a list has between its signs."""

_CAPITAL = re.compile(r"^[ \t]*([A-Z])\.[ \t]+(?=\S)", re.MULTILINE)
_LOOKED_AT = 20  # characters before an item that tell whether the one above leads to it
_WORDS = 4  # of a title that says what is left out
_WIDE = ("）", "・")  # ends of the signs of an item that no space needs to follow
_NOTE = re.compile(r"[†‡¹²³⁴-⁹]")  # the sign of a footnote
_BULLETS = ("-", "*", "+", "•", "–")
_PAIR = 2  # lines of a title and the only item of its list


def items(here: Sequence[Line], *, code: bool, led: bool, lettered: Collection[int]) -> list[str]:
    """Find the markers of a list's items, "" for a line without; [] if the lines of a paragraph are no list.

    Args:
        here: the lines.
        code: whether code stands above.
        led: whether what stands above leads to them, so that quoted lines are items, too.
        lettered: where the items of the text begin that have a capital letter.
    """
    if here[0].text.lstrip().startswith("/*"):
        return []
    signs = [_CAPITAL if line.start in lettered else kinds.ITEM for line in here]
    marks = [match[0] if (match := sign.match(line.text)) else "" for sign, line in zip(signs, here, strict=True)]
    quoted = next((number for number, line in enumerate(here) if number and line.text.startswith(">")), 0)
    alert = _ALERT.match(here[0].text) is not None
    led = bool(quoted and here[quoted - 1].text.rstrip().endswith(":")) or (led and here[0].text.startswith(">"))
    if not any(marks) and (led or alert):
        marks = [match[0] if (match := QUOTED.match(line.text)) else "" for line in here]
        marks[0] = "" if alert else marks[0]
    first = next((number for number, mark in enumerate(marks) if mark), -1)
    if first < 0:
        return []
    titled = first == 1 and len(here) == _PAIR and marks[1].strip() in _BULLETS and kinds.is_title(here[0].text)
    lone = sum(map(bool, marks)) < 2
    if first and not alert and lone and not kinds.ends_in_colon(here[first - 1].text):
        return marks if titled and not code and not kinds.is_code(here, within=False) else []
    bullets = "•" if code else "-*+•"
    plain = [line for line, mark in zip(here, marks, strict=True) if not mark]
    if plain and marks[0] == "* " and len(plain) == len(here) - 1 and all(_NOTE.match(line.text) for line in plain):
        return []
    settings = [line for line, mark in zip(here, marks, strict=True) if not mark or mark.lstrip().startswith("-")]
    others = here if code else plain
    statements = (code or (not first and lone)) and bool(others) and kinds.is_code(others, within=code)
    return [] if (statements and here[0].text.lstrip()[0] not in bullets) or kinds.are_settings(settings) else marks


def _lettered(text: str) -> set[int]:
    """Find where items begin that have a capital letter and count from A on, unlike the initials of names."""
    runs: list[list[int]] = []
    before = ""
    for match in _CAPITAL.finditer(text):
        if match[1] == "A":
            runs.append([])
        elif not before or ord(match[1]) != ord(before) + 1:
            continue
        before = match[1]
        runs[-1].append(match.start())
    return {start for run in runs if len(run) > 1 for start in run}


def is_within(lines: Sequence[Line], at: int) -> bool:
    """Whether a line stands right below another and right above an item of a list."""
    below = lines[at + 1 : at + 2]
    return at > 0 and lines[at - 1].indent >= 0 and bool(below) and kinds.ITEM.match(below[0].text) is not None


def speaks_of_list(lines: Sequence[Line], at: int, end: int) -> bool:
    """Whether a paragraph right below a list speaks of all of it; a title of the list below takes nothing back."""
    text = lines[at].text
    if not TAKES_BACK.match(text) or (text.startswith(OPENS) and kinds.ends_in_colon(lines[end - 1].text)):
        return TAIL.match(text) is not None
    below = kinds.below(lines, end)
    title = end == at + 1 and len(text.split()) <= _WORDS and not kinds.ends_part(text)
    return not (title and below < len(lines) and kinds.ITEM.match(lines[below].text))


def marker(matched: str) -> str:
    """Reduce the marker of a list's item to its kind: 1. and 12. are of one, (a) and (b) of another."""
    words = matched.strip()
    return re.sub(r"[A-Z]", "A", re.sub(r"[a-z]+", "a", re.sub(r"\d+", "1", words)))


def _number(matched: str) -> str:
    """Read the number of an item, such as 6 or 6.1; "" for another marker."""
    words = matched.strip().strip("().")
    return words if words.replace(".", "").isdecimal() else ""


class _Step(NamedTuple):
    """An item that goes on up to a character, whatever stands there, with the list that it is in."""

    unit: int
    end: int
    intro: int
    open: list[tuple[int, str, int]]


class Lists:
    """Adds the items of a text, list by list; it knows which items are open.

    Attributes:
        intro: the unit that introduced the list above, -1 for none.
        units: those of the list above.
        lettered: where items begin that have a capital letter.
        steps: the items that go on here, though what stands below is not indented.
    """

    def __init__(self, text: str, lines: Sequence[Line], out: Outline, heads: Collection[int]) -> None:
        self._text, self._out = text, out
        self.intro = -1
        self._open: list[tuple[int, str, int]] = []  # (indent, marker, unit) of the items above
        self._held: dict[int, tuple[int, list[tuple[int, str, int]]]] = {}  # around regions, by their first unit
        self.units = range(0)
        self.lettered = _lettered(text)
        self.steps: list[_Step] = []
        self._ends = steps(lines, heads)

    def end(self) -> None:
        """End the list."""
        self.intro = -1
        self._open.clear()

    def hold(self, region: int, *, goes_on: bool) -> None:
        """End the list where a region begins with a unit; it may go on below the region."""
        if goes_on:
            self._held[region] = self.intro, [*self._open]
        self.end()

    def resume(self, region: int) -> None:
        """Go on with the list that a region interrupted; end the one that stands in it."""
        self.intro, self._open = self._held.pop(region, (-1, []))
        self.steps = [step for step in self.steps if step.unit < region]

    @property
    def step(self) -> int:
        """The innermost item that goes on here, -1 for none."""
        return self.steps[-1].unit if self.steps else -1

    def go_on(self, at: int) -> int:
        """Go on with the list whose item ends at a character or before, and return the item; -1 for none."""
        item = -1
        while self.steps and self.steps[-1].end <= at:
            item, _, self.intro, self._open = self.steps.pop()
        return item

    def shows(self, line: Line) -> bool:
        """Whether a line is the first one below an item that ends in a colon."""
        return 0 <= self.step == len(self._out.starts) - 1 and kinds.ends_in_colon(self._before(line))

    @property
    def goes_on(self) -> bool:
        """Whether a next item may belong to the list above."""
        return bool(self._open)

    def owner(self, indent: int) -> int:
        """The item that an indented paragraph belongs to; -1 for none."""
        return next((unit for column, _, unit in reversed(self._open) if column < indent), -1) if indent > 0 else -1

    def open(self, indent: int, unit: int) -> None:
        """Let a unit lead in the more indented paragraphs below it."""
        self._open.append((indent, "", unit))

    def add(self, here: Sequence[Line], marks: Sequence[str], intro: int, outside: int) -> None:
        """Add items, each with the lines that it goes on in.

        Args:
            here: lines from an item on.
            marks: what `items` found in them.
            intro: the unit that leads to the items, unless they go on with the list above.
            outside: the unit above that leads in lines that lead to items themselves.
        """
        out = self._out
        n = len(out.starts)
        goes_on = bool(self._open)
        begun = self.units.start if goes_on and self.units.stop == n else n
        self.intro = self.intro if goes_on else intro
        least = min(line.indent for line, mark in zip(here, marks, strict=True) if mark)
        wide = False
        for line, mark in zip(here, marks, strict=True):
            if mark:
                self._item(line, mark)
                wide = mark.endswith(_WIDE)
            elif wide and line.indent <= least and self._before(line).endswith("。"):
                out.add(line.start, outside, breaks=True)
            elif TAIL.match(line.text) and self._before(line).endswith((",", ";")):
                out.lead(range(begun, len(out.starts)), out.add(line.start, self.intro))
                begun = len(out.starts)
            elif line.indent <= least and kinds.leads_on(line.text):
                self._open.clear()
                self.intro = out.add(line.start, outside, breaks=True)
                begun = len(out.starts)
        self.units = range(begun, len(out.starts))

    def add_terms(self, here: Sequence[Line], found: Sequence[bool], owner: int, end: int) -> None:
        """Add terms, each with the more indented lines below it, which it leads in."""
        begins = [number for number, term in enumerate(found) if term]
        for number, after in pairwise([*begins, len(here)]):
            term = self._out.add(here[number].start, owner, together=SENTENCE_TOKENS, breaks=not number)
            stop = here[after].start if after < len(here) else end
            bounds, rows = kinds.apart(here[number + 1 : after])
            for low, high in pairwise([*bounds, stop]):
                for start, _ in [(low, high)] if low in rows else sentences(self._text, low, high):
                    self._out.add(start, term)
            self.open(here[0].indent, term)

    def _before(self, line: Line) -> str:
        return self._text[max(0, line.start - _LOOKED_AT) : line.start].rstrip()

    def _item(self, line: Line, mark: str) -> None:
        """Add an item, perhaps as part of one above: less indented, with the beginning of its number, as 6 is that of
        6.1, or with another marker and a colon or an open end.
        """
        listed, kind, number = self._open, self._kind(mark), _number(mark)
        same = any((column, before) == (line.indent, kind) for column, before, _ in listed)
        opened = kinds.ends_in_colon(self._before(line).rstrip("*_")) or self._is_part(number)
        opened = opened or (bool(listed) and not same and self._begins(line, kind, mark))
        nested = False
        while listed and listed[-1][0] >= line.indent:
            if opened and not same and listed[-1][0] == line.indent:
                break
            if nested and listed[-1][1] == "A." != kind:  # a title
                break
            column, before, _ = listed.pop()
            nested = nested or before != "A."
            if same and (column, before) == (line.indent, kind):
                break
        parent = listed[-1][2] if listed else self.intro
        begins = all(above == "A." for _, above, _ in listed)  # as below a title, where a capital letter stands above
        unit = self._out.add(line.start, parent, breaks=begins, prose=kind.startswith(">"))
        listed.append((line.indent, kind, unit))
        while self.steps and self.steps[-1].end <= line.start:
            self.steps.pop()
        if line.start in self._ends:
            self.steps.append(_Step(unit, self._ends[line.start], self.intro, [*listed]))

    def _kind(self, mark: str) -> str:
        """Tell the kind of a marker; a letter is a Roman number unless the item above has the letter before it."""
        kind, word = marker(mark), mark.strip().strip("().")
        if not _ROMAN.fullmatch(word):
            return kind
        roman = kind.replace("a", "i")
        above = [unit for _, other, unit in self._open if other == kind]
        found = kinds.ITEM.match(self._text, self._out.starts[above[-1]]) if above else None
        follows = found is not None and found[0].strip().strip("().") == chr(ord(word[0]) - 1)
        is_roman = len(word) > 1 or word == "i" or any(other == roman for _, other, _ in self._open)
        return roman if is_roman and (len(word) > 1 or not follows) else kind

    def _begins(self, line: Line, kind: str, mark: str) -> bool:
        """Whether an item with another marker than the one above begins a list in that, though it is not indented."""
        if not any(sign.isalnum() for sign in self._open[-1][1]):
            return False
        before = self._before(line)
        if mark.strip().strip("().（）") in _FIRST:
            return before[-1:] not in ".;!。；"
        looked = self._text[max(0, line.start - _LOOKED_AT) : line.start]
        apart = looked[len(looked.rstrip()) :].count("\n") > 1
        return not apart and not any(sign.isalnum() for sign in kind) and before[-1:] != ";"

    def _is_part(self, number: str) -> bool:
        """Whether the number of an item begins with that of the item above and a full stop."""
        above = kinds.ITEM.match(self._text, self._out.starts[self._open[-1][2]]) if self._open else None
        return above is not None and number.startswith(f"{_number(above[0])}.")

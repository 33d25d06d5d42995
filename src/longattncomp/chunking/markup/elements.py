"""XML -> units, by its tags, however they are laid out: a start tag leads in all that its element holds."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from longattncomp.chunking.lines.kinds import HTML_BLOCKS, Line
from longattncomp.chunking.outline import BLOCK_TOKENS, RECORD_TOKENS, Outline

_VALUES = r"(?:[^<>\"']++|\"[^<\"]*+\"|'[^<']*+')*+"
"""What stands in a tag after its name: no <, so that a tag that nothing ends is not looked through again and again."""

_MARK = re.compile(
    rf"(?P<other><!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<\?.*?(?:\?>|\Z)|<![A-Za-z]{_VALUES}>)"
    rf"|<(?P<closes>/?)(?P<name>[^\W\d][\w:.-]*+)(?P<values>{_VALUES})>",
    re.DOTALL,
)
_PAGE = (
    r"html|head|body|div|p|ul|ol|li|h[1-6]|table|tbody|t[dhr]|nav|main|article|pre|blockquote|details|dl|form|script|style"
    r"|span|br|img|a"
)
"""Elements that only pages have; the other blocks of HTML, such as a title or an option, stand in any XML."""

_PHRASE = (
    r"abbr|acronym|address|audio|b|bd[io]|big|button|canvas|center|cite|code|col|colgroup|del|dfn|dialog|em|embed"
    r"|fieldset|font|frame|frameset|hr|i|iframe|input|ins|kbd|label|legend|link|map|mark|meta|noscript|object|optgroup"
    r"|picture|q|r[pt]|ruby|s|samp|search|select|slot|small|source|strike|strong|su[bp]|svg|template|textarea|time|track"
    r"|tt|u|var|video|wbr"
)
_BEGINS = re.compile(
    rf"\s*<(?:\?xml\b|(?!(?:{HTML_BLOCKS}|{_PAGE}|{_PHRASE})(?![\w:.-]))[^\W\d][\w:.-]*+(?:[\s/>]|$))", re.IGNORECASE
)
_IN_PAGES = re.compile(rf"(?:{_PAGE})\Z", re.IGNORECASE)
_DECLARED = re.compile(r"\s*<\?xml\b")
_SCHEMA = re.compile(r"(?:\s++(?:xmlns|xsi)(?::[\w.-]++)?\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'))*+\s*+\Z")
_DOCUMENT = re.compile(r"(?:doc(?:ument)?|passage|article|chunk|page|file|(?:search_)?result)\Z", re.IGNORECASE)
_NAME = re.compile(r"(?:(?:file_?)?name|title|source|path|id|headline)\Z", re.IGNORECASE)
"""An element that may name itself, as several alike do, and one in it that does."""

_NAMES = 2  # of an element
_LINES = re.compile(r"\S[ \t\r]*\n\s*\S|\n[ \t\r]*\n")
_LONGEST_SCHEMA = 120  # characters after the name of a tag
_LONGEST_TEXT = 200  # characters of a text between two tags that is no paragraph
_LONGEST_FLAT = 1000  # characters of an element with text beside its elements that is not divided at them
_SEVERAL = 3  # records that no record holds
_COMMENTS = 4  # lines of a comment that lead in the element below it


@dataclass(slots=True)
class _Element:
    """An element; or a comment, whose name is empty.

    Attributes:
        name: the one in its tags.
        start: its first character, or that of its line if no tag stands before it there.
        stop: where it ends.
        above: the number of the element that it stands in, -1 for none.
        holds: how many elements and comments stand directly in it.
        records: how many of those hold others.
        wordy: whether text stands directly in it.
        follows: whether text stands right before it.
        schema: whether its tag is long and says where names come from, but nothing of what it holds.
    """

    name: str
    start: int
    stop: int
    above: int
    holds: int = 0
    records: int = 0
    wordy: bool = False
    follows: bool = False
    schema: bool = False

    @property
    def flat(self) -> bool:
        """Whether it is not divided at the elements in it."""
        return not self.holds or (self.wordy and self.stop - self.start <= _LONGEST_FLAT)


class Documents:
    """The documents of XML in a text: with a declaration, or with tags that are none of HTML around others, and without
    paragraphs between them, as a prompt has them.
    """

    def __init__(self, text: str, outline: Outline) -> None:
        self._text, self._out = text, outline
        self._seen = 0  # up to here none is looked for

    def add(self, lines: Sequence[Line], at: int, end: int, parent: int) -> int:
        """Add the units of the document that begins in the line `at`, and return where it ends, which may be below the
        line `end`; -1 if none does.
        """
        first = lines[at]
        if first.start < self._seen or not _BEGINS.match(first.text):
            return -1
        document = _Document(self._text, first.start)
        if document.stop < 0:
            self._seen = document.last
            return -1
        top = self._out.add(first.start, parent)
        self._add(document.elements, parent)
        self._out.breaks[top] = True
        return document.stop

    def _add(self, elements: Sequence[_Element], parent: int) -> None:
        alike = Counter((element.above, element.name) for element in elements)
        names: dict[int, list[int] | tuple[int, ...]] = {}  # units that name an element, or one around it
        leads: list[int] = []  # the unit that leads in what stands in each
        inside: list[bool] = []  # whether what stands in each is part of its unit
        notes: range = range(0)  # units of the comment right above
        below = -1  # where that ends
        for number, element in enumerate(elements):
            above = leads[element.above] if element.above >= 0 else parent
            part = element.above >= 0 and inside[element.above]
            if part or element.follows:
                leads.append(above)
                inside.append(part or element.flat)
                continue
            if not element.name:
                leads.append(above)
                inside.append(True)
                notes, below = self._comment(element, above), element.stop
                continue
            record = alike[element.above, element.name] > 1 and element.records < _SEVERAL
            if not element.flat and (record or _DOCUMENT.match(element.name)):
                names[number] = []
            elif not element.flat and element.above in names:
                names[number] = tuple(names[element.above])
            size = 0 if element.flat else RECORD_TOKENS if record else BLOCK_TOKENS
            unit = self._out.add(element.start, above, together=size)
            leads.append(above if element.schema else unit)
            inside.append(element.flat)
            if notes and len(notes) <= _COMMENTS and self._text.count("\n", below, element.start) <= 1:
                self._out.lead([unit], *notes)
            notes = range(0)
            named = names.get(element.above, ())
            short = element.flat and element.stop - element.start <= _LONGEST_TEXT and len(named) < _NAMES
            if isinstance(named, list) and short and _NAME.match(element.name):
                named.append(unit)
            else:
                self._out.lead([unit], *named)

    def _comment(self, element: _Element, above: int) -> range:
        """Add a comment line by line: the first and the last one tell that the others are part of it."""
        unit = self._out.add(element.start, above, together=RECORD_TOKENS)
        at = self._text.find("\n", element.start, element.stop)
        while at >= 0:
            self._out.add(at + 1, unit)
            at = self._text.find("\n", at + 1, element.stop)
        last = len(self._out.starts) - 1
        self._out.lead(range(unit + 1, last), last)
        return range(unit, last + 1)


class _Document:
    """Reads elements up to where the first one ends; an end tag ends all that is open in its element.

    Attributes:
        elements: in the order of their start tags.
        stop: where the document ends; -1 if it is none.
        last: up to where it was read, and no other one is looked for.
    """

    def __init__(self, text: str, start: int) -> None:
        self.elements: list[_Element] = []
        self.stop = -1
        self.last = start
        self._open: list[int] = []
        self._names: Counter[str] = Counter()  # of those
        self._declared = _DECLARED.match(text, start) is not None
        self._free = self._declared  # to hold text of any kind
        for mark in _MARK.finditer(text, start):
            gap = text[self.last : mark.start()]
            words = gap.strip()
            line = self.last + gap.rfind("\n") + 1
            at = mark.start() if words else line
            if words and self.last == start:  # it does not begin here, though one may in the line of this mark
                self.last = line
                return
            self.last = mark.end()
            if (words or mark[0].startswith("<![")) and self._open and not self._takes(gap):
                return
            if mark["other"]:
                if mark[0].startswith("<!--") and ("\n" in gap or not self._open):
                    self._add(_Element("", at, self.last, self._above))
            elif mark["closes"]:
                self._close(mark["name"], mark.start())
            elif not self._begin(mark, at, follows=bool(words)):
                return
            if self._names and not self._open:
                self.stop = self.last if self._declared or self._root.holds else -1
                return
        if self._declared and self._names and not text[:start].strip():
            self.stop = len(text)
            for number in self._open:
                self.elements[number].stop = self.stop
        if self.stop < 0:  # not to be looked through again
            self.last = len(text)

    @property
    def _above(self) -> int:
        return self._open[-1] if self._open else -1

    def _add(self, element: _Element) -> None:
        self.elements.append(element)
        if element.above >= 0:
            above = self.elements[element.above]
            above.holds += 1
            if above.holds == 1 and above.above >= 0:
                self.elements[above.above].records += 1

    @property
    def _root(self) -> _Element:
        return next(element for element in self.elements if element.name)

    def _takes(self, gap: str) -> bool:
        """Let text stand in the open element; False if it has lines or paragraphs, as a section of a prompt does."""
        self.elements[self._open[-1]].wordy = True
        short = len(gap) <= _LONGEST_TEXT and not _LINES.search(gap)
        return self._free or (short and len(self._open) > 1)

    def _begin(self, mark: re.Match[str], at: int, *, follows: bool) -> bool:
        """Begin an element; False if it is one of a page's."""
        name, values = mark["name"], mark["values"]
        if not self._names:
            self._free = self._free or "xmlns" in values
            if name.lower() == "html":
                return False
        elif not self._free and _IN_PAGES.match(name):
            return False
        schema = len(values) > _LONGEST_SCHEMA and _SCHEMA.match(values) is not None
        self._add(_Element(name, at, self.last, self._above, follows=follows, schema=schema))
        self._names[name] += 1
        self._open.append(len(self.elements) - 1)
        if values.endswith("/"):
            self._close(name, self.last)
        return True

    def _close(self, name: str, at: int) -> None:
        if self._names[name] <= 0:
            return
        while True:
            element = self.elements[self._open.pop()]
            self._names[element.name] -= 1
            if element.name == name:
                element.stop = self.last
                return
            element.stop = at

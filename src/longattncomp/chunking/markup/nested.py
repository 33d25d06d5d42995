"""JSON and HTML -> units, by their brackets and tags, however they are laid out."""

import re
from collections.abc import Sequence

from longattncomp.chunking.code.regions import COMMENT, CONDITION, DEEPEST, Regions
from longattncomp.chunking.lines.kinds import HTML_BLOCKS, Line
from longattncomp.chunking.markup.boxes import CARD_TOKENS, boxes
from longattncomp.chunking.markup.spoken import link_roles
from longattncomp.chunking.outline import RECORD_TOKENS, Outline

_BEGINS = re.compile(r"\s*(?:\{\s*(?:\"|\}|$)|\[\s*(?:[{\"]|\[(?![A-Za-z_])|$|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*,))")
_INSIDE = re.compile(r"\s*[\"{\[}\]\d]")
_TOKEN = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"?|[{}\[\],]")
_SPACE = re.compile(r"\s*")
_LINE_TOKENS = 128  # of the longest object in one of several lines that stays whole whatever it holds
_LONGEST_LINE = 1000  # characters of such an object
_DEEPEST = 64
_SEVERAL = 3
_BLOCK = re.compile(
    rf"<(?P<closes>/?)(?P<name>{HTML_BLOCKS})\b[^<>]*>"
    r"|<!--|-->|\{%-?\s*(?P<switch>if|elif|else|endif)\b[^%]*%\}",
    re.IGNORECASE,
)
_TEXT = re.compile(r"[^<\s]")
_HEADING = re.compile(r"<h([1-6])\b", re.IGNORECASE)
_CELL = re.compile(r"<(t[hd])\b[^<>]*", re.IGNORECASE)
_BOLD = re.compile(r">\s*<(?:b|strong)\b[^<>]*>[^<>]*</(?:b|strong)>\s*</t", re.IGNORECASE)
"""What is in a cell with nothing but bold words, as the first row has them that names the columns."""

_ROW_END = re.compile(r"</?tr\b", re.IGNORECASE)
_ROWSPAN = re.compile(r"<t[hd]\b[^<>]*?\browspan\s*=\s*[\"']?(\d{1,3})\b", re.IGNORECASE)
_MOST_SPANS = 8
_TAG = re.compile(r"<[^<>]*>")
_LOOKED_AT = 400  # characters before a list that tell whether they lead to it
_LED = ("ul", "ol", "dl", "table", "blockquote", "pre", "details")
_ENCLOSING = ("table", "dl", "details")
_TITLE, _HEADER, _GROUP = 1, 2, 3
"""Ranks of what leads in the rows and entries below it: caption, term or summary; header row; row of one cell."""


class Values:
    """The values of JSON in a text."""

    def __init__(self, text: str, outline: Outline) -> None:
        self._text, self._out = text, outline
        self._broken = False  # whether a value was seen that does not end

    def add(self, lines: Sequence[Line], at: int, end: int, parent: int) -> int:
        """Add the units of the value that begins in the line `at` of a paragraph, which ends before the line `end`;
        return where the value ends, -1 if none begins.
        """
        if not _begins_json(lines[at : min(end, at + 2)]):
            return -1
        start, last = lines[at].start, lines[end - 1]
        stop = -1 if self._broken else _json_end(self._text, start)
        self._broken = self._broken or stop < 0
        stop = last.start + len(last.text) if stop < 0 else stop
        top = len(self._out.starts)
        after = _json_units(self._out, self._text, start, stop, parent)
        self._out.entries.extend(range(top, len(self._out.starts)))
        link_roles(self._out, self._text, top)
        return after


def _begins_json(lines: Sequence[Line]) -> bool:
    """Whether a line begins a JSON value; a bracket alone does if the line below it is part of one."""
    line, below = lines[0].text, lines[1:2]
    alone = line.strip() in ("{", "[")
    return bool(_BEGINS.match(line)) and not (alone and not (below and _INSIDE.match(below[0].text)))


def _json_units(outline: Outline, text: str, start: int, end: int, parent: int) -> int:
    """Add the entries and elements of a JSON value as units, led in by the keys above them.

    An object is a record, unless it holds three objects or more itself and is no short line. Broken JSON gives units,
    too. Returns where the value ends, at most at `end`.
    """
    above = [parent]
    objects = [0]  # directly inside each of `above`
    skipped = 0  # brackets that are open below the deepest of `above`
    opening = outline.add(start, parent, breaks=True)
    for token in _TOKEN.finditer(text, start, end):
        sign = token[0]
        if sign in "{[":
            if len(above) > _DEEPEST:
                skipped += 1
                continue
            if sign == "{":
                outline.together[opening] = RECORD_TOKENS
                objects[-1] += 1
                if objects[-1] >= _SEVERAL and len(above) > 1:
                    outline.together[above[-1]] = 0
            above.append(opening)
            objects.append(0)
            opening = outline.add(_next(text, token.end(), end), opening)
        elif sign in "}]" and skipped:
            skipped -= 1
        elif sign in "}]":
            value = above.pop()
            inside = objects.pop()
            begun = outline.starts[value]
            if sign == "}" and _is_line(text, begun, token.end()):
                outline.together[value] = max(outline.together[value], _LINE_TOKENS)
            if len(above) <= 1:
                return token.end()
            if sign == "]" and inside > 1:
                outline.together[above[-1]] = 0
        elif sign == "," and len(above) > 1:
            opening = outline.add(_next(text, token.end(), end), above[-1])
    return end


def _is_line(text: str, start: int, end: int) -> bool:
    """Whether an object is a short line beside other such lines."""
    if end - start > _LONGEST_LINE or "\n" in text[start:end] or (start and text[start - 1] != "\n"):
        return False
    return (
        text[max(0, start - 3) : start].rstrip(" ,\r\n")[-1:] == "}"
        or text[end : end + 80].lstrip(", \r\n\t")[:1] == "{"
    )


def _next(text: str, at: int, end: int) -> int:
    """Skip white space, but not the indentation of a line."""
    after = _SPACE.match(text, at, end)
    stop = after.end() if after else at
    return max(text.rfind("\n", at, stop) + 1, at) if "\n" in text[at:stop] else stop


def _json_end(text: str, start: int) -> int:
    """Find where a JSON value ends, by its brackets; -1 if it does not."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
            if depth <= 0:
                return token.end()
    return -1


class Html:
    """Adds the blocks of HTML as units, led in by what stands above them: headings, the caption, header rows and rows
    of one cell of their table, the term of a definition, and the condition or comment that they stand in.
    """

    def __init__(self, regions: Regions) -> None:
        self._ends = regions
        self._headings: list[tuple[int, int]] = []  # (level, unit)
        self._led: list[tuple[int, int]] = []  # (rank, unit) of what leads in, in a table or list
        self._rows = self._head = False  # whether a row of the table was seen that leads in nothing; within its head
        self._cards: dict[int, int] | None = None  # where each begins and ends
        self._boxes: list[tuple[int, int, int]] = []  # where each open card ends, its unit, headings above it
        self._spans: list[tuple[int, int]] = []  # rows with a cell that spans others; how many rows are left of it
        self._lists: list[tuple[str, int]] = []  # tag of each open list, table, quotation; the last unit that leads in
        self._regions: list[tuple[int, int, int]] = []  # unit that begins it, that of its branch, where it ends

    def add(self, outline: Outline, text: str, start: int, end: int, parent: int) -> None:
        """Add the units of a paragraph; `parent` leads in what stands above the first heading."""
        self._regions = [region for region in self._regions if region[2] > start]
        unit, empty = outline.add(start, self._above(parent), breaks=True), True
        last = start
        self._cards = boxes(text) if self._cards is None else self._cards
        self._leave(start)
        for tag in _BLOCK.finditer(text, start, end):
            name = (tag["name"] or "").lower()
            empty = empty and not _TEXT.search(text, last, tag.start())
            last = tag.end()
            if not name:
                found = self._switch(outline, text, tag, parent)
                unit, empty = (unit, empty) if found < 0 else (found, False)
                continue
            self._leave(tag.start())
            if tag.start() in self._cards:
                unit, empty = self._enter(outline, text, tag.start(), parent), True
            if name in _ENCLOSING:
                self._led.clear()
                self._spans.clear()
                self._rows = False
            if name == "thead":
                self._head = not tag["closes"]
            if tag["closes"]:
                if name in _LED:
                    self._end(name)
                elif name[1:].isdigit() and text[tag.end() : end].strip():
                    unit, empty = outline.add(tag.end(), unit), True
                continue
            if name in _LED:
                intro = self._intro(text, outline.starts[unit], tag.start(), unit, empty)
                self._lists.append((name, max(intro, self._lists[-1][1] if self._lists else -1)))
            level = int(name[1]) if name[1:].isdigit() else 0
            if level:
                self._led.clear()
                while self._headings and self._headings[-1][0] >= level:
                    self._headings.pop()
            rank = self._row(text, tag.end()) if name == "tr" else _TITLE if self._is_title(name) else 0
            while rank and self._led and (self._led[-1][0] > rank or (self._led[-1][0] == rank and self._rows)):
                self._led.pop()
            above = self._above(parent)
            boxed = bool(self._boxes) and self._boxes[-1][1] == unit and empty
            if not empty or (level and not boxed):
                unit, empty = outline.add(tag.start(), above), True
            elif above != unit:
                outline.parents[unit] = above
            if name == "tr":
                self._span(outline, text, tag.end(), unit)
            if level:
                self._headings.append((level, unit))
            elif rank:
                self._led.append((rank, unit))
            self._rows = not rank and (self._rows or name in ("tr", "dd"))

    def _enter(self, outline: Outline, text: str, start: int, parent: int) -> int:
        """Begin a card; its heading will end the sections of that rank or a lower one."""
        heading = _HEADING.search(text, start)
        level = int(heading[1]) if heading else 0
        while self._headings and self._headings[-1][0] >= level:
            self._headings.pop()
        unit = outline.add(start, self._above(parent), together=CARD_TOKENS, breaks=True)
        self._boxes.append((self._cards[start] if self._cards else start, unit, len(self._headings)))
        return unit

    def _leave(self, at: int) -> None:
        """End the cards that end at a character or before, with their headings."""
        while self._boxes and self._boxes[-1][0] <= at:
            del self._headings[self._boxes.pop()[2] :]

    def _is_title(self, name: str) -> bool:
        """Whether a tag begins what leads in the rest of the table, list or block that is open."""
        inside = self._lists[-1][0] if self._lists else ""
        return (name, inside) in (("caption", "table"), ("dt", "dl"), ("summary", "details"))

    def _end(self, name: str) -> None:
        """Close a list or table, with all in it that nothing closed."""
        if any(name == other for other, _ in self._lists[-_DEEPEST:]):
            while self._lists.pop()[0] != name:
                pass

    def _span(self, outline: Outline, text: str, start: int, unit: int) -> None:
        """Let the rows with cells that go on in a row lead it in."""
        outline.lead([unit], *(row for row, _ in self._spans))
        self._spans = [(row, left - 1) for row, left in self._spans if left > 1]
        after = _ROW_END.search(text, start)
        spans = [int(span[1]) for span in _ROWSPAN.finditer(text, start, after.start() if after else len(text))]
        if max(spans, default=0) > 1 and len(self._spans) < _MOST_SPANS:
            self._spans.append((unit, max(spans) - 1))

    def _row(self, text: str, start: int) -> int:
        """The rank of a row of a table that leads in others; otherwise 0."""
        if self._head:
            return _HEADER
        after = _ROW_END.search(text, start)
        cells = [*_CELL.finditer(text, start, after.start() if after else len(text))]
        bold = len(cells) > 1 and not self._rows
        heads = sum(cell[1].lower() == "th" or (bold and _BOLD.match(text, cell.end()) is not None) for cell in cells)
        headed = any(rank == _HEADER for rank, _ in self._led)
        if len(cells) == 1 and headed and ("colspan" in cells[0][0].lower() or (heads and self._rows)):
            return _GROUP
        return _HEADER if heads and heads == len(cells) else 0

    def _switch(self, outline: Outline, text: str, tag: re.Match[str], parent: int) -> int:
        """Begin or end a comment or a condition, or begin another branch; return the unit that it begins, or -1."""
        name = (tag["switch"] or "").lower()
        if name == "endif" or tag[0] == "-->":
            if not self._regions:
                return -1
            first = self._regions.pop()[0]
            unit = outline.add(tag.start(), first)
            if len(self._regions) < DEEPEST:
                outline.lead(range(first, unit), unit)
            return unit
        if name in ("elif", "else"):
            if not self._regions:
                return -1
            first, _, stop = self._regions.pop()
            self._regions.append((first, outline.add(tag.start(), first), stop))
            return self._regions[-1][1]
        end = self._ends.end(COMMENT if tag[0] == "<!--" else CONDITION, tag.start())
        inside = _BLOCK.search(text, tag.end(), end) if end > 0 else None
        if inside is None or inside[0] == "-->":
            return -1
        unit = outline.add(tag.start(), self._above(parent))
        self._regions.append((unit, unit, end))
        return unit

    def _intro(self, text: str, start: int, end: int, unit: int, empty: bool) -> int:
        """The unit that leads to a list or table: the item that it is part of, or what ends in a colon; -1 for none."""
        if not empty and text.startswith("<li", start):
            return unit
        words = _TAG.sub("", text[max(0, end - _LOOKED_AT) : end]).rstrip()
        return (unit - empty) if words.endswith((":", "：", "?")) else -1

    def _above(self, parent: int) -> int:
        above = self._headings[-1][1] if self._headings else parent
        led = self._led[-1][1] if self._led else -1
        listed = self._lists[-1][1] if self._lists else -1
        return max(above, led, listed, self._regions[-1][1] if self._regions else -1)

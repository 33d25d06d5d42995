"""JSON and HTML -> units, by their brackets and tags, however they are laid out."""

import re

from longattncomp.chunking.outline import RECORD_TOKENS, Outline

_TOKEN = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"?|[{}\[\],]")
_SPACE = re.compile(r"\s*")
_DEEPEST = 64
_SEVERAL = 3
_BLOCK = re.compile(
    r"<(/?)(h[1-6]|tr|li|p|div|section|article|main|aside|header|footer|nav|table|thead|tbody|tfoot|ul|ol|dl|dt|dd|pre"
    r"|blockquote|form|body|head|html|title|option|figure|script|style)\b[^<>]*>",
    re.IGNORECASE,
)
_TEXT = re.compile(r"[^<\s]")
_ROWS = ("table", "thead", "tbody")


def json_units(outline: Outline, text: str, start: int, end: int, parent: int) -> int:
    """Add the entries and elements of a JSON value as units, led in by the keys above them.

    An object is a record, unless it holds three objects or more itself. Broken JSON gives units, too. Returns where
    the value ends, at most at `end`.
    """
    above = [parent]
    objects = [0]  # directly inside each of `above`
    opening = outline.add(start, parent, breaks=True)
    for token in _TOKEN.finditer(text, start, end):
        sign = token[0]
        if sign in "{[":
            if len(above) > _DEEPEST:
                continue
            if sign == "{":
                outline.together[opening] = RECORD_TOKENS
                objects[-1] += 1
                if objects[-1] >= _SEVERAL and len(above) > 1:
                    outline.together[above[-1]] = 0
            above.append(opening)
            objects.append(0)
            opening = outline.add(_next(text, token.end(), end), opening)
        elif sign in "}]":
            above.pop()
            inside = objects.pop()
            if len(above) <= 1:
                return token.end()
            if text[token.start()] == "]" and inside > 1:
                outline.together[above[-1]] = 0
        elif sign == "," and len(above) > 1:
            opening = outline.add(_next(text, token.end(), end), above[-1])
    return end


def _next(text: str, at: int, end: int) -> int:
    """Skip white space, but not the indentation of a line."""
    after = _SPACE.match(text, at, end)
    stop = after.end() if after else at
    return max(text.rfind("\n", at, stop) + 1, at) if "\n" in text[at:stop] else stop


def json_end(text: str, start: int) -> int:
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
    """Adds the blocks of HTML as units, led in by the headings above them and by the header row of their table."""

    def __init__(self) -> None:
        self._headings: list[tuple[int, int]] = []  # (level, unit)
        self._header = -1  # the row that leads in those of its table

    def add(self, outline: Outline, text: str, start: int, end: int, parent: int) -> None:
        """Add the units of a paragraph; `parent` leads in what stands above the first heading."""
        headings = self._headings
        unit, empty = outline.add(start, self._above(parent), breaks=True), True
        last = start
        for tag in _BLOCK.finditer(text, start, end):
            closes, name = bool(tag[1]), tag[2].lower()
            empty = empty and not _TEXT.search(text, last, tag.start())
            last = tag.end()
            if name == "table":
                self._header = -1
            if closes:
                continue
            is_heading = name[0] == "h" and name[1:].isdigit()
            if is_heading:
                self._header = -1
                while headings and headings[-1][0] >= int(name[1]):
                    headings.pop()
            above = self._above(parent)
            if not empty:
                unit, empty = outline.add(tag.start(), above), True
            else:
                outline.parents[unit] = above
            if is_heading:
                headings.append((int(name[1]), unit))
            elif name == "tr" and "<th" in text[tag.end() : tag.end() + 40].lower():
                self._header = unit

    def _above(self, parent: int) -> int:
        return self._header if self._header >= 0 else self._headings[-1][1] if self._headings else parent

"""lines of code or of settings -> units, each led in by the less indented lines above it.

A comment right above an entry leads it in, too: it may say that the entry is not used. So do the ends of a region:
what is commented out must not be shown as if it were not.
"""

from collections.abc import Sequence

from longattncomp.chunking import lines as kinds
from longattncomp.chunking.lines import Line
from longattncomp.chunking.outline import BLOCK_TOKENS, Outline
from longattncomp.chunking.references import lead
from longattncomp.chunking.regions import Finder, Region

_COMMENTS = 4  # lines of a comment that lead in an entry
_LOOKED_AT = 200  # characters before a string that tell what it stands below


class Statements:
    """Adds the statements of a text, paragraph by paragraph; it knows which blocks are open."""

    def __init__(self, text: str, out: Outline) -> None:
        self._text, self._out = text, out
        self._opened: list[tuple[int, int]] = []  # (indent, unit) of the lines above
        self._regions: list[Region] = []
        self._finder = Finder(text)

    @property
    def within(self) -> bool:
        """Whether a region goes on, so that the next lines belong to it whatever they look like."""
        return bool(self._regions)

    def end(self) -> None:
        """Close all blocks: what follows is no code, or stands elsewhere."""
        self._opened.clear()
        self._regions.clear()

    def add(self, here: Sequence[Line], outside: int) -> None:
        """Add the statements of a paragraph, which the unit `outside` leads in."""
        opened, out = self._opened, self._out
        attribute = False
        comments: list[int] = []  # right above
        for number, line in enumerate(here):
            if attribute:
                attribute = bool(kinds.ATTRIBUTE.match(line.text))
                continue
            if self._goes_to(here, number, outside):
                continue
            if number and here[number - 1].indent == line.indent and kinds.goes_on(here[number - 1], line):
                continue
            while opened and opened[-1][0] > line.indent:
                opened.pop()
            same = opened[-1] if opened and opened[-1][0] == line.indent else None
            if same is not None and line.text.strip() == "{":  # it belongs to the line above
                continue
            goes_on = kinds.CONTINUES.match(line.text)
            if same is not None and not goes_on and (kinds.CLOSER.match(line.text) or self._values(same[1], line)):
                out.add(line.start, same[1])
                continue
            if same is not None and goes_on and kinds.CASE.match(line.text) and self._is_case(same[1]):
                opened.pop()
            while not goes_on and opened and opened[-1][0] == line.indent:
                opened.pop()
            above = opened[-1][1] if opened else self._outside(outside)
            unit = out.add(line.start, above, together=BLOCK_TOKENS, breaks=not number)
            opened.append((line.indent, unit))
            if number and here[number - 1].indent != line.indent:
                comments = []
            if comments and kinds.ENTRY.match(line.text):
                out.also[unit] = tuple(comments[-_COMMENTS:])
            comments = [*comments, unit] if kinds.COMMENT.match(line.text) else []
            attribute = bool(kinds.ATTRIBUTE.match(line.text)) and number + 1 < len(here)

    def _outside(self, outside: int) -> int:
        return self._regions[-1].branch if self._regions else outside

    def _goes_to(self, here: Sequence[Line], number: int, outside: int) -> bool:
        """Begin a region or another branch of one, or end it, if the line does."""
        line, opened, out = here[number], self._opened, self._out
        if self._regions:
            kind, first, _, around = self._regions[-1]
            if kind.ends.match(line.text):
                last = out.add(line.start, first)
                lead(out, range(first, last), last)
                self._regions.pop()
                opened[:] = around
                return True
            if kind.branches and kind.branches.match(line.text):
                self._regions[-1] = Region(kind, first, out.add(line.start, first), around)
                opened.clear()
                return True
        before = self._text[max(0, line.start - _LOOKED_AT) : line.start].rstrip()
        begun = self._finder.kind(line, documents=not before or before.endswith(":"))
        if begun is None:
            return False
        level = max(line.indent, here[number + 1].indent if number + 1 < len(here) else 0)
        while opened and opened[-1][0] >= level:
            opened.pop()
        above = opened[-1][1] if opened else self._outside(outside)
        unit = out.add(line.start, above, together=BLOCK_TOKENS, breaks=not number)
        self._regions.append(Region(begun, unit, unit, tuple(opened)))
        opened.clear()
        return True

    def _is_case(self, unit: int) -> bool:
        return kinds.CASE.match(self._text, self._out.starts[unit]) is not None

    def _values(self, unit: int, line: Line) -> bool:
        """Whether a line has values of the statement above it, as in SQL."""
        return line.text.startswith("(") and self._text.startswith(("INSERT", "insert"), self._out.starts[unit])

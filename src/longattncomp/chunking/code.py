"""lines of code or of settings -> units, each led in by the less indented lines above it.

A comment right above an entry leads it in, too: it may say that the entry is not used.
"""

from collections.abc import Sequence

from longattncomp.chunking import lines as kinds
from longattncomp.chunking.lines import Line
from longattncomp.chunking.outline import BLOCK_TOKENS, Outline


class Statements:
    """Adds the statements of a text, paragraph by paragraph; it knows which blocks are open."""

    def __init__(self, text: str, out: Outline) -> None:
        self._text, self._out = text, out
        self._opened: list[tuple[int, int]] = []  # (indent, unit) of the lines above

    def end(self) -> None:
        """Close all blocks: what follows is no code, or stands elsewhere."""
        self._opened.clear()

    def add(self, here: Sequence[Line], outside: int) -> None:
        """Add the statements of a paragraph, which the unit `outside` leads in."""
        opened, out = self._opened, self._out
        attribute = False
        comment = -1  # right above
        for number, line in enumerate(here):
            if attribute:
                attribute = bool(kinds.ATTRIBUTE.match(line.text))
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
            above = opened[-1][1] if opened else outside
            unit = out.add(line.start, above, together=BLOCK_TOKENS, breaks=not number)
            opened.append((line.indent, unit))
            if comment >= 0 and kinds.ENTRY.match(line.text):
                out.also[unit] = (comment,)
            comment = unit if kinds.COMMENT.match(line.text) else -1
            attribute = bool(kinds.ATTRIBUTE.match(line.text)) and number + 1 < len(here)

    def _is_case(self, unit: int) -> bool:
        return kinds.CASE.match(self._text, self._out.starts[unit]) is not None

    def _values(self, unit: int, line: Line) -> bool:
        """Whether a line has values of the statement above it, as in SQL."""
        return line.text.startswith("(") and self._text.startswith(("INSERT", "insert"), self._out.starts[unit])

"""lines of code that hold only under a condition, or not at all, until another line ends that."""

import re
from typing import NamedTuple

from longattncomp.chunking.lines import Line


class Kind(NamedTuple):
    """How a region is told: lines that begin it, that begin another branch of it, and that end it."""

    opens: re.Pattern[str]
    branches: re.Pattern[str] | None
    ends: re.Pattern[str]


_KINDS = (
    Kind(re.compile(r"\s*#\s*if"), re.compile(r"\s*#\s*el"), re.compile(r"\s*#\s*endif", re.MULTILINE)),
    Kind(
        re.compile(r"\s*\{%-?\s*(?:if|unless)\b(?!.*\{%-?\s*end)"),
        re.compile(r"\s*\{%-?\s*els"),
        re.compile(r".*\{%-?\s*end(?:if|unless)"),
    ),
    Kind(re.compile(r"if(?:n?eq|n?def)\b"), re.compile(r"else\b"), re.compile(r"endif\b", re.MULTILINE)),
    Kind(re.compile(r"\s*/\*(?!\*|.*\*/)"), None, re.compile(r".*\*/")),
    Kind(re.compile(r"\s*<!--(?!.*-->)"), None, re.compile(r".*-->")),
    Kind(re.compile(r"\s*'''(?!.*''')"), None, re.compile(r".*'''")),
    Kind(re.compile(r'\s*"""(?!.*""")'), None, re.compile(r'.*"""')),
)
_QUOTED = _KINDS[-2:]
_STRING = re.compile(r"(\"{3}|'{3}).*?(?:\1|$(?!\n))", re.DOTALL)
_GUARD = re.compile(r"\s*#\s*ifndef\s+(\w+)\s*\n\s*#\s*define\s+\1\b")
"""What keeps a C header from being read twice; it says nothing about the lines in it."""


class Region(NamedTuple):
    """An open region.

    Attributes:
        kind: what ends it.
        first: the unit that begins it.
        branch: the unit that begins its present branch.
        around: (indent, unit) of the lines that it stands in.
    """

    kind: Kind
    first: int
    branch: int
    around: tuple[tuple[int, int], ...]


class Finder:
    """Finds where regions begin in one text; a region that nothing ends is none."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: dict[Kind, int] = {}  # where the next end stands, as far as it was looked for
        self._strings: set[int] | None = None  # where strings of several lines begin

    def kind(self, line: Line, *, documents: bool) -> Kind | None:
        """Tell which region a line begins; `documents` where a string would document the line above."""
        for kind in _KINDS:
            if kind.opens.match(line.text):
                string = kind in _QUOTED
                fits = not string or (not documents and self._is_string(line))
                fits = fits and not _GUARD.match(self._text, line.start)
                return kind if fits and self._is_ended(kind, line.start + len(line.text)) else None
        return None

    def _is_string(self, line: Line) -> bool:
        """Whether the quotes at the beginning of a line begin a string, instead of ending one."""
        if self._strings is None:
            self._strings = {match.start() for match in _STRING.finditer(self._text)}
        return line.start + len(line.text) - len(line.text.lstrip()) in self._strings

    def _is_ended(self, kind: Kind, after: int) -> bool:
        known = self._ends.get(kind, 0)
        if 0 <= known < after:
            found = kind.ends.search(self._text, after)
            self._ends[kind] = known = found.start() if found else -1
        return known >= 0

"""lines that hold only under a condition, or not at all, until another line ends that; bodies, which their first line
leads in.
"""

import re
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from longattncomp.chunking.code.bodies import plans, routines, stages
from longattncomp.chunking.lines import preprocessor
from longattncomp.chunking.lines.kinds import HTML_BLOCKS, Line
from longattncomp.chunking.outline import Outline


class Kind(NamedTuple):
    """How a region is told: what begins it, what begins another branch of it, and what ends it.

    Conditions stand in each other, comments do not.
    """

    opens: re.Pattern[str]
    ends: re.Pattern[str]
    branches: re.Pattern[str] | None = None


class Body(NamedTuple):
    """Lines of code that the first one leads in, by a function that finds where those of its kind begin and end."""

    find: Callable[[str], dict[int, int]]
    branches: None = None


def _condition(opens: str, branches: str, ends: str) -> Kind:
    return Kind(re.compile(opens, re.MULTILINE), re.compile(ends, re.MULTILINE), re.compile(rf"\s*(?:{branches})"))


def _comment(opens: str, ends: str) -> Kind:
    return Kind(re.compile(opens, re.MULTILINE), re.compile(ends, re.MULTILINE))


CONDITION = _condition(r"\{%-?\s*(?:if|unless)\b", r"\{%-?\s*els", r"\{%-?\s*end(?:if|unless)\b")
"""A condition of a template."""

COMMENT = _comment(r"<!--", r"-->")
"""A comment of HTML."""

CONFLICT = _condition(r"^<{7} ", r"(?:={7}|\|{7}(?: .*)?)\s*$", r"^>{7} [^\n]*")
"""Both sides of what could not be merged."""

PLAN = Body(plans)
"""What a plan changes, whose lines may begin with a sign."""

_STRINGS = (_comment(r"'''", r"'''"), _comment(r'"""', r'"""'))
_PREPROCESSOR = _condition(rf"^[ \t]*{preprocessor.CONDITION}", preprocessor.BRANCH, rf"^[ \t]*{preprocessor.END}")
_KINDS = (
    _PREPROCESSOR,
    CONFLICT,
    _condition(r"^ifn?(?:eq|def)\b", r"else\b", r"^endif\b"),
    CONDITION,
    _condition(r"\{\{-?\s*(?:if|with|range)\b", r"\{\{-?\s*else", r"\{\{-?\s*end\b"),
    _condition(r"\{\{#(?:if|unless)\b", r"\{\{\s*else", r"\{\{/(?:if|unless)\b"),
    _condition(r"<%-?\s*(?:if|unless)\b", r"<%-?\s*els", r"<%-?\s*end\b"),
    _comment(r"^:::[ \t]*\w", r"^:::[ \t\r]*$"),
    _comment(r"^[ \t]*/\*(?![*)/])", r"(?<!/)\*/"),  # no pattern of paths
    COMMENT,
    _comment(r"^[ \t]*\{#", r"#\}"),
    _comment(r"^[ \t]*--\[\[", r"\]\]"),
    _comment(r"^=begin\b", r"^=end\b"),
    _comment(r"^[ \t]*<#", r"#>"),
    _comment(r"^[ \t]*\\iffalse\b", r"^[ \t]*\\fi\b"),
    _comment(r"^[ \t]*\\begin\{comment\}", r"\\end\{comment\}"),
    *_STRINGS,
    Body(routines),
    Body(stages),
    PLAN,
)
_TAGGED = _comment(
    rf"^<(?!(?:{HTML_BLOCKS})\b(?<!details))([A-Za-z][\w.-]*)(?:[ \t][^<>\n]*)?>[ \t\r]*$",
    r"^</([A-Za-z][\w.-]*)>[ \t\r]*$",
)
"""A section of a prompt, or details of a page, between lines with its tags."""

DEEPEST = 8
"""Outermost regions whose ends lead in what they hold."""

_MARK = re.compile(
    r"\s*(?:#[ \t]*if|\{[%{#]|<[%!#A-Za-z]|<{7} |/\*|--\[\[|=begin\b|\\iffalse"
    r"|\\begin\{comment|'{3}|\"{3}|ifn?(?:eq|def)|:::"
    r"|(?i:create)\b|FROM[ \t]|# [\w-]+\.\S)"
)
"""How a line begins that may begin a region."""


class Region(NamedTuple):
    """An open region.

    Attributes:
        kind: how it is told.
        end: where it ends.
        first: the unit that begins it.
        branch: the unit that begins its present branch.
        around: (level, unit) of the statements that it stands in.
    """

    kind: Kind | Body
    end: int
    first: int
    branch: int
    around: tuple[tuple[int, int], ...] = ()


class Regions:
    """The regions of one text; one that nothing ends is none."""

    def __init__(self, text: str, outline: Outline) -> None:
        self._text, self._outline = text, outline
        self._pairs: dict[Kind | Body, dict[int, int]] = {}
        self._open: list[Region] = []
        self._branched: set[int] | None = None  # where conditions begin that have other branches, once it is asked

    @property
    def above(self) -> int:
        """The unit that begins the branch that is open, -1 for none."""
        return self._open[-1].branch if self._open else -1

    def body(self, line: Line) -> Body | None:
        """The body of code that is open, or that a line begins."""
        begun = self.opens(line, documents=True)
        kind = begun[0] if begun else self._open[-1].kind if self._open else None
        return kind if isinstance(kind, Body) else None

    def opens(self, line: Line, *, documents: bool = False) -> tuple[Kind | Body, int] | None:
        """Tell which region a line begins, and where it ends; `documents` where a string would document the line
        above.
        """
        if not _MARK.match(line.text):
            return None
        start = line.start + len(line.text) - len(line.text.lstrip())
        for kind in (*_KINDS, _TAGGED):
            end = self.end(kind, start)
            if end > line.start + len(line.text):
                quiet = (kind in _STRINGS and documents) or (not self._open and self._guards(line))
                return None if quiet else (kind, end)
        return None

    def _guards(self, line: Line) -> bool:
        """Whether a line keeps a header from being read twice."""
        if not preprocessor.GUARD.match(self._text, line.start):
            return False
        if self._branched is None:
            self._branched = preprocessor.branched(self._text)
        return line.start not in self._branched

    def end(self, kind: Kind | Body, start: int) -> int:
        """Find where the region of a kind that begins at a character ends; -1 if none does."""
        if kind not in self._pairs:
            self._pairs[kind] = kind.find(self._text) if isinstance(kind, Body) else self._pair(kind)
        return self._pairs[kind].get(start, -1)

    def begin(self, kind: Kind | Body, end: int, unit: int, around: tuple[tuple[int, int], ...] = ()) -> None:
        """Open a region with its first unit; a body ends where what it stands in does."""
        if isinstance(kind, Body) and self._open:
            end = min(end, self._open[-1].end)
        self._open.append(Region(kind, end, unit, unit, around))

    def branch(self, line: Line) -> bool:
        """Begin another branch of the open region if the line does, with a unit of its own."""
        if not self._branches(line):
            return False
        region = self._open[-1]
        self._open[-1] = region._replace(branch=self._outline.add(line.start, region.first))
        return True

    def _branches(self, line: Line) -> bool:
        branches = self._open[-1].kind.branches if self._open else None
        return branches is not None and branches.match(line.text) is not None

    def marks(self, line: Line) -> bool:
        """Whether a line begins a region or another branch of one, or ends it; strings are no regions here."""
        return self.ends_in(line) or self._branches(line) or self.opens(line, documents=True) is not None

    def conflicts(self, line: Line) -> bool:
        """Whether a line begins, divides or ends what could not be merged."""
        begun = self.opens(line)
        kind = begun[0] if begun else self._open[-1].kind if self._open else None
        return kind is CONFLICT and self.marks(line)

    def ends_in(self, line: Line) -> bool:
        """Whether the open region ends in a line."""
        return bool(self._open) and self._open[-1].end <= line.start + len(line.text)

    def closes(self, line: Line) -> bool:
        """Whether a line is the tag that ends the open region."""
        return line.text.startswith("</") and self.ends_in(line)

    def close(self, at: int) -> Region | None:
        """Close the regions that end at a character or before; what ends them leads in all of it. Return the last."""
        region = None
        while self._open and self._open[-1].end <= at:
            region = self._open.pop()
            last = len(self._outline.starts) - 1
            if len(self._open) < DEEPEST and not isinstance(region.kind, Body):
                self._outline.lead(range(region.first, last), last)
        return region

    def _pair(self, kind: Kind) -> dict[int, int]:
        """Find where the regions of a kind begin, and where each ends."""
        found: dict[int, int] = {}
        begun: dict[str, list[int]] = defaultdict(list)  # by the name of their tag
        after = 0
        begins = [(match.end() - len(match[0].lstrip()), match, True) for match in kind.opens.finditer(self._text)]
        if kind.branches is None and kind is not _TAGGED:  # comments do not stand in each other
            for start, match, _ in begins:
                if match.start() >= after and (ends := kind.ends.search(self._text, match.end())):
                    after = found[start] = ends.end()
                elif match.start() >= after:
                    break
            return found
        marks = [*begins, *((match.start(), match, False) for match in kind.ends.finditer(self._text))]
        for start, match, opens in sorted(marks, key=lambda mark: mark[0]):
            same = begun[match[1] if kind is _TAGGED else ""]
            if opens:
                unsure = kind is _PREPROCESSOR and match["perhaps"] is not None and not same
                if not unsure or preprocessor.is_near(self._text, start):
                    same.append(start)
            elif same:
                found[same.pop()] = match.end()
        return found

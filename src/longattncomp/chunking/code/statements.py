"""lines of code or of settings -> units, each led in by the less indented lines above it.

A comment right above an entry leads it in, too: it may say that the entry is not used. So do the ends of a region:
what is commented out must not be shown as if it were not.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from longattncomp.chunking.code.quoted import text_end
from longattncomp.chunking.code.regions import CONFLICT, PLAN, Regions
from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.definitions import (
    COMMENT,
    DECLARES,
    is_of_group,
    is_short_comment,
    is_title,
    signature,
    subjects,
)
from longattncomp.chunking.lines.definitions import goes_on as goes_on_with
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.preprocessor import DIRECTIVE, is_continued
from longattncomp.chunking.outline import BLOCK_TOKENS, RECORD_TOKENS, Outline

_COMMENTS = 4  # lines of a comment that lead in an entry
_WORDS = 4  # in a line of a comment that may go on in the next one
_LOOKED_AT = 200  # characters before a string that tell what it stands below
_VERB = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|MERGE|WITH)\b", re.IGNORECASE)
_CLAUSE = re.compile(
    r"\s*(?:FROM|WHERE|SET|AND|OR|(?:(?:LEFT|RIGHT|FULL|INNER|OUTER|CROSS) )*JOIN|ON|GROUP BY|ORDER BY|HAVING|LIMIT"
    r"|VALUES|RETURNING|UNION)\b",
    re.IGNORECASE,
)
_ACCESS = re.compile(
    r"\s*(?:(?:public|private|protected|Q_SIGNALS|signals)(?:[ \t]+(?:Q_SLOTS|slots))?)[ \t]*:\s*(?:$|//|/\*)"
)
_CLASS = re.compile(r"[^\n;]{0,200}?\b(?:class|struct|union)\b")
_BOUND = re.compile(r"\s*where\b")
_BOUNDED = re.compile(
    r"\s*(?:(?:pub(?:\([^)\n]*\))?|unsafe|async|const|extern|default)\s+)*(?:fn|impl|trait|struct|enum)\b"
)
_PARTS = ((_CLAUSE, _VERB), (_ACCESS, _CLASS), (_BOUND, _BOUNDED))
"""Lines that may be indented as what they are a part of: of a statement of SQL, a class of C++, a function of Rust."""

_COMMAND = re.compile(r"[ \t]--?[A-Za-z]|\$[\w{(]|\\\s*$")
"""What a command has that is no text: an option, a variable, or a sign that it goes on."""

_BEGIN = re.compile(r"\s*begin\s*$", re.IGNORECASE)
_BEGUN = re.compile(r"\s*(?:if|else|while|for)\b", re.IGNORECASE)
_END = re.compile(r"\s*END\s*;?\s*$")
_REOPENS = re.compile(r"\s*[)\]}]++(?:\??\.\w|[(,](?=[^\w\n]*\w))[^\n]*[{(\[]\s*$")
"""A line that closes a block and goes on with another one, such as the next call on what the first returns."""

_DECORATES = re.compile(r"\s*(?:@(?!end)\w[\w.]*\(|#!?\[\w)")
"""How a line begins what stands above a definition, and may go on in the next lines."""

_WHERE = re.compile(r"\s*WHERE\b", re.IGNORECASE)
_CONTINUED = 12  # lines of a condition below which its first branch is looked for
_CLAUSES = 8  # units above a WHERE that it leads in
_SIGN = re.compile(r"[ \t]*(?:-/\+|\+/-|<=|[-+~]) +(?=\S)")
"""What stands before a line of a plan."""

_BLOCK = re.compile(r"(?:resource|data|module|variable|output|provider|locals|terraform)\b[^={}]*\{\s*$")
"""The first line of a block of Terraform."""

_SEPARATOR = re.compile(r"---\s*(?:#|$)")
"""What stands between documents of YAML."""

_DASH = re.compile(r"\s*-(?:\s|$)")


class Statements:
    """Adds the statements of a text, paragraph by paragraph; it knows which blocks are open.

    Attributes:
        quoted: where the last string of several lines ends that stands in a block, -1 for none.
    """

    def __init__(self, text: str, out: Outline, regions: Regions) -> None:
        self._text, self._out = text, out
        self._opened: list[tuple[int, int]] = []  # (level, unit) of the lines above
        self._regions = regions
        self._string = (-1, 0)  # where the last string ends, in a block or not, and how much lower its lines rank
        self.quoted = -1

    def end(self) -> None:
        """Close all blocks: what follows is no code, or stands elsewhere."""
        self._opened.clear()

    def add(self, here: Sequence[Line], outside: int) -> None:
        """Add the statements of a paragraph, which the unit `outside` leads in."""
        opened, out = self._opened, self._out
        top = len(out.starts)
        comments: list[int] = []  # right above
        titled = False  # whether the last of them is about what stands below
        condition = False  # whether a region or a branch of it begins or ends in the line above
        begins = 0  # where the line stands that the attributes above belong to
        about = subjects(here)
        for number, line in enumerate(here):
            if number and number <= begins:
                continue
            condition = self._goes_to(here, number, outside) or (condition and is_continued(here[number - 1].text))
            if condition:
                continue
            if number and here[number - 1].indent == line.indent and _goes_on(here[number - 1], line):
                continue
            quoted, lower = self._string
            level = max(self._level(line), self._below_comment(here, number)) + (lower if line.start < quoted else 0)
            while opened and opened[-1][0] > level:
                opened.pop()
            same = opened[-1] if opened and opened[-1][0] == level else None
            if same is not None and self._opens(same[1], line):
                continue
            goes_on = same and goes_on_with(self._text, out.starts[same[1]], about[number])
            if same is not None and not goes_on and self._closes(same[1], line):
                unit = out.add(line.start, same[1])
                if _REOPENS.match(line.text):
                    opened.append((level, unit))
                continue
            decorated = same is not None and self._decorates(same[1], here, number)
            if goes_on == "beside":
                opened.pop()
            while not (goes_on or decorated) and opened and opened[-1][0] == level:
                opened.pop()
            above = opened[-1][1] if opened else max(outside, self._regions.above)
            if comments and here[number - 1].indent == line.indent and (titled or _BLOCK.match(line.text)):
                above = self._leads(comments[-1:] if titled else comments[-_COMMENTS:])
            separates = not number or bool(_SEPARATOR.match(line.text))
            unit = out.add(line.start, above, together=BLOCK_TOKENS, breaks=separates)
            if decorated and DECLARES.match(line.text):
                out.lead(range(above, unit), unit)
            is_comment = COMMENT.match(line.text)
            directive = DIRECTIVE.match(line.text) and not is_continued(line.text)
            if not (is_comment and goes_on) and not directive:
                opened.append((level, unit))
            if (
                level % 2
                and _WHERE.match(line.text)
                and above >= 0
                and not _BOUNDED.match(self._text, out.starts[above])
            ):
                out.lead(range(max(above, unit - _CLAUSES), unit), unit)
            if number and here[number - 1].indent != line.indent:
                comments = []
            if comments and not titled and kinds.ENTRY.match(line.text):
                out.also[unit] = tuple(comments[-_COMMENTS:])
            # An entry that is commented out, such as `#key: 1`, is a comment here, too.
            self._quote(line, level)
            comments = [*comments, unit] if is_comment or kinds.COMMENT.match(line.text) else []
            titled = is_title(here, number)
            begins = signature(here, number)
        if is_of_group(here):
            out.lead(range(top + 1, len(out.starts)), top)
        out.entries.extend(range(top, len(out.starts)))

    def _quote(self, line: Line, level: int) -> None:
        """Remember the string that a line begins, whose lines rank below it wherever they stand."""
        if line.start >= self._string[0] and (end := text_end(self._text, line)) >= 0:
            self._string = end, level + 2
            self.quoted = end if line.indent > 0 else -1

    def _below_comment(self, here: Sequence[Line], number: int) -> int:
        """Rank the more indented line right below a comment in a block, so that the comment does not end the block."""
        line = here[number]
        if number + 1 == len(here) or not self._opened or self._opened[-1][0] <= 2 * line.indent:
            return 0
        below = here[number + 1]
        if not COMMENT.match(line.text) or below.indent <= line.indent:
            return 0
        inside = kinds.CONTINUES.match(below.text) or kinds.CLOSER.match(below.text)  # of the block that goes on there
        return min(2 * below.indent + bool(inside), self._opened[-1][0])

    def _leads(self, comments: Sequence[int]) -> int:
        """Let the lines of a comment lead in each other, and return the last one, which leads in what it is about."""
        for before, comment in pairwise(comments):
            self._out.parents[comment] = before
        return comments[-1]

    def _level(self, line: Line) -> int:
        """Rank a line: the items of a key, and the clauses of a statement of SQL, may be indented as it is."""
        if self._regions.body(line) is PLAN:
            return 2 * (sign.end() if (sign := _SIGN.match(line.text)) else line.indent)
        level = 2 * line.indent
        if _DASH.match(line.text):
            return level + 1
        parts = [whole for part, whole in _PARTS if part.match(line.text)]
        if parts and (unit := next((unit for other, unit in reversed(self._opened) if other == level), -1)) >= 0:
            return level + any(whole.match(self._text, self._out.starts[unit]) for whole in parts)
        return level

    def _goes_to(self, here: Sequence[Line], number: int, outside: int) -> bool:
        """Begin a region or another branch of one, or end it, if the line does."""
        line, opened, regions = here[number], self._opened, self._regions
        if regions.ends_in(line):
            own: list[int] = []
            if regions.body(line) is not None:
                rank = self._level(line)
                closes = kinds.CLOSER.match(line.text)
                own = [unit for level, unit in opened if (level == rank if closes else level < rank)][-1:]
            self._out.add(line.start, max(outside, regions.above, *own))
            closed = regions.close(line.start + len(line.text))
            opened[:] = closed.around if closed else ()
            return True
        if regions.branch(line):
            opened.clear()
            return True
        before = self._text[max(0, line.start - _LOOKED_AT) : line.start].rstrip()
        rows = before.splitlines()[line.start > _LOOKED_AT :]
        documents = all(row.startswith("#") for row in rows) or before.endswith(":")
        begun = regions.opens(line, documents=documents)
        if begun is None:
            return False
        below = number + 1
        while below < min(len(here), number + _CONTINUED) and is_continued(here[below - 1].text):
            below += 1
        inner = here[below].indent if begun[0].branches and below < len(here) else 0
        level = 2 * max(line.indent, inner)
        while opened and opened[-1][0] >= level:
            opened.pop()
        above = opened[-1][1] if opened else max(outside, regions.above)
        if number and is_short_comment(here, number - 1):
            above = len(self._out.starts) - 1
        together = RECORD_TOKENS if begun[0] is CONFLICT else BLOCK_TOKENS
        unit = self._out.add(line.start, above, together=together, breaks=not number)
        regions.begin(*begun, unit, tuple(opened))
        opened.clear()
        return True

    def _opens(self, unit: int, line: Line) -> bool:
        """Whether a line opens the block of the statement above it, and has nothing else."""
        if line.text.strip() == "{":
            row = self._text[max(0, line.start - _LOOKED_AT) : line.start].rstrip().rpartition("\n")[2]
            beside = len(row) - len(row.lstrip()) == len(line.text) - len(line.text.lstrip())
            ends = row.endswith(";") or (row.endswith(",") and row.lstrip()[0] in "([{")
            over = beside and ends and sum(map(row.count, "([{")) <= sum(map(row.count, ")]}"))
            return not over
        below = unit == len(self._out.starts) - 1 and _BEGUN.match(self._text, self._out.starts[unit]) is not None
        return below and _BEGIN.match(line.text) is not None

    def _decorates(self, unit: int, here: Sequence[Line], number: int) -> bool:
        """Whether a statement stands above the definition in a line, from which only its closing bracket parts it."""
        before, line = here[number - 1], here[number]
        return (
            number > 0
            and before.indent == line.indent
            and kinds.CLOSER.match(before.text) is not None
            and _DECORATES.match(self._text, self._out.starts[unit]) is not None
            and (_DECORATES.match(line.text) or DECLARES.match(line.text)) is not None
        )

    def _closes(self, unit: int, line: Line) -> bool:
        """Whether a line closes the block of a statement, or has values of it, as in SQL."""
        start = self._out.starts[unit]
        values = line.text.startswith("(") and self._text.startswith(("INSERT", "insert"), start)
        ends = _END.match(line.text) is not None and _BEGUN.match(self._text, start) is not None
        return values or ends or kinds.CLOSER.match(line.text) is not None


def continued(lines: Sequence[Line], at: int) -> int:
    """Count the lines of a condition of the preprocessor; 1 for a line of anything else."""
    stop = at + 1
    while lines[at].text.lstrip().startswith("#") and stop < len(lines) and is_continued(lines[stop - 1].text):
        stop += 1
    return stop - at


def _goes_on(before: Line, line: Line) -> bool:
    """Whether a line of a comment or docstring goes on in the next one."""
    words = line.text.lstrip(" \t#/*-")
    return (
        words[:1].islower()
        and words.count(" ") >= _WORDS
        and not (kinds.CODE.match(words) or DIRECTIVE.match(line.text))
        and not kinds.CODE_END.search(words)
        and not (_COMMAND.search(words) and not COMMENT.match(line.text))
        and before.text.count(" ") - before.indent >= _WORDS
        and not kinds.CODE.match(before.text.lstrip(" \t#/*-"))
        and not kinds.ends_part(before.text.rstrip()[-1:].replace(",", ""))
    )

"""files of a diff -> units: names lead in hunks, hunks what changes in them, and files what reviewers say below."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from longattncomp.chunking.lines.definitions import BLOCK_BEGINS
from longattncomp.chunking.lines.kinds import CLOSER, CONTINUES, FENCE, HEADING, Line
from longattncomp.chunking.outline import BLOCK_TOKENS, RECORD_TOKENS, SENTENCE_TOKENS, Outline

_DIFF = re.compile(
    r"diff --git |Index: [^\n]+\n={3,}|--- (?=\S[^\n]*\n\+\+\+ |(?=\S*[./])\S++\s*?\n@@ -\d)|@@ -\d"
    r"|\*{3} (?:Begin Patch\s*\n|(?:Add|Update|Delete) File: \S)"
)
_PATCH = re.compile(r"\*{3} (?:(Add|Update|Delete)|End Patch|Move to|End of)\b")
"""A line of a patch by an agent: a file of it, what ends it, or what else is done with it."""

_REVIEW = re.compile(
    r"[ \t]*[@\w][^\n:]{0,60}?[ \t)](?:commented|replied|wrote|said|noted|asked|suggested|answered|approved)\b"
    r"[^\n:]{0,60}:?[ \t\r]*$"
)
"""A line that says who says something about the lines above it."""

_REPLY = re.compile(r"\b(?:replied|answered)\b")
_DEFINES = re.compile(
    r"[ \t]*(?:(?:export|default|public|private|protected|internal|static|final|override|open|abstract|sealed|data"
    r"|async|suspend|inline|virtual|pub(?:\([^)]*\))?)[ \t]+)*"
    r"(?:(?:def|defp|class|fun|func|function|fn|sub|impl|struct|enum|interface|trait|module|object)\b[^;]*$"
    r"|(?<=[ \t])[\w<>\[\]?,.: ]+\([^;=]*\{\s*$)"
)
"""A line that begins a function or class."""

_ITEM = re.compile(r"[ \t]*- [\w\"'./-]+:\s")
"""A line that begins an item of settings."""

_MARKDOWN = re.compile(r"[^\n]{1,300}\.(?:md|mdx|markdown)\s*$", re.MULTILINE)
"""A line with the name of a file that has headings."""

_UNNAMED = ",;{}[("
"""What ends a line that does not name the block in the lone bracket below it."""

_RANKS = 7  # of headings are farther left than any line
_LONGEST = 200  # characters of a line that opens a block


@dataclass(slots=True)
class _Blocks:
    """What is open in a hunk.

    Attributes:
        opened: indent and unit of the lines that open blocks.
        latest: those of the last line, and of the nearest ones above it that are less and less indented.
        fences: the open fence of Markdown among the lines that are removed or stay, and those that are added or stay.
    """

    opened: list[tuple[int, int]] = field(default_factory=list)
    latest: list[tuple[int, int]] = field(default_factory=list)
    fences: dict[str, str] = field(default_factory=lambda: dict.fromkeys("-+", ""))

    def name(self, line: str, before: str, rank: int) -> int:
        """The unit of the line that names the block in a lone bracket, given the line right above; -1 for none."""
        if line[1:].strip() != "{" or before[1:].strip()[-1:] in _UNNAMED:
            return -1
        while self.latest and self.latest[-1][0] > rank:
            self.latest.pop()
        return self.latest[-1][1] if self.latest and self.latest[-1][0] == rank else -1

    def above(self, line: str, rank: int, name: int) -> int:
        """Close what ends above a line, and return the unit that leads it in; -1 for none."""
        if not line[1:].strip():
            return self.opened[-1][1] if self.opened else -1
        stays = name >= 0 or CLOSER.match(line, 1) or CONTINUES.match(line, 1)
        while self.opened and (self.opened[-1][0] > rank or (self.opened[-1][0] == rank and not stays)):
            self.opened.pop()
        if name >= 0:
            self.opened.append((rank, name))
        return self.opened[-1][1] if self.opened else -1

    def add(self, line: str, rank: int, unit: int, *, opens: bool) -> None:
        """Go on below a line."""
        if opens:
            self.opened.append((rank, unit))
        if line[1:].strip():
            while self.latest and self.latest[-1][0] >= rank:
                self.latest.pop()
            self.latest.append((rank, unit))

    def is_fenced(self, line: str) -> bool:
        """Whether a line stands between fences."""
        sides = line[0] if line[0] in "-+" else "-+"
        fenced = any(self.fences[side] for side in sides)
        if fence := FENCE.match(line, 1):
            closes = not line[1:].strip().strip(fence[1][0])
            for side in sides:
                if not self.fences[side]:
                    self.fences[side] = fence[1]
                elif closes and fence[1].startswith(self.fences[side]):
                    self.fences[side] = ""
        return fenced


def add_diff(outline: Outline, text: str, lines: Sequence[Line], at: int, above: int) -> int:
    """Add the files of a diff as units: the lines with the file's name lead in its hunks, a hunk leads in its changes.

    The first of the removed lines leads in the others and those that replace them. The first line of a function, or of
    another block, leads in what is more indented below it. Comments of a review belong to the file, and replies to what
    they answer. Returns the line after the diff, `at` if there is none.
    """
    if not _DIFF.match(text, lines[at].start):
        return at
    file = name = hunk = change = review = -1
    blocks = _Blocks()
    index = at
    while index < len(lines):
        start, line, _ = lines[index]
        owner = next((unit for unit in (name, file) if unit >= 0), above)
        if not line.startswith("@@") and _DIFF.match(text, start) and (hunk >= 0 or file < 0 or line[0] != "-"):
            file, name, hunk, review = outline.add(start, above, breaks=True), -1, -1, -1
            if (patch := _PATCH.match(line)) and patch[1]:  # changes may stand right below
                hunk, change = file, -1
                blocks = _Blocks()
        elif line.startswith("--- ") and hunk < 0:
            pass
        elif line.startswith("+++ ") and hunk < 0:
            name = outline.add(start, file if file >= 0 else above)
        elif hunk >= 0 and (patch := _PATCH.match(line)):
            ends = patch[0].endswith("Patch")
            outline.add(start, above if ends else owner)
            if ends:
                return index + 1
            change = -1
        elif line.startswith("@@"):
            hunk = outline.add(start, owner, together=RECORD_TOKENS, breaks=True)
            change = review = -1
            blocks = _Blocks()
        elif hunk >= 0 and _is_review(lines, index):
            replies = review >= 0 and _REPLY.search(line)
            unit = outline.add(start, review if replies else owner, together=RECORD_TOKENS, breaks=True)
            index = _add_remarks(outline, lines, index + 1, unit)
            if index < len(lines) and not _goes_on(lines, index, text):
                return index
            review, hunk, change = review if replies else unit, owner, -1
            blocks = _Blocks()
            continue
        elif hunk >= 0 and line[0] in "+- \\\r\n":
            changes = line[0] in "+-"
            change = change if changes else -1
            markdown = _MARKDOWN.match(text, outline.starts[owner]) and not blocks.is_fenced(line)
            titled = HEADING.match(line[1:]) if markdown and line.startswith("#", 1) else None
            rank = len(titled[1]) - _RANKS if titled else _indent(line)
            short = len(line) <= _LONGEST
            defines = short and _DEFINES.match(line, 1) is not None
            block = blocks.name(line, lines[index - 1].text, rank)
            opens = short and block < 0 and (BLOCK_BEGINS.match(line, 1) or _ITEM.match(line, 1)) is not None
            opens = opens or defines
            unit = outline.add(start, max(blocks.above(line, rank, block), hunk, change))
            if change < 0 and _is_replaced(lines, index):
                change, outline.together[unit] = unit, SENTENCE_TOKENS
            elif defines or (opens and changes):
                outline.together[unit] = BLOCK_TOKENS
            if block >= 0 and changes:
                outline.together[block] = outline.together[block] or BLOCK_TOKENS
            blocks.add(line, rank, unit, opens=opens or titled is not None)
        elif hunk >= 0 or lines[index].indent < 0:  # no blank line stands in the head of a file
            return index
        index += 1
    return len(lines)


def add_fenced_diff(outline: Outline, text: str, lines: Sequence[Line], above: int) -> bool:
    """Add the diff between two fences, of which the first line has the first; False if all in it is no diff."""
    top, at = len(outline.starts), 1
    while at < len(lines) and lines[at].indent < 0:
        at += 1
    if at == len(lines) or not _DIFF.match(text, lines[at].start):
        return False
    while at < len(lines):
        after = add_diff(outline, text, lines, at, above)
        if after == at and lines[at].indent >= 0:
            outline.add(lines[at].start, above)
        at = max(after, at + 1)
    outline.starts[top] = lines[0].start  # the fence is part of the first line
    return True


def _indent(line: str) -> int:
    words = line[1:].expandtabs(4)
    return len(words) - len(words.lstrip())


def _is_replaced(lines: Sequence[Line], at: int) -> bool:
    """Whether a line is the first of removed lines with added ones right below them."""
    if lines[at].text[0] != "-" or lines[at - 1].text[0] == "-":
        return False
    while at < len(lines) and lines[at].text[0] == "-":
        at += 1
    return at < len(lines) and lines[at].text[0] == "+"


def _is_review(lines: Sequence[Line], at: int) -> bool:
    """Whether somebody says something in a line and those below: they are quoted, or are no lines of a hunk."""
    if at + 1 == len(lines) or lines[at - 1].indent >= 0 or not _REVIEW.match(lines[at].text):
        return False
    words = lines[at + 1].text
    return words.lstrip().startswith(">") or words[0] not in " +-@\\\r\n"


def _add_remarks(outline: Outline, lines: Sequence[Line], at: int, review: int) -> int:
    """Add what is said, up to a blank line that no quoted line follows, and return the line after it."""
    while at < len(lines):
        outline.add(lines[at].start, review)
        while at < len(lines) and lines[at].indent >= 0:
            at += 1
        while at < len(lines) and lines[at].indent < 0:
            at += 1
        if at == len(lines) or not lines[at].text.lstrip().startswith(">"):
            break
    return at


def _goes_on(lines: Sequence[Line], at: int, text: str) -> bool:
    """Whether a diff goes on after what somebody says."""
    first = lines[at].text[0]
    return _is_review(lines, at) or _DIFF.match(text, lines[at].start) is not None or first in " +"

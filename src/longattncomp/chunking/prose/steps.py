"""lines of a text -> the items that go on in paragraphs below them which are no more indented."""

import re
from collections.abc import Collection, Sequence

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.headings import heading
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.rules import DIVIDER

_MARK = re.compile(r"([ \t]*\(?)(\d{1,3}|[-*+•])((?:(?<=\d)[.)])?)[ \t]+\S")
_FIRST = ("1", "-", "*", "+", "•")
_NEAR = 30  # lines between an item and the next one


def steps(lines: Sequence[Line], heads: Collection[int]) -> dict[int, int]:
    """Find where what belongs to an item ends, by where the item begins.

    An item goes on up to the one with the next number or, if it ends in a colon, with its bullet, but never over a
    heading. Where none is near, a colon leads to the block below.

    Args:
        lines: of the text.
        heads: the headings that are known, by number.
    """
    found: dict[int, int] = {}
    last: dict[str, int] = {}  # lines of items by the beginning of the one that follows
    at = above = newest = 0
    while at < len(lines):
        line = lines[at]
        if at in heads or any(kind.match(line.text) for kind in (kinds.HEADING, kinds.UNDERLINE, DIVIDER)):
            last.clear()
        elif match := _MARK.match(line.text):
            before, number, after = match.groups()
            colon = kinds.ends_in_colon(line.text) and not _is_field(lines, at)
            first = last.pop(f"{before}{number}{after}", -1)
            if first >= 0 and at - first <= _NEAR:
                found[lines[first].start] = lines[above + 1].start
            if first >= 0 or number not in _FIRST:
                last = {sign: other for sign, other in last.items() if other < first}
            if after or colon:
                last[f"{before}{int(number) + 1 if after else number}{after}"] = newest = at
            if colon and (end := _block_end(lines, at)) > at:
                found[line.start] = lines[end - 1].start + len(lines[end - 1].text)
        elif last and at - newest <= _NEAR and line.indent == 0 and lines[at - 1].indent < 0:
            end = _paragraph_end(lines, at)
            shown = _MARK.match(lines[above].text) and kinds.ends_in_colon(lines[above].text)
            if not shown and (heading(lines, at, end, code=False)[0] or _announces(lines, at, end, last)):
                last.clear()
            elif end == at + 1 and _is_title(line.text):
                last = {sign: other for sign, other in last.items() if sign[-1] in ".)"}  # no bullets
        if line.indent >= 0:
            above = at = max(at, min(kinds.fenced(lines, at), len(lines) - 1))
        at += 1
    return found


def _is_field(lines: Sequence[Line], at: int) -> bool:
    """Whether an item is an empty field of a form, as the one right above it is."""
    above = lines[at - 1] if at else None
    beside = above is not None and above.indent == lines[at].indent and _MARK.match(above.text) is not None
    return beside and kinds.ends_in_colon(lines[at - 1].text)


def _announces(lines: Sequence[Line], at: int, end: int, last: Collection[str]) -> bool:
    """Whether a paragraph speaks of the next items ("The statements below are false."), whose beginnings are `last`."""
    after = kinds.below(lines, end)
    match = _MARK.match(lines[after].text) if after < len(lines) else None
    text = "\n".join(line.text for line in lines[at:end])
    return match is not None and "".join(match.groups()) in last and kinds.ANNOUNCES.search(text) is not None


def _is_title(line: str) -> bool:
    """Whether a line that stands alone is the title of what stands below it, or leads to that."""
    return line[0].isupper() and (kinds.ends_in_colon(line) or kinds.is_title(line))


def _paragraph_end(lines: Sequence[Line], at: int) -> int:
    return next((number for number in range(at, len(lines)) if lines[number].indent < 0), len(lines))


def _block_end(lines: Sequence[Line], at: int) -> int:
    """Find the line after the block right below an item, which is no more indented, no item and no title of what
    stands below it; `at` if none is.
    """
    first = kinds.below(lines, at + 1)
    if first == len(lines) or lines[first].indent > lines[at].indent or kinds.ITEM.match(lines[first].text):
        return at
    if (last := kinds.fenced(lines, first)) > first:
        return min(last + 1, len(lines))
    if first == at + 1 or kinds.HEADING.match(lines[first].text):
        return at
    end = _paragraph_end(lines, first)
    after = kinds.below(lines, end)
    more = after < len(lines) and not (_MARK.match(lines[after].text) and kinds.ends_in_colon(lines[after].text))
    return at if more and end == first + 1 and _is_title(lines[first].text) else end

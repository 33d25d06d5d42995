"""lines of a text -> the items that go on in paragraphs below them which are no more indented."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.kinds import Line

_MARK = re.compile(r"([ \t]*\(?)(\d{1,3}|[-*+•])((?:(?<=\d)[.)])?)[ \t]+\S")
_FIRST = ("1", "-", "*", "+", "•")
_NEAR = 30  # lines between an item and the next one


def steps(lines: Sequence[Line]) -> dict[int, int]:
    """Find where what belongs to an item ends, by where the item begins.

    An item goes on up to the one with the next number or, if it ends in a colon, with its bullet. Where none is near,
    a colon leads to the block below.
    """
    found: dict[int, int] = {}
    last: dict[str, int] = {}  # lines of items by the beginning of the one that follows
    at = above = 0
    while at < len(lines):
        line = lines[at]
        if kinds.HEADING.match(line.text) or kinds.UNDERLINE.match(line.text):
            last.clear()
        elif match := _MARK.match(line.text):
            before, number, after = match.groups()
            colon = kinds.ends_in_colon(line.text)
            first = last.pop(f"{before}{number}{after}", -1)
            if first >= 0 and at - first <= _NEAR:
                found[lines[first].start] = lines[above + 1].start
            if first >= 0 or number not in _FIRST:
                last = {sign: other for sign, other in last.items() if other < first}
            if after or colon:
                last[f"{before}{int(number) + 1 if after else number}{after}"] = at
            if colon and (end := _block_end(lines, at)) > at:
                found[line.start] = lines[end - 1].start + len(lines[end - 1].text)
        if line.indent >= 0:
            above = at = max(at, min(kinds.fenced(lines, at), len(lines) - 1))
        at += 1
    return found


def _block_end(lines: Sequence[Line], at: int) -> int:
    """Find the line after the block right below an item, which is no more indented and no item; `at` if none is."""
    first = kinds.below(lines, at + 1)
    if first == len(lines) or lines[first].indent > lines[at].indent or kinds.ITEM.match(lines[first].text):
        return at
    if (last := kinds.fenced(lines, first)) > first:
        return min(last + 1, len(lines))
    if first == at + 1 or kinds.HEADING.match(lines[first].text):
        return at
    return next((number for number in range(first, len(lines)) if lines[number].indent < 0), len(lines))

"""text -> offsets where a paragraph, sentence or line ends."""

import re

import regex

_LINE_END = r"(?:\r\n|\n|\r(?!\n))"
BLANK_LINES = re.compile(rf"{_LINE_END}(?:[^\S\r\n]*{_LINE_END})+")
BOUNDARIES = (
    # (pattern, rank); a cut falls at the end of a match
    (BLANK_LINES, 3),
    (re.compile(rf"[.!?…:;。！？｡][\"'”’»)\]」』）]*[^\S\r\n]*{_LINE_END}"), 2),
    (re.compile(_LINE_END), 1),
    (re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*[^\S\r\n]+|[。！？｡]+[」』”’）]*"), 1),
)
_GRAPHEME = regex.compile(r"\X")


def text_boundaries(text: str) -> list[int]:
    """Return the offsets at which sentences, lines and paragraphs end, increasing, the end of the text included."""
    found = {match.end() for pattern, _ in BOUNDARIES for match in pattern.finditer(text)}
    return sorted(found | {len(text)})


def snap(text: str, cut: int, floor: int) -> int:
    """Return the last grapheme boundary at or before `cut`, given one at `floor`; `cut` if there is none between."""
    if cut >= len(text) or (text[cut - 1 : cut + 1].isascii() and text[cut - 1 : cut + 1] != "\r\n"):
        return cut
    start = next((at for at in range(cut - 1, floor, -1) if text[at].isascii() and text[at] not in "\r\n"), floor)
    boundary = start + max(match.start() for match in _GRAPHEME.finditer(text[start : cut + 1]))
    return boundary if boundary > floor else cut

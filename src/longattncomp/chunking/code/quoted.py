"""line of code -> where the text ends that it begins, which may stand farther left than the code around it."""

import re

from longattncomp.chunking.lines.kinds import Line

_SIGNS = re.compile(r"\"{3}|'{3}|<<[-~]?([\"']?)([A-Za-z_]\w*)\1")
_COMMENT = re.compile(r"\s*(?:#|//|--|;|\"{3}|'{3})")
"""How a line begins that is a comment, or that begins a documentation."""

_LONGEST = 4_000  # characters of such a text


def text_end(text: str, line: Line) -> int:
    """Find where the string of several lines, or the text for a command, ends that a line begins; -1 if there is none.

    It does not begin at the beginning of the line, since a string there is a documentation.
    """
    if _COMMENT.match(line.text):
        return -1
    sign, word = "", ""
    for match in _SIGNS.finditer(line.text):
        if sign in ("", match[0]) and not match[2]:
            sign = "" if sign else match[0]
        elif not sign and not word:
            word = match[2]
    end = line.start + len(line.text)
    if sign:
        found = text.find(sign, end, end + _LONGEST)
        return found + len(sign) if found >= 0 else -1
    if not word:
        return -1
    closes = re.compile(rf"^[ \t]*{word}[ \t\r]*$", re.MULTILINE).search(text, end, end + _LONGEST)
    return closes.end() if closes else -1

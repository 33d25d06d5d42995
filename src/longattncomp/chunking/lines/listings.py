"""lines with their numbers, as a program shows a file -> how many characters of each are no part of the file."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines.kinds import Line

_NUMBER = re.compile(r"([ \t]*)(\d{1,6})(?:(\t|→|[:-])|[ \t\r]*$)")
MAY_BE = re.compile(r"(?:[^\n]*\n){0,2}[ \t]*\d{1,6}(?:[\t→:-]|[ \r]*\n)")
"""How a text begins that may be a listing."""

_LEAST = 3  # lines of a listing
_ABOVE = 2  # lines above one
_DEEPER = 2  # columns by which a line is indented more than another


def number_sizes(lines: Sequence[Line]) -> list[int]:
    """Count the characters before what each line says in a listing of a file; none if the lines are no listing.

    A line or two may stand above it, and others below. The numbers follow each other, and either a sign that nothing
    else has stands behind them, or they are aligned, or the lines are indented.
    """
    first = next((at for at, line in enumerate(lines[: _ABOVE + 1]) if _NUMBER.match(line.text)), len(lines))
    signs: list[re.Match[str]] = []
    for line in lines[first:]:
        sign = _NUMBER.match(line.text)
        if sign is None or (signs and int(sign[2]) != int(signs[-1][2]) + 1):
            break
        signs.append(sign)
    after = first + len(signs)
    if len(signs) < _LEAST or 2 * len(signs) < len(lines) or not _is_listing(signs):
        return []
    spaced = all(sign.string[sign.end() :][:1] in ("", " ", "\r", "\n") for sign in signs)
    spaced = spaced and signs[0][3] in (":", "-")
    sizes = [sign.end() + (spaced and sign.string[sign.end() :][:1] == " ") for sign in signs]
    return [*(0 for _ in lines[:first]), *sizes, *(0 for _ in lines[after:])]


def _is_listing(signs: Sequence[re.Match[str]]) -> bool:
    """Whether lines with numbers that follow each other are those of a file, and no table or list."""
    separators = {sign[3] for sign in signs if sign[3]}
    if separators == {"\t"}:
        return signs[0][1] != "" and len({sign.end(2) for sign in signs}) == 1
    if ":" in separators and separators <= {":", "-"}:
        said = [sign.string[sign.end() :] for sign in signs]
        indents = [len(words) - len(words.lstrip()) for words in said if words.strip()]
        return bool(indents) and max(indents) >= min(indents) + _DEEPER
    return separators == {"→"}

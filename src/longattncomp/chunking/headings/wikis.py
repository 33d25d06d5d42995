"""lines of a text -> those that are headings between signs of equality, as in wikis and in AsciiDoc."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.headings import is_alone
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.speakers import Head

_WIKI = re.compile(r"(={1,6})(?!=)[ \t]*+([^=\n]*[^\W\d_][^=\n]*)(?<![ \t])[ \t]*\1\s*$")
_ASCIIDOC = re.compile(r"(={1,6})[ \t]+(?=[^\W_])[^=\n]*$")
_DATED = re.compile(r"\d{4}-\d\d|\d[./]\d{1,2}[./]\d")
_LONGEST = 200  # characters
_LEAST = 2  # headings of AsciiDoc in a text


def wiki_heads(lines: Sequence[Line]) -> dict[int, Head]:
    """Find the headings of a page of a wiki, or of AsciiDoc, by line; the more signs, the lower the rank.

    One of the former has two signs on either side, so that lines of signs that decorate a title are none, and none has
    a date, as the days of a log do. Those of the latter have signs before them only, and blank lines around, but for
    the first, which attributes may follow.
    """
    signs = {at: line for at, line in enumerate(lines) if line.text[:1] == "=" and len(line.text) <= _LONGEST}
    wiki = {at: match for at, line in signs.items() if (match := _WIKI.match(line.text))}
    if any(len(match[1]) == len("==") for match in wiki.values()):
        dated = any(_DATED.search(match[2]) for match in wiki.values())
        return {} if dated else {at: Head(len(match[1]), 1) for at, match in wiki.items()}
    found: dict[int, Head] = {}
    for at, line in signs.items():
        match = _ASCIIDOC.match(line.text)
        first = at == kinds.below(lines, 0) if match and len(match[1]) == 1 else False
        if match and (first or is_alone(lines, at)):
            found[at] = Head(len(match[1]), 1)
    return found if len(found) >= _LEAST else {}

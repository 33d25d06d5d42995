"""lines of a text -> those that are headings by the mark they begin with: a sign, or a number that counts on."""

import re
from collections.abc import Collection, Iterator, Sequence

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.headings import MARKED, TITLE, is_of_all
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.speakers import Head

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_MARK = re.compile(
    r" {0,3}(?:(?P<sign>[■◆▼★◎●▲◇○])[ \t\u3000]*(?=[^\s■◆▼★◎●▲◇○])"
    rf"|(?P<bracket>【[^】\n]{{1,40}}】|［[^］\n]{{1,40}}］|〔[^〕\n]{{1,40}}〕|\[[^\[\]\n]{{0,20}}[{_CJK}][^\[\]\n]{{0,20}}\])\s*$"
    r"|(?P<roman>[IVX]{1,6})[.)][ \t]+(?=[^\W\d_a-z])"
    r"|§[ \t]?(?P<clause>\d{1,3})[a-z]?\.?(?=[ \t]+[^\W\d_a-z]|[ \t]*$)"
    r"|第[ \t]?[〇零一二三四五六七八九十百\d]{1,5}[ \t]?(?:(?P<chapter>[章編编部])|(?P<article>[条條节節]))"
    r"(?=[ \t\u3000（(]|\s*$)"
    r"|(?P<letter>[A-Z])(?P<number>\d{1,2})\.?[ \t]+(?=[^\W\d_a-z][^\W\d_]))"
)
_ROMAN = {"I": 1, "V": 5, "X": 10}
_COUNTED = ("roman", "clause", "letter")
_LEAST = 2  # headings of a kind
_COUNTED_INDENT = 4  # columns that text may be indented by below a heading with a number
_KINDS = 4  # of marks, one below the other


def marked(lines: Sequence[Line]) -> dict[int, Head]:
    """Find the lines that are headings by their mark, by number, with a rank that falls in the order the marks appear.

    Each is short and ends no sentence, and something else stands below nearly all of those of a kind; numbers count
    on and have a blank line or another heading above.
    """
    found: dict[str, list[int]] = {}
    counts: dict[str, int] = {}
    for number, line in enumerate(lines):
        if (match := _MARK.match(line.text)) and _is_short(line.text):
            kind = match.lastgroup or ""
            kind = match["sign"] or ("letter" if kind == "number" else kind)
            if kind not in _COUNTED or _counts_on(match, counts):
                found.setdefault(kind, []).append(number)
    heads: dict[int, Head] = {}
    for kind, numbers in found.items():
        numbers = [*_leading(lines, numbers, heads, counted=kind in _COUNTED)]
        if len(numbers) >= _LEAST and len(numbers) * 4 >= len(found[kind]) * 3:
            rank = MARKED + min(_KINDS - 1, len({head.rank for head in heads.values()}))
            heads.update(dict.fromkeys(numbers, Head(rank, 1)))
    if heads and _is_title(lines, first := kinds.below(lines, 0), heads):
        heads[first] = Head(TITLE, 1)
    return heads


def _is_title(lines: Sequence[Line], at: int, heads: Collection[int]) -> bool:
    """Whether a text's first line, which stands alone, is the title of all of it, unless it is another heading."""
    line = lines[at].text
    if at in heads or kinds.HEADING.match(line) or kinds.BOLD.match(line) or kinds.is_capitals(line):
        return False
    alone = at + 1 < len(lines) and (lines[at + 1].indent < 0 or at + 1 in heads)
    return alone and is_of_all(line)


def _is_short(line: str) -> bool:
    words = line.strip()
    return len(words) <= kinds.SHORT and (not kinds.ends_part(words) or kinds.ends_question(words))


def _counts_on(match: re.Match[str], counts: dict[str, int]) -> bool:
    """Whether the number of a heading follows that of the one above, or begins anew."""
    kind = "letter" if match.lastgroup == "number" else match.lastgroup or ""
    digits = match["clause"] or match["number"]
    number = int(digits) if digits else _value(match["roman"])
    before = counts.get(kind, 0 if kind != "clause" else number - 1)
    if number not in (1, before, before + 1):
        return False
    counts[kind] = number
    return True


def _value(roman: str) -> int:
    digits = [_ROMAN[sign] for sign in roman]
    return sum(
        -value if value < following else value for value, following in zip(digits, [*digits[1:], 0], strict=True)
    )


def _leading(lines: Sequence[Line], numbers: Sequence[int], heads: dict[int, Head], *, counted: bool) -> Iterator[int]:
    """Yield the lines of a kind that have something below that is not of it, nor more indented as an item's rest."""
    own = set(numbers)
    for number in numbers:
        if counted and number and lines[number - 1].indent >= 0 and number - 1 not in heads:
            continue
        after = kinds.below(lines, number + 1)
        if after == len(lines) or after in own or (not counted and lines[after].text.lstrip()[0].islower()):
            continue
        if lines[after].indent <= lines[number].indent + (_COUNTED_INDENT if counted else 1):
            yield number

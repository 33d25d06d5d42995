"""a paragraph -> words at its beginning that lead in the rest of it, such as "Section 3. Payment.", and its entries."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.leaders import LEADER

_NUMBER = r"\[?\d{1,3}(?:\.\d{1,3}){0,3}[a-z]?\]?"
_TITLED = r"\[\d{1,3}\]\((?:[^()\n]|\([^()\n]{0,80}\)){1,160}\)"
_HEAD = re.compile(
    r"[ \t]*(?:(?P<sign>\*\*?|__?)(?=\S)(?:(?!(?P=sign))[^\n]){1,80}(?:(?<=[.:!?])(?P=sign)|(?P=sign)[ \t]?[:.–—])"
    r"|(?:Section|Sec\.|Article|Clause|Paragraph|Rule|Chapter|Abschnitt|Artikel|Ziffer|Absatz|Klausel|Chapitre"
    rf"|Cl[áa]usula|Art[íi]culo|Secci[óo]n|Articolo|Sezione) {_NUMBER}[.:)]?(?=[ \t]+[^\W\d_a-z])"
    rf"|[^\W\d_a-z][^\W\d_]{{2,15}} (?:{_NUMBER}[.:)]|{_TITLED})(?=[ \t]+\w)"
    r")[ \t]+(?=\S)"
)
"""Marked words that end in a sign, and a word with a number; a sentence with it leads in those after it."""

_ROW = re.compile(
    r"[ \t]*(?:\w|[-+/<\[(@:$`*]{1,3}\w)(?:[^ \t\n]| (?! )){0,40}(?<![.!?])(?: {2,}|\t+)(?=[\w\"'(\[<$`-])"
)
"""A first cell with a gap behind it."""

_NAME = r"[^\W\d_a-z][\w’'-]+"
_INITIALS = r"(?:[^\W\d_a-z]\.[ -]?){1,3}"
_AUTHOR = rf"{_NAME}(?:[ -]{_NAME}){{0,2}}, ?[^\W\d_a-z]\."
_REFERENCE = re.compile(
    rf"\[[\w+-]{{1,12}}\][ \t]+(?:{_AUTHOR}|{_INITIALS}{_NAME}(?:,| et al| and)|{_NAME}, {_NAME})|{_AUTHOR}"
)
_YEAR = re.compile(r"\b(?:19|20)\d\d[a-z]?\b")
_DATED = 400  # characters of a reference in which its year stands
_LEAST = 3  # rows with a gap; fewer do where they are indented

_COUNTED = re.compile(r"(?:(?:ca|approx|env|about|etwa)\b\.? ?)?[\d½⅓⅔¼¾]")
_AMOUNT = re.compile(r"[\d½⅓⅔¼¾] ?(?:[%‰€$£¥°][CF]?|[^\W\d_]{1,4}\.?|)$")
_RATED = re.compile(r"[:：][ \t]*[<>~≈]?\d")
"""How rows begin or end that have a number each, perhaps as the value of a key."""

_LEAST_COUNTED = 2  # such rows below a title
_LONGEST_ROW = 100  # characters of one


class Parts(NamedTuple):
    """Where parts of a paragraph begin, by character.

    Attributes:
        labels: lines that end in a colon and lead in those below.
        heads: where words begin that lead in the rest of a part -> where they end, with no sentence of it.
        entries: of a bibliography, each a whole.
        bounds: of all these.
    """

    labels: frozenset[int]
    heads: dict[int, int]
    entries: list[int]
    bounds: set[int]


def parts(here: Sequence[Line]) -> Parts:
    """Find the parts of a paragraph."""
    if entries := _references(here):
        return Parts(frozenset(), {}, entries, {*entries})
    rows = gap_rows(here)
    heads = {start: start for start in rows} or _heads(here)
    titled = (bool(rows) and here[0].indent < here[1].indent) or is_titled(here)
    labels: set[int] = set()
    below: set[int] = set()
    for number, line in enumerate(here[:-1] if titled or _is_label(here[0].text) else ()):
        ended = not number or kinds.ends_sentence(here[number - 1].text)
        marked = here[number + 1].text.lstrip()[0] == "<"
        if (_is_label(line.text) and ended and not marked) or (titled and not number):
            labels.add(line.start)
            below.add(here[number + 1].start)
    return Parts(frozenset(labels), heads, [], {*labels, *below, *heads})


def is_titled(here: Sequence[Line]) -> bool:
    """Whether the first line leads in the others, which are no more indented: a label above what is no code, or a title
    without a number above short rows that begin or end with one.
    """
    first, *rows = (line.text.strip() for line in here)
    if not rows or any(line.indent > here[0].indent for line in here[1:]):
        return False
    if _is_label(first):
        coded = sum(kinds.CODE.match(row) is not None for row in rows)
        above = rows[0][0] != "<" and not any(kind.match(rows[0]) for kind in (kinds.CODE, kinds.ITEM, kinds.TURN))
        return above and 2 * coded < len(rows)
    title = first[0].isalpha() and not first[0].islower() and kinds.is_title(first) and not kinds.CODE.match(first)
    if not title or kinds.has_gap(first) or LEADER.search(first) or max(map(len, rows)) > _LONGEST_ROW:
        return False
    return any(
        not kind(first) and len(rows) // 2 < sum(kind(row) is not None for row in rows) >= _LEAST_COUNTED
        for kind in (_COUNTED.match, _AMOUNT.search, _RATED.search)
    ) and not any(map(kinds.ends_sentence, rows))


def _is_label(line: str) -> bool:
    """Whether a line is short and ends in a colon."""
    words = line.strip()
    return len(words) <= kinds.SHORT and kinds.ends_in_colon(words) and words[0].isalnum() and not words[0].islower()


def gap_rows(here: Sequence[Line]) -> set[int]:
    """Find where lines begin that have a word and what is said about it, with gaps between that end in one column.

    They are sentences, most of them. All others are more indented, as those are that a row goes on in, or stand above.
    """
    shapes = [
        (line.indent, len(match[0].expandtabs())) if (match := _ROW.match(line.text)) else (line.indent, 0)
        for line in here
    ]
    (shape, times), *_ = Counter(shapes).most_common(1)
    least = _LEAST - (shape[0] > 0)
    if not shape[1] or times < max(least, (len(here) + 1) // 2):
        return set()
    first = shapes.index(shape)
    inside = all(other == shape or other[0] > shape[0] for other in shapes[first:])
    told = 2 * sum(kinds.ends_sentence(line.text) for line in here) >= times
    if not (inside and told):
        return set()
    return {line.start for line, other in zip(here, shapes, strict=True) if other == shape}


def _heads(here: Sequence[Line]) -> dict[int, int]:
    """Find the words with which the lines of a paragraph begin, the first one and others right below a sentence."""
    found: dict[int, int] = {}
    above = ""
    for line in here:
        if (not above or kinds.ends_sentence(above)) and (match := _HEAD.match(line.text)):
            found[line.start] = line.start + match.end()
        if not found:
            break
        above = line.text
    return found


def _references(here: Sequence[Line]) -> list[int]:
    """Find where the entries of a bibliography begin; [] if the first line of a paragraph begins none."""
    if not _REFERENCE.match(here[0].text):
        return []
    paragraph = "".join(line.text for line in here)
    first = here[0].start
    found = [line.start for line in here if _REFERENCE.match(line.text)]
    return found if all(_YEAR.search(paragraph, start - first, start - first + _DATED) for start in found) else []

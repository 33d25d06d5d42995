"""tables -> units, with what stands above and below that speaks of them; heads of pages."""

import re
from collections.abc import Sequence
from itertools import pairwise

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.outline import Outline
from longattncomp.chunking.prose.references import TABLE_NOTE
from longattncomp.chunking.tables.rows import Header, add_table

_SPEAKS = re.compile(
    r"\b(?:tables?|lists?|listed|overview|figures|amounts|prices|rates|values|columns?|rows?|units|shows?|shown"
    r"|tabellen?|liste|übersicht|preise|angaben|werte|zahlen|spalten?|tableaux?|prix|chiffres|colonnes?|montants"
    r"|tabla|lista|precios|cifras|importes|columnas?)\b",
    re.IGNORECASE,
)
"""Words of a sentence that speaks of a table."""

_AMOUNT = re.compile(r"\d[.,]\d\d\W*$")
_WORD = re.compile(r"[^\W\d_]{4,}")
_FEW = 12  # words of a sentence
_COLUMNS = 3  # gaps of a row of keys and values
_STEM = 5  # characters in which words are the same
_HEADER = 600  # characters of a table that tell what it is about
_NOTE = re.compile(r"[ \t]*\((\w{1,2})\)[ \t]+\S")
_REFERENCE = re.compile(r"(?<=[^\s(|])[ \t]?\((\w{1,2})\)(?=[ \t]*(?:[|;,\r\n]|$| {2}|\t))")
_TOLD = 4  # lines of a table that tell what it is about
_NOTED = 400  # characters of a note
_MOST = 8  # units of a note
_LONGEST = 200  # characters of a line of a page's head
_HEAD = 2  # lines of it
_NUMBER = re.compile(r"\d+")
_CELL = (
    r"(?:[ ]{2,}+|[ ]?[\t|;,])[ ]*+(?:[<>≤≥]?[ ]?\d[\d.,]*+[ ]?[-–][ ]?\d[\d.,]*+|[<>≤≥][ ]?\d[\d.,]*+"
    r"|[^\W\d_]{1,4}[/%][\w/³²]{1,6}+|%)"
)
"""A cell with a range, a bound or a unit."""

_OF_ALL = re.compile(
    r"[ \t|\"]*+(?:(?:normal |reference |ref\.? )?(?:ranges?|interval)|normal|reference|units?|limits?|einheit(?:en)?"
    rf"|grenzwerte?|normbereich|normalwerte?|referenz(?:bereich)?|unités?|unidad(?:es)?)[.:]?\"?(?:{_CELL}){{2}}",
    re.IGNORECASE,
)
"""A row with the ranges or units of several columns."""

_BELOW = 3  # units from the title or the header on among which it is


class Tables:
    """Tables, with the captions above and the notes below them."""

    def __init__(self, text: str, outline: Outline) -> None:
        self._text, self._out = text, outline
        self._rows = range(0)  # units of the last one
        self._captioned = False  # whether a caption stands above it

    def is_about(self, unit: int, here: Sequence[Line]) -> bool:
        """Whether a unit right above the lines of a table speaks of it."""
        words = self._text[self._out.starts[unit] : here[0].start]
        return _speaks_of(words, "".join(row.text for row in here[:_TOLD]))

    def add(self, here: Sequence[Line], header: Header, caption: int, above: int) -> None:
        """Add the rows of a table.

        Args:
            here: its lines.
            header: from `header_of`.
            caption: the unit right above that speaks of it, or -1.
            above: the unit that leads it in if there is none.
        """
        first = len(self._out.starts)
        self._captioned = caption >= 0 and kinds.CAPTION.match(self._text, self._out.starts[caption]) is not None
        add_table(self._out, here, header, caption if caption >= 0 else above)
        self._rows = range(first, len(self._out.starts))
        for unit in self._rows[:_BELOW]:
            if _OF_ALL.match(self._text, self._out.starts[unit]):
                self._out.lead(self._rows[unit - first + 1 :], unit)

    def add_note(self, first: Line, end: int, above: int) -> bool:
        """Add a paragraph that is a note or caption right below a table; False if it is none.

        Captions stand above all tables of a text or below all of them.
        """
        notes = TABLE_NOTE.match(first.text) or (kinds.CAPTION.match(first.text) and not self._captioned)
        if not notes or not 0 < self._rows.stop == len(self._out.starts) or end - first.start > _NOTED:
            return False
        self._out.lead(self._rows, self._out.add(first.start, above, breaks=True))
        return True

    def link_notes(self, first: int) -> None:
        """Let notes right below a table, from the unit `first` on, lead in the rows that refer to them.

        A reference such as yes (a) in a header is one of all rows below it.
        """
        text, outline, rows = self._text, self._out, self._rows
        if not 0 < rows.stop == first < len(outline.starts) or not _NOTE.match(text, outline.starts[first]):
            return
        notes: dict[str, range] = {}
        begins = [unit for unit in range(first, len(outline.starts)) if _NOTE.match(text, outline.starts[unit])]
        for note, after in pairwise([*begins, len(outline.starts)]):
            if match := _NOTE.match(text, outline.starts[note]):
                notes[match[1]] = range(note, min(after, note + _MOST))
        below: dict[int, list[int]] = {}
        for row in rows:
            below.setdefault(outline.parents[row], []).append(row)
        for row, after in pairwise([*rows, first]):
            for reference in _REFERENCE.finditer(text, outline.starts[row], outline.starts[after]):
                if note_units := notes.get(reference[1]):
                    outline.lead([row, *below.get(row, ())], *note_units)


def _speaks_of(words: str, table: str) -> bool:
    """Whether what stands alone above a table may speak of it: no row, and no few words about something else.

    Those are a short sentence without a number, a word of the table, or one about tables.
    """
    if (_AMOUNT.search(words) and kinds.has_gap(words)) or any(map(_is_row, words.splitlines())):
        return False
    if not kinds.ends_sentence(words) or _SPEAKS.search(words) or any(map(str.isdigit, words)):
        return True
    if words.count(" ") > _FEW or kinds.ANNOUNCES.search(words) or kinds.POINTS.search(words):
        return True
    said = _stems(words)
    return not said or not said.isdisjoint(_stems(table[:_HEADER]))


def _is_row(line: str) -> bool:
    return len(kinds.GAPS.findall(line.strip())) >= _COLUMNS and any(map(str.isdigit, line))


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _WORD.findall(text.casefold())}


def page_heads(lines: Sequence[Line]) -> frozenset[int]:
    """Find the paragraphs, by their first line, that stand on several pages, as their heads with a number do.

    Something longer stands between them, unlike between the entries of a log or the rows of a table.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    first = pages = 0
    for number in range(len(lines) + 1):
        if number < len(lines) and lines[number].indent >= 0:
            continue
        here = lines[first:number]
        pages += len(here) > _HEAD
        short = 0 < len(here) <= _HEAD and all(len(line.text) <= _LONGEST for line in here)
        if short and kinds.has_gap(here[0].text) and not kinds.STAMP.match(here[0].text):
            shape = " ".join(_NUMBER.sub("0", line.text.strip()) for line in here)
            found.setdefault(shape, []).append((pages, first))
        first = number + 1
    return frozenset(
        at
        for shape, places in found.items()
        if "0" in shape and len(places) > 1 and all(page < after for (page, _), (after, _) in pairwise(places))
        for _, at in places
    )

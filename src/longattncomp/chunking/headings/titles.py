"""lines of a text -> the titles right above their paragraphs: several of one form, such as "Step 2: ..."."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.definitions import SETTING, is_attribute
from longattncomp.chunking.lines.headings import MARKED, PLAIN
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.rules import DIVIDER
from longattncomp.chunking.lines.speakers import Head

_NUMBERED = re.compile(
    r"[\[(]?(?P<form>[^\W\d_a-z][^\W\d_]{2,19}) (?:#|[Nn][or]\. ?)?"
    r"(?P<own>\d{1,4}(?:\.\d{1,3}){0,3}|[A-Z]|[IVXLC]{1,6})[\])]?\.?(?:[ \t]?[:–—-][^\n]*|[ \t]\([^\n]*|[ \t]*$)"
)
"""A word with a number or letter, and perhaps a title behind it, such as "Section A: Applicant"."""

_NOT = re.compile(
    r"tab\w*|fig\w*|abb\w*|listing|exhibit|equation|page|seite|página|speaker|sprecher\w*|participant|person|user"
    r"|interviewe[er]|locuteur|question|frage|answer|antwort",
    re.IGNORECASE,
)
"""Words with a number that stand in captions, heads of pages, and before what somebody says or asks."""

_DOCUMENTS = (
    "Title|Source|URL|URI|Link|File(?:name)?|Path|Document|Doc(?: ?ID)?|Passage|Chunk|Topic|Product|Article"
    "|Titel|Quelle|Datei|Dokument|Titre|Fichier|Título|Fuente|Archivo|Titolo|Fonte|标题|標題|来源"
)
_KEY = re.compile(rf"(?P<form>{_DOCUMENTS})(?::[ \t]+|：)(?P<own>\S[^\n]*)")
"""What names the record below it."""

_CREDIT = re.compile("Source|Link|URL|URI|File|Path|Product|Quelle|Fuente|Fonte|来源")
"""Keys that may as well stand below what they are about."""

_OF_DOCUMENTS = re.compile(rf"{_DOCUMENTS}|Context|Kontext|Contexte|Contexto|Result|\[0\]")

_CITED = re.compile(r"\[(?P<own>\d{1,3})\][ \t]+[^\W\d_]")
_SECTION = re.compile(r"(?P<own>\d{1,2}(?:\.\d{1,2}){0,3})\.?[ \t]+[^\W\d_a-z][^\W\d_]")
_BRACKETED = re.compile(r"\[(?P<own>[^\W\d_][^\[\]\n=\"',:;(){}]{1,40})\]\s*$")
_FORMS = {"[0]": _CITED, "0": _SECTION, "[]": _BRACKETED}
"""A number in brackets or that of a section before a title, and a title in brackets; all with sentences below."""

_BANNER = re.compile(r"(?:[#;]|//)[ \t]?[-=#*~;/]{3,}$")
_BANNERED = re.compile(r"(?:[#;]|//)[#;/ \t]*[^\W\d_][^\n]{0,60}$")
"""A line of signs in a comment, and the title between two of them."""

_LONGEST = 80  # characters of a title
_SHORT = 30  # of one that no item goes on behind
_LEAST = 2  # titles of a form
_RANKS = PLAIN - MARKED


class _Title(NamedTuple):
    """A line that may be a title: its form, what tells it apart from others of that, and how many lines it has; or an
    item that has the number of a section.
    """

    form: str
    own: str
    size: int
    is_item: bool = False


def titles(lines: Sequence[Line], cards: Collection[str]) -> dict[int, Head]:
    """Find the titles that stand right above their paragraphs, by number; the forms that appear first rank highest.

    Args:
        lines: of the text.
        cards: keys of cards, which are recognised elsewhere.
    """
    found: dict[str, dict[int, _Title]] = {}
    refused = set(cards)
    for first, stop in _paragraphs(lines):
        title = _title(lines, first, stop)
        if title is None or (title.form in _FORMS and not _is_told(lines, first + 1, stop)):
            if kinds.ITEM.match(lines[first].text) and (item := _SECTION.match(lines[first].text)):
                found.setdefault("0", {})[first] = _Title("0", item["own"], 1, is_item=True)
            continue
        found.setdefault(title.form, {})[first] = title
        if not _is_above(lines, first, stop, title):
            refused.add(title.form)
    heads = _banners(lines) | _sections(lines, found.pop("0", {}))
    several = (
        places
        for form, places in found.items()
        if form not in refused and len(places) >= _LEAST and len({title.own for title in places.values()}) > 1
        if not (_CREDIT.fullmatch(form) and _are_below(lines, places))
    )
    for number, places in enumerate(several):
        rank = (-_RANKS if _hold_headings(lines, places) else MARKED) + min(number, _RANKS - 1)
        over = {at: at > 0 and DIVIDER.match(lines[at - 1].text) is not None for at in places}
        heads.update({at - over[at]: Head(rank, title.size + over[at]) for at, title in places.items()})
        if _OF_DOCUMENTS.fullmatch(places[next(iter(places))].form) and (at := _asked(lines, places)) >= 0:
            heads[at] = Head(rank, 1)
    return heads


def _asked(lines: Sequence[Line], places: Mapping[int, _Title]) -> int:
    """Find the question below documents, which is part of none, or the line of signs that parts them from what is; -1
    if none or several stand below the first title.
    """
    first, *others, last = places
    asks = [at for at, _ in _paragraphs(lines) if at > first and kinds.ASKED.match(lines[at].text)]
    if asks:
        return asks[0] if len(asks) == 1 and asks[0] > last and kinds.TURN.match(lines[asks[0]].text) else -1
    parts = [at for at in range(first + 1, len(lines)) if DIVIDER.match(lines[at].text)]
    return parts[-1] if parts[:-1] == [at - 1 for at in (*others, last)] else -1


def _are_below(lines: Sequence[Line], places: Mapping[int, _Title]) -> bool:
    """Whether lines stand below what they are about, each in a paragraph of its own, as credits do."""
    alone = all(at + 1 >= len(lines) or lines[at + 1].indent < 0 for at in places)
    above = next((line.text for line in reversed(lines[: next(iter(places))]) if line.indent >= 0), "")
    return alone and kinds.ends_sentence(above)


def _hold_headings(lines: Sequence[Line], places: Mapping[int, _Title]) -> bool:
    """Whether titles are those of documents with headings of their own, and none stands above the first."""
    first, *_, last = places
    if not _OF_DOCUMENTS.fullmatch(places[first].form):
        return False
    inside = (number for number, line in enumerate(lines[:last]) if kinds.HEADING.match(line.text))
    return next(inside, 0) > first


def _banners(lines: Sequence[Line]) -> dict[int, Head]:
    """Find the titles of settings between two lines of signs, all three of them comments."""
    heads: dict[int, Head] = {}
    for at in range(len(lines) - 3):
        over, title, under = (lines[at + number].text.rstrip() for number in range(3))
        if over == under and _BANNER.match(over) and _BANNERED.match(title) and title[0] == over[0]:
            below = kinds.below(lines, at + 3)
            if below < len(lines) and SETTING.match(lines[below].text):
                heads[at] = Head(PLAIN, 3)
    return heads if len(heads) >= _LEAST else {}


def _paragraphs(lines: Sequence[Line]) -> Iterator[tuple[int, int]]:
    """Find the paragraphs that are not indented: their first line, and the one after them. A line of signs above what
    names a document divides them, too.
    """
    first = 0
    for number in range(len(lines) + 1):
        if number == len(lines) or lines[number].indent < 0 or _parts_documents(lines, number):
            if first < number and lines[first].indent == 0:
                yield first, number
            first = number + 1


def _parts_documents(lines: Sequence[Line], at: int) -> bool:
    below = lines[at + 1].text if at + 1 < len(lines) else ""
    named = _KEY.match(below) or (kinds.ASKED.match(below) and kinds.TURN.match(below))
    return named is not None and DIVIDER.match(lines[at].text) is not None


def _title(lines: Sequence[Line], at: int, stop: int) -> _Title | None:
    words = lines[at].text.strip()
    if len(words) > _LONGEST * 2:
        return None
    if kinds.is_capitals(words) and words[0] != "[" and not kinds.ITEM.match(words):
        return _in_capitals(lines, at, stop)
    if match := _KEY.match(words):
        size = next((n for n in range(1, stop - at) if not _KEY.match(lines[at + n].text)), stop - at)
        return _Title(match["form"], match["own"], size)
    if len(words) > _LONGEST:
        return None
    numbered = None if _BRACKETED.match(words) else _NUMBERED.match(words)
    if (match := numbered) and not _NOT.fullmatch(match["form"]):
        return _Title(match["form"], match["own"], 1)
    for form, pattern in _FORMS.items():
        if form == "0" and kinds.ITEM.match(words) and not _is_of_section(lines, at, stop):
            continue
        if (match := pattern.match(words)) and not kinds.ends_part(words) and not is_attribute(lines, at):
            return _Title(form, match["own"], 1)
    return None


def _in_capitals(lines: Sequence[Line], at: int, stop: int) -> _Title | None:
    """Find a title of two lines in capital letters: a word with a number, and what that is about."""
    match = _NUMBERED.match(lines[at].text.strip()) if stop == at + 2 else None
    if match is None or _NOT.fullmatch(match["form"]) or not kinds.is_capitals(lines[at + 1].text):
        return None
    return _Title(match["form"], match["own"], 2)


def _is_above(lines: Sequence[Line], at: int, stop: int, title: _Title) -> bool:
    """Whether something else stands below a title, which ends no sentence and does not go on there."""
    last, below = lines[at + title.size - 1].text, kinds.below(lines, at + title.size)
    if below == len(lines):
        return at + title.size < stop or (len(last) < _LONGEST and not _KEY.match(last))
    if kinds.ends_part(last) or lines[below].text[0].islower():
        return False
    starts = [*range(at + title.size, stop), below]
    return not any((other := _title(lines, n, n + 1)) and other.form == title.form for n in starts)


def _is_told(lines: Sequence[Line], at: int, stop: int) -> bool:
    """Whether a paragraph goes on with sentences from a line on."""
    first = lines[at].text if at < stop else ""
    return kinds.ends_sentence(lines[stop - 1].text) and first[:1].isalnum() and not kinds.ITEM.match(first)


def _is_of_section(lines: Sequence[Line], at: int, stop: int) -> bool:
    """Whether a line with a number is the title of a section and no item: nothing leads to it, and it is short, or the
    first word below would have had its place behind it.
    """
    title, *below = (line.text.strip() for line in lines[at:stop])
    before = next((line.text for line in reversed(lines[max(0, at - 2) : at]) if line.indent >= 0), "")
    if not below or kinds.ends_in_colon(before) or kinds.ends_in_colon(title):
        return False
    return len(title) <= _SHORT or len(title) + len(below[0].partition(" ")[0]) + 1 < max(map(len, below))


def _sections(lines: Sequence[Line], places: Mapping[int, _Title]) -> dict[int, Head]:
    """Find the titles of sections whose numbers count on, from 1 or from a part of a section, and no item's does.

    Numbers with a full stop behind them are those of items if they begin again, or have no more below than items have.
    """
    heads: dict[int, Head] = {}
    last: dict[str, int] = {}  # the last part of a number by what stands before it
    refused: set[int] = set()  # how many full stops numbers have which are those of items, too
    counted = again = False
    for at, title in places.items():
        around, _, number = title.own.rpartition(".")
        before = last.get(around, int(number) - 1 if around else 0)
        if title.is_item:
            refused.update([title.own.count(".")] if around in last and int(number) == before + 1 else [])
        elif int(number) == before + 1 or (around in last and around and int(number) > before):
            heads[at] = Head(PLAIN + title.own.count("."), 1)
            counted = counted or around in last
            last[around] = int(number)
            top = int(title.own.partition(".")[0])
            last[""] = top if last.get("", top - 1) == top - 1 else last[""]
        else:
            again = again or title.own == "1"
    if again or (all(head.rank == PLAIN for head in heads.values()) and not _go_on(lines, heads)):
        items = {at for at in heads if "." not in places[at].own and kinds.ITEM.match(lines[at].text)}
        heads = {at: head for at, head in heads.items() if at not in items}
    return {at: head for at, head in heads.items() if counted and head.rank - PLAIN not in refused}


def _go_on(lines: Sequence[Line], heads: Collection[int]) -> bool:
    """Whether sentences stand in a paragraph below that of a title other than the last, as they do in no short item."""
    parts = (lines[at:below] for at, below in pairwise(heads))
    return any(first and _is_told(here, first, stop) for here in parts for first, stop in _paragraphs(here))

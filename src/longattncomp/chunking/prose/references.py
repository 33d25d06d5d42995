"""units that say what others mean, though they do not stand above them: footnotes, exceptions, quotations.

Each leads in what it speaks of.
"""

import re
from bisect import bisect_right
from itertools import pairwise

from longattncomp.chunking.lines.connectives import (
    CORRECTS,
    DEFINES,
    GOES_ON,
    OF_TERM,
    OPENS,
    POINTS_BACK,
    TAKES_BACK,
)
from longattncomp.chunking.lines.kinds import ITEM
from longattncomp.chunking.lines.rules import DIVIDER
from longattncomp.chunking.outline import Outline

TABLE_NOTE = re.compile(
    r"\W{0,3}(?:(?:notes?|n\.?b|source|legend|key|anmerkung|hinweis|quelle)[.:]"
    r"|(?:all )?(?:figures|amounts|prices|values|numbers|sums)\s+(?:(?:are|were) )?(?:(?:given|stated|shown) )?in\b)",
    re.IGNORECASE,
)
"""The beginning of a note below a table."""

_SIGN = r"[¹²³⁴⁵⁶⁷⁸⁹⁰]{1,3}|[†‡]{1,2}"
_ASTERISK = r"(?<=[.,;:!?)”%\"])\*(?=\s|$)|(?<=\w)\\?\*(?=[.,;:]|\s*[|\n]|$)"
_NOTE = re.compile(rf"[ \t]*+(?:\[\^?(\w{{1,4}})\]:?[ \t]+\S|({_SIGN})[ \t]*[^\W_]|(?<![ \t])\\?(\*)[ \t]*[^\W_])")
_REFERENCE = re.compile(
    rf"(?<=[^\s\[(])\[\^?(\w{{1,4}})\](?![:(])|(?<=[\w.,;:!?)%”\"])(?<!\b[kcmd]m)(?<!\bm)({_SIGN})(?=[\s.,;:|)]|$)"
    rf"|({_ASTERISK})|(?<=[\w.)%€$] )\[(\w{{1,4}})\](?=[ \t]*\|)"
)
_BRACKETED = re.compile(r"[ \t]*\((\d{1,2}|[a-z])\)[ \t]+\S")
_BRACKETS = re.compile(
    r"(?<=[\w.!?%€£$¥\"”’)\]|])[ \t]?\((\d{1,2}|[a-z])\)(?=[ \t]*(?:\n|\r|\||$)|[.;](?=\s|$)|,(?! )|</| {2}|\t)"
)
"""A reference to a note that begins with a number or letter in brackets, at the end of a line, sentence or cell."""

_OF_CLAUSES = re.compile(
    r"(?:\b(?:(?:sub-?)?(?:sections?|paragraphs?|clauses?|divisions?)|articles?|regulations?|arts?|secs?|paras?|cl|regs?"
    r"|ss?|rules?|items?|points?|parts?|steps?|cases?|options?|conditions?|equations?|eqs?|figures?|figs?|and|or|in|to|of|by|see|from|with|under|than"
    r"|abs(?:atz)?|s[aä]tz(?:e|en)?|nr|nummern?|ziffern?|artikels?|buchstaben?|gleichung|und|oder|nach|gemäß|aus|siehe"
    r"|alinéas?|et|ou|selon|apartados?|párrafos?|y|o)\b\.?|§)[ \t]*(?:\d+(?:\.\d+)*[a-z]?)?$|\d[a-z]?\(\w{1,2}\)$",
    re.IGNORECASE,
)
"""What stands before a number in brackets that is a clause's or an equation's."""

_BEFORE = 30  # characters before such a number that tell it
_STRUCK = re.compile(
    r"(?<![~^])~~(?=[^\s~])(?:(?!~~|\n\s*\n).){1,2000}~~(?!~)|<(del|s|strike)>(?:(?!\n\s*\n|<\1>).){,2000}?</\1>",
    re.DOTALL,
)
_QUOTATION = re.compile(
    r"“[^”\n]{1,600}”|«[^»\n]{1,600}»|„[^“”\n]{1,600}[“”]|「[^」\n]{1,600}」"
    r"|(?<!\w)\"(?=\S)[^\"\n]{1,600}(?<=\S)\""
)
_LOOKED_AT = 1000  # characters before an asterisk that tell whether it is a pair's second
_MOST = 8  # units of a note, or of a paragraph that another one speaks of
_CORRECTIONS = 3  # of a section; more are the entries of a log
_CORRECTED = 40  # units above a correction that it leads in
_CORRECTION = 240  # characters of one
_WORD = re.compile(r"[^\W\d_]{2}")


def link(text: str, outline: Outline) -> None:
    """Let such units lead in those that they speak of."""
    _link_notes(text, outline)
    _link_bracketed(text, outline)
    for struck in _STRUCK.finditer(text):
        first, last = (outline.unit_at(at) for at in (struck.start(), struck.end() - 1))
        outline.lead(range(first, last + 1), first, last)
    defined = -1  # the sentence above in the paragraph that defines a term
    for unit in sorted(outline.prose):
        start, end = outline.starts[unit], outline.end(unit, text)
        goes_on = unit - 1 in outline.prose
        begins = not goes_on or outline.breaks[unit]
        if DEFINES.match(text, start):
            defined = unit
        elif begins:
            defined = -1
        elif defined >= 0 and OF_TERM.match(text, start):
            outline.lead([unit], defined)
        if not goes_on:
            continue
        if begins:
            same = outline.parents[unit] == outline.parents[unit - 1]
            if same and TAKES_BACK.match(text, start) and not text.startswith(OPENS, start):
                outline.lead(_paragraph_above(outline, unit), unit)
        elif GOES_ON.match(text, start) or POINTS_BACK.search(text, start, end):
            outline.lead([unit], unit - 1, *outline.also.get(unit - 1, ()))
        elif TAKES_BACK.match(text, start):
            outline.lead([unit - 1], unit)
    for unit, start in enumerate(outline.starts):
        item = ITEM.match(text, start)
        beside = unit and outline.parents[unit] == outline.parents[unit - 1]
        titles = unit + 1 < len(outline.starts) and outline.parents[unit + 1] == unit
        if item and beside and not titles and TAKES_BACK.match(text, item.end()):
            outline.lead([unit - 1], unit)
    _link_corrections(text, outline)
    _link_quotations(text, outline)


def _paragraph_above(outline: Outline, unit: int) -> range:
    """The last sentences of the paragraph above one that begins with a unit."""
    first = unit - 1
    while first > max(0, unit - _MOST) and not outline.breaks[first] and first - 1 in outline.prose:
        first -= 1
    return range(first, unit)


def _link_notes(text: str, outline: Outline) -> None:
    """Link a reference with the next footnote of its sign, which ends where a paragraph or another one begins."""
    starts = outline.starts
    signs = [_note_sign(text, start) for start in starts]
    found: dict[str, list[int]] = {}
    for unit, sign in enumerate(signs):
        if sign:
            found.setdefault(sign, []).append(unit)
    # Several paragraphs that begin with an asterisk are the items of a list.
    found = {sign: units for sign, units in found.items() if sign != "*" or len(units) == 1}
    if not found:
        return
    for reference in _REFERENCE.finditer(text):
        sign = _sign(reference)
        unit, notes = outline.unit_at(reference.start()), found.get(sign, [])
        if not notes or signs[unit] in found or (sign == "*" and _is_emphasis(text, reference.start())):
            continue
        note = notes[min(bisect_right(notes, unit), len(notes) - 1)]
        last = note + 1
        while last < min(note + _MOST, len(starts)) and not outline.breaks[last] and not signs[last]:
            last += 1
        if not note <= unit < last:
            outline.lead([unit], *range(note, last))


def _link_bracketed(text: str, outline: Outline) -> None:
    """Link references such as (2) with the notes below that begin so: a run from (1) or (a) on, all referred to."""
    starts = outline.starts
    runs: list[list[int]] = []  # units that begin notes
    for unit, start in enumerate(starts):
        if not (match := _BRACKETED.match(text, start)):
            continue
        if match[1] in ("1", "a"):
            runs.append([unit])
        elif runs and unit - runs[-1][-1] <= _MOST and match[1] == _next(_BRACKETED.match(text, starts[runs[-1][-1]])):
            runs[-1].append(unit)
    above = 0
    for run in runs:
        signs = [match[1] for unit in run if (match := _BRACKETED.match(text, starts[unit]))]
        found: dict[str, list[int]] = {}
        for reference in _BRACKETS.finditer(text, above, starts[run[0]]):
            if not _OF_CLAUSES.search(text, max(0, reference.start() - _BEFORE), reference.start()):
                found.setdefault(reference[1], []).append(outline.unit_at(reference.start()))
        last = run[-1] + 1
        while last < min(run[-1] + _MOST, len(starts)) and not outline.breaks[last]:
            last += 1
        above = starts[last] if last < len(starts) else len(text)
        if len(run) > 1 and found.keys() >= set(signs):
            for sign, (note, after) in zip(signs, pairwise([*run, last]), strict=True):
                outline.lead(found[sign], *range(note, after))


def _next(match: re.Match[str] | None) -> str:
    """The sign of the note after one; "" after none."""
    if match is None:
        return ""
    return str(int(match[1]) + 1) if match[1].isdigit() else chr(ord(match[1]) + 1)


def _note_sign(text: str, start: int) -> str:
    sign = _sign(_NOTE.match(text, start))
    end = text.find("\n", start)
    return "" if sign == "*" and text.count("*", start, end if end >= 0 else len(text)) % 2 == 0 else sign


def _sign(match: re.Match[str] | None) -> str:
    return next(filter(None, match.groups()), "") if match else ""


def _is_emphasis(text: str, at: int) -> bool:
    """Whether an asterisk ends what another one in its line begins."""
    return text.count("*", max(text.rfind("\n", 0, at) + 1, at - _LOOKED_AT), at) % 2 == 1


def _link_quotations(text: str, outline: Outline) -> None:
    """Let the words before and after a quotation of several sentences, which say whose it is, lead in all of them."""
    starts = outline.starts
    for quotation in _QUOTATION.finditer(text):
        first, last = (outline.unit_at(at) for at in (quotation.start(), quotation.end() - 1))
        inside = range(first, last + 1)
        if first == last or not all(unit in outline.prose for unit in inside):
            continue
        said = [first] if text[starts[first] : quotation.start()].rstrip().endswith((":", ",", "：", "，")) else []
        end = outline.end(last, text)
        said += [last] if quotation[0][-2] in ",，" and _WORD.search(text, quotation.end(), end) else []
        outline.lead(inside, *said)


def _link_corrections(text: str, outline: Outline) -> None:
    """Let a short paragraph that corrects what stands above it in its section lead in all of that."""
    found: dict[int, list[int]] = {}  # corrections by the heading above
    for unit in sorted(outline.prose):
        if outline.breaks[unit] and CORRECTS.match(text, outline.starts[unit]):
            found.setdefault(outline.parents[unit], []).append(unit)
    for heading, units in found.items():
        for unit in units if len(units) <= _CORRECTIONS else ():
            after = unit + 1
            while after < len(outline.starts) and not outline.breaks[after]:
                after += 1
            if outline.end(after - 1, text) - outline.starts[unit] > _CORRECTION:
                continue
            first = max(heading + 1, unit - _CORRECTED)
            divides = (above for above in range(unit - 1, first - 1, -1) if DIVIDER.match(text, outline.starts[above]))
            outline.lead(range(next(divides, first - 1) + 1, unit), *range(unit, after))

"""sentences that say in what the figures of a text are given -> what leads in the paragraphs with figures below."""

import re

from longattncomp.chunking.outline import Outline

_SCALE = (
    r"(?:(?:thousand|million|billion)s?\b|'000|k?€|(?:EUR|USD|GBP|CHF|JPY|CNY|SEK|NOK|DKK)\b|Tausend|Tsd|Millionen|Mio|Mrd|TEUR|milliers?|millions?"
    r"|miles|millones|migliaia|milioni|тыс|млн|(?:euro|dollar|pound|franc)s?\b|Euro\b|euros?\b|Franken\b|千円|百万円|万元|千元)"
)
_STATES = re.compile(
    rf"(?:Unless [^.;:\n]{{3,60}}, )?(?:All|The) (?:amounts|figures|sums|prices|values)\b[^.;:\n]{{0,60}}?"
    rf"\b(?:are|is)\b[^.;:\n]{{0,40}}?\bin (?:\w+ ){{0,2}}?{_SCALE}"
    rf"|(?:Alle|Sämtliche) (?:Beträge|Angaben|Zahlen|Werte|Preise)\b[^.;:\n]{{0,60}}?\bin (?:\w+ )?{_SCALE}"
    rf"|(?:Tous les montants|Les montants|Tous les chiffres)\b[^.;:\n]{{0,60}}?\ben (?:\w+ )?{_SCALE}"
    rf"|(?:Todos los importes|Los importes|Todas las cifras)\b[^.;:\n]{{0,60}}?\ben (?:\w+ )?{_SCALE}"
    rf"|(?:Tutti gli importi|Gli importi)\b[^.;:\n]{{0,60}}?\bin (?:\w+ )?{_SCALE}"
    rf"|(?:Все суммы|Суммы|Все показатели)\b[^.;:\n]{{0,60}}?\bв {_SCALE}"
    rf"|[^。\n]{{0,20}}(?:金额|金額|単位|单位)[^。\n]{{0,20}}?{_SCALE}"
)
"""What such a sentence says; it begins a unit."""

_OF_ALL = re.compile(
    r"(?:Unless [^.;:\n]{3,60}, )?All (?:[\w-]+ ){1,3}(?:in|of|throughout) (?:this|the) "
    r"(?:(?P<part>chapter|annex|appendix)|document|manual|report|leaflet|guide|handbook)\b[^.;:\n]{0,20}? are\b"
    r"(?! not\b)"
)
"""One that says it for more than its own section."""

_DEEP = 2  # headings above such a sentence that are those of its section and chapter; the next is the document's
_FIGURE = re.compile(r"\d[\d.,  ’']*\d|(?<![\w.])\d(?=[ \u00a0]?[%€$£])")
_YEAR = re.compile(r"(?:19|20)\d\d$")
_LONGEST = 240  # characters


def link_scales(text: str, outline: Outline) -> None:
    """Let a sentence that says in what amounts are given, or what all of a kind are in a chapter, lead in the figures
    below it, up to the next such one, or to the end of its section or chapter. Years are no such figures.
    """
    said, inside = -1, set[int]()
    for unit, start in enumerate(outline.starts):
        end = outline.end(unit, text)
        short = end - start <= _LONGEST
        if short and ((whole := _OF_ALL.match(text, start, end)) or _STATES.match(text, start, end)):
            said = unit
            inside = {outline.parents[unit], unit}
            if whole:
                above = [*outline.above(unit), -1]
                inside.update(above if whole["part"] is None else above[:_DEEP])
        elif said >= 0:
            if outline.parents[unit] in inside:
                inside.add(unit)
            else:
                said = -1
            if said >= 0 and any(not _YEAR.match(figure[0]) for figure in _FIGURE.finditer(text, start, end)):
                outline.lead([unit], said)

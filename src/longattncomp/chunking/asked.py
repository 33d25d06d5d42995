"""turns of a talk that ask -> the turns right below them that answer, each brings the other along."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from longattncomp.chunking import lines as kinds
from longattncomp.chunking.headings import TURN
from longattncomp.chunking.lines import Line
from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.references import lead
from longattncomp.chunking.sentences import sentences
from longattncomp.chunking.speakers import Head, speaker_of

_ASKS = 240  # characters of a turn that asks
_FEW = 3  # sentences of it
_WORDS = 12  # of the first sentence of an answer
_SHORT = 100  # characters of it
_BRIEF = 6  # words of a question whose answer may be twice as long
_ALONG = 160  # characters of an answer that come along with its question
_LONGEST = 480  # characters of an answer of one record that does
_MEETING = 100  # turns of a talk in which most short ones are no answers
_MANY = 8  # who speak in such a talk
_AGAIN = 2  # who speak twice in a talk
_FEWER = 2  # sentences of a turn that asks there
_LEAST = 4  # words of what is asked there, and of what is answered

_CLOSING = " \t\r\n\"'”’»)]"

_TIME = re.compile(
    r"[ \t]*[\[(]?(?:\d{1,4}[-./]\d{1,2}[-./]\d{1,4},?[ T])?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,3})?)?"
    r"(?: ?[AaPp]\.?[Mm]\.?)?[\])]?(?: [-–—])?[ \t]+"
)
_NAMED = re.compile(
    r"(?:\*\*)?(?:<(?P<nick>[\w.@+-]+)>|(?P<name>[^\W\d_][\w.’' -]{0,30}(?:\s?\([^)\n]{1,30}\))?)(?:\*\*)?"
    r"(?::|：(?=\S)))(?:\*\*)?[ \t]*(?=\S)"
)
_YES = (
    "yes|yeah|yep|yup|no|nope|nah|correct|right|sure|exactly|indeed|certainly|absolutely|definitely|of course|never"
    "|nein|ja|jawohl|doch|richtig|genau|niemals|oui|non|si|exact|jamais|sí|claro|nunca|correcto|sì|esatto|sim|não"
    "|nej|nee|jo|tak|nie|да|нет|конечно|никогда"
)
_AGREES = re.compile(rf"\W{{0,3}}(?:(?:{_YES})\b|はい|いいえ|いえ|是|不|对|對|没|沒|否)", re.IGNORECASE)
_POINTS = re.compile(
    r"\W{0,3}(?:not|only|that|this|it|they|those|these|none|nobody|nothing|neither|either|both|until|because"
    r"|nicht|nur|das|weil|kein\w*|seulement|parce que|ce|ça|aucun\w*|solo|sólo|porque|eso|perché|questo|только|это)\b",
    re.IGNORECASE,
)
"""How a sentence begins that answers, and one that speaks of what was said before."""

_TAG = re.compile(r"\b(?:right|ok(?:ay)?|yeah|huh|you know|nicht|oder|non|no|verdad)\W*$", re.IGNORECASE)
"""What ends a question that asks nothing, but whether one is heard."""

_WORD = re.compile(r"\w+")


class _Turn(NamedTuple):
    unit: int
    name: str
    said: int  # the first character of what is said


def link_asked(text: str, lines: Sequence[Line], outline: Outline, heads: Mapping[int, Head]) -> None:
    """Let a turn that ends in a question lead in the turn of somebody else below it, and bring along its beginning.

    An answer is short at first or begins with what speaks of the question. In a meeting it says yes or no.

    Args:
        text: any text.
        lines: of the text.
        outline: its units.
        heads: lines that say who speaks below them, by number.
    """
    turns = _turns(text, outline, {lines[n].start: lines[n] for n, head in heads.items() if head.rank == TURN})
    spoken = Counter(turn.name for turn in turns)
    if sum(count > 1 for count in spoken.values()) < _AGAIN:
        return
    meeting = len(turns) > _MEETING or len(spoken) > _MANY
    nexts = [*(turn.unit for turn in turns[2:]), len(outline.starts)]
    for (asked, answer), after in zip(pairwise(turns), nexts, strict=True):
        begun, end = outline.starts[answer.unit], _end(text, outline, answer.unit, after)
        if asked.name == answer.name or outline.parents[asked.unit] != outline.parents[answer.unit]:
            continue
        question = text[asked.said : begun].rstrip(_CLOSING) if begun - asked.said <= _ASKS else ""
        if not kinds.ends_question(question):
            continue
        if sum(1 for _ in sentences(text, asked.said, begun)) > (_FEWER if meeting else _FEW):
            continue
        words = len(_WORD.findall(question))
        if meeting and (
            words < _LEAST or _TAG.search(question) or len(_WORD.findall(text[answer.said : end])) < _LEAST
        ):
            continue
        if not (stop := _answer_end(text[answer.said : end], brief=words <= _BRIEF, meeting=meeting)):
            continue
        stop = max(answer.said + stop, begun + _ALONG)
        units = range(asked.unit, answer.unit)
        answering = range(answer.unit, max(answer.unit + 1, bisect_left(outline.starts, min(stop, end))))
        lead(outline, answering, *units)
        if end - begun <= _LONGEST or outline.parents[answering[-1]] != answer.unit:
            lead(outline, units, *answering)


def _end(text: str, outline: Outline, unit: int, after: int) -> int:
    """Find where a turn ends: before the unit `after`, or what is no part of it."""
    last = unit + 1
    while last < after and (
        outline.parents[last] >= unit or (outline.parents[last] == outline.parents[unit] and not outline.breaks[last])
    ):
        last += 1
    return outline.starts[last] if last < len(outline.starts) else len(text)


def _turns(text: str, outline: Outline, heads: Mapping[int, Line]) -> list[_Turn]:
    """Find the turns of a text: their units, who speaks, and where what is said begins."""
    found = []
    for unit, start in enumerate(outline.starts):
        if outline.together[unit] != RECORD_TOKENS:
            continue
        if start in heads:
            if named := speaker_of(heads[start]):
                found.append(_Turn(unit, named.name, start + len(heads[start].text)))
            continue
        time = _TIME.match(text, start)
        match = _NAMED.match(text, time.end() if time else start)
        if match and (time or match["nick"] or not match["name"][0].islower()):
            numbered = kinds.ASKED.match(match[0]) or kinds.ANSWER.match(match[0])
            found += [] if numbered else [_Turn(unit, (match["nick"] or match["name"]).strip(), match.end())]
    return found


def _answer_end(said: str, *, brief: bool, meeting: bool) -> int:
    """Find where the first sentence of a turn ends if the turn may answer what is asked above it; 0 if not."""
    stop = next((stop for _, stop in sentences(said, 0, len(said))), 0)
    words = said[:stop].strip()
    if not words or kinds.ends_question(words):
        return 0
    agrees = _AGREES.match(words) is not None
    if meeting or agrees or kinds.ends_question(said.rstrip(_CLOSING)):
        return stop if agrees else 0
    most = 2 if brief else 1
    short = len(words) <= most * _SHORT and words.count(" ") < most * _WORDS
    return stop if short or _POINTS.match(words) else 0

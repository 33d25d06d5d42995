"""turns of a talk that ask -> the turns right below them that answer, each brings the other along."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import regex

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.headings import TURN
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.speakers import Head, speaker_of
from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.sentences import UNSPACED, sentences
from longattncomp.chunking.talk.turns import ANSWERING, ASKING

_ASKS = 240  # characters of a turn that asks
_SENTENCES = 3  # of it
_WORDS = 12  # of the first sentence of an answer
_SHORT = 100  # characters of it; twice as many if its first word is one of `_POINTS`
_BRIEF = 6  # words of a question whose answer may be twice as long
_COMES_ALONG = 160  # characters of an answer that come along with its question
_LONGEST = 480  # characters of an answer of one record that does
_SPEAK_TWICE = 2  # of those who speak in a talk
_PAIR = 2  # who speak in a talk in which a short turn answers

_MEETING_TURNS = 100
_MEETING_SPEAKERS = 8
"""A talk with more turns or speakers is a meeting: most short turns are no answers."""

_MEETING_SENTENCES = 2  # of a turn that asks
_MEETING_WORDS = 4  # of what is asked, and of what is answered, at least

_CLOSING = " \t\r\n\"'”’»)]"

_TIME = re.compile(
    r"[ \t]*[\[(]?(?:(?P<date>\d{1,4}[-./]\d{1,2}[-./]\d{1,4}),?[ T])?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,3})?)?"
    r"(?: ?[AaPp]\.?[Mm]\.?)?[\])]?(?: [-–—])?[ \t]+"
)
_NAMED = re.compile(
    r"(?:\*\*)?(?:<(?P<nick>[\w.@+-]+)>|(?P<name>[^\W\d_][\w.’' -]{0,30}(?:\s?\([^)\n]{1,30}\))?)(?:\*\*)?"
    r"(?::|：(?=\S)))(?:\*\*)?[ \t]*(?=\S)"
)
_YES = (
    "yes|yeah|yep|yup|no|nope|nah|correct|right|sure|exactly|indeed|certainly|absolutely|definitely|of course|never"
    "|nein|ja|jawohl|doch|richtig|genau|niemals|oui|non|si|exact|jamais|sí|claro|nunca|correcto|sì|esatto|não"
    "|nej|nee|tak|nie|да|нет|конечно|никогда"
)
_YES_ALONE = "jo|sim|はい|いいえ|いえ|是的?|不是?|对的?|對的?|没有?|沒有?|否"
_PAUSE = r"\s*(?:[,.;:!…，、。；：！]|[-–—](?=\s)|$)"
_AGREES = re.compile(
    rf"\W{{0,3}}(?:(?:{_YES}|{_YES_ALONE})(?={_PAUSE})|(?:{_YES})\s+(?:it|we|I|they|he|she|you|there)\b)", re.IGNORECASE
)
"""A first word that says yes or no: before a sign or the end, or before a pronoun ("No it is", but not "No idea").

Words that are something else as well (a name, a part of a longer word) have to stand before a sign or the end.
"""

_POINTS = re.compile(
    r"\W{0,3}(?:not|only|none|nobody|nothing|neither|either|both|until|because"
    r"|nicht|nur|weil|kein\w*|seulement|parce que|aucun\w*|solo|sólo|porque|perché|только)\b",
    re.IGNORECASE,
)
"""A first word with which few turns but answers begin: "Only on Mondays.", "Because I may." """

_ACKNOWLEDGES = re.compile(
    r"\W{0,3}(?:(?:duly )?noted|(?:I )?understood|I (?:see|understand)|got it|all right|thank(?:s| you)"
    r"|you(?:'|’| a)re welcome|(?:that(?: i|'|’)s )?good to know|notiert|verstanden|danke|noté|compris|d'accord|merci"
    r"|anotado|entendido|gracias|capito|grazie|anotei|obrigad[oa]|了解|承知|かしこまりました|明白|知道了|谢谢|好的)"
    r"(?=[ \t]*(?:[,.;:!…，、。；：！\n]|[-–—]\s|$)| (?:for|so|very)\b)",
    re.IGNORECASE,
)

_TAG = re.compile(r"\b(?:right|ok(?:ay)?|yeah|huh|you know|nicht|oder|non|no|verdad)\W*$", re.IGNORECASE)
"""What ends a question that asks nothing, but whether one is heard."""

_ADDRESS = frozenset("/=")
"""Signs within an address: a question mark at its end asks nothing."""

_WORD = regex.compile(rf"(?V1){UNSPACED}{{1,2}}|[[\w'’]--{UNSPACED}]+")
"""A word; in a script without spaces, two characters count as one."""


class _Turn(NamedTuple):
    unit: int
    name: str
    said: int  # the first character of what is said
    date: str = ""


def link_asked(text: str, lines: Sequence[Line], outline: Outline, heads: Mapping[int, Head]) -> None:
    """Let a turn that ends in a question lead in the turn of somebody else below it, and bring along its beginning.

    An answer says yes or no, begins with a word that answers or, where two people talk, is short at first. In a meeting
    it says yes or no. Whatever a model says below a question of its user is an answer, and what is short at first needs
    what its user said, question or not.

    Args:
        text: any text.
        lines: of the text.
        outline: its units.
        heads: lines that say who speaks below them, by number.
    """
    turns = _turns(text, outline, {lines[n].start: lines[n] for n, head in heads.items() if head.rank == TURN})
    if len(turns) < 2:
        return
    spoken = Counter(turn.name for turn in turns)
    talk = sum(count > 1 for count in spoken.values()) >= _SPEAK_TWICE
    meeting = len(turns) > _MEETING_TURNS or len(spoken) > _MEETING_SPEAKERS
    nexts = [*(turn.unit for turn in turns[2:]), len(outline.starts)]
    for (asked, answer), after in zip(pairwise(turns), nexts, strict=True):
        begun, end = outline.starts[answer.unit], _end(text, outline, answer.unit, after)
        if asked.name == answer.name or outline.parents[asked.unit] != outline.parents[answer.unit]:
            continue
        if asked.date and answer.date and asked.date != answer.date:
            continue
        if asked.name.lower() in ASKING and answer.name.lower() in ANSWERING:
            _link_reply(text, outline, asked, answer, end)
            continue
        if not talk:
            continue
        words = _asked_words(text, asked.said, begun, meeting=meeting)
        if words is None or (meeting and len(_WORD.findall(text[answer.said : end])) < _MEETING_WORDS):
            continue
        most = 0 if len(spoken) > _PAIR else 2 if words <= _BRIEF else 1
        if not (stop := _answer_end(text[answer.said : end], most, meeting=meeting)):
            continue
        units = range(asked.unit, answer.unit)
        answering = _beginning(text, outline, answer, answer.said + stop, end)
        outline.lead(answering, *units)
        _bring_along(outline, units, answer, answering, end)


def acknowledges(text: str, start: int = 0) -> bool:
    """Whether a reply answers nothing: it says that something was noted, or thanks."""
    return _ACKNOWLEDGES.match(text, start) is not None


def _link_reply(text: str, outline: Outline, asked: _Turn, answer: _Turn, end: int) -> None:
    """Link what a user says and what a model replies."""
    begun = outline.starts[answer.unit]
    units = range(asked.unit, answer.unit)
    asking = [unit for unit in units if kinds.ends_question(text[outline.starts[unit] : outline.end(unit, text)])]
    stop = next((stop for _, stop in sentences(text, answer.said, end)), 0)
    short = begun - asked.said <= _ASKS and "\n\n" not in text[asked.said : begun].strip()
    if not stop or not (asking or (short and _is_brief(text[answer.said : stop], 1))):
        return
    said = list(units) if short else [asked.unit, *asking[-_SENTENCES:]]
    answering = _beginning(text, outline, answer, stop, end)
    outline.lead(answering, *said)
    if asking and not acknowledges(text, answer.said):
        _bring_along(outline, asking if short else said, answer, answering, end)


def _beginning(text: str, outline: Outline, answer: _Turn, stop: int, end: int) -> range:
    """Find the units that begin an answer: those up to its first full stop, and what is short beside them.

    A unit that only says who answers leads in all of the answer, so it is none of them.
    """
    stop = max(stop, outline.starts[answer.unit] + _COMES_ALONG)
    first = answer.unit + (not text[answer.said : outline.end(answer.unit, text)].strip())
    return range(first, max(first + 1, bisect_left(outline.starts, min(stop, end))))


def _bring_along(outline: Outline, asking: Sequence[int], answer: _Turn, answering: range, end: int) -> None:
    """Let what asks bring along the beginning of its answer, unless that is long."""
    if end - outline.starts[answer.unit] <= _LONGEST or outline.parents[answering[-1]] != answer.unit:
        outline.lead(asking, *range(answer.unit, answering.stop))


def _asked_words(text: str, start: int, end: int, *, meeting: bool) -> int | None:
    """Count the words of a turn that asks something short; None if it does not."""
    if end - start > _ASKS:
        return None
    question = text[start:end].rstrip(_CLOSING)
    if not kinds.ends_question(question) or not _ADDRESS.isdisjoint(question.split()[-1]):
        return None
    if sum(1 for _ in sentences(text, start, end)) > (_MEETING_SENTENCES if meeting else _SENTENCES):
        return None
    words = len(_WORD.findall(question))
    return None if meeting and (words < _MEETING_WORDS or _TAG.search(question)) else words


def _end(text: str, outline: Outline, unit: int, after: int) -> int:
    """Find where a turn ends: before the unit `after`, or what is no part of it."""
    last = unit + 1
    while last < after and (
        outline.parents[last] >= unit or (outline.parents[last] == outline.parents[unit] and not outline.breaks[last])
    ):
        last += 1
    return outline.end(last - 1, text)


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
        date = (time["date"] or "") if time else ""
        match = _NAMED.match(text, time.end() if time else start)
        if not match or kinds.ASKED.match(match[0]) or kinds.ANSWER.match(match[0]):
            continue
        name = (match["nick"] or match["name"]).strip()
        if time or match["nick"] or not name[0].islower() or name in (*ASKING, *ANSWERING):
            found.append(_Turn(unit, name, match.end(), date))
    return found


def _answer_end(said: str, most: int, *, meeting: bool) -> int:
    """Find where the first sentence of a turn ends if the turn may answer what is asked above it; 0 if not.

    Args:
        said: the turn.
        most: how many times as long as usual a short answer may be; 0 if being short is no sign of one.
        meeting: whether only yes and no answer.
    """
    stop = next((stop for _, stop in sentences(said, 0, len(said))), 0)
    words = said[:stop].strip()
    if not words or kinds.ends_question(words):
        return 0
    agrees = _AGREES.match(words) is not None
    if meeting or agrees or kinds.ends_question(said.rstrip(_CLOSING)):
        return stop if agrees else 0
    return stop if _is_brief(words, most) or (len(words) <= 2 * _SHORT and _POINTS.match(words)) else 0


def _is_brief(words: str, most: int) -> bool:
    return len(words) <= most * _SHORT and len(_WORD.findall(words)) <= most * _WORDS

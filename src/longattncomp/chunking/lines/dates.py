"""a line of a text -> whether it names a day, and what a time looks like."""

import re

from longattncomp.chunking.lines import kinds

_LONGEST = 60  # characters of a line that names a day
_OTHER_WORDS = 3  # before a day, after signs: "--- Day changed Thu Sep 04 2025"

_WEEKDAYS = (
    "(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch"
    "|sonnabend|(?:lun|mar|mercre|jeu|vendre|same)di|dimanche|lunes|martes|mi[eé]rcoles|jueves|viernes|s[aá]bado"
    "|domingo|(?:luned|marted|mercoled|gioved|venerd)[iì]|sabato|domenica|(?:maan|dins|woens|donder|vrij|zater|zon)dag"
    "|today|yesterday|heute|gestern|aujourd|hier|hoy|ayer|oggi|ieri|vandaag|gisteren|星期[一二三四五六日天]|[今昨][天日]"
)
_MONTHS = (
    "jan(?:uar[yi]?|vier)?|enero|gennaio|feb(?:ruar[yi]?|rero|braio)?|f[eé]v(?:rier)?|mar(?:ch|s|t|zo)?|märz?|mrt|maart"
    "|apr(?:ile?)?|a[bv]r(?:il)?|ma[iy]|mei|mayo|maggio|june?|junio?|juin|giugno|july?|julio?|juillet|luglio"
    "|aug(?:ust(?:us)?)?|ago(?:sto)?|ao[uû]t|sep(?:t(?:i?embre|ember)?)?|set(?:tembre)?|o[ck]t(?:ob(?:er|re)|ubre)?"
    "|ott(?:obre)?|nov(?:i?embre|ember)?|d[eéi][cz](?:i?embre|ember)?"
)
_WEEKDAY = re.compile(_WEEKDAYS)
_MONTH = re.compile(_MONTHS)
_BESIDE = frozenset(("st", "nd", "rd", "th", "er", "de", "of", "the", "le", "at", "um", "am", "pm", "utc", "hui"))
"""Words beside the names of days and months."""

_PLAIN = re.compile(r"[\w\s.,:/()\[\]'’*#=~—–-]+")
_NUMBERED = re.compile(r"\W*(?:\d{4}年)?\d{1,2}[月월] ?\d{1,2}[日일](?:[ (（]+\w{1,3}[)）]?)?\W*")
"""A day in Japanese, Chinese or Korean."""

_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,3})?)?(?: ?[ap]\.?m\.?)?(?: uhr)?"
_NUMBERS = r"\d{1,4}[-./](?:\d{1,2}|[a-z]{3})(?:[-./]\d{1,4})?"
_DATE = rf"(?:{_NUMBERS}|\d{{1,4}}(?:st|nd|rd|th|\.)?|{_WEEKDAYS}|{_MONTHS}|at|um|de),? "
_AGO = r"(?:\d+|an?) (?:\w{3,7}|[a-z]{2,4}\.|h|d) ago|vor \d+ \w{3,8}|il y a \d+ \w{2,8}|hace \d+ \w{3,8}"
WHEN = rf"(?:(?:{_DATE}){{0,6}}{_TIME}|{_AGO})"
"""A time, perhaps with its day, in lower case."""


def is_signed(words: str) -> bool:
    """Whether a line begins with two of the same sign."""
    return len(words) > 1 and words[0] == words[1] and not words[0].isalnum()


def is_day(words: str) -> bool:
    """Whether a line has nothing but a day, after signs perhaps with words such as "Day changed" before it."""
    if len(words) > _LONGEST or not words or words[-1] in "!?.,;:":
        return False
    if kinds.DATE.match(words) or _NUMBERED.fullmatch(words):
        return True
    found = re.findall(r"[^\W\d_]+", words.lower())
    if sum(_WEEKDAY.fullmatch(word) is not None for word in found) > 1:  # the columns of a timetable
        return False
    named = [bool(_WEEKDAY.fullmatch(word) or _MONTH.fullmatch(word)) for word in found]
    if not any(named) or not _PLAIN.fullmatch(words):
        return False
    if not (any(map(str.isdecimal, words)) or any(map(_WEEKDAY.fullmatch, found))):
        return False
    others = [number for number, word in enumerate(found) if not named[number] and word not in _BESIDE]
    return not others or (is_signed(words) and len(others) <= _OTHER_WORDS and others[-1] < named.index(True))

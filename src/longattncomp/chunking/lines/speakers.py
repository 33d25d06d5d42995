"""lines of a text -> those that say who speaks in the lines below them, and those that name the day above turns."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.dates import WHEN, is_day, is_signed
from longattncomp.chunking.lines.entries import LEVELS
from longattncomp.chunking.lines.headings import DAY, REPLY, TURN, heading
from longattncomp.chunking.lines.kinds import Line

_LONGEST = 160  # characters of a line that says who speaks
_CALL = 400  # characters of the call of a tool that leads in its result whole
_LEAST = 3  # lines with a name and a time, one name among them twice; two if they have a day and no title is below

_NAME = r"[*_\[@]{0,3}(?P<name>[^\W\d_][\w.'’&-]*(?: [\w.'’&()/-]+){0,4}?)[*_\]]{0,3}"
_BADGE = r"[(\[`][^\W\d_][\w .-]{0,30}[)\]`]"
"""What somebody is, such as (Maintainer)."""

_ALONE = re.compile(rf"[\[(]?{WHEN}[\])]?(?: \(\w+\))?", re.IGNORECASE)
"""A time alone in its line, below or above that of a name."""

_SIGNED = re.compile(rf"{_NAME}(?: {_BADGE})?")
_NO_NAMES = frozenset(
    ("am", "pm", "a.m", "p.m", "uhr", "asked", "answered", "edited", "modified", "updated", "gefragt", "beantwortet")
)
"""Words beside a time that are none: half a day, and what was done, as it stands below a post."""

_VERBS = (
    "commented|replied|wrote|said|posted|answered|asked|responded|reviewed|opened this|(?<=[*)\\]] )opened on"
    "|(?:added|left) a (?:comment|reply|note)|schrieb|antwortete"
    "|kommentierte|hat (?:am|vor)|a (?:écrit|commenté|répondu)|escribió|comentó|respondió|ha scritto|schreef|skrev"
)
_TIMED = (
    re.compile(
        rf"(?:#\d{{1,6}}:? |/?u/)?{_NAME}(?:[ \t]{{1,8}}|,? ?[—–|·•-]? ?)[\[(]?{WHEN}[\])]?"
        r"(?: \(\w+\))?(?: \|[^\n]*\[[–—+-]\])?:?",
        re.IGNORECASE,
    ),
    re.compile(rf"[\[(]?{WHEN}[\])]?[ \t]?[—–|·•-]?[ \t]{{1,8}}{_NAME}(?:, [^\W\d_][\w.'’-]+)?:?", re.IGNORECASE),
)
"""A name and a time; a time and a name."""

_TOLD = (
    re.compile(
        rf"{_NAME}(?: {_BADGE})? (?:{_VERBS})\b(?:[^\n:]*(?:\d|\bago\b|\byesterday\b)[^\n]*(?<![.!?])|[^\n.!?]*:)"
    ),
    re.compile(r"(?:On|Am|Le|El|Il|Op|Den) (?P<name>[^\n]*\d[^\n]*)\b(?:wrote|schrieb|a écrit|escribió|skrev)[^\n]*:"),
    re.compile(
        r"(?:Posted|Sent|Written|Answer|Comment|Message|Note|Reply|Review|Answered|Commented|Replied|Reviewed) by:? "
        rf"{_NAME}(?: {_BADGE})?(?:,? ?(?:on|at|[—–|·•(\[-])[^\n]*\d[^\n]*(?<![.!?])|,? (?i:{WHEN}))"
    ),
    re.compile(rf"\[[–—+-]\] ?{_NAME}(?: {_BADGE})? [-−]?\d[\d.,]*k? points? [^\n]*\bago\b[^\n]*"),
)
"""A name and what one does who speaks, what it is and by whom, or its points."""

_TOOL = r"(?:tool|function)[ _-]?(?:call|use|result|response|output)s?"
ROLES = "user|assistant|system|developer|human|ai|bot|tool"
"""Who says something in a talk with a model."""

_ROLE = rf"(?P<name>{_TOOL}|{ROLES}|interviewer|interviewee|moderator)"
_LABEL = re.compile(rf"(?:\*\*)?{_ROLE}(?:\*\*:|:\*\*|:)", re.IGNORECASE)
_ROLES = (
    re.compile(rf"\[{_ROLE}(?:[ :][^\[\]]*)?\](?::?| [\w.]+ ?[({{].*)", re.IGNORECASE),
    re.compile(rf"<\|(?:im_start\|>|start_header_id\|>)?{_ROLE}(?:\|>|<\|end_header_id\|>)?", re.IGNORECASE),
    _LABEL,
    re.compile(rf"\*\*{_ROLE}\*\*", re.IGNORECASE),
    re.compile(rf"[=-]{{2,5}} ?{_ROLE}(?: [^=\n-]+?)? ?[=-]{{2,5}}", re.IGNORECASE),
)
"""What speaks with a model, or who asks and answers."""

_FORMS = (*_TIMED, *_TOLD, *_ROLES)
_OF_TALKS = re.compile(rf"assistant|human|interviewe|moderator|{_TOOL}", re.IGNORECASE)
"""Roles that sections of settings are not named after."""

_ENDS = frozenset(",;!?{}")
_CLOCK = re.compile(r"\d:\d\d|\bago(?:$| \|)|\b(?:vor|il y a|hace) \d")
_DAY = re.compile(r"\bago\b|\b(?:to|yester)day at\b|\b(?:19|20)\d\d[-,/. ]|[/.](?:\d\d){1,2},? ", re.IGNORECASE)
_TELLS = re.compile(r"\d|\bago\b|\byesterday\b")
_VERB = re.compile(rf"\b(?:{_VERBS}|by|points?)\b")
_SPOKEN = re.compile(rf"(?:\W{{0,6}}|<\|\w{{1,16}}\|>){_ROLE}\b", re.IGNORECASE)
"""Signs that are found fast in lines of these forms."""

_LEVEL = re.compile(rf"(?:{LEVELS})\b")
ID = re.compile(r"\bid[=:] ?\"?([\w-]+)")
"""The name that a call and its result share."""


class Head(NamedTuple):
    """Lines that lead in what is below them.

    Attributes:
        rank: as a heading.
        size: lines.
    """

    rank: int
    size: int


class Found(NamedTuple):
    """Who speaks below a line that says so.

    Attributes:
        form: of the line, by its place in `_FORMS`.
        name: in lower case.
        dated: whether the line says on which day.
    """

    form: int
    name: str
    dated: bool = False


def speakers(lines: Sequence[Line]) -> dict[int, Head]:
    """Find the lines that say who speaks below them, by number: several of one form, most with text below them.

    The call of a tool leads in the result right below it.
    """
    signed = _signed(lines)
    within = {below for number in signed for below in (number, number + 1)}
    found = {number: found for number, line in enumerate(lines) if number not in within and (found := speaker_of(line))}
    heads = _heads(lines, found)
    kept = {form for form in {which.form for which in found.values()} if _is_form(form, found, heads, lines)}
    numbers = [number for number, which in found.items() if which.form in kept]
    told = {**signed, **{number: Head(TURN, 1) for number in numbers}}
    for above, number in pairwise(numbers):
        if _answers(lines[above].text, lines[number].text, found[above].name, found[number].name):
            long = lines[number].start - lines[above].start > _CALL
            told[above] = Head(told[above].rank, 1 if long else number - above)
            told[number] = Head(REPLY, 1)
    return told


def speaker_of(line: Line) -> Found | None:
    """Find the form of a line that may say who speaks, and the name in it."""
    words = line.text.strip()
    if not 0 <= line.indent <= 3 or len(words) > _LONGEST or (words[-1] in _ENDS and words[0] != "["):
        return None
    label = words[-1] == ":"
    forms = [
        *(_TOLD if (label or _TELLS.search(words)) and _VERB.search(words) else ()),
        *(_TIMED if _CLOCK.search(words) else ()),
        *(_ROLES if (label or words[0] in "[<*=-") and _SPOKEN.match(words) else ()),
    ]
    for pattern in forms:
        if (match := pattern.fullmatch(words)) and (pattern in _ROLES or _is_name(match["name"])):
            return Found(_FORMS.index(pattern), match["name"].lower(), _DAY.search(words) is not None)
    return None


def is_role(line: Line) -> bool:
    """Whether a line has nothing but the label of a role."""
    return _LABEL.fullmatch(line.text.strip()) is not None


def _is_name(words: str) -> bool:
    """Whether words may be a name: those of more than one word begin and end in words with a capital letter."""
    parts = words.partition("(")[0].split()
    named = len(parts) == 1 or (bool(parts) and not (parts[0][0].islower() or parts[-1][0].islower()))
    return named and not words.endswith((".", "!", "?")) and not _LEVEL.match(words) and words.lower() not in _NO_NAMES


def _signed(lines: Sequence[Line]) -> dict[int, Head]:
    """Find names with a time alone in the line below them, or else above them, by the number of the first line.

    One name stands there twice, and most have text below them.
    """
    timed = [line.indent >= 0 and _is_time(line.text.strip()) for line in lines]
    for above in (False, True):
        names: dict[int, str] = {}
        for number, (one, other) in enumerate(pairwise(lines)):
            if timed[number] is not above or timed[number + 1] is above or number - 1 in names:
                continue
            words = (other if above else one).text.strip()
            match = _SIGNED.fullmatch(words) if 0 < len(words) <= kinds.SHORT else None
            if match and _is_name(match["name"]):
                names[number] = match["name"].lower()
        texts = sum((below := kinds.below(lines, number + 2)) < len(lines) and below not in names for number in names)
        if len(names) >= _LEAST and max(Counter(names.values()).values()) > 1 and 2 * texts >= len(names):
            return dict.fromkeys(names, Head(TURN, 2))
    return {}


def _is_time(words: str) -> bool:
    """Whether a line has nothing but a time or a date."""
    if len(words) > kinds.SHORT or not any(map(str.isdecimal, words)):
        return False
    return _ALONE.fullmatch(words) is not None or is_day(words)


def _heads(lines: Sequence[Line], found: Mapping[int, Found]) -> set[int]:
    """Find which of these lines have text below them before the next one.

    That is not quoted nor a key's value, nor does it begin with a time as well, as an entry of a log does.
    """
    heads: set[int] = set()
    below = -1
    for number in range(len(lines) - 1, -1, -1):
        if number in found and below >= 0 and below not in found and not lines[below].text.startswith(">"):
            form = _FORMS[found[number].form]
            key = form is _LABEL and lines[below].indent > lines[number].indent
            entry = form is _TIMED[1] and kinds.STAMP.match(lines[below].text)
            heads.update(() if key or entry else (number,))
        if lines[number].indent >= 0:
            below = number
    return heads


def _is_form(form: int, found: Mapping[int, Found], heads: set[int], lines: Sequence[Line]) -> bool:
    """Whether the lines of a form say who speaks."""
    numbers = [number for number, which in found.items() if which.form == form]
    if len(numbers) < 2 or 2 * sum(number in heads for number in numbers) < len(numbers):
        return False
    names = Counter(found[number].name for number in numbers)
    if _FORMS[form] in _TIMED:
        if len(numbers) >= _LEAST and max(names.values()) > 1:
            return True
        dated = all(found[number].dated and number in heads for number in numbers)
        return dated and not _is_titled(lines, numbers[-1])
    return _FORMS[form] in _TOLD or any(map(_OF_TALKS.match, names))


def _is_titled(lines: Sequence[Line], last: int) -> bool:
    """Whether a heading stands alone below the last line that may say who speaks, so that more than a talk is there."""
    alone = (at for at in range(last + 2, len(lines)) if lines[at - 1].indent < 0 <= lines[at].indent)
    return any(heading(lines, at, at + 1, code=False)[0] for at in alone if kinds.below(lines, at + 1) > at + 1)


def _answers(call: str, result: str, calls: str, answers: str) -> bool:
    """Whether a line begins the result of the call that the line above begins."""
    if not calls.rstrip("s").endswith(("call", "use")) or not answers.rstrip("s").endswith(
        ("result", "response", "output", "tool")
    ):
        return False
    one, other = ID.search(call), ID.search(result)
    return one is None or other is None or one[1] == other[1]


def days(lines: Sequence[Line], told: Mapping[int, Head], *, talk: bool) -> dict[int, Head]:
    """Find the lines that name a day, by number, with a turn or a line with a time right below.

    Args:
        lines: of the text.
        told: what `speakers` found in them.
        talk: whether lines such as "Ada: Good." are turns.
    """
    found = {}
    below = False  # whether a turn begins in the next line that is not blank
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if line.indent < 0:
            continue
        words = line.text.strip()
        turn = kinds.TURN.match(line.text) is not None and (talk or words[0] == "<")
        turn = number in told or turn or kinds.STAMP.match(line.text) is not None
        day = (below or turn) and line.indent <= 3 and number not in told and is_day(words)
        if day and below and not _is_said(lines, number, told):
            found[number] = Head(DAY, 1)
            below = is_signed(words)
        else:
            below = turn and not day
    return found


def _is_said(lines: Sequence[Line], number: int, told: Mapping[int, Head]) -> bool:
    """Whether a day is what somebody says, in a paragraph with the lines above it."""
    words, above = lines[number].text, lines[number - 1] if number else None
    if above is None or above.indent < 0 or is_signed(words.strip()):
        return False
    if number - 1 in told:
        return True
    return not kinds.STAMP.match(above.text) and (bool(told) or not any(map(str.isdecimal, words)))

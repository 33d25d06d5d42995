"""what an agent calls in a transcript -> what comes of it below, which the call leads in."""

import re
from collections.abc import Iterator, Sequence

from longattncomp.chunking.lines.kinds import Line, fenced
from longattncomp.chunking.lines.speakers import ID, ROLES
from longattncomp.chunking.outline import Outline

_CALL = 320  # characters of a call that lead in what comes of it
_FAR = 200  # lines from a call to its result, if that is known by its place alone
_LABEL = 120  # characters of a line in which its label ends

_SIGNS = r"[ \t]{0,3}(?P<mark>#{1,6} |[*_\[<(|`]{1,3}|[⏺●] ?)?(?:[\U0001f300-\U0001faff⚙\ufe0f] ?)?[*_`]{0,2}"
_ENDS = r"(?:[*_`]{0,3}[:：]|[^\n\]>:*|]{0,60}(?:\]|\|?>)|[ \t]*[*_`]{0,3}[ \t]*$)"
_NAME = r"[*_`]{0,3}[\w.:/-]{1,60}[*_`]{0,3}"
_CALLS = re.compile(
    rf"{_SIGNS}(?:(?:(?:tool|function)[ _-]?(?:call|use|invocation)s?{_ENDS}"
    rf"|(?:tool|function)(?:[*_`]{{0,3}}[:：][*_`]{{0,3}}[ \t]*|\][ \t]*){_NAME}[ \t]*(?:[({{]|$)"
    rf"|(?:calling|invoking)(?: the)?(?: tool| function)?:? {_NAME}(?: with\b|[ \t]*[({{:])"
    rf"|(?:using|running|executing)(?: the)? (?:tool|function):? {_NAME})|(?<=[⏺●] )\w{{1,40}}\()",
    re.IGNORECASE,
)
"""The beginning of a call of a tool."""

_RESULTS = re.compile(
    rf"{_SIGNS}(?:(?:tool|function)(?:[ _-]?(?:call|use))?[ _-]?(?:result|response|output)s?{_ENDS}"
    rf"|(?:tool|function)(?:[*_`]{{0,3}}[:：]|[\]>|]|[*_`]{{2,3}}[ \t]*$))|[ \t]*⎿",
    re.IGNORECASE,
)
_COMES = re.compile(
    rf"{_SIGNS}(?:results?|output|response|returned|observation|ergebnis|ausgabe|résultat|sortie|resultado|salida"
    r"|risultato|結果|结果|輸出|输出|出力)[*_`]{0,3}(?P<colon>[:：]|(?=[ \t]*$)|\])",
    re.IGNORECASE,
)
"""The beginning of a result, and words that may be one right below a call."""

_SPEAKS = re.compile(rf"{_SIGNS}(?:{ROLES}|agent|thought|final answer)\b(?:[*_`]{{0,3}}[:：]|[\]>|]|[ \t*_]*$)", re.I)
_ARGUMENTS = re.compile(r"[ \t]+\S|[ \t]*(?:```|~~~|[{\[<(`|])")
"""The beginning of a paragraph below a call that is part of it."""


def link_calls(text: str, lines: Sequence[Line], outline: Outline) -> None:
    """Let the beginning of a tool's call lead in all of its result, which stands below it or below other calls."""
    for call, result, stop in _pairs(lines):
        first, unit, end = (outline.unit_at(lines[at].start) for at in (call, result, stop - 1))
        end += 1
        after = unit + 1
        while after < end and (outline.parents[after] >= unit or not outline.breaks[after]):
            after += 1
        last = first + 1
        while last < unit and outline.end(last, text) - lines[call].start <= _CALL:
            last += 1
        outline.lead(range(unit, after), *range(first, last))


def _pairs(lines: Sequence[Line]) -> Iterator[tuple[int, int, int]]:
    """Find the first lines of calls and of their results, and the line after each result."""
    called: list[int] = []  # calls above whose results are still to come
    pair: tuple[int, int] | None = None  # of which the result is open
    at = 0
    while at < len(lines):
        label = "" if lines[at].indent < 0 else _label(lines, at, called)
        if label and pair:
            yield (*pair, at)
            pair = None
        if label == "call":
            called = [*called, at] if called and not _is_over(lines, called[-1], at) else [at]
        elif label == "result":
            call = _called(lines, called, at)
            pair = (call, at) if call >= 0 else None
            called = [other for other in called if other != call]
        elif label:
            called = []
        at = (fenced(lines, at) if called else at) + 1
    if pair:
        yield (*pair, at)


def _label(lines: Sequence[Line], at: int, called: Sequence[int]) -> str:
    """Tell what a line begins: a call, the result of one, a turn of somebody else, or ""."""
    text = lines[at].text[:_LABEL]
    if _CALLS.match(text):
        return "call"
    if called and _RESULTS.match(text):
        return "result"
    if called and (match := _COMES.match(text)) and (match["colon"] or match["mark"]):
        return "result" if not _is_over(lines, called[-1], at) else ""
    return "turn" if _SPEAKS.match(text) else ""


def _called(lines: Sequence[Line], called: Sequence[int], result: int) -> int:
    """Find the call of a result: that of its name, or else the first one without another name; -1 if there is none."""
    own, *others = (match[1] if (match := ID.search(lines[at].text)) else "" for at in (result, *called))
    same = [call for call, other in zip(called, others, strict=True) if own and own == other]
    unnamed = [call for call, other in zip(called, others, strict=True) if not (own and other)]
    return next(iter(same or unnamed), -1)


def _is_over(lines: Sequence[Line], call: int, at: int) -> bool:
    """Whether something else than a call's arguments begins a paragraph between the call and a line."""
    number = call + 1
    while number < at <= call + _FAR:
        if lines[number - 1].indent < 0 <= lines[number].indent and not _ARGUMENTS.match(lines[number].text):
            return True
        number = fenced(lines, number) + 1
    return at > call + _FAR

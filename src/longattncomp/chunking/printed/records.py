"""entries of a log, cards of keys and values -> units, each led in by what it belongs to."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise

from longattncomp.chunking.lines.entries import LEVELS, UNDATED, commands
from longattncomp.chunking.lines.headings import breaks
from longattncomp.chunking.lines.kinds import (
    ANSWER,
    ASKED,
    COMMENT,
    CUE,
    ENTRY,
    GAPS,
    HEADING,
    ITEM,
    LETTER,
    STAMP,
    Line,
    below,
    ends_sentence,
)
from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.printed.stamps import entries
from longattncomp.chunking.printed.traces import add_trace, begins_trace, is_crash, is_trace
from longattncomp.chunking.prose.cards import RULE, groups, link_ended

_DATED = re.compile(
    r"\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}|\b\d{1,2}[./]\d{1,2}[./]\d{2,4},? \d{1,2}:\d{2}"
    r"|\b\d{1,2}/[A-Z][a-z]{2}/\d{4}[: ]\d{2}:\d{2}|\b[A-Z][a-z]{2} {1,2}\d{1,2} \d{2}:\d{2}"
    r"|^\^?[0-9a-f]{7,40} .{0,80}\b\d{4}-\d{2}-\d{2}\b"
)
"""A date and a time within a line, as in what `git blame` or `ls -l` prints; before a commit, a date will do."""

_BEGUN = re.compile(
    r"[\[(<]?(?:\d{4}[-/.]\d{2}[-/.]\d{2}[T ,]\d{2}:\d{2}|[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2}"
    rf"|\d{{2}}:\d{{2}}:\d{{2}}(?:[^\n]{{0,60}}\b(?i:{LEVELS})\b|(?:[.,]\d{{1,9}})?[ \t](?![ \t])))|\[?(?:{LEVELS})\b"
    rf"|\s*(?:{UNDATED})"
)
"""The beginning of an entry: a date and a time, a time, or how bad it is. No names of columns do so."""

_MESSAGE = re.compile(
    r"(?:\[\d{1,4}[-./]\d{1,2}[-./]\d{2,4},? [^\]\n]{4,16}\]"
    r"|\d{1,4}[-./]\d{1,2}[-./]\d{2,4},? [\d:.]{4,8}[^-–\n]{0,6} [-–])"
    rf" (?!(?i:{LEVELS})\b)[^\W\d_][^:\n\[\]]{{0,40}}: \S"
)
"""The beginning of a message as a chat prints it, with who sent it."""

_MESSAGE_CHARACTERS = 2000  # of a message with several paragraphs

_BEGINNING = 20  # lines of a log
_LOOKED_AT = 200  # characters of a line
_ROWS = 3  # lines with a date
_SPREAD = 2  # by which the words before it differ; in prose it may stand anywhere

_VALUE = re.compile(
    r"(?:\*\*|__)?([^\W\d][\w .()/'’&-]{0,39}?)(?:\*\*|__)?"
    r"(?:::?(?:\*\*|__)?(?:[ \t<]|$)|：|[ \t]*=(?![=>~])(?=[^(){};]+$)|(?: {2,}|\t+)(?=\S))"
)
"""A line that begins with a key, before a colon, an equals sign or a gap."""

_MAIL = frozenset({"subject", "betreff", "objet", "asunto", "oggetto", "message-id"})
_SENDER = frozenset({"from", "von", "de", "da", "to", "an", "para", "sent", "date", "cc", "message-id"})
_LEAST_CARDS = 3
_LEAST_KEYS = 3  # of two cards
_COMMENTS = 4  # lines above a card
_HEAD = 320  # characters of the lines above what a card tells
_TOLD = re.compile(r"[^\W\d_a-z][\w ]{0,30}:\s*$")
"""The line above what a card tells, such as the description of an event."""

_BEGIN = re.compile(r"BEGIN:(?!VCALENDAR\b)[A-Z][\w-]*\s*$")
_PART = re.compile(r"(BEGIN|END):[A-Z][\w-]*\s*$")
_CITED = re.compile(r"@[A-Za-z]+[ \t]*\{[ \t]*[^\s,{}()=\"]+[ \t]*,")
"""The first line of an entry of BibTeX."""

_FIELD = re.compile(r"[ \t]*[\w-]+[ \t]*=")


def card_keys(lines: Sequence[Line]) -> frozenset[str]:
    """Find the keys with which at least three paragraphs of keys and values begin, as those of addresses do, or two
    with the same keys.
    """
    found: dict[str, list[list[str]]] = {}
    for first, stop, ruled in groups(lines):
        if key := _first_key(lines[first:stop], ruled=ruled):
            keys = [match[1] if (match := _key(line)) else "" for line in lines[first:stop]]
            found.setdefault(key, []).append(keys)
    return frozenset(key for key, cards in found.items() if len(cards) >= _LEAST_CARDS or _are_alike(*cards))


def _are_alike(card: Sequence[str], *others: Sequence[str]) -> bool:
    """Whether two cards or more have the same keys, and several."""
    return len(card) >= _LEAST_KEYS and bool(others) and all(card == other for other in others)


def begins_card(lines: Sequence[Line], at: int, keys: Collection[str]) -> bool:
    """Whether a line below a rule begins with one of the keys that `card_keys` found."""
    return bool(keys and at and RULE.match(lines[at - 1].text) and (key := _key(lines[at])) and key[1] in keys)


def _first_key(here: Sequence[Line], *, ruled: bool = False) -> str:
    """The key with which a paragraph of keys and values begins, below comments; "" if it is none.

    A talk has sentences after its names, and the head of a mail leads in what stands below it. Between rules, what has
    keys below keys are documents of settings.
    """
    if ruled and any(line.indent > 0 for line in here):
        return ""
    keyed = [line for line in here if line.indent == 0 and not COMMENT.match(line.text)]
    keys = [match[1] if (match := _key(line)) else "" for line in keyed]
    if (
        len(keys) < 2
        or not keys[0]
        or keys[0] in keys[1:]
        or STAMP.match(keyed[0].text)
        or len(keyed) < len(here) - len(keyed)
        or keyed[0].text.rstrip().endswith(":")
        or here[0].indent > 0
        or 5 * sum(map(bool, keys)) < 4 * len(keys)
    ):
        return ""
    sentences = sum(ends_sentence(line.text) for line in keyed)
    spoken = 2 * sentences >= len(keyed) or (ASKED.match(keyed[0].text) and ANSWER.match(keyed[1].text))
    lowered = {key.lower() for key in keys}
    mail = not lowered.isdisjoint(_MAIL) and not lowered.isdisjoint(_SENDER)
    return "" if spoken or mail or LETTER.match(here[0].text) else keys[0]


def _key(line: Line) -> re.Match[str] | None:
    """Match the key of a line, which is no row of several columns."""
    words = line.text.rstrip()
    return _VALUE.match(words) if len(GAPS.findall(words)) < 2 else None


def add_cards(outline: Outline, lines: Sequence[Line], at: int, end: int, keys: Collection[str], above: int) -> int:
    """Add a paragraph of keys and values, the events of a calendar or the entries of BibTeX: the first line of each
    leads in the others, and all lines above a description lead that in. Returns the line after them, `at` if the
    paragraph is none of them.

    Args:
        outline: the units above.
        lines: of the text.
        at: the first line of the paragraph.
        end: the line after it.
        keys: what `card_keys` found.
        above: the unit that leads in all of it.
    """
    cited, parts = _CITED.match(lines[at].text), _PART.match(lines[at].text)
    if not cited and not parts and not _begins_card(lines, at, end, keys):
        return at
    first, card, depth, named = len(outline.starts), -1, 0, True
    told = at if cited or parts else _told(lines, at, end)
    if told > at and lines[told].start - lines[at].start <= _HEAD:
        card = outline.add(lines[at].start, above, together=RECORD_TOKENS, breaks=True)
        outline.add(lines[told].start, card)
        while (more := below(lines, end)) + 1 < len(lines) and _TOLD.match(lines[more].text):
            after = next((n for n in range(more + 1, len(lines)) if lines[n].indent < 1), len(lines))
            if after == more + 1:
                break
            outline.add(lines[more].start, card, together=RECORD_TOKENS, breaks=True)
            end = after
        return end
    for line in lines[at:end]:
        part = _PART.match(line.text) if parts else None
        begins = _BEGIN.match(line.text) if parts else _CITED.match(line.text) if cited else line is lines[at]
        if begins and not depth:
            card = outline.add(line.start, above, together=RECORD_TOKENS, breaks=True)
            named = not COMMENT.match(line.text)
        elif card < 0:
            outline.add(line.start, above, breaks=line is lines[at])
        elif named and (_FIELD.match(line.text) if cited else line.indent == 0 and not RULE.match(line.text)):
            outline.add(line.start, card)
        named = named or not COMMENT.match(line.text)
        if part and card >= 0:
            depth += 1 if part[1] == "BEGIN" else -1
            card = card if depth else -1
    link_ended(outline, lines[at:end], first)
    return end


def _told(lines: Sequence[Line], at: int, end: int) -> int:
    """Find the line above what a card tells at its end; `at` if it has only keys and values."""
    last = next((n for n in range(end - 1, at, -1) if lines[n].indent == 0 and _key(lines[n])), at)
    return last if last < end - 1 and _TOLD.match(lines[last].text) else at


def _begins_card(lines: Sequence[Line], at: int, end: int, keys: Collection[str]) -> bool:
    first = next((line for line in lines[at : min(end, at + _COMMENTS)] if not COMMENT.match(line.text)), None)
    named = _key(first) if keys and first else None
    ruled = end > at + 1 and RULE.match(lines[end - 1].text) is not None
    return named is not None and named[1] in keys and _first_key(lines[at : end - ruled], ruled=ruled) in keys


def _stamped(lines: Sequence[Line]) -> list[bool]:
    """Say which lines of a paragraph begin an entry of a log, a dated turn or a subtitle; [] if they are none."""
    if any(CUE.match(line.text) for line in lines[:2]):  # a number or name may stand above the times
        return [True] + [False] * (len(lines) - 1)
    found = [STAMP.match(line.text) is not None for line in lines]
    if not found[0] and not ITEM.match(lines[0].text) and not ENTRY.match(lines[0].text):
        dates = [_DATED.search(line.text[:_LOOKED_AT]) for line in lines]
        words = [
            line.text.count(" ", 0, date.start()) - line.text.count("  ", 0, date.start())
            for line, date in zip(lines, dates, strict=True)
            if date
        ]
        rows = len(words) >= _ROWS and 2 * len(words) > len(lines) and max(words) - min(words) <= _SPREAD
        return [date is not None for date in dates] if dates[0] and rows else []
    goes_on = len(lines) == 1 or lines[1].indent > 0 or is_trace(lines, 1) or _MESSAGE.match(lines[0].text)
    return found if found[0] and (goes_on or sum(found) >= 2 or lines[0].text.rstrip().endswith(":")) else []


def is_log(lines: Sequence[Line]) -> bool:
    """Whether the first line begins an entry, and so do all lines of its kind; the others may be a trace's."""
    dated = [line.text for line in lines[:_BEGINNING] if STAMP.match(line.text)]
    sure = len(dated) > 1 or bool(dated and dated[0][:1].isdigit())
    begun = sure and dated[0] is lines[0].text and all(map(_BEGUN.match, dated))
    return begun or entries(lines) is not None


def add_log(outline: Outline, text: str, lines: Sequence[Line], at: int, end: int, above: int) -> int:
    """Add log lines and dated turns as units, and return the line after them; `at` if there are none.

    What follows without a date belongs to the entry above it, blank lines within a stack trace or not. A command leads
    in the entries below it.
    """
    log = entries(lines[at:end])
    found = log.begun if log else _stamped(lines[at:end])
    if not found:
        return at
    end = end if log else _log_end(lines, at, end)
    here = [line for line in lines[at:end] if line.indent >= 0]
    said = log.lines if log else here
    found += [STAMP.match(line.text) is not None for line in here[len(found) :]]
    begins = [number for number, begun in enumerate(found) if begun]
    run = commands([here[number].text for number in begins])
    command = -1
    for number, (first, after) in enumerate(pairwise([*begins, len(here)])):
        runs = number in run
        owner = above if runs or command < 0 else command
        if log and begins_trace(said, first):
            add_trace(outline, text, said[first:after], -1, owner)
            continue
        entry = outline.add(here[first].start, owner, together=0 if runs else RECORD_TOKENS, breaks=not first)
        command = entry if runs else command
        add_trace(outline, text, said[first + 1 : after], entry)
    return end


def _log_end(lines: Sequence[Line], at: int, end: int) -> int:
    """Find where the last entry of a paragraph ends: a trace may stand below a blank line, and have some in it."""
    while True:
        first = below(lines, end)
        if first == len(lines) or STAMP.match(lines[first].text) or is_crash(lines, first):
            return end
        if (after := _message_end(lines, at, end)) > end:
            end = after
            continue
        begins = is_trace(lines, first)
        if not begins and not any(is_trace(lines, number) for number in _since_stamp(lines, at, end)):
            return end
        stop = first
        while stop < len(lines) and lines[stop].indent >= 0 and not breaks(lines, stop):
            stop += 1
        if stop == first or not (begins or any(STAMP.match(line.text) for line in lines[first:stop])):
            return end
        at, end = first, stop


def _message_end(lines: Sequence[Line], at: int, end: int) -> int:
    """Find the line of the next message below the last one, which ends there or goes on below blank lines; `end` if
    none stands near.
    """
    last = _since_stamp(lines, at, end)[0]
    if not _MESSAGE.match(lines[last].text):
        return end
    after, most = end, lines[last].start + _MESSAGE_CHARACTERS
    while after < len(lines) and lines[after].start < most and not _MESSAGE.match(lines[after].text):
        if lines[after].indent >= 0 and (STAMP.match(lines[after].text) or HEADING.match(lines[after].text)):
            return end
        after += 1
    if after == len(lines) or lines[after].start >= most:
        return end
    while after < len(lines) and lines[after].indent >= 0:
        after += 1
    return after


def _since_stamp(lines: Sequence[Line], at: int, end: int) -> range:
    first = next((number for number in range(end - 1, at, -1) if STAMP.match(lines[number].text)), at)
    return range(first, end)

"""lines of a text -> whether they are a heading, and of which rank."""

import re
from collections.abc import Sequence
from itertools import pairwise

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.columns import ruled
from longattncomp.chunking.lines.commands import is_prompt
from longattncomp.chunking.lines.definitions import is_attribute
from longattncomp.chunking.lines.jobs import GROUP, JOB
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.leaders import LEADER
from longattncomp.chunking.lines.preprocessor import DIRECTIVE
from longattncomp.chunking.lines.rules import BANNER
from longattncomp.chunking.lines.scripts import NOTICE
from longattncomp.chunking.lines.terms import terms

_RULED = {"=": 5, "_": 6, "*": 6, "#": 5}
_LATEX = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5}
MARKDOWN = 6
"""The lowest rank of Markdown's headings."""

CAPITALS, _BOLD, _SECTION, _FILE, DAY, SPEAKER, TITLE, MARKED, PLAIN = 7, 8, 9, 10, 11, 12, 13, 14, 18
"""Ranks below it; those of headings with other marks follow the first such, and those of numbered ones the last."""

TURN, REPLY = 28, 29
"""Ranks of lines that say who speaks, and of the result of a tool's call."""

NESTED = 30
"""How much lower the rank of a heading is that stands in a turn."""

_LONGEST = 200  # characters of a line that may be a heading
_FIRST = 120  # characters of a title that is a text's first line
_BELOW = 20  # lines below a label
_TOP = 20  # lines of a text in which its title may stand
_LOOKED_AT = 9  # lines from a possible heading on that tell whether it is a comment

_NUMBERED = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,8})\.?[ \t]+[^\W\d_]")
"""The beginning of a heading with the number of its section, which tells its rank."""

_WEEKDAY = re.compile(
    r"\W*(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend"
    r"|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|mi[eé]rcoles|jueves|viernes|s[aá]bado|domingo"
    r"|(?:luned|marted|mercoled|gioved|venerd)ì|domenica)(?:[,.:]?[ \t]+(?:the )?\d{1,2}[^\n\d]{0,16}(?:\d{4})?)?\W*$",
    re.IGNORECASE,
)
"""A line with the name of a day, perhaps with its date, which leads in what is planned for it."""

_WEEK = re.compile(
    r"\W*(?:week|woche|kw|semaine|semana|settimana|uke|vecka|uge|viikko)[ \t]+\d{1,2}(?:[ \t]*[:–—(-][^\n]{0,50})?\s*$",
    re.IGNORECASE,
)
_MAIL = re.compile(
    r"(\*{0,2})(?:Date|Datum|Fecha|Data|Sent|Gesendet|To|An|Cc|Subject|Betreff|Reply-To|Message-ID|Return-Path|Received):"
    r"\1 \S",
    re.IGNORECASE,
)
_FROM = re.compile(r"(\*{0,2})(?:From|Von|De|Da):\1 \S")
"""Lines of the head of a mail: what it may begin with, and who wrote it."""

_TIME = re.compile(r"[ \t]*[\[(]?\d{1,2}[:.]\d{2}\b")
_TIMED = re.compile(r"\d[:.]\d\d|:\s|:$")
_COMMENT = re.compile(r"#(?: |$)")
_LABELLED = re.compile(r"\s*\[[^\[\]\n]+\][ \t]+[^#;\s]")
"""A line that begins with a name in brackets, as each line of a job's log may: a name alone is no section there."""

_FRAME = re.compile(r"#0 \S")
_PARTS_LOG = re.compile(r"-- \S[^\n]{0,80} --\s*$")
_STEP, _GROUPED = -2, -1
"""Ranks of the steps of a job, and of groups in them, above those of all headings that they print."""

_PLAY = re.compile(r"(PLAY|TASK|RUNNING HANDLER|HANDLER)\b[^\n]{0,160} \*{3,}\s*$")
"""The first line of what Ansible did."""

_CHANGES = re.compile(r"diff --(?:git|cc|combined) | [^\n|]{1,200} \| +(?:\d+ ?[+-]*\s*$|Bin )")
"""The first line of what a commit changes, or of a list of the files."""

_ROW = re.compile(r"[ \t]*\|")
"""The beginning of a row of a table."""

_BREAK = re.compile(rf"(?=[ \t]*[=_*#~\[—-])(?:{kinds.RULED.pattern}|{kinds.SECTION.pattern}|#{{2,6}}[ \t]+[A-Z\d])")


def breaks(lines: Sequence[Line], at: int) -> bool:
    """Whether a line may be a heading, or begin a fenced block, without a blank line above it."""
    text = lines[at].text
    if len(text) > _LONGEST or text.lstrip().startswith("--- End of "):  # within a stack trace
        return False
    if _BREAK.match(text) or BANNER.match(text) or text.lstrip().startswith("```"):
        return not is_attribute(lines, at) and not _is_above_frames(lines, at)
    if JOB.match(text) or _parts_log(lines, at):
        return True
    if at and _FROM.match(text) and not _MAIL.match(lines[at - 1].text):
        return at + 1 < len(lines) and _MAIL.match(lines[at + 1].text) is not None
    return kinds.BOLD.match(text) is not None and at + 1 < len(lines) and bool(kinds.ITEM.match(lines[at + 1].text))


def _is_above_frames(lines: Sequence[Line], at: int) -> bool:
    """Whether a name in brackets stands above the frames of a trace of PHP, as a part of an entry of a log."""
    return at + 1 < len(lines) and _FRAME.match(lines[at + 1].text) is not None


def _parts_log(lines: Sequence[Line], at: int) -> bool:
    """Whether a line stands above entries of a log as that of a boot does, and is none itself."""
    after = at + 1 < len(lines) and kinds.STAMP.match(lines[at + 1].text)
    return bool(after) and _PARTS_LOG.match(lines[at].text) is not None


def heading(lines: Sequence[Line], at: int, end: int, *, code: bool) -> tuple[int, int]:
    """Find the rank of a heading, lower numbers for higher ones and 0 for none, and how many lines it has.

    Args:
        lines: of the text.
        at: a paragraph's first line, or one after a heading.
        end: the line after the paragraph.
        code: whether code stands above.
    """
    line, text = lines[at], lines[at].text
    below = lines[at + 1] if at + 1 < end else None
    if len(text) > _LONGEST:
        return 0, 1
    if (match := kinds.HEADING.match(text)) and not DIRECTIVE.match(text):
        comment = code or (below is not None and kinds.is_code(lines[at + 1 : min(end, at + _LOOKED_AT)], within=False))
        beside = [other.text for other in (lines[at - 1] if at else None, below) if other is not None]
        beside = [] if BANNER.match(text) else beside
        comment = comment or NOTICE.match(text) is not None or any(map(_COMMENT.match, beside))
        return (0 if comment and len(match[1]) == 1 else len(match[1])), 1
    if match := kinds.RULED.match(text):
        return (DAY if kinds.DATE.match(match[2]) else _RULED.get(match[1], _SECTION)), 1
    if play := _PLAY.match(text):
        return (_SECTION if play[1] == "PLAY" else _FILE), 1
    if group := GROUP.match(text):
        return (_STEP if group["section"] else _GROUPED), 1
    if _parts_log(lines, at):
        return _SECTION, 1
    if code and line.indent > 0:
        return 0, 1
    if below is not None and (rank := _underlined(lines, at, end)):
        return rank
    if below is not None and ruled(lines[at : min(end, at + _LOOKED_AT)]):
        return 0, 1
    for level, kind in ((_SECTION, _WEEK), (DAY, _WEEKDAY)):
        if kind.match(text) and not code and not (below is not None and kind.match(below.text)):
            return level, 1
    if match := kinds.LATEX.match(text):
        return _LATEX[match[1]], 1
    if not code and _is_above_times(lines[at : min(end, at + _LOOKED_AT)]):
        return PLAIN, 1
    if kinds.LETTER.match(text) and (below is None or ": " in below.text or _MAIL.match(below.text)):
        return _FILE, end - at
    if _MAIL.match(text) and any(_FROM.match(row.text) for row in lines[at + 1 : min(end, at + _LOOKED_AT)]):
        return _FILE, end - at
    if kinds.SECTION.match(text) and not is_attribute(lines, at) and not _is_above_frames(lines, at):
        entry = next((found for found in lines[at + 1 : at + _LOOKED_AT] if found.indent >= 0), None)
        words = "" if entry is None or kinds.UNDERLINE.match(entry.text) else entry.text
        opens = any(sign in words for sign in "=:#;[") or LEADER.search(words) is not None
        opens = opens and not _LABELLED.match(words)
        return (_SECTION if opens else 0), 1
    if kinds.DATE.match(text):
        return DAY, 1
    if kinds.BOLD.match(text):
        return _BOLD, 1
    if kinds.is_capitals(text) and not kinds.STAMP.match(text) and not kinds.ITEM.match(text):
        if below is None:
            return CAPITALS, 1
        columns = all(kinds.has_gap(row.text) for row in (line, below))
        several = below.indent > line.indent and sum(terms(lines[at:end])) > 1
        return (0 if columns or several or kinds.is_capitals(below.text) else SPEAKER), 1
    recipe = below is not None and below.text.startswith("\t") and kinds.RECIPE.match(text)
    if below is not None and kinds.FILE.match(text) and " " not in text.strip() and not recipe:
        return _FILE, 1
    return (0 if below is not None or code else _plain_title(lines, at)), 1


def _is_above_times(here: Sequence[Line]) -> bool:
    """Whether a title stands right above lines that begin with a time of day, as those of a shift do."""
    text = here[0].text.strip()
    timed = len(here) > 2 and all(_TIME.match(line.text) for line in here[1:])
    return timed and len(text) <= kinds.SHORT and _TIMED.search(text) is None and not kinds.ends_part(text)


def _plain_title(lines: Sequence[Line], at: int) -> int:
    """Find the rank of a short line that stands alone and ends no sentence; 0 if it is no title.

    It is one if it is a question, if sentences or what leads to a list stand below it, and no list's items, or if that
    is a numbered heading of its own subsection. The first line of a text is the title of all of it if anything else
    stands below, unless it is that of the first of several lists or tables.
    """
    text = lines[at].text
    before, after = at - 1, kinds.below(lines, at + 1)
    while before >= 0 and lines[before].indent < 0:
        before -= 1
    if after == len(lines) or after == at + 1 or is_prompt(text):
        return 0
    if kinds.ITEM.match(text) and kinds.ends_in_colon(text):
        return 0
    if lines[at].indent > 0 and _CHANGES.match(lines[after].text):
        return PLAIN
    of_all = before < 0 and is_of_all(text)
    if not of_all and not kinds.is_title(text):
        return 0
    number, inner = (_NUMBERED.match(lines[index].text) for index in (at, after))
    rank = PLAIN + (number[1].count(".") if number else 0)
    if number and inner and inner[1].startswith(f"{number[1]}."):
        return rank
    last = after
    while last + 1 < len(lines) and lines[last + 1].indent >= 0:
        last += 1
    items = kinds.ITEM.match(lines[after].text) or (
        before >= 0 and kinds.ITEM.match(text) and kinds.ITEM.match(lines[before].text)
    )
    leads = kinds.ends_sentence(lines[last].text) or kinds.leads_on(lines[after].text)
    if not items and (leads or kinds.ends_question(text)):
        return rank
    return TITLE if of_all and not _is_repeated(lines, after) else 0


def _is_repeated(lines: Sequence[Line], at: int) -> bool:
    """Whether a line like the first one, which stands above a list or table at `at`, stands above another of them."""
    kind = next((kind for kind in (kinds.ITEM, _ROW) if kind.match(lines[at].text)), None)
    if kind is None:
        return False
    for number in range(at + 2, len(lines) - 2):
        text, alone = lines[number].text, lines[number - 1].indent < 0 and lines[number + 1].indent < 0
        if not alone or not text[0].isalpha() or kinds.ITEM.match(text) or not kinds.is_title(text):
            continue
        below = kinds.below(lines, number + 1)
        named = not kinds.ends_in_colon(text) and not kinds.is_capitals(text)
        if named and below < len(lines) and kind.match(lines[below].text):
            return True
    return False


def is_alone(lines: Sequence[Line], at: int) -> bool:
    """Whether no other line stands right above or below one."""
    return not any(line.indent >= 0 for line in (*lines[max(0, at - 1) : at], *lines[at + 1 : at + 2]))


def is_of_all(line: str) -> bool:
    """Whether the first line of a text may be the title of all of it."""
    if (
        line[:1].islower()
        or is_prompt(line)
        or kinds.ends_in_colon(line)
        or kinds.CODE.match(line)
        or kinds.ITEM.match(line)
    ):
        return False
    return kinds.is_title(line, longest=_FIRST)


def is_label(lines: Sequence[Line], at: int, end: int) -> bool:
    """Whether a paragraph is a word with a colon, and what follows is not more indented, as it is below a key."""
    after = next((line for line in lines[end : end + _BELOW] if line.indent >= 0), None)
    return (
        end == at + 1
        and kinds.LABEL.match(lines[at].text) is not None
        and after is not None
        and after.indent <= lines[at].indent
    )


def _underlined(lines: Sequence[Line], at: int, end: int) -> tuple[int, int] | None:
    """Find a title with a line of signs below it, and perhaps the same above it."""
    title, size = lines[at], 2
    over = kinds.UNDERLINE.match(title.text)
    if over and at + 2 < end:
        title, size = lines[at + 1], 3
    under = kinds.UNDERLINE.match(lines[at + size - 1].text)
    if under is None or (over and over[1] != under[1]) or "|" in title.text or kinds.UNDERLINE.match(title.text):
        return None
    words = title.text.strip()
    if ruled(lines[at : min(end, at + _LOOKED_AT)]):
        return None
    if words.endswith((".", ";")) or words.startswith("["):  # a block between two lines of AsciiDoc
        return None
    if (under[1] == "-" and ":" in words) or (under[1] not in "=-" and len(under[0].strip()) < len(words)):
        return None
    rank, first = {"=": 1, "-": 2}.get(under[1], 3), _overlined(lines)
    if not first:
        return rank, size
    return (rank + 2 if size == 2 else 1 if under[1] == first else 2), size


def _overlined(lines: Sequence[Line]) -> str:
    """The sign in the lines around the first title of a text, if it has one above it, too, which is no page's data."""
    for at, (over, title) in enumerate(pairwise(lines[:_TOP])):
        if match := kinds.UNDERLINE.match(over.text):
            under = lines[at + 2].text if at + 2 < len(lines) else ""
            titled = title.indent >= 0 and not title.text.strip().startswith(match[1])
            return match[1] if titled and match[1] not in "-+" and under.strip() == over.text.strip() else ""
    return ""

"""lines of code -> what belongs to a definition: attributes and titles above it, and its arms."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.preprocessor import SPACED

_ATTRIBUTE = re.compile(
    r"\s*(?:@(?!end)[\w.:$-]+(?:\(.*\)?)?(?:[ \t]+@[\w.]+(?:\([^()]*\))?)*(?:[ \t]+(?:#|//).*)?"
    r"|@(?:doc|typedoc|spec|impl|since|deprecated)\b.*|#!?\[.*|\[<.*>\]|template\s*<.*>"
    r"|\[{1,2}(?:[a-z]+:[ \t]*)?[A-Za-z_][\w.:]*(?:\(.*|,[ \t]*[A-Z].*\]{1,2}|\]{1,2})"
    r"|(?:desc|long_desc)[ \t(]+[\"'].*|sig[ \t]*\{.*\})\s*$"
)
_NAMED = re.compile(r"\s*\[{1,2}[\w.:]+\]{1,2}\s*$")
"""A name in brackets: an attribute above a declaration, a section above settings."""

_CALLED = re.compile(r"\s*@\w+\.")
"""What may be a call on a variable of Ruby, too."""

DECLARES = re.compile(
    r"\s*(?:(?:public|private|protected|internal|static|abstract|sealed|async|partial|readonly|virtual|override"
    r"|final|open|export|default|def|class|struct|record|enum|interface|fun|func|function|val|var|type|task|namespace"
    r"|lane|trait|object|module)\b|[\w.<>?*&:,\[\] ]+[ \t*&]\w+(?:<[^<>]*>)?\(|[\w.<>?\[\], ]+[ \t]\w+[ \t]*(?:[;{]|=>)"
    r"|\[\w+\]\s*\$)"
)
_SELECTOR = re.compile(
    r"\s*(?=[.#\[:&*>+~a-z])(?:[\w.#*&>+~ -]++|\[[^\[\]\n]++\]|::?[\w-]++(?:\([^()\n]*\))?)+(?P<sign>[,{])\s*$"
)
"""A line that selects what a rule of CSS is about, alone or with the next one."""

_VARIABLE = re.compile(
    r"([\w./%-]+):[ \t]*(?:(?:export|override|private)[ \t]+)?\w+[ \t]*[:+?]?=|\.PHONY:[ \t]*(\S+)\s*$"
)
"""A line of a Makefile that sets a variable for a target, or says that it is no file."""

_TARGET = re.compile(r"([\w./%-]+):")
_OPEN, _CLOSED = "([{", ")]}"
_ATTRIBUTES = 8  # above one definition
_ATTRIBUTE_LINES = 6  # of one
_ATTRIBUTE_LENGTH = 240  # characters of one
_TITLE_LENGTH = 64  # characters of a comment that is a title

COMMENT = re.compile(rf"\s*(?!{SPACED})(?:#+(?:[ \t]|$)|//|--(?:[ \t]|$)|;|\{{?/\*[^\n]*\*/\}}?\s*$)")
"""A line that is a comment as a whole."""

SETTING = re.compile(r"[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*(?::(?=\s)|=(?!=))")
"""A line of settings, up to its value."""

_WORD = re.compile(r"[^\W\d_]+")
_TITLE_WORDS = 3  # of a comment that is the title of settings
_LEAST_KEYS = 2  # below it

_NO_TITLE = re.compile(r"[^\w]*[\w./\\-]+\.\w+\W*$|.*[;{}=]\s*(?:\*/)?\s*$|[^\w]*(?:-\*-|SPDX|Copyright|vim?:|end\b)")
"""A comment that is the name of a file, or code."""

BLOCK_BEGINS = re.compile(r".*(?:[{(\[:]|\b(?:do|then)(?:[ \t]*\|[^|]*\|)?|->|=>|=)\s*$")
_ARM = re.compile(r"\s*(case|default|when|WHEN)\b")
_OPENS_ARMS = re.compile(r"[^\n]*\b(?:switch|match|select|case|CASE|when|receive)\b")
_HEAD = re.compile(r"[^\n]*\b(?:in|of|do)\s*?$", re.MULTILINE)
_ELSE_ARM = re.compile(r"\s*else\s*[-=]>")


def signature(here: Sequence[Line], number: int) -> int:
    """Find the line that the attributes from a line on belong to; that line itself if it is none."""
    at = number
    for _ in range(_ATTRIBUTES):
        if (after := _after(here, at)) == at:
            break
        at = after
    return at


def is_attribute(lines: Sequence[Line], at: int) -> bool:
    """Whether a line begins an attribute of what stands below it."""
    return _after(lines, at) > at


def _after(here: Sequence[Line], at: int) -> int:
    """Find the line below an attribute, of one line or several; `at` if the line begins none."""
    line = here[at]
    if at + 1 == len(here):
        return at
    if variable := _VARIABLE.match(line.text):
        target = _TARGET.match(here[at + 1].text)
        return at + 1 if target and target[1] in variable.groups() else at
    if _SELECTOR.match(line.text):
        return _last_selector(here, at)
    if not _ATTRIBUTE.match(line.text) or line.text.rstrip().endswith(("{", ";", ",")):
        return at
    depth, after = 0, at
    while after < min(len(here), at + _ATTRIBUTE_LINES):
        words = here[after].text
        depth += sum(map(words.count, _OPEN)) - sum(map(words.count, _CLOSED))
        after += 1
        if depth <= 0:
            break
    length = here[after - 1].start + len(here[after - 1].text) - line.start
    if (
        depth > 0
        or length > _ATTRIBUTE_LENGTH
        or after == len(here)
        or here[after].indent != line.indent
        or kinds.CLOSER.match(here[after].text)
    ):
        return at
    sure = not (_NAMED.match(line.text) or _CALLED.match(line.text))
    below = here[after].text
    declares = DECLARES.match(below) and not kinds.ENTRY.match(below)
    return after if sure or declares or _ATTRIBUTE.match(below) else at


def _last_selector(here: Sequence[Line], at: int) -> int:
    """Find the line that opens the rule of CSS for which a line and those below it select; `at` if there is none."""
    for after in range(at, min(len(here), at + _ATTRIBUTES)):
        selects = _SELECTOR.match(here[after].text) if here[after].indent == here[at].indent else None
        if selects is None or selects["sign"] == "{":
            return after if selects else at
    return at


def is_title(here: Sequence[Line], number: int) -> bool:
    """Whether a line is a short comment that says what the definition or block right below it is about."""
    return is_short_comment(here, number) and _begins_block(here, signature(here, number + 1))


def is_short_comment(here: Sequence[Line], number: int) -> bool:
    """Whether a line is a short comment of one line with code right below it."""
    line = here[number]
    words = line.text.strip()
    if len(words) > _TITLE_LENGTH or number + 1 == len(here) or not COMMENT.match(line.text):
        return False
    above = here[number - 1] if number else None
    below = here[number + 1]
    return (
        any(map(str.isalpha, words))
        and not _NO_TITLE.match(words)
        and below.indent == line.indent
        and not COMMENT.match(below.text)
        and not (above is not None and above.indent == line.indent and COMMENT.match(above.text))
    )


def is_of_group(here: Sequence[Line]) -> bool:
    """Whether the comment in the first line of a paragraph of settings is the title of all of them.

    It has a few words, the first with a capital letter, and none of the first key that is not in the others.
    """
    words = _WORD.findall(here[0].text)
    if not 0 < len(words) <= _TITLE_WORDS or not words[0][0].isupper() or not is_short_comment(here, 0):
        return False
    if kinds.ends_part(here[0].text) or any(COMMENT.match(line.text) for line in here[1:]):
        return False
    keys = [SETTING.match(line.text) for line in here[1:] if line.indent == here[0].indent]
    parts = [{part.lower() for part in _WORD.findall(key[1])} for key in keys if key]
    if not _LEAST_KEYS <= len(parts) == len(keys):
        return False
    named = parts[0].intersection(map(str.lower, words))
    return all(named <= part for part in parts)


def _begins_block(here: Sequence[Line], at: int) -> bool:
    line = here[at]
    if kinds.CLOSER.match(line.text):
        return False
    below = here[at + 1] if at + 1 < len(here) else None
    deeper = below is not None and (below.indent > line.indent or below.text.strip() == "{")
    return deeper or BLOCK_BEGINS.match(line.text) is not None


def subjects(here: Sequence[Line]) -> list[str]:
    """Say what each line is about: itself, but the line below it if it is a comment."""
    found: list[str] = []
    for number in range(len(here) - 1, -1, -1):
        line = here[number]
        about = found and COMMENT.match(line.text) and here[number + 1].indent == line.indent
        found.append(found[-1] if about else line.text)
    return found[::-1]


def goes_on(text: str, at: int, line: str) -> str:
    """Say how a line goes on with the statement that begins at a character and is no more indented.

    Returns:
        "below" if that leads it in, as `if` does `else`; "beside" if both are arms of the same one; "" if neither.
    """
    if not kinds.CONTINUES.match(line) and not _ARM.match(line):
        return ""
    arm, before = _ARM.match(line), _ARM.match(text, at)
    if arm is None:
        return "" if _ELSE_ARM.match(line) else "below"
    if _HEAD.match(line):
        return ""
    if before and (arm[1].lower() == "when") == (before[1].lower() == "when") and not _HEAD.match(text, at):
        return "beside"
    return "below" if _OPENS_ARMS.match(text, at) else ""

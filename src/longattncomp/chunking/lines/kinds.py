"""a line of a text -> what kind of line it is."""

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from longattncomp.chunking.lines.entries import LEVELS, UNDATED
from longattncomp.chunking.lines.leaders import LEADER
from longattncomp.chunking.lines.preprocessor import ANY as PREPROCESSOR

HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+\S")
UNDERLINE = re.compile(r" {0,3}([=\-~^\"'+*#.])\1{2,}\s*$")
RULED = re.compile(r"\s*([=_*#~—-])\1{2,}(?:(?<=[=-])[ \t]*|[ \t]+)(?!\1|\W*$)(\S.*?)(?:[ \t]+|(?<=\w))\1{2,}\s*$")
BOLD = re.compile(r"\s*(\*\*|__)\S(?:(?!\1).)*\1:?\s*$")
LATEX = re.compile(r"\s*\\(part|chapter|(?:sub){0,2}section|paragraph)\*?\{[^{}]*\}\s*$")
LETTER = re.compile(r"commit [0-9a-f]{6,40}\b|(\*{0,2})(?:From|Subject|Von|Betreff|De|Objet):\1 \S")
"""The first line of a commit in a log, or of the head of a mail."""
SECTION = re.compile(r"\s*\[{1,2}[\w][^\[\]\n=]*\]{1,2}\s*$")
FENCE = re.compile(r"\s*(`{3,}|~{3,})")
DATE = re.compile(
    r"\W*(?:\w+, ?)?(?:\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|\d{1,2}[-. ]{1,2}[^\W\d]{3,9}[-. ]\d{4}|[^\W\d]{3,9}"
    r" \d{1,2},? \d{4})\W*$"
)
FILE = re.compile(r"[\w.@~-]*(?:[/\\][\w.@ -]+)+(?:\.\w{1,8}|[/\\])?:?\s*$|[\w-]+\.[a-z]\w{0,4}:?\s*$")
ITEM = re.compile(
    r"[ \t]*(?:[-*+•·‣▪◦–・→]|\(?\d{1,3}[.)]|\d{1,3}(?:\.\d{1,3})+\.?|\(?[a-z][.)]|\(?[A-Z]\)"
    r"|\(?[ivxlc]{1,5}[.)]|§+ ?\d+[a-z]?\.?|\d{1,3}(?=、))[ \t、]+(?=\S)|[ \t]*(?:（\d{1,2}）|・)(?=\S)"
)
FOOTNOTE = re.compile(r"\[\^?(\w{1,4})\]:?[ \t]+\S")
ASKED = re.compile(r"\W{0,3}(?:(?:Q|Question|Frage|Pregunta|问|問)(?:[ \t]?\d{1,3})?|[FP])\W{1,3}")
ANSWER = re.compile(r"\W{0,3}(?:(?:A|Answer|Antwort|Réponse|Respuesta|答)(?:[ \t]?\d{1,3})?|R)\W{1,3}")
STAMP = re.compile(
    r"\s*(?:[\[(<]?\d{4}[-/.]\d{1,2}[-/.]\d{1,2}[T ,\])]|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4},? \d{1,2}[:.]\d{2}"
    r"|[\[(]?\d{1,2}:\d{2}|\[\d{1,2}[/.-]\d{1,2}"
    r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}[ ,.]+\d"
    rf"|\[?(?:{LEVELS})\b|\[?\d\d?[-/][A-Z][a-z]{{2}}[-/]\d{{4}}[ :]\d|[A-Z](?:\d{{4}} \d{{2}}:\d{{2}}:|, \[\d{{4}}-)"
    r"|(?:trce|dbug|info|warn|fail|crit): [\w.`+]+\[\d+\]\s*$|\d{1,3}(?:\.\d{1,3}){3} |\d{1,6}[:-](?= {2,}|\t)"
    rf"|{UNDATED})"
)
CUE = re.compile(r"\s*\d{1,2}:\d{2}(?::\d{2})?[.,]\d{1,3} --> ")
"""The times of a subtitle."""

_TIME = r"(?:years?|months?|weeks?|days?|mornings?|evenings?|nights?|seasons?|decades?|centur(?:y|ies)|summer|winter)"
ANNOUNCES = re.compile(
    rf"\bthe following\b(?! {_TIME}\b)|\bas follows\b|\bbelow (?:is|are)\b|\b(?:is|are|see|given|listed|shown) below\b",
    re.IGNORECASE,
)
"""What a sentence says about those after it in its paragraph, or about the paragraph below."""

_POINTED = "the following|below (?:is|are)|none of these"
POINTS = re.compile(rf"\?\W*$|\b(?:these|those|this)[.!]\W*$|\b(?:{_POINTED})\b[^.:]{{0,40}}[.!]\W*$", re.IGNORECASE)
"""How a paragraph ends that leads to a list or table below it, besides a colon: it asks, or points at them."""

MARKED_BLOCK = re.compile(r"[ \t]*(?:\.\. [\w:.-]+::|(?:!!!|\?\?\?\+?)[ \t]?\w)")
"""The first line of a block of reStructuredText or of MkDocs; what it holds is more indented."""

TURN = re.compile(
    r"<[\w.@+-]+>[ \t]+\S|(?:\*\*)?[^\W\d_a-z][\w.’' -]{0,30}(?:\s?\([^)\n]{1,30}\))?(?:\*\*)?(?::(?:\*\*)?[ \t]+|：)\S"
)
HTML_BLOCKS = (
    "h[1-6]|tr|li|p|div|section|article|main|aside|header|footer|nav|table|caption|thead|tbody|tfoot|ul|ol|dl|dt|dd"
    "|pre|blockquote|form|body|head|html|title|option|figure|figcaption|script|style|details|summary"
)
TAG = re.compile(r"\s*<(?:!--|!doctype|\?xml|/?[a-zA-Z][\w:-]*(?=[\s/>]))", re.IGNORECASE)
CODE = re.compile(
    r"\s*(?:(?:def|class|import|from|return|if|for|while|elif|else|try|except|finally|with|raise|yield|async|await"
    r"|public|private|protected|static|final|const|let|var|function|func|fn|impl|struct|enum|interface|package|use"
    r"|using|namespace|module|export|type|match|switch|case|begin|end|do|throw)\b[^.!?]*$"
    r"|(?:CREATE|SELECT|INSERT|UPDATE|DELETE|ALTER|DROP|FROM|WHERE|(?:LEFT |RIGHT |INNER |OUTER |FULL )*JOIN|UNION"
    r"|GROUP BY|ORDER BY|HAVING|VALUES)\b|@\w|#\[|#!|//|/\*|\*/"
    rf"|{PREPROCESSOR}|--\s|[)\]}}]"
    r"|(?:- )?[\w.\"'/$-]+[ \t]*(?::=|[:=+-]=?|=>)(?:[ \t]|$)"
    r"|[\w.>:*&\[\]]+\([^)\n]*\)?[;,{:]?\s*$|[\w.$ *&<>\[\]]+ = |[a-z][\w-]*(?:\.[\w-]+)+=)"
)
CODE_END = re.compile(r"[{}();,\[\]]\s*$|(?<=[\w)\]\"'])[:\\]\s*$")
CLOSER = re.compile(r"\s*(?:[)\]}]|</|(?:end|esac|fi|done)\b(?!\s*[(.=:]))")
CONTINUES = re.compile(
    r"\s*(?:\}\s*)?(?:else(?:if)?|ELSE(?:IF)?|Else(?:If)?|elif|elsif|ELSIF|except|EXCEPTION|catch|finally|rescue|ensure)\b"
)
COMMENT = re.compile(r"\s*(?:#|;|//)")
ENTRY = re.compile(r"\s*(?:- )?[\w.\"'-]+\s*[:=](?:\s|$)")
_KEY = re.compile(r"(?:[\w.\"'/{}$~@*+-]+|\"[^\"]*\")\s*[:=](?:\s|$)")
_TEXT = re.compile(r":[ \t]+[|>][+-]?\d?$")
"""How the key of a text in the lines below ends in YAML."""

RECIPE = re.compile(r"[\w.$(){}%/ -]+:(?!=)[^\n]*\n$")
"""The target of a Makefile's recipe, whose commands begin with a tab."""

CAPTION = re.compile(r"\W{0,3}(?:Table|Tab\.|Tabelle|Tableau|Tabla|Exhibit) ?[\dA-Z]")
GAPS = re.compile(r"(?<=\S)(?: {2,}|\t+)(?=\S)")

LABEL = re.compile(r"[^\W\d_a-z][^\W\d_]*:\s*$")
"""A line such as "Excluded:", which is no key of settings if nothing stands right below it."""

SHORT = 60  # characters of a line that may be a title or a command
_WRAPPED = 40  # a line that is not shorter may be one of a wrapped paragraph
_ALIKE = 4  # characters in which rows begin alike
_ROWS = 3  # that do
_ENDED = re.compile(r"(?<!\.)[.!?。！？][\"'”’»)\]]*$")
_SENTENCE_END = re.compile(r"[.!?;,。！？][\"'”’»)\]]*$")


class Line(NamedTuple):
    """One line of a text.

    Attributes:
        start: its first character in the text.
        text: the line with its end.
        indent: columns before its first character, -1 for a blank line.
    """

    start: int
    text: str
    indent: int


def lines_of(text: str) -> list[Line]:
    """Split a text into lines."""
    parts = text.splitlines(keepends=True)
    starts = accumulate(map(len, parts), initial=0)
    return [Line(start, part, _indent(part)) for start, part in zip(starts, parts, strict=False)]


def _indent(line: str) -> int:
    width = len(line) - len(line.lstrip())
    return -1 if width == len(line) else len(line[:width].expandtabs(4))


def below(lines: Sequence[Line], at: int) -> int:
    """Find the first line from `at` on that is not blank; the number of lines if there is none."""
    return next((number for number in range(at, len(lines)) if lines[number].indent >= 0), len(lines))


def has_gap(line: str) -> bool:
    """Whether a line has columns, with a gap between them."""
    return GAPS.search(line.strip()) is not None


def ends_in_colon(line: str) -> bool:
    """Whether a line ends in a colon."""
    return line.rstrip().endswith((":", "："))


def fenced(lines: Sequence[Line], at: int) -> int:
    """Find the line that ends the fenced block that begins at `at`; `at` if none does."""
    fence = FENCE.match(lines[at].text)
    if fence is None:
        return at
    last = at + 1
    while last < len(lines) and not lines[last].text.strip().startswith(fence[1]):
        last += 1
    return last


def is_rule(line: str) -> bool:
    """Whether a line stands between the header of a table and its rows."""
    words = line.strip()
    return ("--" in words or "==" in words) and ("|" in words or "+" in words) and set(words) <= set("|:+-= \t")


def speaker(line: str) -> str:
    """Read who speaks in a turn that begins with a name and a colon; "" if the line is none."""
    match = TURN.match(line)
    return re.split("[:：]", match[0])[0] if match else ""


def is_capitals(line: str) -> bool:
    """Whether a line is a title or a speaker in capital letters, perhaps with more in brackets."""
    words = line.strip().partition(" (")[0] if line.rstrip().endswith(")") else line.strip()
    return (
        len(words) <= SHORT
        and words.upper() == words
        and words.lower() != words
        and "_" not in words
        and "=" not in words
        and sum(map(str.isalpha, words)) >= 0.6 * len(words)
        and not _SENTENCE_END.search(words)
    )


def is_title(line: str, *, longest: int = SHORT) -> bool:
    """Whether a line may be the title of the paragraph below it: it is short, and a question or no sentence."""
    words = line.strip()
    return (
        len(words) <= longest
        and any(map(str.isalpha, words))
        and (words[-1] in "?？" or not _SENTENCE_END.search(words))
        and words[0] not in "-*+•>|<{[(\"'/"
        and not any(kind.match(line) for kind in (TURN, STAMP, FOOTNOTE, FENCE))
        and not (CODE.match(line) and CODE_END.search(line))
        and not MARKED_BLOCK.match(line)
    )


def ends_sentence(line: str) -> bool:
    """Whether a line ends a sentence."""
    return _ENDED.search(line.rstrip()) is not None


def ends_question(line: str) -> bool:
    """Whether a line ends in a question mark, as the question above its answer does."""
    return line.rstrip().rstrip("*_").endswith(("?", "？", "؟"))


def ends_part(line: str) -> bool:
    """Whether a line ends a sentence or a part of one, by its last sign."""
    return _SENTENCE_END.search(line.rstrip()) is not None


def introduces(line: str) -> bool:
    """Whether a line leads to a list or table below it: it ends in a colon, or is short and no sentence."""
    words = line.rstrip()
    return ends_in_colon(words) or (len(words) <= 2 * SHORT and not _SENTENCE_END.search(words) and words[:3] != "##[")


def leads_on(line: str) -> bool:
    """Whether a line between the items of a list leads to those below it: it ends in a colon."""
    words = line.strip()
    return ends_in_colon(words) and not words[0].islower()


def apart(lines: Sequence[Line]) -> tuple[list[int], set[int]]:
    """Find where the lines of a paragraph stay apart, instead of being one text that was wrapped.

    Returns:
        where a line begins that does not go on with the one above; where rows begin, such as those of a test's report.
    """
    rows = {line.start for run in _runs(lines) if len(run) >= _ROWS for line in run}
    longest = max(len(line.text.rstrip()) for line in lines)
    wrapped = len(lines) > 1 and longest >= _WRAPPED and all(len(line.text) >= 0.6 * longest for line in lines[:-1])
    if wrapped and 2 * len(rows) < len(lines):
        rows.clear()
    wrapped = wrapped and not rows
    found = [lines[0].start]
    for before, line in pairwise(lines):
        if before.start in rows and line.start not in rows:
            begins = line.indent <= before.indent
        else:
            wraps = line.text.lstrip()[0].islower() or (wrapped and not FOOTNOTE.match(line.text))
            begins = line.start in rows or not wraps
        if begins:
            found.append(line.start)
    return found, rows


def _runs(lines: Sequence[Line]) -> list[list[Line]]:
    """Group neighbours that begin alike, end in the same word or have the same signs, and end no sentence."""
    found: list[list[Line]] = [[]]
    before = ""
    for line in lines:
        words = re.sub(r"\d+", "0", line.text.strip())
        words = "" if _ENDED.search(words) else words
        if not (words and before and _alike(before, words)):
            found.append([])
        if words:
            found[-1].append(line)
        before = words
    return found


def _alike(one: str, other: str) -> bool:
    if one[:_ALIKE] == other[:_ALIKE] or (LEADER.search(one) and LEADER.search(other)):
        return True
    shape = re.sub(r"\w+", "w", one)
    alike = shape == re.sub(r"\w+", "w", other) and bool(set(shape) - set("w ,'"))
    return alike or one.rpartition(" ")[2] == other.rpartition(" ")[2]


def are_settings(lines: Sequence[Line]) -> bool:
    """Whether the lines besides the items are keys, with values or indented, so that the items are theirs."""
    block = -1  # column of the key whose value is the text in the more indented lines
    keyed, before = False, ""
    for line in lines:
        words = line.text.strip()
        if 0 <= block < line.indent:
            continue
        block = line.indent if _TEXT.search(words) else -1
        if not words.startswith(("- ", "---")):
            inside = before.endswith(("[", "{", ",")) or words[0] in "]}"
            if not (inside or _KEY.match(words) or COMMENT.match(words)):
                return False
            keyed = keyed or line.indent > 0 or not words.endswith(":")
        before = words
    return keyed


def is_code(lines: Sequence[Line], *, within: bool) -> bool:
    """Whether most lines of a paragraph are statements or entries; `within` for text that follows such lines."""
    if len(lines) > 1 and RECIPE.match(lines[0].text) and all(line.text[0] == "\t" for line in lines[1:]):
        return True
    plain = [line for line in lines if not line.text.lstrip().startswith("- ")]
    if lines[0].text.lstrip().startswith("/*") or (0 < len(plain) < len(lines) and are_settings(lines)):
        return True
    votes = sum(1 for line in lines if CODE.match(line.text) or CODE_END.search(line.text))
    if within:
        return lines[0].indent > 0 or 2 * votes >= len(lines)
    if len(lines) == 1:
        return bool(CODE.match(lines[0].text)) and len(lines[0].text) <= 2 * SHORT and lines[0].text.count(" ") < 12
    return 5 * votes >= 3 * len(lines)

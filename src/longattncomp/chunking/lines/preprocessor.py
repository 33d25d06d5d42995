"""a line -> whether it is one for the preprocessor of C, with or without blanks after its sign, and no comment."""

import re

_SURE = r"defined\b|!|(?:\d+|[A-Z_][A-Z_\d]*+)[ \t]*+(?:$|[\r\n]|/[/*]|&&|\|\||[<>=!]=|[<>()&|^*/%\\])"
_WORDS = r"(?![^\n/]*(?::[ \t\r]*$|\)[ \t]+(?!and\b|or\b|xor\b|bit)[^\W\d_]))"
"""What does not follow: a colon at the end, or a word behind a bracket."""

CONDITION = (
    rf"#(?:if\b|[ \t]*ifn?def\b|[ \t]+if[ \t]+(?:{_SURE})"
    rf"|[ \t]+if(?P<perhaps>[ \t]*[(!]|[ \t]+(?:\d|\w++[ \t]*+(?:[\r\n]|&&|\|\||[<>=!]=|[<>()&|^*/%]))){_WORDS})"
)
"""How a condition begins. A comment may begin with the same words: with `perhaps`, it is one only near other lines."""

BRANCH = r"#[ \t]*(?:else|elif(?:n?def)?)\b"
END = r"#[ \t]*endif\b"

_REST = r"[ \t\r]*(?:\n|$|/[/*]|\\)"
"""The end of a line, or a comment."""

_NO_PROSE = r"(?!\S*[ \t]+[a-z]+(?:[ \t\r\n]|$))"
_VALUE = (
    rf"[ \t]++(?:[\d_A-Z]{_NO_PROSE}|\((?![a-z]+[ \t][a-z])|[\"'\[{{~-]|[^\W_]++[_(]"
    r"|(?:extern|static|inline|const|unsigned|struct|int|char)\b)"
)
"""What a name is defined as, and not the rest of a sentence."""

SPACED = (
    rf"#[ \t]+(?:define[ \t]+(?:[A-Z_]\w*+(?:\(|{_REST}|{_VALUE})"
    rf"|\w++(?:\(|[ \t]++(?:[\d_]{_NO_PROSE}|\((?![a-z]+[ \t][a-z]))))|undef[ \t]+\w++[ \t\r]*(?:\n|$)"
    rf"|include[ \t]*(?:<[^<>\n]+>|\"[^\"\n]+\"){_REST}|(?:error|warning)[ \t]+\""
    rf"|pragma[ \t]+(?:once{_REST}|(?:pack|warning|message)[ \t]*\(|(?:GCC|STDC|clang|omp|acc)[ \t]|(?:end)?region\b))"
)
"""A line with blanks after its sign, as within a condition."""

ANY = (
    rf"(?:{SPACED}|#(?:def(?:ine)?|undef|include|if|ifn?def|el(?:se|if)(?:if|n?def)?|end(?:if|region)?|error|warning"
    r"|pragma|region)\b)"
)
DIRECTIVE = re.compile(rf"[ \t]*{ANY}")

GUARD = re.compile(
    r"\s*#\s*if(?:ndef[ \t]+|[ \t]*![ \t]*defined[ \t]*\(?[ \t]*)(\w++)[ \t]*\)?[ \t\r]*(?:/[/*][^\n]*)?\n"
    r"\s*#\s*define\s+\1\b"
)
"""What keeps a header from being read twice; it says nothing about the lines in it, and has no other branch."""

_LINE = re.compile(rf"^[ \t]*(?:(?P<begins>{CONDITION})|(?P<ends>{END})|{BRANCH})", re.MULTILINE)
_LINES = 3  # above a line or below, among which another one for the preprocessor is near
_LOOKED_AT = 240  # characters of those lines


def is_near(text: str, start: int) -> bool:
    """Whether a line for the preprocessor stands near the one that begins at a character."""
    first = text.rfind("\n", max(0, start - _LOOKED_AT), start) + 1
    after = text.find("\n", start, start + _LOOKED_AT) + 1 or start + _LOOKED_AT
    above = text[max(0, first - _LOOKED_AT) : first].splitlines()[-_LINES:]
    below = text[after : after + _LOOKED_AT].splitlines()[:_LINES]
    return any(DIRECTIVE.match(line) for line in (*above, *below))


def branched(text: str) -> set[int]:
    """Find where the lines of conditions begin that have a branch of their own besides the first."""
    found, opened = set[int](), list[int]()
    for match in _LINE.finditer(text):
        if match["begins"]:
            opened.append(match.start())
        elif opened and match["ends"]:
            opened.pop()
        elif opened:
            found.add(opened[-1])
    return found


def is_continued(line: str) -> bool:
    """Whether a line goes on in the next one."""
    return line.rstrip().endswith("\\")

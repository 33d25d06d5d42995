"""a line -> whether it is one for the preprocessor of C, with or without blanks after its sign, and no comment."""

import re

CONDITION = (
    r"#(?:if\b|[ \t]*ifn?def\b|[ \t]+if(?=[(!])"
    r"|[ \t]+if[ \t]+(?=defined\b|[!(\d]|\w++[ \t]*+(?:$|[\r\n]|&&|\|\||[<>=!]=|[<>()&|^*/%])))"
)
"""How a condition begins. A comment may begin with the same words, but says no expression."""

BRANCH = r"#[ \t]*(?:else|elif(?:n?def)?)\b"
END = r"#[ \t]*endif\b"

SPACED = (
    r"#[ \t]+(?:define[ \t]+(?:[A-Z_]|\w++(?:\(|[ \t]++[_\d(]))|undef[ \t]+\w++[ \t\r]*(?:\n|$)"
    r"|include[ \t]*[<\"]|(?:error|warning)[ \t]+\"|pragma[ \t]+\w)"
)
"""A line with blanks after its sign, as within a condition."""

DIRECTIVE = re.compile(rf"[ \t]*(?:{SPACED}|#(?:define|undef|include|if|ifn?def|el(?:se|if)|endif|error|pragma)\b)")

GUARD = re.compile(
    r"\s*#\s*if(?:ndef[ \t]+|[ \t]*![ \t]*defined[ \t]*\(?[ \t]*)(\w++)[ \t]*\)?[ \t\r]*(?:/[/*][^\n]*)?\n"
    r"\s*#\s*define\s+\1\b"
)
"""What keeps a header from being read twice; it says nothing about the lines in it."""


def is_continued(line: str) -> bool:
    """Whether a line goes on in the next one."""
    return line.rstrip().endswith("\\")

"""lines of a log -> whether an entry begins in one without a date, and which of them are commands."""

import re
from collections.abc import Sequence

LEVELS = "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE"
"""How bad an entry of a log says that it is."""

UNDATED = (
    r"(?:[\w.]{1,20}=[^\s\"]{1,40} ){0,2}(?:ts|time(?:stamp)?|level|lvl|severity)=(?:\"[^\"\n]{1,60}\"|[^\s\"]{1,60})"
    r" [\w.@-]{1,40}=|\[ *\d{1,9}\.\d{3,6}\] |\[pid +\d{1,8}\] "
)
"""The beginning of an entry that has no date: keys and values, the seconds since a start, or a process."""

_COMMAND = re.compile(
    r"\s*[\[(]?(?:\d{4}-\d{2}-\d{2}[T ])?\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?Z?[\])]?[ \t]"
    r"(?:(?:[$>]|(?P<plus>\+{1,3})) [a-z~./][\w~./-]*(?=\s|$)"
    r"|Run (?:[\w.-]+/[\w./@-]+|(?:npm|npx|yarn|pnpm|make|cmake|cargo|go|python3?|pip3?|pytest|tox|uv|poetry|mvn|gradle"
    r"|docker|bash|sh|git|dotnet|bundle|composer)\b(?! (?:sure|to|the|an?|it|that|this|of|and|or|in|on|for|with|up)\b)"
    r")|Run \./\S)"
)
_LEAST = 2  # commands of a block, and of those that begin with a plus


def commands(entries: Sequence[str]) -> frozenset[int]:
    """Find the entries of a block that are commands, after their times; those below one are what it printed."""
    found = {number: match for number, entry in enumerate(entries) if (match := _COMMAND.match(entry))}
    signed = sum(match["plus"] is not None for match in found.values())
    kept = frozenset(number for number, match in found.items() if signed >= _LEAST or not match["plus"])
    return kept if len(kept) >= _LEAST else frozenset()

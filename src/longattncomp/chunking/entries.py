"""a line of a log -> whether an entry begins in it without a date, and whether it is a command."""

import re

LEVELS = "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE"
"""How bad an entry of a log says that it is."""

UNDATED = (
    r"(?:[\w.]{1,20}=[^\s\"]{1,40} ){0,2}(?:ts|time(?:stamp)?|level|lvl|severity)=(?:\"[^\"\n]{1,60}\"|[^\s\"]{1,60})"
    r" [\w.@-]{1,40}=|\[ *\d{1,9}\.\d{3,6}\] |\[pid +\d{1,8}\] "
)
"""The beginning of an entry that has no date: keys and values, the seconds since a start, or a process."""

COMMAND = re.compile(
    r"\s*[\[(]?(?:\d{4}-\d{2}-\d{2}[T ])?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?Z?[\])]?[ \t]"
    r"(?:(?:[$>]|\+{1,3}) [a-z~./][\w~./-]*(?=\s|$)"
    r"|Run (?:[\w.-]+/[\w./@-]+|(?:npm|npx|yarn|pnpm|make|cmake|cargo|go|python3?|pip3?|pytest|tox|uv|poetry|mvn|gradle"
    r"|docker|bash|sh|git|dotnet|bundle|composer)\b)|Run \./\S)"
)
"""An entry that is a command, after its time; those below it are what it printed."""

"""text -> bodies of code that their first line names: routines of SQL, stages of a Dockerfile, changes in a plan.

Their lines are not always more indented than the first one, so they are found by where they end. Each function returns
where that is, by the first character.
"""

import re
from dataclasses import dataclass

_SQL = re.compile(
    r"^(?P<before>[ \t]*+)(?P<create>create\s++(?:or\s++(?:replace|alter)\s++)?(?:definer\s*+=\s*+\S++\s++)?"
    r"(?:(?:constraint|(?:non)?editionable)\s++)?(?:function|proc(?:edure)?|trigger|(?P<package>package|type\s++body))\b)"
    r"|^(?P<terminator>/{1,2}|\$\$|go)[ \t\r]*+$"
    r"|^(?P<column>[ \t]*+)(?P<end>end(?:[ \t]++(?!(?:if|loop|case|while|for|repeat)\b)[\w.\"]++)?[ \t]*+"
    r"(?:;|//|\$\$)?)[ \t\r]*+$"
    r"|(?P<quote>\$\w*+\$)|^(?P<indent>[ \t]*+)(?P<begin>begin|declare)\b|\b(?P<body>begin|as|is)[ \t\r]*+$"
    r"|(?P<stop>;)[ \t\r]*+$|^(?P<fence>```|~~~)",
    re.IGNORECASE | re.MULTILINE,
)
_CLOSING = re.compile(r"[^;\n]{0,80}+(?:\n(?!create\b)[^;\n]{1,80}+)?;", re.IGNORECASE)
"""What follows a body in quotes, such as its language."""

_FROM = re.compile(r"FROM[ \t]+(?:--platform=\S+[ \t]+)?\S+(?:[ \t]+(?:AS|as)[ \t]+\S+)?[ \t\r]*$", re.MULTILINE)
_INSTRUCTION = re.compile(
    r"(?:ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME"
    r"|WORKDIR)[ \t]+\S"
)
_HEREDOC = re.compile(r"<<-?[\"']?(\w+)")
_LINE = re.compile(r"[^\n]*\n?")
_CHANGE = re.compile(
    r"^[ \t]*+# [\w.-]++(?:\[[^\]\n]*+\][\w.-]*+)*+ (?:will|must|has|is|was)\b[^\n]*+\n(?:[ \t]*+#[^\n]*+\n){0,4}+"
    r"(?P<before>[ \t]*+(?:-/\+|\+/-|<=|[-+~]) )(?:resource|data) \"[^\n]*\{[ \t\r]*$",
    re.MULTILINE,
)


@dataclass(slots=True)
class _Routine:
    start: int
    column: int
    package: bool
    begun: bool = False
    quote: str = ""
    end: int = -1
    over: bool = False

    def read(self, sign: re.Match[str], text: str) -> None:
        """Read the next sign of those that tell where the routine ends."""
        quote = sign["quote"] or (sign["terminator"] if sign["terminator"] == "$$" and self.end < 0 else "")
        if quote and self.quote in ("", quote):
            if self.quote:
                after = _CLOSING.match(text, sign.end())
                self.end, self.over = after.end() if after else sign.end(), True
            self.quote = quote
        elif self.quote:
            return
        elif sign["terminator"]:
            self.end, self.over = sign.end() if self.begun else -1, True
        elif sign["begin"] or sign["body"]:
            self.column = max(self.column, 0 if self.begun else len(sign["indent"] or ""))
            self.begun = True
        elif sign["end"] and self.begun and len(sign["column"]) <= self.column:
            self.end = sign.end()
        elif sign["stop"] and not self.begun:
            self.over = True


def routines(text: str) -> dict[int, int]:
    """Find functions, procedures, triggers and packages of SQL with a body, up to its end and what terminates it."""
    found: dict[int, int] = {}
    routine: _Routine | None = None
    for sign in _SQL.finditer(text):
        if routine is not None:
            ended = routine.end >= 0 and not routine.package and not sign["terminator"]
            if not (ended or sign["create"] or sign["fence"]):
                routine.read(sign, text)
            elif sign["create"] and routine.end < 0 and routine.begun and not routine.quote:
                routine.end = routine.start + len(text[routine.start : sign.start()].rstrip())
            if ended or sign["create"] or sign["fence"] or routine.over:
                found[routine.start] = routine.end
                routine = None
        if sign["create"]:
            routine = _Routine(sign.start("create"), len(sign["before"]), bool(sign["package"]))
    if routine is not None:
        found[routine.start] = routine.end
    return found


def stages(text: str) -> dict[int, int]:
    """Find the stages of Dockerfiles, of which each has several: all lines are instructions, comments, or go on."""
    found: dict[int, int] = {}
    if len(_FROM.findall(text)) < 2:
        return found
    begun: list[int] = []
    ends: list[int] = []  # of the last line of each
    heredoc, goes_on = "", False
    for match in _LINE.finditer(text):
        line = match[0].rstrip()
        if heredoc:
            heredoc = "" if line.strip() == heredoc else heredoc
        elif not goes_on and _FROM.match(line):
            begun.append(match.start())
            ends.append(-1)
        elif goes_on or not line or line.startswith("#") or _INSTRUCTION.match(line):
            if begun and not line.startswith("#") and (opens := _HEREDOC.search(line)):
                heredoc = opens[1]
        else:
            found.update(zip(begun, ends, strict=True) if len(begun) > 1 else ())
            begun, ends = [], []
        if line and begun and not line.startswith("#"):
            ends[-1] = match.start() + len(line)
        goes_on = bool(begun) and (line.endswith("\\") or (goes_on and line.lstrip().startswith("#")))
    found.update(zip(begun, ends, strict=True) if len(begun) > 1 else ())
    return found


def plans(text: str) -> dict[int, int]:
    """Find what a plan of Terraform changes, from the comment that says how up to the bracket that ends it."""
    found: dict[int, int] = {}
    changes = [*_CHANGE.finditer(text)]
    stops = [change.start() for change in changes[1:]] + [len(text)]
    for change, stop in zip(changes, stops, strict=False):
        closes = "\n" + " " * len(change["before"]) + "}"
        if (end := text.find(closes, change.end(), stop)) >= 0:
            found[text.index("#", change.start())] = end + len(closes)
    return found

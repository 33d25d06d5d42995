"""a session of a shell, a database or an interpreter -> its commands, which lead in what they print."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines.kinds import GAPS, Line, below, ends_sentence, fenced, is_rule

COMMAND = 60
"""The rank of a command, below those of all headings, and how much lower that of a heading is in what it prints."""

_SQL = (
    r"(?:select|insert|update|delete|explain|with|show|create|alter|drop|begin|commit|rollback|set|analyze|vacuum|copy"
    r"|table|values|grant|truncate|use|describe|desc)\b"
)
_TOOLS = (
    r"(?:npm|npx|yarn|pnpm|make|cmake|cargo|go|python3?|pip3?|pytest|tox|uv|poetry|mvn|gradle|docker|bash|sh|git|dotnet"
    r"|bundle|composer|node|echo|export|set|exit|mkdir|cp|mv|rm|curl|wget|apt|apt-get|tar|sudo|kubectl|helm|terraform)"
)

PROMPT = re.compile(
    r"[ \t]*(?:(?:\$|>>>|In \[\d{1,4}\]:) \S|(?:\(\S{1,40}\) ?)?\[?[\w.-]{1,40}@[\w.-]{1,60}[^\n$#%>|]{0,80}[$#%>] ?\S"
    r"|(?:PS )?[A-Z]:[\\/][^\n>|]{0,100}> ?\S|[\w.@-]{1,40}=[*!]?[>#] +\S|[A-Za-z][\w.:-]{1,40}> +\S"
    r"|\w{1,40} \[[^\]\n]{1,40}\]> +\S)"
)
"""What may be a prompt with a command: right above a table, it is one."""

CONTINUED = re.compile(r"[ \t]*(?: {3,}-> \S|[\w.@-]{1,40}[-('\"*!][*!]?[>#] +\S)")
"""A line of the command above, as databases show it."""

_SURE = re.compile(
    r"[ \t]*(?:(?:\([^()\s]{1,40}\) )?(?:\[[\w.-]{1,40}@[\w.-]{1,60} [^\]\n]{1,80}\][$#] ?[\w./~]"
    r"|[\w.-]{1,40}@[\w.-]{1,60}(?::[~/][^\n$#%>|]{0,80}[$#] ?| (?:[^\s$#%>|]{1,60} )?[%$#] )[\w./~])"
    r"|(?:PS )?[A-Z]:\\[^\n<>|:*?\"]{0,100}> ?[\w.&$]|PS /[^\n<>|]{0,100}> \S|➜ {2}\S+ \S"
    rf"|[\w.@-]{{1,40}}=[*!]?[>#] +(?:\\\w|(?i:{_SQL}))|(?:mysql|sqlite|SQL|cqlsh|hive|mongo|test|scala)> +\S"
    r"|MariaDB \[[^\]\n]{1,40}\]> +\S|(?:redis )?\d{1,3}(?:\.\d{1,3}){3}:\d{2,5}(?:\[\d+\])?> +\S"
    r"|irb\([^()\n]{1,20}\):\d[\d:]*[>*] +\S|\((?:gdb|lldb|Pdb)\) \S)"
)
"""A prompt that stands nowhere but in a session."""

_ABOVE = re.compile(r"[\w.-]{1,40}@[\w.-]{1,60} (?:MINGW|MSYS|UCRT|CLANG)\w* \S")
"""A prompt whose command stands in the next line."""

_SHELL = re.compile(r"[ \t]*\$ (?:[A-Z_]+=\S{0,80} ){0,3}[a-z~./][\w~./+-]*(?:\s|$)")
_PYTHON = re.compile(r"(?:>>>|In \[\d{1,4}\]:) \S")
_TRACED = re.compile(rf"\+{{1,3}} (?:({_TOOLS})(?=\s|$)|[a-z~./][\w~./-]*(?=\s|$)|\[|\w+=)")
"""A command that a script shows before it runs it."""

_GOES_ON = re.compile(r"[ \t]*(?:\.\.\.(?: |$)|\.\.\.:|>{1,2} )")
_CLOSES = re.compile(r"[ \t]*(?:\"\"\"|''')")
_LEAST = 2  # commands that a script shows, and rows of a table
_SAID = 4  # blanks in a line that somebody says


def is_prompt(line: str) -> bool:
    """Whether a line is a prompt of a shell or of a database with a command."""
    return any(kind.match(line) for kind in (_SURE, _ABOVE, _SHELL))


class Commands:
    """The commands of a text with what they print below them."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._heads: dict[int, tuple[int, int]] = {}
        self._edges: set[int] = set()
        self._lines = lines
        self._within = bytearray(len(lines))  # whether a line is part of a session
        self._intro = -1
        self._read()

    def intro(self, at: int, intro: int) -> int:
        """The unit that leads in the command at a line: that of the session, which is `intro` for its first one."""
        if not (at and self._within[at - 1]):
            self._intro = intro
        return self._intro

    def parts(self, at: int, *, code: bool) -> bool:
        """Whether a command begins at a line, or what it prints ends there; below code, indented ones are examples."""
        return at in self._edges and not (code and self._lines[at].indent > 0)

    def head(self, at: int, *, code: bool) -> tuple[int, int] | None:
        """Find the rank of the command that begins at a line, and how many lines it has."""
        return self._heads.get(at) if self.parts(at, code=code) else None

    def rank(self, rank: int, at: int) -> int:
        """Find the rank of a command, or of a heading in what it prints; 0 for all other lines."""
        if at in self._heads or not self._within[at]:
            return rank if rank == COMMAND else 0
        return COMMAND + rank

    def _read(self) -> None:
        lines = self._lines
        at = first = below(lines, 0)
        whole = sure = opened = False
        last = max((number for number, line in enumerate(lines) if is_prompt(line.text)), default=-1)
        while at < len(lines):
            stop, found = _stop(lines, at), {}
            if (fence := fenced(lines, at)) > at:
                stop = min(fence + 1, len(lines))
            else:
                found = _commands(lines[at:stop], within=whole and opened)
            if at == first and 0 in found and not _PYTHON.match(lines[at].text):
                whole, sure = True, _SURE.match(lines[at].text) is not None
            after = below(lines, stop)
            prints = sum(found.values()) < stop - at or after == len(lines)
            if found and (opened or prints or _prints(lines, after, whole=whole, sure=sure)):
                self._heads.update((at + number, (COMMAND, size)) for number, size in found.items())
                self._edges.update(at + number for number in found)
                opened = True
            elif (
                opened
                and lines[at].indent == 0
                and not _prints(lines, at, whole=whole, sure=sure and not (at > last and _is_said(lines, at, stop)))
            ):
                self._edges.add(at)
                opened = False
            if opened:
                end = next((number for number in range(at, stop) if _CLOSES.match(lines[number].text)), after)
                self._within[at:end] = bytes([1]) * (end - at)
                opened = end == after
                if not opened:
                    self._edges.add(end)
            at = after


def _stop(lines: Sequence[Line], at: int) -> int:
    """Find the line after a paragraph."""
    return next((number for number in range(at, len(lines)) if lines[number].indent < 0), len(lines))


def _is_said(lines: Sequence[Line], at: int, stop: int) -> bool:
    """Whether a paragraph is what somebody says, not what a command prints."""
    text = lines[at].text
    return text[:1].isupper() and text.count(" ") >= _SAID and ends_sentence(lines[stop - 1].text)


def _prints(lines: Sequence[Line], at: int, *, whole: bool, sure: bool) -> bool:
    """Whether a paragraph below a blank line goes on with what a command prints.

    A text that begins with a sure prompt is all of a session; in another that begins with one, what looks like
    sentences or like a title is none of it, and in any other nothing but a table is.
    """
    stop = _stop(lines, at)
    if _commands(lines[at:stop]):
        return whole
    here = [line.text.strip() for line in lines[at : at + _LEAST]]
    if stop - at >= _LEAST and (any(map(is_rule, here)) or all(len(GAPS.findall(row)) > 1 for row in here)):
        return True
    spoken = stop - at < _LEAST or (lines[at].text[:1].isupper() and ends_sentence(lines[stop - 1].text))
    return whole and (sure or not spoken)


def _commands(here: Sequence[Line], *, within: bool = False) -> dict[int, int]:
    """Find the commands of a paragraph: the number of the first line of each, and how many it has.

    Within what a command prints, those of a shell may stand below other lines.
    """
    begins = [number for number, line in enumerate(here) if _SURE.match(line.text) or _ABOVE.match(line.text)]
    if within:
        begins += [number for number, line in enumerate(here) if _SHELL.match(line.text)]
    elif here and any(kind.match(here[0].text) for kind in (_SURE, _ABOVE, _SHELL, _PYTHON)):
        begins += [n for n, line in enumerate(here) if _SHELL.match(line.text) or _PYTHON.match(line.text)]
    if traced := [number for number, line in enumerate(here) if line.text.startswith("+")]:
        shown = [match for number in traced if (match := _TRACED.match(here[number].text))]
        plain = len(shown) == len(traced) >= _LEAST and any(match[1] for match in shown)
        if plain and (not traced[0] or begins) and not any(line.text.startswith(("-", "@@")) for line in here):
            begins += traced
    found: dict[int, int] = {}
    stop = 0
    for number in sorted(set(begins)):
        if number < stop:
            continue
        stop = number + 1
        while stop < len(here) and (
            (stop == number + 1 and _ABOVE.match(here[number].text) and _SHELL.match(here[stop].text))
            or here[stop - 1].text.rstrip().endswith("\\")
            or CONTINUED.match(here[stop].text)
            or _GOES_ON.match(here[stop].text)
        ):
            stop += 1
        found[number] = stop - number
    return found


def printed(here: Sequence[Line]) -> list[tuple[int, int, int]]:
    """Find the commands in a fenced block: where each begins, how many lines it has, and where the next one begins.

    A part above the first command has none.
    """
    found = _commands(here)
    if sum(found.values()) in (0, len(here)):
        return []
    begins = sorted({0, *found})
    return [(low, found.get(low, 0), high) for low, high in zip(begins, [*begins[1:], len(here)], strict=True)]

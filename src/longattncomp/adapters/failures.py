"""texts of tools -> the spans in them that say what failed, within a part of the budget."""

import re
from collections.abc import Callable, Iterator, Sequence

from longattncomp.types import Pin, Span, merged

PINNED_SHARE = 1 / 3
"""Part of a tool result's budget that lines of errors may take."""

_MOST = 600
"""Characters of a line above which only the error in it counts: it is a record, a dump or a page."""

_NAME = r"(?:[\w$]+(?:\.|::|\\))*[\w$]*[A-Z][\w$]*(?:Error|Exception|Failure|Fault|Panic|Interrupt|Exit|Warning)"
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):")
_FRAME = re.compile(r"\s+(?:at |File \"|-->|╭▸|\^)|\s*[\w./\\-]+\.\w{1,5}:\d+(?::\d+)?\b")
_RAISED = re.compile(
    rf"{_NAME}(?:\s*\([^()\n]*\))?(?:\s\[[^\]\n]*\])?(?::\s|:?$)"
)  # indented, it may document a function
_STARTS = re.compile(
    r"\s*(?:(?:Exception in thread|Unhandled exception|Unhandled rejection|Uncaught |Caused by: |Caused by:$)"
    r"|(?:panic: |fatal error: |fatal: |FATAL|PANIC|Segmentation fault|Bus error|Aborted\b|Killed\b|OOMKilled)"
    r"|thread '[^']*' (?:\(\d+\) )?panicked at "
    r"|(?:PHP )?(?:Fatal|Parse) error: "
    r"|E {2,}\S"  # pytest's explanations
    r"|(?:FAILED|FAIL|ERROR|ERRORS|FATAL|CRITICAL|SEVERE|FAILURE)\b(?=[:\s!\]/-]|$)(?!\s*[=(])"
    r"|\[(?:ERROR|FATAL|CRITICAL|SEVERE|FAIL|FAILED)\]"
    r"|--- FAIL: |not ok \d|[✗✘✕×❌]\s*\S|● \S"
    r"|BUILD FAIL(?:ED|URE)|npm (?:ERR!|error)|E: |make(?:\[\d+\])?: \*\*\* |\*\*\* "
    r"|(?:error|fehler)(?:\[\w+\])?:\s+\S"
    r"|Error: \S|ERR_\w+)"
)
_WITHIN = re.compile(
    r"(?:^|[\s\[|\"(<=:])(?:ERROR|FATAL|CRITICAL|SEVERE|EMERG|PANIC)(?:[\s\]|:)>\",;-]|$)"  # a level
    r"|\b(?:level|lvl|severity|levelname)\"?\s*[=:]\s*\"?(?:error|fatal|critical|severe|panic|alert|emerg)\b"
    r"|(?::\d+){1,2}:?\s+(?:fatal |internal |syntax )?error\b|\(\d+,\d+\): error\b"
    r"|\berror(?:\[[A-Z]\d+\]| [A-Z]+\d+):\s"
    r"|\b(?i:exit(?:ed)?|return(?:ed)?)[ _-]?(?i:with )?(?i:non-zero )?(?i:exit )?(?i:code|status|value)\"?\s*"
    r"(?:was|is|of|[:=])?\s*-?0*[1-9]|\b(?:rc|returncode|errno)\"?\s*[=:]\s*-?0*[1-9]|\bexited with -?0*[1-9]"
    r"|\bsignal (?:SIG\w+|\d+)\b"
    r"|(?<![\d.,])[1-9]\d* (?:failed|failures?|errors?|errored)\b|\b(?:[Ff]ailures|[Ee]rrors)\s*[:=]\s*[1-9]"
    r"|: (?:command not found|[Pp]ermission denied|No such file or directory|cannot access|not found$)"
    rf"|(?<=\S)\s(?:{_NAME}): \S|[\]\w)]:\s+(?:error|fatal|panic)(?:\[\w+\])?:\s+\S"
    r"|\.{2,}\s*(?:FAILED|FAIL|ERROR)\b|::\S+ (?:FAILED|ERROR)\b",
)
_ENTRY = re.compile(
    r"\"(?:errors?|error_?message|error_?code|exception|traceback|stack_?trace|stderr|failures?|reason)\"\s*:\s*"
    r"(?:\"(?:[^\"\\\n]|\\.){1,400}\"|\{[^{}\n]{1,400}\}|\[[^\[\]\n]{1,400}\])",
    re.IGNORECASE,
)
_NOTHING = re.compile(r"\"?\s*(?:[:=]\s*)?(?:null|none|nil|false|true|0|\"\"|\[\s*\]|\{\s*\})\s*,?\s*$", re.IGNORECASE)
_SOURCE = re.compile(
    r"\s*(?:#|//|/?\*|raise\b|throw\b|except\b|catch\b|class\b|def\b|import\b|from\b.*\bimport\b|return\b|if\b|elif\b"
    r"|case\b|assert\b|with\b|log(?:ger|ging)?\.|console\.|print[(f]|[\w.]+\s*=\s*[\w\"'(\[{])"
)
_PREFIX = re.compile(
    r"\A(?:[\w.@/-]{1,40}\s*\| ?|\[[^\]\n]{1,40}\]\s*(?=\S)|(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d\S*\s+|> )*"
)
"""What containers, build servers and clocks put before each line."""


def failures(text: str) -> list[Span]:
    """Find the lines that say what failed: errors, exceptions, exit codes, failed tests, the end of each traceback.

    Lines of a program's source are no errors. The last line comes first, because it tells how all ended, then the first
    one, then the others in order; of lines that differ in numbers only, the first one stands for all.

    Returns:
        Spans of whole lines, or of entries of long lines.
    """
    lines = [(match.start(), match.end()) for match in re.finditer(r"[^\r\n]+", text)]
    found: dict[str, Span] = {}
    for span in _found(text, lines):
        found.setdefault(re.sub(r"[\d\W]+", " ", text[span[0] : span[1]]), span)
    spans = list(found.values())
    return spans[-1:] + spans[:-1]


def _found(text: str, lines: Sequence[Span]) -> Iterator[Span]:
    number = 0
    while number < len(lines):
        start, end = lines[number]
        line = text[start:end]
        if end - start > _MOST:
            yield from (
                (start + entry.start(), start + entry.end())
                for entry in _ENTRY.finditer(line)
                if not _NOTHING.fullmatch(entry[0].partition(":")[2])
            )
        elif header := _TRACEBACK.search(line):
            last = _end_of_traceback(text, lines, number, header.start())
            yield lines[max(number + 1, last - 2)][0], lines[last][1]
            number = last
        elif _says_error(line):
            following = text[slice(*lines[number + 1])] if number + 1 < len(lines) else ""
            number += _FRAME.match(following) is not None and len(following) <= _MOST
            yield start, lines[number][1]
        number += 1


def _says_error(line: str) -> bool:
    said = _PREFIX.sub("", line, count=1)
    if (_RAISED.match(said) or _STARTS.match(said)) and not _NOTHING.search(said):
        return True
    if _ENTRY.search(line):
        return not _NOTHING.search(line)
    return bool(_WITHIN.search(line)) and not _SOURCE.match(line)


def _end_of_traceback(text: str, lines: Sequence[Span], first: int, column: int) -> int:
    """Return the number of the line with the exception: the first one that is not indented below the header."""
    last = first
    for number in range(first + 1, len(lines)):
        last = number
        rest = text[lines[number][0] + column : lines[number][1]]
        if rest.strip() and not rest[0].isspace():
            break
    return last


def failure_pins(
    texts: Sequence[str], token_budget: int, count: Callable[[str], int], *, gap_mark: str = "\n[...]\n"
) -> list[Pin]:
    """Choose the errors in tool results that are kept whatever else is.

    Args:
        texts: as they are given to the engine, by index.
        token_budget: most tokens of all that will be kept; the pins take at most `PINNED_SHARE` of it.
        count: counts tokens as the budget does.
        gap_mark: is charged twice for each pin.
    """
    room, around = int(PINNED_SHARE * token_budget), 2 * count(gap_mark)
    queues = [[(index, *span) for span in failures(text)] for index, text in enumerate(texts)]
    pins: list[tuple[int, int, int]] = []
    for turn in range(max(map(len, queues), default=0)):  # the most telling of each text come first
        for index, start, end in (queue[turn] for queue in queues if turn < len(queue)):
            if (tokens := count(texts[index][start:end]) + around) <= room:
                room -= tokens
                pins.append((index, start, end))
    return [(index, *span) for index in range(len(texts)) for span in merged((s, e) for i, s, e in pins if i == index)]

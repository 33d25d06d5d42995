"""texts of tools -> the spans in them that say what failed, within a part of the budget."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.structure import outline
from longattncomp.types import Pin, Span, merged

PINNED_SHARE = 1 / 3
"""Part of a tool result's budget that lines of errors may take."""

_MOST = 600
"""Characters of a line above which only the error in it counts: it is a record, a dump or a page."""

_NAME = r"(?:[\w$]+(?:\.|::|\\))*[\w$]*[A-Z][\w$]*(?:Error|Exception|Failure|Fault|Panic|Interrupt|Exit|Warning)"
_TRACEBACK = re.compile(r"(?:\+ Exception Group )?Traceback \(most recent call last\):")
_FRAME = re.compile(r"\s+(?:at |File \"|-->|╭▸|\^)|\s*[\w./\\-]+\.\w{1,5}:\d+(?::\d+)?\b")
_RAISED = re.compile(
    rf"{_NAME}(?:\s*\([^()\n]*\))?(?:\s\[[^\]\n]*\])?(?::\s|:?$)"
)  # indented, it may document a function
_STARTS = re.compile(
    r"\s*(?:(?:Exception in thread|Unhandled exception|Unhandled rejection|Uncaught |Caused by: |Caused by:$)"
    r"|(?:panic: |fatal error: |fatal: |FATAL|PANIC|Segmentation fault|Bus error|Aborted\b|Killed\b|Out of memory\b)"
    r"|thread '[^']*' (?:\(\d+\) )?panicked at |Kernel panic |BUG: |Oops: "
    r"|(?:PHP )?(?:Fatal|Parse) error: "
    r"|E {2,}\S"  # pytest's explanations
    r"|(?:FAILED|FAIL|ERROR|ERRORS|FATAL|CRITICAL|SEVERE|FAILURE)\b(?=[:\s!\]/-]|$)"
    r"(?!\s*[=(]|: (?:int|str|float|bool|bytes) =)"
    r"|(?:##)?\[(?:ERROR|error|FATAL|CRITICAL|SEVERE|FAIL|FAILED)\]|::error\b|! \[(?:remote )?rejected\]|CONFLICT \("
    r"|--- FAIL: |not ok \d|[✗✘✕×❌]\s*\S|(?<=  )● \S|[1-9]\d* failing$"
    r"|BUILD FAIL(?:ED|URE)|npm (?:ERR!|error)|E: |make(?:\[\d+\])?: \*\*\* |\*\*\* |\*\* \(\w"
    r"|(?:error|fehler)(?:\[\w+\])?:\s+\S|failed: \[|curl: \(\d+\) |\(error\) \S|error Command failed"
    r"|Error: \S|ERR_\w+|An error occurred\b|\* What went wrong:|HTTP/[\d.]+ [45]\d\d\b"
    r"|(?:[\w.-]+[ :] ?)?Error (?:at|from|in|while|during|response)\b[^:\n]{0,80}:"
    r"|(?:Failed (?:to|with) |Unable to |Could not |Couldn't |Can't |Cannot )\w+ \S|Execution failed for "
    r"|[EF]\d{4} \d\d:\d\d:\d\d)"  # glog's levels
)
_FAILED = r"\"?(?:failed|failure|error|errored|fatal|crashed|timed?_?out)\b"
_WITHIN = re.compile(
    r"(?:^|[\s\[|\"(<=:])(?:ERROR|FATAL|CRITICAL|SEVERE|EMERG|PANIC)(?:[\s\]|:)>\",;-]|$)"  # a level
    r"|\[(?:error|err|crit|emerg|alert|fatal)\]"
    r"|\b(?:level|lvl|severity|levelname)\"?\s*[=:]\s*\"?(?:error|fatal|critical|severe|panic|alert|emerg)\b"
    rf"|\"(?:status|state|phase|conclusion|outcome)\"\s*:\s*(?i:{_FAILED})|\bActive: failed\b"
    r"|(?::\d+){1,2}:?\s+(?:fatal |internal |syntax )?error(?=[\s:]|$)|\(\d+,\d+\): error\b"
    r"|\.\w{1,5}:\d+:\d+: (?!(?i:warning|note|info|remark|debug|hint|style|convention)\b)[A-Za-z]"
    r"|\berror(?:\[[A-Z]\d+\]| [A-Z]+\d+):\s|\bundefined reference to\b"
    r"|\b(?i:exit(?:ed)?|return(?:ed)?)[ _-]?(?i:with )?(?i:non-zero )?(?i:exit )?(?i:code|status|value)\"?\s*"
    r"(?:was|is|of|[:=])?\s*-?0*[1-9]|\b(?:rc|returncode|errno)\"?\s*[=:]\s*-?0*[1-9]|\bexited with -?0*[1-9]"
    r"|\bstatus=[1-9]\d*/\w|\bFailed with result\b"
    r"|\bsignal (?:SIG\w+|\d+)\b|\bsegfault at\b|\boom-kill\b|\bKilled process \d|\bOut of memory:"
    r"|\bOOMKilled\b|\bCrashLoopBackOff\b|\b(?:Err)?ImagePull(?:BackOff)?\b|\s\d+/\d+\s+(?:Error|Failed|Evicted|\w+Error)\s"
    r"|\bWarning\s+(?:\w*Failed\w*|BackOff|Unhealthy|Evicted)\s"
    r"|HTTP/[\d.]+\" 5\d\d\b"
    r"|(?<![\d.,])[1-9]\d* (?:failed|failures?|errors?|errored)\b|\b(?:[Ff]ailures|[Ee]rrors)\s*[:=]\s*[1-9]"
    r"|\b(?:failed|unreachable)=[1-9]"
    r"|: (?:command not found|[Pp]ermission denied|No such file or directory|cannot access|not found$|No space left"
    r"|Address already in use|Operation not permitted|Is a directory|Broken pipe|No route to host|Connection (?:refused"
    r"|reset|timed out|closed)|Name or service not known|Temporary failure in name)"
    r"|: (?:[\w-]+ ){0,6}failed\b[.;:]?$|: (?:[Ff]ailed|[Uu]nable) to \w|: (?:[Cc]ould not|[Cc]ouldn't|[Cc]an't) \w"
    r"|\S (?:merge|build|command|process|step|job|task) failed(?:[;:]|\.?$)"
    r"|: [\w:.-]+ FAILED$|\.\.\. FAILED$| at \S+ line \d+\.$"
    rf"|(?<=\S)\s(?:{_NAME}): \S|\({_NAME}\)$|[\]\w)]:\s+(?:error|fatal|panic)(?:\[\w+\])?:\s+\S"
    r"|(?<!\.)\.{2,}\s*(?:FAILED|FAIL|ERROR)\b|::\S+ (?:FAILED|ERROR)\b|\s:\S+ FAILED$",
)
_EXPECTED = re.compile(r"\s*expected[^:\n]{0,20}:\s", re.IGNORECASE)
_RECEIVED = re.compile(r"\s*(?:received|actual|got|but was)[^:\n]{0,20}:\s", re.IGNORECASE)
_MESSAGE_BELOW = re.compile(r"panicked at \S+:$|\* What went wrong:$|^CMake Error .*:$")
_ENTRY = re.compile(
    rf"\"(?:status|state|phase|conclusion|outcome)\"\s*:\s*{_FAILED}\""
    r"|\"(?:errors?|error_?message|error_?code|exception|traceback|stack_?trace|stderr|failures?|reason)\"\s*:\s*"
    r"(?:\"(?:[^\"\\\n]|\\.){1,400}\"|\{[^{}\n]{1,400}\}|\[[^\[\]\n]{1,400}\])",
    re.IGNORECASE,
)
_NOTHING = re.compile(r"(?:\A|[:=])\s*(?:null|none|nil|false|true|0|\"\"|\[\s*\]|\{\s*\})\s*,?\s*$", re.IGNORECASE)
_SOURCE = re.compile(
    r"\s*(?:#|//|/?\*|raise\b|throw\b|except\b|catch\b|class\b|def\b|import\b|from\b.*\bimport\b|return\b|if\b|elif\b"
    r"|case\b|assert\b|with\b|log(?:ger|ging)?\.|console\.|print[(f]"
    r"|[\w.]+(?:: (?:int|str|float|bool|bytes))?\s*=\s*[\w\"'(\[{])"
)
_PREFIX = re.compile(
    r"\A(?:[\w.@/-]{1,40}\s*\| ?|[│┃] |\[[^\]\n]{1,40}\]\s*(?=\S)|(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d\S*\s+|[<>] )*"
)
"""What containers, build servers and clocks put before each line."""

_DATA = re.compile(r"\s*[{\[\"]")
_WORD = re.compile(r"\w")


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
        following = text[slice(*lines[number + 1])] if number + 1 < len(lines) else ""
        if end - start > _MOST:
            yield from (
                (start + entry.start(), start + entry.end())
                for entry in _ENTRY.finditer(line)
                if not _NOTHING.fullmatch(entry[0].partition(":")[2])
            )
        elif header := _TRACEBACK.search(line):
            last = _end_of_traceback(text, lines, number, header.start() + 2 * header[0].startswith("+"))
            yield lines[max(min(number + 1, last), last - 2)][0], lines[last][1]
            number = last
        elif _says_error(line):
            below = _FRAME.match(following) or _MESSAGE_BELOW.search(line)
            number += below is not None and 0 < len(following) <= _MOST
            yield start, lines[number][1]
        elif _EXPECTED.match(line) and _RECEIVED.match(following):
            number += 1
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
    """Choose the errors in tool results that are kept whatever else is, each with what it belongs to.

    They take at most `PINNED_SHARE` of the budget for all that will be kept; each is charged two gap marks.
    """
    room, around = int(PINNED_SHARE * token_budget), 2 * count(gap_mark)
    queues = [[(index, *span) for span in failures(text)] for index, text in enumerate(texts)]
    units = {queue[0][0]: outline(texts[queue[0][0]]) for queue in queues if queue}
    pins: list[tuple[int, int, int]] = []
    for turn in range(max(map(len, queues), default=0)):  # the most telling of each text come first
        for index, start, end in (queue[turn] for queue in queues if turn < len(queue)):
            ways = _ways(texts[index], units[index], start, end)
            # Without what it belongs to, an error reads as that of what stands above it.
            for way in ways if pins else [*ways, [(start, end)]]:
                new = [pin for span in way if (pin := (index, *span)) not in pins]
                tokens = sum(count(texts[index][low:high]) + around for _, low, high in new)
                if tokens <= room:
                    room -= tokens
                    pins += new
                    break
    return [(index, *span) for index in range(len(texts)) for span in merged((s, e) for i, s, e in pins if i == index)]


def _ways(text: str, units: Outline, start: int, end: int) -> list[list[Span]]:
    """List ways to keep a failure with what it belongs to: the object around it, or the line that leads it in."""
    bounds = [*units.starts, len(text)]
    above = [unit for unit in units.lead_ins(bisect_right(units.starts, start) - 1) if bounds[unit] < start]
    objects = [
        (bounds[unit], bounds[after])
        for unit in reversed(above)
        if units.together[unit] and _DATA.match(text, bounds[unit]) and (after := _after(units, unit))
        if bounds[after] >= end
    ]
    leading = [(bounds[unit], bounds[unit + 1]) for unit in above if _WORD.search(text, bounds[unit], bounds[unit + 1])]
    return [*([span] for span in objects), [*leading[:1], (start, end)]]


def _after(units: Outline, unit: int) -> int:
    """Return the unit after a record, or 0 if the record has more units than a record has tokens."""
    within = range(unit + 1, min(unit + RECORD_TOKENS, len(units.starts)))
    return next((other for other in within if units.parents[other] < unit), within.stop if len(within) else 0)

"""lines -> the blocks that their layout tells: between brackets, up to a word such as `end`, or below a name."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.definitions import signature
from longattncomp.chunking.lines.kinds import Line

IN_BRACES, ENDED, INDENTED = 1, 2, 4
"""What marks a line of a block between brackets, of one up to a word such as `end`, and of one below its name."""

_OPENER = re.compile(
    r"(?:.*\b)?(?:do|then|defp?|defmodule|defmacrop?|defimpl|defprotocol|module|class|function|if|unless|while|until|case"
    r"|begin|for|foreach|select|struct|enum|macro|lib|try|receive|cond|quote|sub|subroutine|program|property|repeat)\b",
    re.IGNORECASE,
)
_PYTHON = re.compile(r"\s*(?:async[ \t]+)?(?:def|class)[ \t]+\w+[^\n]*:\s*$")
_BRACE = re.compile(r".*[({\[]\s*$")
_END = re.compile(r"\s*(?:end(?:[ \t]+\w+){0,2}|done|fi|esac)\b[ \t]*(?:[;,)\]}&|<>].*|\.\w.*)?$", re.IGNORECASE)
_MIDDLE = re.compile(r"\s*(?:else|elsif|elseif|elif|rescue|ensure|when|in|catch|after|default|case)\b", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z][\w-]*(?:[ \t]+[\w./:@*\"'<>-]+){0,6}[ \t\r]*$")
_KEY = re.compile(r"[ \t]+(?:no[ \t]+)?([A-Za-z][\w-]*)(?:[ \t]+\S+){0,7}(?<![.!?:;,{])[ \t\r]*$")
_SETS = re.compile(r"(?:(?:export|override)[ \t]+)?[\w.-]+[ \t]*[:+?]?:?=[^=]")
"""The line of a Makefile that sets a variable."""

_GOES_ON = re.compile(r"(?<!\\)\\\r?\n$")
_LEAST = 2  # names with keys below them
_ABOVE = re.compile(r"\s*(?:#|--|%|@\w|desc\b)")


def blocks(lines: Sequence[Line]) -> bytearray:
    """Mark the lines from one that begins a block up to what ends it and is no more indented, and what is said above,
    and the names of settings with the keys below them.

    The layout tells that such lines are code, whatever their words are.
    """
    edges = {kind: [0] * (len(lines) + 1) for kind in (IN_BRACES, ENDED)}
    begun: list[tuple[int, int, int]] = []  # (indent, line, the kind of block that it begins)
    for number, line in enumerate(lines):
        if line.indent < 0:
            continue
        if kinds.FENCE.match(line.text):
            begun.clear()
            continue
        while begun and begun[-1][0] > line.indent:
            begun.pop()
        same = begun[-1] if begun and begun[-1][0] == line.indent else None
        if same and same[2] == ENDED and _MIDDLE.match(line.text):
            continue
        if same:
            begun.pop()
        if same and same[2] and number > same[1] + 1 and (found := _ends(line.text)) & same[2]:
            edges[found][same[1]] += 1
            edges[found][number + 1] -= 1
        else:
            begun.append((line.indent, number, _begins(lines, number)))
    marks = _marked(lines, edges)
    for number in _indented(lines):
        marks[number] = marks[number] or INDENTED
    return marks


def _indented(lines: Sequence[Line]) -> list[int]:
    """List the lines of settings as of ssh and of routers: keys are indented below a name, and are those of others."""
    groups: list[tuple[range, set[str]]] = []
    number = 0
    while number < len(lines):
        after, keys = number + 1, set[str]()
        if lines[number].indent == 0 and _NAME.match(lines[number].text):
            while after < len(lines) and lines[after].indent > 0 and (key := _KEY.match(lines[after].text)):
                keys.add(key[1])
                after += 1
        if keys and (after == len(lines) or lines[after].indent <= 0):
            groups.append((range(number, after), keys))
        number = after
    times = Counter(key for _, keys in groups for key in keys)
    alike = [here for here, keys in groups if 2 * sum(times[key] > 1 for key in keys) >= len(keys)]
    return [number for here in alike for number in here] if len(alike) >= _LEAST else []


def are_blocks(here: Sequence[Line], marks: Collection[int]) -> bool:
    """Whether most lines of a paragraph are marked, or it is a recipe below what sets a variable for it or says what it
    does, or a variable that goes on, or begins with a class or function of Python with a docstring.
    """
    said = next((number for number, line in enumerate(here) if line.text[0] != "#"), 0)
    target = signature(here, said)
    recipe = target > 0 and kinds.RECIPE.match(here[target].text) and target + 1 < len(here)
    if recipe and all(line.text[0] == "\t" for line in here[target + 1 :]):
        return True
    if len(here) > 1 and _SETS.match(here[0].text) and all(map(_GOES_ON.search, (line.text for line in here[:-1]))):
        return True
    if 2 * sum(map(bool, marks)) > len(here):
        return True
    return len(here) > 1 and here[1].indent > here[0].indent and _PYTHON.match(here[0].text) is not None


def _begins(lines: Sequence[Line], number: int) -> int:
    """Say which kinds of blocks a line may begin, by its words or last sign; the next one is more indented."""
    after = kinds.below(lines, number + 1)
    if after == len(lines) or lines[after].indent <= lines[number].indent:
        return 0
    text = lines[number].text
    return (IN_BRACES if _BRACE.match(text) else 0) | (ENDED if _OPENER.match(text) else 0)


def _ends(text: str) -> int:
    return ENDED if _END.match(text) else IN_BRACES if text.lstrip()[0] in ")]}" else 0


def _marked(lines: Sequence[Line], edges: Mapping[int, Sequence[int]]) -> bytearray:
    marks = bytearray(len(lines))
    depths = dict.fromkeys(edges, 0)
    for number in range(len(lines)):
        for kind in edges:
            depths[kind] += edges[kind][number]
        marks[number] = max((kind for kind in edges if depths[kind]), default=0)
        above = number - 1
        while marks[number] and above >= 0 and not marks[above] and lines[above].indent == lines[number].indent:
            if not _ABOVE.match(lines[above].text):
                break
            marks[above] = marks[number]
            above -= 1
    return marks

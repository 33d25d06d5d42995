"""log of commits with their graph in front of the lines -> commits, each a record that its first line leads in."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines.kinds import Line, apart, below
from longattncomp.chunking.outline import RECORD_TOKENS, Outline

_COMMIT = re.compile(r"[ ]?(?:[|\\/_] ?){0,12}\*[ |\\/_.-]{0,24} (commit )?([0-9a-f]{7,40})(?:[ \r\n]|$)")
"""The first line of a commit."""

_GRAPH = re.compile(r"(?:[ ]{0,2}[|*\\/_]){1,24}(?=[ \r\n]|$)[ ]?|[ ]{2}(?=[ ]*\S)")
"""What stands in front of a line; below the first commit of all, nothing but blanks."""

_OF_COMMIT = re.compile(r"[ ]{0,8}(?:Merge|Author|AuthorDate|Commit|CommitDate|Date|Reflog|Reflog message|Refs):[ ]")
"""A line that belongs to the first one if that has no more than the commit's name."""

_SIGN = re.compile(r"[ ]{0,2}[|\\/]")
_MESSAGE = 6  # columns before the message of the first commit of all
_LOOKED_AT = 40  # lines below a commit among which is another one


def begins_graph(lines: Sequence[Line], at: int) -> bool:
    """Whether a log begins in a line: a commit with a graph in front of it, its lines, and another commit."""
    first = _COMMIT.match(lines[at].text)
    if first is None or at + 1 == len(lines) or "|" not in lines[at + 1].text[:3]:
        return False
    for line in lines[at + 1 : at + _LOOKED_AT]:
        if other := _COMMIT.match(line.text):
            return not (first[2].isdigit() and other[2].isdigit())
        if not _GRAPH.match(line.text):
            return False
    return False


def add_graph(outline: Outline, lines: Sequence[Line], at: int, above: int) -> int:
    """Add the commits of a log, and return the line after it.

    Who made a commit and when is part of its first line if that has no more than its name, as without a graph.
    """
    commit, said = -1, list[Line]()
    bare = head = False  # whether the first line has only the name of a commit, and only what belongs to that is below
    number = at
    while number < len(lines):
        line = lines[number]
        first, graph = _COMMIT.match(line.text), _GRAPH.match(line.text)
        if first:
            _add_message(outline, said, commit, titled=bare)
            said.clear()
            commit = outline.add(line.start, above, together=RECORD_TOKENS, breaks=True)
            bare = head = first[1] is not None
        elif graph:
            words = line.text[graph.end() :]
            head = head and (not words.strip() or _OF_COMMIT.match(words) is not None)
            if not head:
                said.append(Line(line.start, words, len(words) - len(words.lstrip()) if words.strip() else -1))
        elif line.indent >= 0 or not _goes_on(lines, after := below(lines, number), bare=bare):
            break
        else:
            said.append(Line(line.start, "", -1))
            number = after
            continue
        number += 1
    _add_message(outline, said, commit, titled=bare)
    return number


def _goes_on(lines: Sequence[Line], at: int, *, bare: bool) -> bool:
    """Whether a log goes on in a line below a blank one: with its graph, a commit, or the message of the first commit
    of all, which stands apart only if the first line has no more than the commit's name.
    """
    if at == len(lines):
        return False
    text = lines[at].text
    message = bare and lines[at].indent >= _MESSAGE
    return message or _SIGN.match(text) is not None or _COMMIT.match(text) is not None


def _add_message(outline: Outline, said: Sequence[Line], commit: int, *, titled: bool) -> None:
    """Add what is said about a commit, each line with those it goes on in; a title leads in the rest."""
    above, here = commit, list[Line]()
    for line in [*said, Line(0, "", -1)]:
        ends = line.indent < 0 or _OF_COMMIT.match(line.text)
        for start in apart(here)[0] if ends and here else ():
            unit = outline.add(start, above)
            above = unit if titled and len(here) == 1 and above == commit else above
        if not ends:
            here.append(line)
            continue
        here.clear()
        if line.indent >= 0:
            outline.add(line.start, above)

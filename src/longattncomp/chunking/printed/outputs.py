"""blocks of what a tool prints -> units: a failed test, an error in a frame, a step, a commit, each with its name."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.printed.blocks import LONGEST, OF_STEP, PART, STEP, Block, block_at
from longattncomp.chunking.printed.graphs import add_graph, begins_graph
from longattncomp.chunking.printed.traces import SHORT, add_trace

_FRAME = re.compile(r"[\s|]*File \"")


def begins_output(lines: Sequence[Line], at: int) -> bool:
    """Whether a line begins a block."""
    return begins_graph(lines, at) or block_at(lines, at) is not None


def add_output(outline: Outline, text: str, lines: Sequence[Line], at: int, above: int) -> int:
    """Add the block that begins at a line, and return the line after it; `at` if there is none.

    The name of a failed test leads in what is said about it, and so does the beginning of that; an error leads in the
    rest of its report, and the first line of a step all that the step prints.
    """
    if begins_graph(lines, at):
        return add_graph(outline, lines, at, above)
    block = block_at(lines, at)
    if block is None:
        return at
    block = block._replace(end=_end(lines, block))
    if block.kind == "steps":
        _add_steps(outline, lines[at : block.end], above)
        return block.end
    head = outline.add(lines[at].start, above, together=RECORD_TOKENS, breaks=True)
    here = lines[at + block.head : block.end]
    if block.kind == "tree":
        _add_tree(outline, here, head)
        return block.end
    if block.kind == "trace":
        add_trace(outline, text, [line for line in here if line.indent >= 0], head)
        return block.end
    firsts: list[int] = []
    for part in _parts(here, block.prefix):
        size = sum(len(line.text) for line in part)
        first = last = outline.add(part[0].start, head)
        firsts.append(first)
        filled = len(part[0].text)
        for line in part[1:] if size > LONGEST else ():
            if filled + len(line.text) > SHORT or (block.kind == "group" and _FRAME.match(line.text)):
                last, filled = outline.add(line.start, head), 0
            filled += len(line.text)
        if block.kind == "group":
            outline.lead(range(first, last), last)
    if block.kind == "test" and firsts:
        outline.lead(range(firsts[0] + 1, len(outline.starts)), firsts[0])
    return block.end


def _end(lines: Sequence[Line], block: Block) -> int:
    """Find the end of a block that is longer than what is looked at."""
    stop = block.end
    while stop < len(lines) and (
        (block.kind == "steps" and (lines[stop].indent < 0 or OF_STEP.match(lines[stop].text)))
        or (block.prefix and lines[stop].text.startswith(block.prefix))
    ):
        stop += 1
    return stop


def _parts(lines: Sequence[Line], prefix: str) -> list[list[Line]]:
    """Group the lines of a block: a part begins below one that says nothing, which belongs to the part above."""
    found: list[list[Line]] = []
    begins = True
    for line in lines:
        empty = not line.text.removeprefix(prefix).strip()
        if not empty and (begins or PART.match(line.text)):
            found.append([])
        if found:
            found[-1].append(line)
        begins = empty
    return found


def _add_steps(outline: Outline, lines: Sequence[Line], above: int) -> None:
    """Add the lines of the steps of a build, which may take turns."""
    heads: dict[str, int] = {}
    open_ = ""
    for start, line, _ in lines:
        step = OF_STEP.match(line)
        if step is None:
            continue
        number = step[1]
        if STEP.match(line):
            heads[number], open_ = outline.add(start, above, together=RECORD_TOKENS, breaks=True), number
        elif number == open_:
            outline.add(start, heads[number])
        else:
            unit, open_ = outline.add(start, above), ""
            outline.lead([unit], *([heads[number]] if number in heads else []))


def _add_tree(outline: Outline, lines: Sequence[Line], above: int) -> None:
    """Add the tests of a file, each below the names that it is indented under."""
    opened: list[tuple[int, int]] = []  # indent and unit
    for line in lines:
        while opened and opened[-1][0] >= line.indent:
            opened.pop()
        opened.append((line.indent, outline.add(line.start, opened[-1][1] if opened else above)))

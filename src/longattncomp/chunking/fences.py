"""lines of a fenced block -> units: diffs, tables with their headers, what a command prints with it, and code."""

from collections.abc import Sequence
from itertools import pairwise

from longattncomp.chunking.code.diffs import add_fenced_diff
from longattncomp.chunking.code.statements import Statements
from longattncomp.chunking.lines.commands import printed
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.outline import Outline
from longattncomp.chunking.tables.rows import add_table, header_of, is_printed_edge


def add_fenced(outline: Outline, text: str, block: Sequence[Line], parent: int, statements: Statements) -> None:
    """Add a block; the fence above it is part of its first line.

    Args:
        outline: gets the units.
        text: the whole text.
        block: its lines, the fence above them first.
        parent: the unit that leads in the block.
        statements: adds what is no diff and no table.
    """
    lines = [line for line in block[1:] if line.indent >= 0]
    if not lines:
        outline.add(block[0].start, parent, breaks=True)
        return
    if add_fenced_diff(outline, text, block, parent):
        return
    lines[0] = lines[0]._replace(start=block[0].start)
    edges = [number for number in range(1, len(lines)) if is_printed_edge(lines, number)]
    tables = [(low, 0, high) for low, high in pairwise([0, *edges, len(lines)])]
    for low, size, high in printed(lines) or tables:
        above = outline.add(lines[low].start, parent, breaks=not low) if size else parent
        here = lines[low + size : high]
        if header := header_of(here):
            add_table(outline, here, header, above)
        elif here:
            statements.add(here, above)
        if size:
            statements.end()

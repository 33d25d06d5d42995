"""nodes -> the short paragraphs and blocks of lines that they stand in."""

from collections.abc import Sequence

from longattncomp.types import Node

_TOKENS = 256
"""Most tokens of a block; the rows of a longer one are about many things."""


def blocks_of(nodes: Sequence[Node]) -> list[list[int]]:
    """Group nodes between which no blank line stands, such as the fields of a record or the sentences of a paragraph.

    Returns:
        the indices of each group of at least two nodes.
    """
    found: list[list[int]] = [[]]
    for index, node in enumerate(nodes):
        before = nodes[index - 1] if index else node
        blank = before.text[len(before.text.rstrip()) :].count("\n") > 1
        if blank or before.document != node.document:
            found.append([])
        found[-1].append(index)
    return [block for block in found if len(block) > 1 and sum(nodes[index].tokens for index in block) <= _TOKENS]


def raised(values: Sequence[float], blocks: Sequence[Sequence[int]], part: float) -> list[float]:
    """Raise every value to the largest one of its block, by a part of the way."""
    found = list(values)
    for block in blocks:
        most = max(values[index] for index in block)
        for index in block:
            found[index] += part * (most - values[index])
    return found

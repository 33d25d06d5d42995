"""ranks, words of the query -> which nodes have all that others of their document have, and more."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

from longattncomp.types import Node

_BELIEVED = 4.0
"""How many times as high as another a rank has to be to stand."""

_LONGER = 1.5
"""How many times as long as another a node may be to be raised above it: long ones have many words by chance."""

_SENTENCE = (".", "?", "!")
_ABOVE = 1 + 1e-9


def raised_above(ranks: Sequence[float], nodes: Sequence[Node], words: Sequence[frozenset[int]]) -> list[float]:
    """Raise each node just above those of its document whose words of the query are a proper part of its own.

    Rows, records and lines of code differ from their neighbours in a name or a number, and the head that ships often
    gives more to a neighbour of what is asked for: to the row of Denmark than to that of Norway. No node is raised
    above a sentence, whose meaning the head knows, above one with a far higher rank, or above a far shorter one.

    Args:
        ranks: how good each node is, (n_nodes,); those of rank 0 are left out.
        nodes: what is ranked.
        words: the numbers of the query's words that each node and its lead-ins have.
    """
    groups: defaultdict[int, defaultdict[frozenset[int], list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, node in enumerate(nodes):
        if ranks[index] and words[index]:
            groups[node.document][words[index]].append(index)
    found = list(ranks)
    for group in groups.values():
        for own, members in group.items():
            others = [index for part, has in group.items() if part < own for index in has]
            lines = [index for index in others if not nodes[index].text.rstrip().endswith(_SENTENCE)]
            lines.sort(key=lambda index: -ranks[index])
            falling = [-ranks[index] for index in lines]
            for index in members:
                for at in range(bisect_right(falling, -_BELIEVED * ranks[index]), len(lines)):
                    other = lines[at]
                    if ranks[other] <= ranks[index]:
                        break
                    if nodes[index].tokens <= _LONGER * nodes[other].tokens:
                        found[index] = ranks[other] * _ABOVE
                        break
    return found

"""ranks, words of the query -> which nodes have all that others of their document have, and more."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

from longattncomp.chunking.lines.kinds import ends_sentence
from longattncomp.types import Node

_BELIEVED = 4.0
"""How many times as high as another a rank has to be to stand."""

_LONGER = 1.5
"""How many times as long as another a node may be to be raised above it: long ones have many words by chance."""

_ABOVE = 1 + 1e-9

_MOST = 256
"""Most sets of words in a document, and most nodes with one of them that a node is compared with."""

_PART = re.compile(r"[;,:](?: (?:and|or|und|oder|et|ou|y|o))?\Z")
"""How a part of a sentence ends."""

_SIGNS = re.compile(r"[=_{}<>]|[\])]\W?[,;]\Z")
"""What code and rows have, and sentences do not."""

_WORDS = 8
"""Least words of a part of a sentence."""


def raised_above(ranks: Sequence[float], *, nodes: Sequence[Node], words: Sequence[frozenset[int]]) -> list[float]:
    """Raise each node just above those of its document whose words of the query are a proper part of its own.

    Rows, records and lines of code differ from their neighbours in a name or a number, and the head that ships often
    gives more to a neighbour of what is asked for: to the row of Denmark than to that of Norway. No node is raised
    above a sentence or a clause, whose meaning the head knows, above one with a far higher rank, or above a far shorter
    one.

    The words are the numbers of those of the query that each node and its lead-ins have; none where it is left out.

    Returns:
        the ranks, (n_nodes,); none is lower than before.
    """
    documents: defaultdict[int, defaultdict[frozenset[int], list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, own in enumerate(words):
        if own and ranks[index]:
            documents[nodes[index].document][own].append(index)
    found = list(ranks)
    for groups in documents.values():
        lines: dict[frozenset[int], list[int]] = {}
        for own in sorted(groups, key=len) if len(groups) <= _MOST else ():
            below = [index for part, members in lines.items() if part < own for index in members]
            below.sort(key=lambda index: -ranks[index])
            falling = [-ranks[index] for index in below]
            for index in groups[own]:
                first = bisect_right(falling, -_BELIEVED * ranks[index])
                for other in below[first : first + _MOST]:
                    if found[other] >= found[index] and nodes[index].tokens <= _LONGER * nodes[other].tokens:
                        found[index] = found[other] * _ABOVE
            lines[own] = [index for index in groups[own] if not _is_prose(nodes[index].text)]
    return found


def _is_prose(text: str) -> bool:
    """Whether a text ends a sentence or a long part of one, as the clauses of a contract do, and is no row of cells."""
    line = text.rstrip()
    if ends_sentence(line):
        return True
    words = line.split()
    cells = sum(word.endswith((",", ";")) or word[0].isdigit() for word in words)
    part = len(words) >= _WORDS and 3 * cells < len(words) and _PART.search(line, max(0, len(line) - 8))
    return bool(part) and not _SIGNS.search(line)

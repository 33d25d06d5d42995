"""query, nodes, scores -> which nodes the best ones lead to by a name."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache, lru_cache

import regex

from longattncomp.scorers.bm25 import stop_words
from longattncomp.selection import repeated
from longattncomp.types import Node, Query, Scores

_BEST = 6
"""Nodes whose names are followed."""

_GAIN = 4.0
"""How much a name of the best node adds to what a document that begins with it is multiplied by."""

_MENTION = 0.5
"""The same for a node that has the name further on, as a part of that."""

_FEW = 4
"""Most documents that may have a name, or begin with it: one that many have tells too little."""

_LETTERS = 4
"""Least letters of a name that a document may begin with."""

_REMEMBERED = 32_768
"""Nodes whose names are kept for the next question about them."""

_WORD = r"\p{Lu}[\p{L}\p{M}\p{N}_'’-]+"
_NAME = regex.compile(rf"\b{_WORD}(?:\s(?:(?:(?:of|the|and|de|du|la|van|von)\s)?{_WORD}|\d{{1,4}}\b))*")


def bridges(query: Query, nodes: Sequence[Node], scores: Scores) -> list[float]:
    """Follow names from the best nodes to other documents, as a question of several hops has to.

    A query says what its first passage is about, but the second one is about a name that only the first passage has:
    the bridge entity of HotpotQA (Yang et al. 2018, arXiv 1809.09600, section 2). Each segment is scored on its own, so
    no score can see that. Names are runs of capitalised words; those of the query are left out, since their score has
    seen them. What repeats a passage of the best node is not raised by it.

    Returns:
        what the score of each node is to be multiplied by, (n_nodes,), each in [1, 5].
    """
    gains = [1.0] * len(nodes)
    most = max(scores.nodes, default=0.0)
    if not most or len({node.document for node in nodes}) < 2:
        return gains
    names = [names_in(node.text) for node in nodes]
    documents: defaultdict[str, set[int]] = defaultdict(set)
    beginnings: dict[int, str] = {}
    for node, own in zip(nodes, names, strict=True):
        beginnings.setdefault(node.document, node.text.lower())
        for name in own:
            documents[name].add(node.document)
    asked = query.text.lower()

    @cache
    def begin(name: str) -> list[int]:
        return [document for document, text in beginnings.items() if text.startswith(name.lower())]

    best = sorted(range(len(nodes)), key=lambda index: (-scores.nodes[index], index))[:_BEST]
    for one in best:
        followed = {name for name in names[one] if name.lower() not in asked}
        rare = {name for name in followed if len(documents[name]) <= _FEW}
        weight = (scores.nodes[one] / most) ** 2
        begun: set[int] = set()
        for name in followed:
            found = begin(name) if len(name) >= _LETTERS else []
            begun.update(found if len(found) <= _FEW else [])
        copied = set(repeated(nodes[one]))
        for index, node in enumerate(nodes):
            part = 1.0 if node.document in begun else _MENTION * (not rare.isdisjoint(names[index]))
            if not part or node.document == nodes[one].document or not 0 < scores.nodes[index] < scores.nodes[one]:
                continue
            if copied.isdisjoint(repeated(node)):
                gain = min(1 + _GAIN * weight * part, scores.nodes[one] / scores.nodes[index])
                gains[index] = max(gains[index], gain)
    return gains


@lru_cache(_REMEMBERED)
def names_in(text: str) -> frozenset[str]:
    """Find runs of capitalised words, and numbers after them; stop words before them are left out."""
    found = set()
    for match in _NAME.finditer(text):
        words = match[0].split()
        while words and words[0].lower() in stop_words():
            del words[0]
        if words:
            found.add(" ".join(words))
    return frozenset(found)

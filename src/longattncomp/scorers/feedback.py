"""(question, its first scores) -> what it is asked again with, and both answers as one."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from longattncomp.types import Node, Query, Scores, Tokenizer

LOOKED_AT = 8192
"""Tokens of the segments with the most mass, which the second question sees."""

_BORROWED = 64  # tokens of the best node


def asked_again(query: Query, scores: Scores, nodes: Sequence[Node], tokenizer: Tokenizer, room: int) -> Query | None:
    """The question followed by the text of the node that it found first; None if there is nothing to gain.

    Args:
        query: as it was asked.
        scores: what it found.
        nodes: at least one.
        tokenizer: the draft model's.
        room: most tokens of a query.
    """
    best = nodes[max(range(len(nodes)), key=scores.nodes.__getitem__)]
    if len(nodes) == 1 or tokenizer.count(query.text) + _BORROWED > room:
        return None
    ends = tokenizer.encode(best.text).ends[:_BORROWED]
    return Query(f"{query.text} {best.text[: ends[-1]]}") if ends else None


def mixed(first: Scores, second: Scores, looked_at: Collection[int], weight: float) -> Scores:
    """Part of the mass of the nodes looked at as the second question shares it, the rest as the first did.

    That is pseudo-relevance feedback as RM3 has it (Abdul-Jaleel et al. 2004), with attention mass for the likelihood
    of words, and one document.

    Args:
        first: of the question itself.
        second: of the question with feedback.
        looked_at: nodes that it saw.
        weight: the part, from 0 to 1.

    Returns:
        Shares that add up to those of `first`, with its instruction's.
    """
    there = sum(first.nodes[index] for index in looked_at)
    own = sum(second.nodes[index] for index in looked_at)
    if not there or not own:  # nothing to go by, in the precision of a float
        return first
    nodes = list(first.nodes)
    for index in looked_at:
        nodes[index] = (1 - weight) * nodes[index] + weight * second.nodes[index] * there / own
    return Scores(tuple(nodes), first.instruction)

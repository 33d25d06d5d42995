"""scores -> Selection."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from itertools import accumulate, groupby
from typing import Literal

from longattncomp.types import Node, NodeReason, Overflow, Scores, Selection, StopReason

NEAR = 384
"""Tokens between the middles of two nodes up to which one is among the other's surroundings."""

BESIDE = 32
"""The same, up to which one stands right beside the other."""

_UNIT = 2**60
"""Shares are added up in whole parts of this many: windows with the same shares then have the same mass."""


def select(
    scores: Scores,
    nodes: Sequence[Node],
    *,
    token_budget: int,
    min_relevance: float = 0.0,
    top_p: float = 0.95,
    min_score: float = 0.0,
    surroundings: float = 0.0,
    context_weight: float = 0.0,
    overflow: Overflow = "fill",
    gap_tokens: int = 0,
    separator_tokens: int = 0,
    pinned: Collection[int] = (),
) -> Selection:
    """Token-budget top-p (LongAttnComp, arXiv 2606.01336): best nodes first, then positional order.

    The mass starts at the instruction's score. In falling order of rank (ties: the earlier
    node), a node is kept unless the mass has reached `top_p`, its score is under `min_score`
    (AttnComp, arXiv 2509.17486), or it does not fit what is left of the budget.

    The rank is the score in the papers. Beyond them two things may raise it, each a selection over several sizes
    at once, short nodes and what they are part of. `surroundings` adds a part of the mass of all nodes of the
    document within `NEAR` tokens; a node at the end of its document, or in a document shorter than that, has
    less around it. `context_weight` is w in `s^(1-w) (b D)^w`, where s is the score, b the mass per token of the
    nodes within `BESIDE` tokens, s among them, and D the mass of the document.

    Args:
        scores: one share of the mass per node.
        nodes: in order; `tokens` counted as the budget is.
        token_budget: most tokens, gap marks and separators included.
        min_relevance: `1 - scores.instruction` below which no node is kept.
        top_p: mass at which the search ends, in (0, 1]; 1 leaves the end to the other rules.
        min_score: score under which a node is left out.
        surroundings: what part of the mass around a node, its own included, is added to its score for its rank.
        context_weight: how much of a node's rank is due to what stands right beside it and to its document, in [0, 1].
        overflow: "fill" skips a node that does not fit, "paper" ends the search.
        gap_tokens: cost of a gap mark between two runs of one document, in tokens.
        separator_tokens: cost of the separator between two documents, in tokens.
        pinned: nodes that are kept and charged before all others.
    """
    kept: set[int] = set()
    documents: set[int] = set()
    reasons: list[NodeReason] = ["budget"] * len(nodes)

    def cost(index: int) -> int:
        document = nodes[index].document
        if document not in documents:
            return nodes[index].tokens + (separator_tokens if documents else 0)
        beside = sum(
            other in kept and nodes[other].document == document
            for other in (index - 1, index + 1)
            if 0 <= other < len(nodes)
        )
        return nodes[index].tokens + gap_tokens * (1 - beside)

    def keep(index: int, reason: NodeReason) -> int:
        charged = cost(index)
        kept.add(index)
        documents.add(nodes[index].document)
        reasons[index] = reason
        return charged

    used = sum(keep(index, "pinned") for index in sorted(pinned))
    mass = scores.instruction
    ranks = _ranks(scores.nodes, nodes, surroundings, context_weight)
    ranked = sorted((i for i in range(len(nodes)) if i not in kept), key=lambda i: (-ranks[i], i))
    stop_reason: StopReason = "all"
    for rank, index in enumerate(ranked):
        ended: Literal["min_relevance", "top_p", "budget"] | None = None
        if 1 - scores.instruction < min_relevance:
            ended = "min_relevance"
        elif top_p < 1 and mass >= top_p:
            ended = "top_p"
        elif scores.nodes[index] < min_score:
            reasons[index] = stop_reason = "min_score"
            continue
        elif used + cost(index) > token_budget:
            stop_reason = "budget"
            if overflow == "fill":
                continue
            ended = "budget"
        if ended is not None:
            stop_reason = ended
            for rest in ranked[rank:]:
                reasons[rest] = ended
            break
        used += keep(index, "selected")
        mass += scores.nodes[index]
    return Selection(tuple(sorted(kept)), tuple(reasons), stop_reason, used)


def _ranks(
    scores: Sequence[float], nodes: Sequence[Node], surroundings: float, context_weight: float
) -> Sequence[float]:
    if not surroundings and not context_weight:
        return scores
    ranks: list[float] = []
    for _, run in groupby(range(len(nodes)), key=lambda index: nodes[index].document):
        own = list(run)
        ends = list(accumulate((nodes[index].tokens for index in own), initial=0))
        middles = [end - nodes[index].tokens / 2 for index, end in zip(own, ends[1:], strict=True)]
        masses = list(accumulate((round(scores[index] * _UNIT) for index in own), initial=0))
        for index, middle in zip(own, middles, strict=True):
            near, beside = (
                (bisect_left(middles, middle - reach), bisect_right(middles, middle + reach))
                for reach in (NEAR, BESIDE)
            )
            rank = scores[index] + surroundings * _sum(masses, near) / _UNIT
            density = _sum(masses, beside) / _UNIT / max(1, _sum(ends, beside))
            ranks.append(rank ** (1 - context_weight) * (density * masses[-1] / _UNIT) ** context_weight)
    return ranks


def _sum(totals: Sequence[int], part: tuple[int, int]) -> int:
    """Of a part of what was accumulated, from 0: its first index and one past its last."""
    return totals[part[1]] - totals[part[0]]

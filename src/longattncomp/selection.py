"""scores -> Selection."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from longattncomp.types import Node, NodeReason, Overflow, Scores, Selection, StopReason

NEAR = 384
"""Distance in tokens between the middles of two nodes up to which one belongs to the other's surroundings."""

BESIDE = 32
"""Distance in tokens up to which two nodes count as neighbours."""

_UNIT = 2**60
"""Shares are summed as whole multiples of 1/_UNIT, so that windows with equal shares have exactly equal mass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionRule:
    """When a node is kept.

    The rank of a node is its score in the papers. Beyond them two things may raise it, each a selection over several
    sizes at once: short nodes and what they are part of. `surroundings` adds a part of the mass of all nodes of the
    document within `NEAR` tokens; a node at the end of its document, or in a document shorter than that, has less
    around it. `context_weight` is w in `s^(1-w) (b D)^w`, where s is the score, b the mass per token of the nodes
    within `BESIDE` tokens, s among them, and D the mass of the document.

    Attributes:
        token_budget: most tokens, gap marks and separators included.
        top_p: mass at which the search ends, in (0, 1]; 1 leaves the end to the other rules.
        min_relevance: `1 - scores.instruction` below which no node is kept.
        min_score: score under which a node is left out.
        context_weight: how much of a node's rank is due to its neighbours and its document, in [0, 1].
        surroundings: part of the mass around a node, its own included, that is added to its score for its rank.
        overflow: "fill" skips a node that does not fit, "paper" ends the search.
    """

    token_budget: int
    top_p: float = 0.95
    min_relevance: float = 0.0
    min_score: float = 0.0
    context_weight: float = 0.0
    surroundings: float = 0.0
    overflow: Overflow = "fill"


def select(
    scores: Scores,
    nodes: Sequence[Node],
    rule: SelectionRule,
    *,
    gap_tokens: int = 0,
    separator_tokens: int = 0,
    pinned: Collection[int] = (),
) -> Selection:
    """Token-budget top-p (LongAttnComp, arXiv 2606.01336): best nodes first, then positional order.

    The mass starts at the instruction's score. In falling order of rank (ties: the earlier node), a node is kept
    unless the mass has reached `top_p`, its score is under `min_score` (AttnComp, arXiv 2509.17486), or it does not
    fit the rest of the budget.

    Args:
        scores: one share of the mass per node.
        nodes: in order; `tokens` counted as the budget is.
        rule: when a node is kept.
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
    ranks = _ranks(scores.nodes, nodes, rule)
    ranked = sorted((i for i in range(len(nodes)) if i not in kept), key=lambda i: (-ranks[i], i))
    stop_reason: StopReason = "all"
    for rank, index in enumerate(ranked):
        ended: Literal["min_relevance", "top_p", "budget"] | None = None
        if 1 - scores.instruction < rule.min_relevance:
            ended = "min_relevance"
        elif rule.top_p < 1 and mass >= rule.top_p:
            ended = "top_p"
        elif scores.nodes[index] < rule.min_score:
            reasons[index] = stop_reason = "min_score"
            continue
        elif used + cost(index) > rule.token_budget:
            stop_reason = "budget"
            if rule.overflow == "fill":
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


def _ranks(scores: Sequence[float], nodes: Sequence[Node], rule: SelectionRule) -> Sequence[float]:
    surroundings, context_weight = rule.surroundings, rule.context_weight
    if not nodes or not (surroundings or context_weight):
        return scores
    own = np.asarray(scores, dtype=np.float64)  # (n,), as all below
    units = np.rint(own * _UNIT).astype(np.int64)
    tokens = np.array([node.tokens for node in nodes])
    documents = np.array([node.document for node in nodes])
    begins = np.append(True, documents[1:] != documents[:-1])
    runs = begins.cumsum() - 1
    middles = tokens.cumsum() - tokens / 2 + runs * (NEAR + 1)  # documents are out of each other's reach

    def within(reach: int, values: np.ndarray) -> np.ndarray:
        sums = np.append(0, values.cumsum())
        first = np.searchsorted(middles, middles - reach)
        last = np.searchsorted(middles, middles + reach, "right")
        return np.asarray(sums[last] - sums[first])

    ranks = own
    if surroundings:
        ranks = ranks + surroundings * (within(NEAR, units) / _UNIT)
    if context_weight:
        density = within(BESIDE, units) / _UNIT / np.maximum(1, within(BESIDE, tokens))
        of_document = np.add.reduceat(units, np.flatnonzero(begins))[runs] / _UNIT
        ranks = ranks ** (1 - context_weight) * (density * of_document) ** context_weight
    found: list[float] = ranks.tolist()
    return found

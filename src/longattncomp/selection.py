"""scores -> Selection."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from longattncomp.chunking.lead_ins import LeadIns
from longattncomp.types import Node, NodeReason, Overflow, Scores, Selection, StopReason

NEAR = 384
"""Distance in tokens between the middles of two nodes up to which one belongs to the other's surroundings."""

BESIDE = 32
"""Distance in tokens up to which two nodes count as neighbours."""

_SHORT = 32
"""Tokens up to which a lead-in always comes, as do at any length the nearest, the outermost and those below a node."""

_LEAD_IN_SHARE = 0.5
"""Part of the budget that lead-ins may take with the others, which are long."""

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
        min_relevance: chance, or else `1 - scores.instruction`, below which no node is kept.
        min_score: score under which a node is left out.
        context_weight: how much of a node's rank is due to its neighbours and its document, in [0, 1].
        surroundings: part of the mass around a node, its own included, that is added to its score for its rank.
        overflow: "fill" skips a node that does not fit, "paper" ends the search.
        words: whether the words of the query count for the rank, too (see `scorers.wording`).
    """

    token_budget: int
    top_p: float = 0.95
    min_relevance: float = 0.0
    min_score: float = 0.0
    context_weight: float = 0.0
    surroundings: float = 0.0
    overflow: Overflow = "fill"
    words: bool = False


@dataclass(frozen=True, slots=True)
class Priority:
    """The order in which a selection looks at nodes, where it is not that of their scores.

    Attributes:
        words: each node's share of the words of the query, above 0.
        weights: b for each node, in [0, 1]; with r its rank by score and l its share of the words, its rank is
            `r^(1-b) l^b`.
        lifts: what each node's rank is multiplied by.
        surroundings: for each node what is added to the rule's.
        gains: what each node's score is multiplied by before its neighbours' are added to it.
        raised: what changes the ranks in the end.
    """

    words: Sequence[float]
    weights: Sequence[float]
    lifts: Sequence[float]
    surroundings: Sequence[float]
    gains: Sequence[float]
    raised: Callable[[list[float]], list[float]] = list


def select(
    scores: Scores,
    nodes: Sequence[Node],
    rule: SelectionRule,
    *,
    gap_tokens: int = 0,
    separator_tokens: int = 0,
    edge_tokens: int = 0,
    pinned: Collection[int] = (),
    priority: Priority | None = None,
) -> Selection:
    """Token-budget top-p (LongAttnComp, arXiv 2606.01336): best nodes first, then positional order.

    The mass starts at the instruction's score. In falling order of rank (ties: the earlier node), a node is kept
    unless the mass has reached `top_p`, its score is under `min_score` (AttnComp, arXiv 2509.17486), or it and its
    lead-ins do not fit the rest of the budget; the first one brings along those that do, the nearest first. Where not
    everything fits, a node is left out if all its words are kept where they stand again (`Node.passages`).

    Args:
        scores: one share of the mass per node.
        nodes: in order; `tokens` counted as the budget is.
        rule: when a node is kept.
        gap_tokens: cost of a gap mark between two runs of one document, in tokens.
        separator_tokens: cost of the separator between two documents, in tokens.
        edge_tokens: cost of the gap marks at the edges of a document, in tokens.
        pinned: nodes that are kept and charged before all others.
        priority: which nodes come first; None for the order of their scores.
    """
    reasons: list[NodeReason] = ["budget"] * len(nodes)
    leads = LeadIns(nodes)
    bag = _Bag(nodes, gap_tokens, separator_tokens, edge_tokens)
    for index in sorted(pinned):
        bag.put(index)
        reasons[index] = "pinned"
    tight = sum(node.tokens for node in nodes) > rule.token_budget
    seen = {word for index in bag.kept for word in repeated(nodes[index])}
    lead_in_tokens, refused = 0, set[int]()
    mass = scores.instruction
    relevance = 1 - scores.instruction if scores.chance is None else scores.chance
    around = np.full(len(nodes), rule.surroundings)
    shares: Sequence[float] = scores.nodes
    if priority is not None:
        around += priority.surroundings
        raised = [share * gain for share, gain in zip(shares, priority.gains, strict=True)]
        shares = [share / max(1.0, sum(raised)) for share in raised]
    ranks = _ranks(shares, nodes, around, rule.context_weight)
    if priority is not None:
        parts = zip(ranks, priority.words, priority.weights, priority.lifts, strict=True)
        ranks = priority.raised([lift * rank ** (1 - weight) * words**weight for rank, words, weight, lift in parts])
    free = (i for i in range(len(nodes)) if i not in bag.kept and i not in leads.served)
    ranked = sorted(free, key=lambda i: (-ranks[i], i))
    stop_reason: StopReason = "all"
    for rank, index in enumerate(ranked):
        ended: Literal["min_relevance", "top_p", "budget"] | None = None
        # Without what it is about, a node may say the opposite, or seem to belong to what stands above it.
        missing = [lead for lead in leads.of[index] if lead not in bag.kept and lead not in refused]
        wanted = _wanted(index, missing, leads, _LEAD_IN_SHARE * rule.token_budget - lead_in_tokens)
        needed = wanted if bag.kept else []
        own = repeated(nodes[index])
        if relevance < rule.min_relevance:
            ended = "min_relevance"
        elif rule.top_p < 1 and mass >= rule.top_p:
            ended = "top_p"
        elif scores.nodes[index] < rule.min_score:
            reasons[index] = stop_reason = "min_score"
            continue
        elif tight and own and seen.issuperset(own):
            reasons[index], stop_reason = "duplicate", "budget"
            mass += scores.nodes[index]
            continue
        elif bag.tokens + bag.cost(index, *needed) > rule.token_budget:
            stop_reason = "budget"
            if rule.overflow == "fill":
                continue
            ended = "budget"
        if ended is not None:
            stop_reason = ended
            for rest in ranked[rank:]:
                reasons[rest] = ended
            break
        bag.put(index)
        reasons[index] = "selected"
        seen.update(own)
        mass += scores.nodes[index]
        for lead in wanted:
            charged = bag.cost(lead)
            if not needed and bag.tokens + charged > rule.token_budget:
                if lead != leads.of[index][0]:  # those beside the node do not need it either
                    refused.add(lead)
                continue
            bag.put(lead)
            lead_in_tokens += charged
            reasons[lead] = "lead_in"
    if len(bag.kept) == len(nodes):
        reasons = ["selected" if reason == "lead_in" else reason for reason in reasons]
    return Selection(tuple(sorted(bag.kept)), tuple(reasons), stop_reason, bag.tokens)


def _wanted(index: int, missing: Sequence[int], leads: LeadIns, room: float) -> list[int]:
    """List those of the missing lead-ins that a node comes with: all but long ones for which there is no room."""
    if not missing:
        return []
    # What stands below a node and leads it in takes something back, or ends what it is part of.
    first, outermost = leads.of[index][0], min(leads.of[index])
    always = {
        lead for lead in missing if lead in (first, outermost) or lead > index or leads.nodes[lead].tokens <= _SHORT
    }
    room -= sum(leads.nodes[lead].tokens for lead in always)
    found = []
    for lead in missing:
        if lead not in always:
            if leads.nodes[lead].tokens > room:
                continue
            room -= leads.nodes[lead].tokens
        found.append(lead)
    return found


def repeated(node: Node) -> list[int]:
    """List the numbers of a node's words that stand in several places, see `Node.passages`."""
    return [word for span in node.passages for word in range(*span)]


class _Bag:
    """Kept nodes and what they cost, with gap marks and separators."""

    def __init__(self, nodes: Sequence[Node], gap_tokens: int, separator_tokens: int, edge_tokens: int) -> None:
        self._nodes, self._gap, self._separator, self._edges = nodes, gap_tokens, separator_tokens, edge_tokens
        self.kept: set[int] = set()
        self._documents: set[int] = set()
        self.tokens = 0

    def put(self, index: int) -> None:
        self.tokens += self.cost(index)
        self.kept.add(index)
        self._documents.add(self._nodes[index].document)

    def cost(self, *indices: int) -> int:
        """Count what nodes would cost together."""
        tokens, put, begun = 0, set[int](), set[int]()
        for index in indices:
            node = self._nodes[index]
            if node.document not in self._documents and node.document not in begun:
                tokens += node.tokens + self._edges + (self._separator if self._documents or begun else 0)
                begun.add(node.document)
            else:
                beside = sum(
                    (other in self.kept or other in put) and self._nodes[other].document == node.document
                    for other in (index - 1, index + 1)
                )
                tokens += node.tokens + self._gap * (1 - beside)
            put.add(index)
        return tokens


def _ranks(
    scores: Sequence[float], nodes: Sequence[Node], surroundings: np.ndarray, context_weight: float
) -> Sequence[float]:
    if not nodes or not (surroundings.any() or context_weight):
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
    if surroundings.any():
        ranks = ranks + surroundings * (within(NEAR, units) / _UNIT)
    if context_weight:
        density = within(BESIDE, units) / _UNIT / np.maximum(1, within(BESIDE, tokens))
        of_document = np.add.reduceat(units, np.flatnonzero(begins))[runs] / _UNIT
        ranks = ranks ** (1 - context_weight) * (density * of_document) ** context_weight
    found: list[float] = ranks.tolist()
    return found

"""(query, nodes) -> scores of a query asked twice, the second time with the text that it found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from longattncomp.errors import InputError
from longattncomp.scorers.cross_attention.cascade import CascadeScorer
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.types import Node, Prepared, Progress, Query, Scores, Tokenizer

LOOKED_AT = 8192
"""Tokens of the segments with the most mass, which the second question sees."""

_BORROWED = 64  # tokens of the best node


@dataclass(frozen=True)
class FeedbackScorer:
    """Asks each query again, with the text of the node that it found first, and mixes what both find.

    The second question is asked of the segments with the most mass only; of a cascade, of its `after`.

    Attributes:
        first: answers the query itself.
        weight: part of the mass that the second question shares out, see `mixed`.
    """

    first: CrossAttentionScorer | CascadeScorer
    weight: float

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise InputError(f"expected a weight in [0, 1], got {self.weight}")

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """As `CrossAttentionScorer.score`, reading anew what no cache has kept."""
        (scores,) = self.score_batch([query], nodes, progress=progress)
        return scores

    def prepare(self, nodes: Sequence[Node], *, progress: Progress | None = None) -> Prepared:
        """As `first` does."""
        return self.first.prepare(nodes, progress=progress)

    def score_batch(
        self, queries: Sequence[Query], nodes: Sequence[Node], *, progress: Progress | None = None
    ) -> list[Scores]:
        """`score` for many queries over the same nodes; all second questions share one reading, as the first do."""
        if not nodes:
            return self.first.score_batch(queries, nodes)
        if isinstance(self.first, CascadeScorer):
            asker, reader = self.first.after, self.first.alone.reader
        else:
            asker, reader = self.first, self.first.reader
        context = asker.frame.context(nodes)
        tokens = sum(context.sizes)
        more = min(LOOKED_AT, tokens)
        found = self.first.score_batch(
            queries, nodes, progress=progress and (lambda done, of: progress(tokens * done // of, tokens + more))
        )
        room = asker.frame.room(context.sizes)
        again = [
            asked_again(query, first, context.nodes, asker.tokenizer, room)
            for query, first in zip(queries, found, strict=True)
        ]
        chosen = {index: context.richest(found[index].nodes, LOOKED_AT) for index, query in enumerate(again) if query}
        with reader.holding(context):
            seconds = asker.score_segments(
                [query for query in again if query],
                context,
                list(chosen.values()),
                progress=progress and (lambda done, of: progress(tokens + more * done // of, tokens + more)),
            )
        if not chosen and progress is not None:
            progress(tokens + more, tokens + more)
        for (index, own), second in zip(chosen.items(), seconds, strict=True):
            found[index] = mixed(found[index], second, context.nodes_of(own), self.weight)
        return found


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

"""(query, nodes) -> scores: a query alone chooses the segments that it then sees."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from longattncomp.scorers.batch import BatchScorer, part_of
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.types import Node, Prepared, Progress, Query, Scores

LOOKED_AT = 0.25
"""Share of the tokens that the query sees."""

LEAST = 4096
"""Least number of tokens that the query sees."""


@dataclass(frozen=True)
class CascadeScorer(BatchScorer):
    """Scores all segments with `alone`, and those with the most mass again with `after`.

    The nodes of the segments scored again share out the mass that `alone` gave them as `after` says; the other nodes
    keep what `alone` says. The instruction's share is that of `after`.

    Attributes:
        alone: its head is for a query alone.
        after: its head is for a query that sees the segment; same draft model and segments.
    """

    alone: CrossAttentionScorer
    after: CrossAttentionScorer

    def prepare(self, nodes: Sequence[Node], *, progress: Progress | None = None) -> Prepared:
        """Read the nodes for both scorers; see `CrossAttentionScorer.prepare`."""
        if not nodes:
            return self.alone.prepare(nodes)
        context = self.alone.frame.context(nodes)
        tokens = sum(context.sizes)
        first = self.alone.prepare(nodes, progress=part_of(progress, 0, tokens, 2 * tokens))
        with self.alone.reader.holding(context):
            second = self.after.prepare(nodes, progress=part_of(progress, tokens, tokens, 2 * tokens))
        return Prepared(first.tokens, min(first.ready, second.ready), max(first.read, second.read))

    def score_batch(
        self, queries: Sequence[Query], nodes: Sequence[Node], *, progress: Progress | None = None
    ) -> list[Scores]:
        """Score many queries over the same nodes; a segment is read at most once with each number of layers."""
        if not nodes:
            return [Scores((), 1.0) for _ in queries]
        context = self.after.frame.context(nodes)
        tokens = sum(context.sizes)
        room = max(LEAST, math.ceil(LOOKED_AT * tokens))
        if tokens <= room:
            return self.after.score_batch(queries, nodes, progress=progress)
        firsts = self.alone.score_segments(queries, context, progress=part_of(progress, 0, tokens, 2 * tokens))
        chosen = [context.richest(first.nodes, room) for first in firsts]
        rest = part_of(progress, tokens, tokens, 2 * tokens)
        with self.alone.reader.holding(context):
            seconds = self.after.score_segments(queries, context, chosen, progress=rest)
        return [
            _blend(first, second, context.nodes_of(own))
            for first, second, own in zip(firsts, seconds, chosen, strict=True)
        ]


def _blend(first: Scores, second: Scores, looked_at: set[int]) -> Scores:
    """Take the shares of some nodes from `second` and of the others from `first`, so that all sum to 1."""
    there = sum(first.nodes[index] for index in looked_at)
    elsewhere = sum(first.nodes) - there
    own = sum(second.nodes[index] for index in looked_at)
    if not there or not own:  # a float is too coarse to divide by
        return first
    outside = (1.0 - second.instruction) / (there + elsewhere)
    inside = outside * there / own
    shares = [outside * share for share in first.nodes]
    for index in looked_at:
        shares[index] = inside * second.nodes[index]
    return Scores(tuple(shares), second.instruction)

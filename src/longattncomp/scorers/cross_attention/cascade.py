"""(query, nodes) -> scores: a query alone chooses the segments that it then sees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.types import Node, Prepared, Progress, Query, Scores

LOOKED_AT = 0.25
"""Share of the tokens that the query sees."""

LEAST = 4096
"""Tokens that it sees in any case."""


@dataclass(frozen=True)
class CascadeScorer:
    """`after` looks at those segments only in which `alone` puts the most mass.

    The nodes of the segments looked at share what `alone` gave them as `after` says; the others keep
    what `alone` says. The instruction's share is that of `after`.

    Attributes:
        alone: its head is for a query alone.
        after: its head is for a query that sees the segment; same draft model and segments.
    """

    alone: CrossAttentionScorer
    after: CrossAttentionScorer

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """As `CrossAttentionScorer.score`, reading all with few layers and some with more."""
        (scores,) = self.score_batch([query], nodes, progress=progress)
        return scores

    def prepare(self, nodes: Sequence[Node], *, progress: Progress | None = None) -> Prepared:
        """Both ways of reading; see `CrossAttentionScorer.prepare`."""
        half = progress and (lambda done, total: progress(done, 2 * total))
        rest = progress and (lambda done, total: progress(total + done, 2 * total))
        first = self.alone.prepare(nodes, progress=half)
        if not nodes:
            return first
        with self.alone.reader.holding(self.alone.frame.context(nodes)):
            second = self.after.prepare(nodes, progress=rest)
        return Prepared(first.tokens, min(first.ready, second.ready), max(first.read, second.read))

    def score_batch(
        self, queries: Sequence[Query], nodes: Sequence[Node], *, progress: Progress | None = None
    ) -> list[Scores]:
        """`score` for many queries over the same nodes; a segment is read once with each number of layers."""
        if not nodes:
            return [Scores((), 1.0) for _ in queries]
        context = self.after.frame.context(nodes)
        tokens = sum(context.sizes)
        room = max(LEAST, math.ceil(LOOKED_AT * tokens))
        if tokens <= room:
            return self.after.score_batch(queries, nodes, progress=progress)
        firsts = self.alone.score_segments(
            queries, context, progress=progress and (lambda done, _: progress(done, 2 * tokens))
        )
        chosen = [context.richest(first.nodes, room) for first in firsts]
        with self.alone.reader.holding(context):
            seconds = self.after.score_segments(
                queries,
                context,
                chosen,
                progress=progress and (lambda done, of: progress(tokens * (of + done) // of, 2 * tokens)),
            )
        return [
            _blend(first, second, context.nodes_of(own))
            for first, second, own in zip(firsts, seconds, chosen, strict=True)
        ]


def _blend(first: Scores, second: Scores, looked_at: set[int]) -> Scores:
    """Shares of the nodes looked at out of `second`, of the others out of `first`, with the instruction's 1 in all."""
    there = sum(first.nodes[index] for index in looked_at)
    elsewhere = sum(first.nodes) - there
    own = sum(second.nodes[index] for index in looked_at)
    if not there or not own:  # nothing to go by, in the precision of a float
        return first
    left = 1.0 - second.instruction
    outside = left / (there + elsewhere)
    inside = outside * there / own
    return Scores(
        tuple(
            inside * second.nodes[index] if index in looked_at else outside * share
            for index, share in enumerate(first.nodes)
        ),
        second.instruction,
    )

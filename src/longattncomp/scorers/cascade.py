"""(query, nodes) -> scores: a query alone chooses the segments that it then sees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from longattncomp.chunking import Segment
from longattncomp.scorers.cross_attention import CrossAttentionScorer
from longattncomp.types import Node, Progress, Query, Scores

LOOKED_AT = 0.25
"""Share of the segments that the query sees."""

LEAST = 4
"""Segments that it sees in any case."""


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
        if not nodes:
            return Scores((), 1.0)
        context = self.after.segmented(nodes)
        sizes = [len(part.ids) for part in context.parts]
        seen = max(LEAST, math.ceil(LOOKED_AT * len(sizes)))
        if seen >= len(sizes):
            return self.after.score(query, nodes, progress=progress)
        total = sum(sizes) + sum(sorted(sizes)[-seen:])
        (first,) = self.alone.score_segments(
            [query], context, context.parts, progress=progress and (lambda done, _: progress(done, total))
        )
        chosen = sorted(context.parts, key=lambda part: -sum(first.nodes[unit] for unit in _units(part)))[:seen]
        (second,) = self.after.score_segments(
            [query], context, chosen, progress=progress and (lambda done, of: progress(total - of + done, total))
        )
        return _blend(first, second, set().union(*map(_units, chosen)))


def _units(part: Segment) -> set[int]:
    return {unit for unit in part.units if unit >= 0}


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

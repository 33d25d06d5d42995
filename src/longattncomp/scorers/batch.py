"""(queries, nodes) -> scores of each query, reading the nodes once where the scorer can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from longattncomp.types import Node, Prepared, Progress, Query, Scorer, Scores


@runtime_checkable
class PreparedScorer(Protocol):
    """A scorer that can read before it is asked."""

    def prepare(self, nodes: Sequence[Node], *, progress: Progress | None = None) -> Prepared: ...


@runtime_checkable
class BatchScorer(Protocol):
    """A scorer whose cost lies in the nodes, not in the queries."""

    def score_batch(
        self, queries: Sequence[Query], nodes: Sequence[Node], *, progress: Progress | None = None
    ) -> list[Scores]: ...


def score_batch(
    scorer: Scorer, queries: Sequence[Query], nodes: Sequence[Node], *, progress: Progress | None = None
) -> list[Scores]:
    """What `scorer.score` gives for each query."""
    if isinstance(scorer, BatchScorer):
        return scorer.score_batch(queries, nodes, progress=progress)
    return [scorer.score(query, nodes, progress=progress) for query in queries]

"""(query, nodes) -> scores by the ranks that several scorers give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from longattncomp.errors import InputError
from longattncomp.scorers import bm25, embedding
from longattncomp.scorers.cross_attention.stores import ByteStore
from longattncomp.settings import Settings
from longattncomp.types import Node, Progress, Query, Scorer, Scores


@dataclass(frozen=True)
class FusionScorer:
    """Reciprocal rank fusion: `sum over scorers of 1 / (k + rank)` (Cormack et al., SIGIR 2009).

    Nodes that a scorer does not tell apart share the mean of their ranks there, so that it has
    no say about their order; the instruction gets nothing.

    Attributes:
        scorers: whose ranks are fused, at least one.
        k: how little the first ranks stand out, at least 0; 60 in the paper.

    Raises:
        InputError: no scorer, or `k` is negative.
    """

    scorers: Sequence[Scorer]
    k: float = 60.0

    def __post_init__(self) -> None:
        if not self.scorers:
            raise InputError("expected at least one scorer to fuse, got none")
        if not self.k >= 0:
            raise InputError(f"expected k of at least 0, got {self.k}")

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """Let every scorer rank the nodes, and fuse the ranks; raises what the scorers raise."""
        if not nodes:
            return Scores((), 1.0)
        steps = None if progress is None else _Steps(progress, sum(node.tokens for node in nodes), len(self.scorers))
        fused = np.zeros(len(nodes))
        for index, scorer in enumerate(self.scorers):
            found = scorer.score(query, nodes, progress=partial(steps.report, index) if steps else None)
            fused += 1 / (self.k + _ranks(found.nodes))
            if steps:
                steps.report(index, 1, 1)
        shares: list[float] = (fused / fused.sum()).tolist()
        return Scores(tuple(shares), 0.0)


def _ranks(shares: Sequence[float]) -> np.ndarray:
    """Ranks from 1 for the largest share; equal shares have the mean of their ranks."""
    _, places, counts = np.unique(-np.asarray(shares), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[places])


class _Steps:
    """Several scorers' progress as one that only grows."""

    def __init__(self, progress: Progress, tokens: int, count: int) -> None:
        self._progress = progress
        self._tokens = tokens
        self._total = tokens * count
        self._done = 0

    def report(self, index: int, done: int, total: int) -> None:
        reached = self._tokens * index + self._tokens * done // max(total, 1)
        if reached > self._done:
            self._done = reached
            self._progress(reached, self._total)


def open_scorer(settings: Settings, store: ByteStore | None) -> tuple[FusionScorer, None]:
    """Create the scorer of the method `rrf`, which fuses `bm25` and `minilm`."""
    return FusionScorer((bm25.open_scorer(settings, store)[0], embedding.open_scorer(settings, store)[0])), None

"""(query, nodes) -> scores from the ranks that several scorers give (reciprocal rank fusion)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from longattncomp.errors import InputError
from longattncomp.runtime.stores import ByteStore
from longattncomp.scorers import bm25, embedding
from longattncomp.settings import Settings
from longattncomp.types import Node, Progress, Query, Scorer, Scores


@dataclass(frozen=True)
class FusionScorer:
    """Reciprocal rank fusion: `sum over scorers of 1 / (k + rank)` (Cormack et al., SIGIR 2009).

    Nodes that a scorer scores alike get the mean of their ranks, so that it does not decide their order. The
    instruction's share is 0.

    Attributes:
        scorers: at least one.
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
        """Rank the nodes with every scorer and fuse the ranks."""
        if not nodes:
            return Scores((), 1.0)
        tokens, reached = sum(node.tokens for node in nodes), 0

        def report(index: int, done: int, total: int) -> None:
            nonlocal reached
            now = tokens * index + tokens * done // max(total, 1)
            if progress is not None and now > reached:  # scorers may report the same step twice
                reached = now
                progress(reached, tokens * len(self.scorers))

        fused = np.zeros(len(nodes))
        for index, scorer in enumerate(self.scorers):
            found = scorer.score(query, nodes, progress=partial(report, index))
            fused += 1 / (self.k + _ranks(found.nodes))
            report(index, 1, 1)
        return Scores(tuple((fused / fused.sum()).tolist()), 0.0)


def _ranks(shares: Sequence[float]) -> np.ndarray:
    """Rank shares from 1 for the largest; equal shares get the mean of their ranks."""
    _, places, counts = np.unique(-np.asarray(shares), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[places])


def open_scorer(settings: Settings, store: ByteStore | None) -> tuple[FusionScorer, None]:
    """Create the scorer of the method `rrf`, which fuses `bm25` and `minilm`."""
    return FusionScorer((bm25.open_scorer(settings, store)[0], embedding.open_scorer(settings, store)[0])), None

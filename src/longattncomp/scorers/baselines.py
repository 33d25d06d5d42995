"""(query, nodes) -> scores that ignore the meaning: what every method has to beat."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from longattncomp.types import Node, Progress, Query, Scores


@dataclass(frozen=True)
class RandomScorer:
    """Random shares, the same for the same seed, query and nodes.

    Attributes:
        seed: another seed gives other shares.
    """

    seed: int = 0

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """Draw each node's share from its uniform distribution."""
        if not nodes:
            return Scores((), 1.0)
        # Python salts hash(), so that it differs from one process to the next.
        key = hashlib.sha256(f"{self.seed}\0{query.text}".encode(errors="surrogatepass"))
        for node in nodes:
            key.update(f"\0{node.document}:{node.start}:{node.end}:{node.text}".encode(errors="surrogatepass"))
        draw = random.Random(key.digest())  # noqa: S311 (a baseline, no secret)
        weights = [1.0 - draw.random() for _ in nodes]
        total = sum(weights)
        return Scores(tuple(weight / total for weight in weights), 0.0)


@dataclass(frozen=True)
class FirstTokensScorer:
    """Strictly falling shares by position: the beginning of the context wins."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """Weigh n nodes n, n - 1, ... 1."""
        return _falling(len(nodes))


@dataclass(frozen=True)
class LastTokensScorer:
    """Strictly rising shares by position: the end of the context wins."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """Weigh n nodes 1, 2, ... n."""
        return Scores(_falling(len(nodes)).nodes[::-1], 0.0 if nodes else 1.0)


def _falling(count: int) -> Scores:
    if not count:
        return Scores((), 1.0)
    total = count * (count + 1) / 2
    return Scores(tuple((count - index) / total for index in range(count)), 0.0)


def open_random(*_: Any) -> tuple[RandomScorer, None]:
    """Create the scorer of the method `random`; it needs neither settings nor store."""
    return RandomScorer(), None


def open_first(*_: Any) -> tuple[FirstTokensScorer, None]:
    """Create the scorer of the method `first`; it needs neither settings nor store."""
    return FirstTokensScorer(), None


def open_last(*_: Any) -> tuple[LastTokensScorer, None]:
    """Create the scorer of the method `last`; it needs neither settings nor store."""
    return LastTokensScorer(), None

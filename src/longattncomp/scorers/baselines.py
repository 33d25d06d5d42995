"""(query, nodes) -> scores that ignore the meaning: what every method has to beat."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from longattncomp.settings import Settings
from longattncomp.types import Node, Progress, Query, Scorer, Scores


@dataclass(frozen=True)
class RandomScorer:
    """Random shares, the same for the same seed, query and nodes."""

    seed: int = 0

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """Draw a weight for each node from a uniform distribution."""
        # Python salts hash(), so that it differs from one process to the next.
        key = hashlib.sha256(f"{self.seed}\0{query.text}".encode(errors="surrogatepass"))
        for node in nodes:
            key.update(f"\0{node.document}:{node.start}:{node.end}:{node.text}".encode(errors="surrogatepass"))
        draw = random.Random(key.digest())  # noqa: S311 (a baseline, no secret)
        return _shares([1.0 - draw.random() for _ in nodes])


@dataclass(frozen=True)
class FirstTokensScorer:
    """Strictly falling shares: the beginning of the context wins."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """Give n nodes the weights n, n - 1, ... 1."""
        return _shares(range(len(nodes), 0, -1))


@dataclass(frozen=True)
class LastTokensScorer:
    """Strictly rising shares: the end of the context wins."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """Give n nodes the weights 1, 2, ... n."""
        return _shares(range(1, len(nodes) + 1))


def _shares(weights: Sequence[float]) -> Scores:
    total = sum(weights)
    return Scores(tuple(weight / total for weight in weights), 0.0 if weights else 1.0)


_BASELINES = {"random": RandomScorer, "first": FirstTokensScorer, "last": LastTokensScorer}


def open_scorer(settings: Settings, *_: Any) -> tuple[Scorer, None]:
    """Create the scorer of the method `random`, `first` or `last`."""
    return _BASELINES[settings.method](), None

"""Reciprocal rank fusion, by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longattncomp.errors import InputError
from longattncomp.scorers.bm25 import BM25Scorer
from longattncomp.scorers.fusion import FusionScorer
from longattncomp.types import Node, Progress, Query, Scores


@dataclass(frozen=True)
class FixedScorer:
    """The shares it was made with."""

    shares: tuple[float, ...]
    steps: tuple[tuple[int, int], ...] = ()

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        for step in self.steps if progress else ():
            progress(*step)
        return Scores(self.shares, 0.0)


def nodes_of(*texts: str) -> list[Node]:
    return [Node(index, 0, len(text), text, 10) for index, text in enumerate(texts)]


def fused(*rankings: tuple[float, ...], k: float = 60) -> tuple[float, ...]:
    scorer = FusionScorer([FixedScorer(ranking) for ranking in rankings], k=k)
    return scorer.score(Query("q"), nodes_of(*"abcdefgh"[: len(rankings[0])])).nodes


def normalised(*weights: float) -> pytest.approx:
    return pytest.approx([weight / math.fsum(weights) for weight in weights])


def test_by_hand() -> None:
    found = fused((0.5, 0.3, 0.2), (0.1, 0.8, 0.1), k=60)  # ranks 1, 2, 3 and 2.5, 1, 2.5
    assert found == normalised(1 / 61 + 1 / 62.5, 1 / 62 + 1 / 61, 1 / 63 + 1 / 62.5)


def test_k() -> None:
    assert fused((0.6, 0.4), k=0) == normalised(1, 1 / 2)


def test_a_scorer_that_tells_nothing_apart_leaves_the_order_to_the_others() -> None:
    other = (0.1, 0.4, 0.2, 0.3)
    found = fused((0.25,) * 4, other)
    assert sorted(range(4), key=found.__getitem__) == sorted(range(4), key=other.__getitem__)
    assert fused((0.25,) * 4) == (0.25,) * 4


def test_nodes_without_a_word_are_not_ranked_by_position() -> None:
    scorer = FusionScorer((BM25Scorer(),))
    first, *rest = scorer.score(Query("lease"), nodes_of("the lease", "a cow", "two hens", "six pigs")).nodes
    assert first > rest[0]
    assert len(set(rest)) == 1


def test_only_ranks_count() -> None:
    assert fused((0.98, 0.02, 0.0), (0.3, 0.4, 0.3)) == fused((0.4, 0.35, 0.25), (0.0, 1.0, 0.0))


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.2, 0.7]), st.floats(0, 1)), min_size=1, max_size=8))
def test_order_does_not_matter(rows: list[tuple[float, float]]) -> None:
    left, right = zip(*rows, strict=True)
    found = fused(left, right)
    assert math.fsum(found) == pytest.approx(1)
    assert all(0 < share <= 1 for share in found)
    assert fused(right, left) == pytest.approx(found)
    assert fused(left[::-1], right[::-1])[::-1] == pytest.approx(found)


def test_progress_of_all_is_one() -> None:
    seen: list[tuple[int, int]] = []
    scorer = FusionScorer(
        [FixedScorer((0.4, 0.6)), FixedScorer((0.4, 0.6), ((3, 7), (7, 7))), FixedScorer((0.4, 0.6), ((20, 20),))]
    )
    scorer.score(Query("q"), nodes_of("a", "b"), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(20, 60), (28, 60), (40, 60), (60, 60)]


@pytest.mark.parametrize(("options", "named"), [({"scorers": ()}, "scorer"), ({"k": -1}, "k"), ({"k": math.nan}, "k")])
def test_options_are_checked(options: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        FusionScorer(**{"scorers": [BM25Scorer()], **options})

"""Recall of evidence, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longattncomp.data.rows import Evidence
from longattncomp.evaluation.metrics import Estimate, estimate, evidence_recall, strict_recall


@pytest.mark.parametrize(
    ("kept", "evidence", "recall", "strict"),
    [
        ({0: [(0, 100)]}, [(0, 10, 20)], 1, 1),
        ({}, [(0, 10, 20)], 0, 0),
        ({1: [(0, 100)]}, [(0, 10, 20)], 0, 0),
        ({0: [(0, 19)]}, [(0, 10, 20)], 0.9, 1),
        ({0: [(0, 18)]}, [(0, 10, 20)], 0.8, 0),
        ({0: [(12, 14), (16, 99)]}, [(0, 10, 20)], 0.6, 0),
        ({0: [(10, 15), (12, 20)]}, [(0, 10, 20)], 1, 1),
        ({0: [(10, 30)]}, [(0, 10, 20), (1, 0, 30)], 0.25, 0),
        ({0: [(0, 10)], 1: [(0, 27)]}, [(0, 0, 10), (1, 0, 30)], 37 / 40, 1),
        # overlapping evidence counts once: 10 to 30, of which 10 to 20 is kept
        ({0: [(10, 20)]}, [(0, 10, 20), (0, 15, 30)], 0.5, 0),
        # all but one character of a long span, and none of a short one inside another document
        ({0: [(0, 1000)]}, [(0, 0, 1000), (1, 5, 6)], 1000 / 1001, 0),
    ],
)
def test_recall_by_hand(
    kept: dict[int, list[tuple[int, int]]], evidence: list[tuple[int, int, int]], recall: float, strict: float
) -> None:
    spans = [Evidence(*span) for span in evidence]
    assert evidence_recall(kept, spans) == pytest.approx(recall)
    assert strict_recall(kept, spans) == strict


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)).map(lambda pair: (pair[0], sum(pair))), max_size=5)


@given(kept=SPANS, wanted=SPANS.filter(bool))
def test_recall_counts_characters(kept: list[tuple[int, int]], wanted: list[tuple[int, int]]) -> None:
    have = {character for span in kept for character in range(*span)}
    want = {character for span in wanted for character in range(*span)}
    found = evidence_recall({0: kept}, [Evidence(0, *span) for span in wanted])
    assert found == pytest.approx(len(have & want) / len(want))


def test_interval_of_a_constant_is_a_point() -> None:
    assert estimate([0.5] * 7) == Estimate(0.5, 0.5, 0.5)
    assert estimate([0.25]) == Estimate(0.25, 0.25, 0.25)


def test_interval_agrees_with_the_normal_one() -> None:
    values = np.random.default_rng(1).random(400).tolist()
    found = estimate(values)
    half = 1.96 * np.std(values) / math.sqrt(len(values))
    assert found.mean == pytest.approx(np.mean(values))
    assert found.low == pytest.approx(found.mean - half, abs=half / 5)
    assert found.high == pytest.approx(found.mean + half, abs=half / 5)


def test_interval_is_seeded() -> None:
    values = [0.0, 0.2, 0.9, 1.0, 0.4]
    assert estimate(values, seed=3) == estimate(values, seed=3)
    assert estimate(values, seed=3) != estimate(values, seed=4)
    assert estimate(values).low < 0.5 < estimate(values).high

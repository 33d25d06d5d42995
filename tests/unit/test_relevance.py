"""The chance that a context answers: calibrated where the head was, and what `min_relevance` compares."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

import pytest

from longattncomp import Compressor, Settings
from longattncomp.errors import ModelError
from longattncomp.scorers.relevance import Calibration
from longattncomp.testing import ByteTokenizer, WordScorer
from longattncomp.training.relevance import calibrated
from longattncomp.types import Node, Progress, Query, Scores

CALIBRATION = Calibration(offset=-2.0, share=1.5, length=0.25)
TEXT = "The lease was signed by Ada. The rain fell. The dogs slept. " * 4


@dataclass(frozen=True)
class Calibrated:
    """Leaves the instruction a fixed share."""

    instruction: float
    calibration: Calibration | None = CALIBRATION

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        return Scores(tuple((1 - self.instruction) / (len(nodes) + 1) for _ in nodes), self.instruction)


@dataclass(frozen=True)
class Sure:
    """Brings its own chance."""

    chance: float = 0.125

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        return Scores((0.0,) * len(nodes), 0.5, self.chance)


def compressor(scorer: object) -> Compressor:
    return Compressor(scorer, ByteTokenizer(), settings=Settings(node_tokens=30))  # type: ignore[arg-type]


def test_the_chance_is_a_logistic_function_of_share_and_length() -> None:
    expected = 1 / (1 + exp(-(-2.0 + 1.5 * log(0.9 / 0.1) + 0.25 * log(500))))
    assert CALIBRATION.chance(0.1, 500) == pytest.approx(expected)


@pytest.mark.parametrize("instruction", [0.0, 1.0])
def test_the_edges_have_a_chance(instruction: float) -> None:
    assert 0 < CALIBRATION.chance(instruction, 0) < 1


def test_a_result_tells_the_chance() -> None:
    nodes = compressor(Calibrated(0.1)).nodes(TEXT, token_budget=60)
    result = compressor(Calibrated(0.1)).compress("Who signed the lease?", TEXT, token_budget=60)
    assert result.relevance == CALIBRATION.chance(result.instruction_score, sum(node.tokens for node in nodes))


@pytest.mark.parametrize("scorer", [Calibrated(0.1, None), WordScorer()])
def test_without_calibration_there_is_no_chance_and_the_instruction_decides(scorer: object) -> None:
    result = compressor(scorer).compress("Who signed the lease?", TEXT, token_budget=60)
    assert result.relevance is None
    left = 1 - result.instruction_score
    for least, kept in ((left - 0.01, True), (left + 0.01, False)):
        if least <= 1:
            found = compressor(scorer).compress("Who signed the lease?", TEXT, token_budget=60, min_relevance=least)
            assert bool(found.text) == kept


def test_what_is_pinned_is_not_judged() -> None:
    result = compressor(Calibrated(0.1)).compress("Who signed it?", TEXT, token_budget=400, pins=[0])
    assert result.relevance is None


def test_a_scorer_may_bring_its_own_chance() -> None:
    result = compressor(Sure()).compress("Who signed it?", TEXT, token_budget=60)
    assert result.relevance == 0.125
    with pytest.raises(ModelError, match=r"a chance in \[0, 1\]"):
        compressor(Sure(1.5)).compress("Who signed it?", TEXT, token_budget=60)


def test_nothing_is_kept_below_the_least_chance() -> None:
    chance = compressor(Calibrated(0.4)).compress("Who signed it?", TEXT, token_budget=60).relevance
    assert chance is not None
    assert chance < 1 - 0.4 - 0.05
    for least, kept in ((chance - 0.01, True), (chance + 0.01, False)):
        result = compressor(Calibrated(0.4)).compress("Who signed it?", TEXT, token_budget=60, min_relevance=least)
        assert bool(result.text) == kept
        assert (result.stop_reason == "min_relevance") != kept


def test_a_fit_finds_what_the_data_follow_as_if_half_had_an_answer() -> None:
    rng = random.Random(0)
    measured = []
    for _ in range(20_000):
        score, tokens = rng.random(), rng.randrange(20, 20_000)
        measured.append((score, tokens, rng.random() < CALIBRATION.chance(score, tokens)))
    without = [one for one in measured if not one[2]]
    found = calibrated([one for one in measured if one[2]] + without * 4)
    assert found is not None
    balanced = calibrated(measured)
    assert balanced is not None
    for fit in (found, balanced):
        assert (fit.share, fit.length) == pytest.approx((1.5, 0.25), abs=0.1)
    assert found.offset == pytest.approx(balanced.offset, abs=0.1)


@pytest.mark.parametrize("answered", [0, 9, 91, 100])
def test_few_of_a_kind_fit_nothing(answered: int) -> None:
    measured = [(0.1, 100, number < answered) for number in range(100)]
    assert calibrated(measured) is None
    assert calibrated([*measured, *[(0.5, 100, True)] * 10, *[(0.9, 100, False)] * 10]) is not None

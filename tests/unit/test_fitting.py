"""What is shown around the kept text is charged to the budget, too."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longattncomp import Compressed, Compressor, Node, Query, Scores, Settings
from longattncomp.adapters import BudgetError, fit_budget
from longattncomp.testing import ByteTokenizer
from longattncomp.types import Progress


class CountingScorer:
    """A scorer that prefers the first nodes and counts how often it is asked."""

    asked = 0

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        self.asked += 1
        weights = [len(nodes) - index for index in range(len(nodes))]
        return Scores(tuple(weight / sum(weights) for weight in weights), 0.0)


def compressor() -> Compressor:
    return Compressor(CountingScorer(), ByteTokenizer(), settings=Settings(node_tokens=10, top_p=1.0))


def labelled(result: Compressed) -> str:
    return "\n".join(f"document {document.index}: {document.text}" for document in result.documents)


TEXTS = [f"Text {number} says this and that. " * 3 for number in range(6)]


@given(st.integers(24, 700))
def test_what_is_shown_keeps_the_budget_and_nothing_is_read_again(budget: int) -> None:
    engine = compressor()
    shown = fit_budget(engine, engine.compress("this", TEXTS, token_budget=budget), labelled, token_budget=budget)
    assert 0 < engine.count(shown) <= budget
    assert engine.scorer.asked == 1  # type: ignore[attr-defined]


def test_what_fits_is_left_as_it_is() -> None:
    engine = compressor()
    result = engine.compress("this", TEXTS, token_budget=100)
    assert fit_budget(engine, result, lambda found: found, lambda found: found.text, token_budget=100) is result


def test_a_smaller_budget_than_the_results_is_kept() -> None:
    engine = compressor()
    result = engine.compress("this", TEXTS, token_budget=400)
    assert engine.count(fit_budget(engine, result, lambda found: found.text, token_budget=50)) <= 50


def test_what_is_made_of_a_result_is_made_once() -> None:
    engine = compressor()
    result = engine.compress("this", TEXTS, token_budget=400)
    made: list[list[str]] = []

    def rows(found: Compressed) -> list[str]:
        made.append([document.text for document in found.documents])
        return made[-1]

    assert fit_budget(engine, result, rows, "\n\n".join, token_budget=400) is made[0]
    assert len(made) == 1


def test_no_room_beside_what_is_shown_is_an_error() -> None:
    engine = compressor()
    result = engine.compress("this", TEXTS, token_budget=100)
    with pytest.raises(BudgetError, match="leaves it nothing of 30 tokens"):
        fit_budget(engine, result, lambda found: found.text + "x" * 30, token_budget=30)


def test_options_of_the_call_hold() -> None:
    engine = compressor()
    result = engine.compress("this", TEXTS, token_budget=100, gap_mark=" // ", separator="|")
    shown = fit_budget(engine, result, lambda found: found.text, token_budget=90, gap_mark=" // ", separator="|")
    assert "[...]" not in shown
    assert "\n\n" not in shown


@pytest.mark.parametrize("over", [1, 50, 200])
def test_what_the_text_does_not_use_of_the_budget_costs_no_rounds(over: int) -> None:
    engine = compressor()
    result = engine.compress("this", TEXTS[:3], token_budget=5000)
    rounds = []

    def with_metadata(found: Compressed) -> str:
        rounds.append(found)
        return found.text + "x" * (5000 - result.tokens + over)

    assert engine.count(fit_budget(engine, result, with_metadata, token_budget=5000)) <= 5000
    assert 1 < len(rounds) < 30

"""The agent of `benchmarks/agent.py`: 50 turns, 20 long results, each with one value that is asked for."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from langchain_toys import engine
from longattncomp import Compressor

BENCHMARKS = Path(__file__).parents[4] / "benchmarks"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))  # for its neighbours; `agent` is also an example's name
    spec = importlib.util.spec_from_file_location("agent_benchmark", BENCHMARKS / "agent.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.run


def holds(figures: Any, budget: int) -> bool:
    assert sum(figures["false_values"].values()) == 0
    assert figures["byte_stable"] == figures["prompts"] - 1 >= 39
    assert figures["most_tokens"] <= budget
    return sum(figures["found"].values()) >= 19


def test_what_was_asked_for_is_shown_and_nothing_under_a_wrong_name(run: Any) -> None:
    one = engine(token_budget=900, node_tokens=96, top_p=1.0)
    assert holds(run(one, tokens=2_500, turns=20), 900)


@pytest.mark.long
@pytest.mark.model
@pytest.mark.parametrize("seed", range(2))
def test_with_the_embedded_model(run: Any, seed: int) -> None:
    assert holds(run(Compressor.from_pretrained(token_budget=500), seed=seed), 500)

"""One entry in `METHODS` and one class make a method, for the library, the settings, the evaluation and its plots."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from longattncomp import Compressor, Settings
from longattncomp.errors import InputError
from longattncomp.evaluation.methods import compressors
from longattncomp.evaluation.report.styles import styles
from longattncomp.scorers.methods import METHODS, Method
from longattncomp.testing import WordScorer
from longattncomp.types import Node, Progress, Query, Scores

TEXTS = ["The rent is due on Fridays.", "A pear tree.", "Ada signed the lease in the garden, under the old wall."]
BUDGET = len(TEXTS[2])  # a byte is a token


class LongestScorer:
    """A scorer that gives each node its share of all tokens."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        total = sum(node.tokens for node in nodes)
        return Scores(tuple(node.tokens / total for node in nodes), 0.0)


@pytest.fixture
def _toy_method(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("toy_method")
    module.open_toy = lambda *_: (LongestScorer(), None)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy_method", module)
    monkeypatch.setitem(METHODS, "toy", Method(name="toy", about="the longest first", opener="toy_method:open_toy"))


@pytest.fixture
def ours(toy_folder: Path) -> Iterator[Compressor]:
    return Compressor.from_pretrained(toy_folder, layers=2, dtype="float32", device="cpu", node_tokens="document")


def kept(compressor: Compressor) -> list[int]:
    result = compressor.compress("What grows here?", TEXTS, token_budget=BUDGET)
    return [document.index for document in result.documents]


@pytest.mark.usefixtures("_toy_method")
def test_a_new_method_is_usable_everywhere(ours: Compressor, toy_folder: Path) -> None:
    assert Settings(method="toy").method == "toy"
    assert Settings.load(method="toy").method == "toy"

    options: dict[str, Any] = {"node_tokens": "document"}
    opened = Compressor.from_pretrained(toy_folder, method="toy", **options)
    assert isinstance(opened.scorer, LongestScorer)
    assert kept(opened) == [2]

    measured = compressors(["toy"], ours)
    assert isinstance(measured["toy"].scorer, LongestScorer)
    assert kept(measured["toy"]) == [2]

    drawn = styles(["toy", *METHODS])
    assert len({(style.colour, style.marker) for style in drawn.values()}) == len(METHODS)


def test_a_name_that_is_no_method(ours: Compressor) -> None:
    with pytest.raises(InputError, match=r"method: .*expected one of longattncomp, .*got 'toy'"):
        Settings.load(method="toy")
    with pytest.raises(InputError, match=r"expected methods out of .*got toy"):
        compressors(["toy"], ours)


def test_an_evaluation_takes_a_scorer_without_an_entry(ours: Compressor) -> None:
    scorer = WordScorer()
    assert compressors(["words"], ours, scorers={"words": scorer})["words"].scorer is scorer

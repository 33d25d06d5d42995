"""The walk of a query from `Compressor.compress` to its scores: few modules, so that it reads straight."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from heads import saved_heads

from longattncomp import Compressor
from longattncomp.scorers import batch
from longattncomp.types import Query

QUERY = Query("Who signed the lease of the house in Harbour Street?")
TEXTS = [f"Entry {number}. The rent of house {number} is due on Fridays. Nobody paid. " * 2 for number in range(12)]
MOST = 6
ASIDE = {"types", "inputs", "testing", "query.spelling", "query.questions", "chunking.sentences"}
"""Modules that only hold, check or reword a query."""
TOKENIZER = "backbone.tokenizer"


def has_the_query(value: Any) -> bool:
    """Whether an argument is the query, its text, or a sequence of them."""
    if isinstance(value, list | tuple):
        return any(map(has_the_query, value))
    return value == QUERY if isinstance(value, Query) else isinstance(value, str) and value == QUERY.text


def arguments(code: CodeType) -> tuple[str, ...]:
    more = bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)  # *args, **kwargs
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + more]


class Walk:
    """Notes which modules of the package get the query, until its scores are there.

    Attributes:
        modules: their names within the package, in the order of the first visit.
    """

    def __init__(self) -> None:
        self.modules: dict[str, None] = {}
        self._tokenizer: FrameType | None = None  # what it calls is its own affair
        self._scored = False

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        package, _, module = frame.f_globals.get("__name__", "").partition(".")
        if package != "longattncomp" or self._scored:
            return
        if event == "return":
            self._scored = frame.f_code is batch.score_batch.__code__
            if frame is self._tokenizer:
                self._tokenizer = None
        elif event == "call" and self._tokenizer is None:
            if module == TOKENIZER:
                self._tokenizer = frame
            elif module not in ASIDE and any(has_the_query(frame.f_locals[name]) for name in arguments(frame.f_code)):
                self.modules[module] = None

    def __enter__(self) -> Walk:
        sys.setprofile(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)


@pytest.mark.parametrize("method", ["longattncomp", "longattncomp-alone", "longattncomp-cascade"])
def test_a_query_visits_at_most_six_modules(method: str, toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longattncomp.scorers.cross_attention.cascade.LEAST", 300)  # else it would choose all segments
    compressor = Compressor.from_pretrained(
        toy_folder, method=method, head=saved_heads(toy_folder), dtype="float32", device="cpu"
    )

    with Walk() as walk:
        result = compressor.compress(QUERY, TEXTS, token_budget=300)

    visited = list(walk.modules)
    assert result.tokens <= 300
    assert visited[:2] == ["compressor", "pipeline"]
    assert {"scorers.cross_attention.scorer", "scorers.cross_attention.layout"} <= set(visited)
    assert ("scorers.cross_attention.cascade" in visited) == (method == "longattncomp-cascade")
    assert len(visited) <= MOST, visited

"""Fixtures shared by all tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from longattncomp.testing import forget_models, save_tokenizer

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]  # `langchain_toys` and `adapter_fixtures`

from adapter_fixtures import *  # noqa: E402, F403 (a fixture is found in the conftest that has it)


@pytest.fixture(autouse=True)
def _models_are_forgotten() -> Iterator[None]:
    yield
    forget_models()


@pytest.fixture(scope="session")
def bm25_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A draft model for `method="bm25"`, which needs a config and a tokenizer; its tokens are bytes."""
    folder = save_tokenizer(tmp_path_factory.mktemp("bm25"))
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "num_hidden_layers": 4}), encoding="utf-8")
    return str(folder)

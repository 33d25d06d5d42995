"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # `import toys`

from longattncomp.adapters.options import _opened
from longattncomp.backbone.forward import Backbone
from longattncomp.scorers import opening as registry
from toys import Redis, save_model, save_tokenizer_folder, start_redis


@pytest.fixture(autouse=True)
def _no_settings_from_outside(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """No `LONGATTNCOMP_*`, `.env` or YAML of the developer's reaches a test, and nothing is traced to a server."""
    for name in list(os.environ):
        if name.startswith(("LANGCHAIN_", "LANGSMITH_")) or (
            name.startswith("LONGATTNCOMP_") and name != "LONGATTNCOMP_CACHE_DIR"
        ):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))
    yield
    _opened.cache_clear()


@pytest.fixture(scope="session")
def bm25_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A draft model that is only a tokenizer, for `method="bm25"`; its tokens are bytes."""
    return str(save_tokenizer_folder(tmp_path_factory.mktemp("bm25")))


@pytest.fixture(scope="session")
def draft_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_model(tmp_path_factory.mktemp("draft")))


@pytest.fixture
def new_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forgets what is open, as the end of a process does."""

    def forget() -> None:
        _opened.cache_clear()
        monkeypatch.setattr(registry, "_opened", {})

    return forget


@pytest.fixture
def alone(draft_model: str, new_process: Callable[[], None]) -> dict[str, Any]:
    """Options of a draft model without a past; what it reads does not depend on the question."""
    new_process()
    sizes = {"layers": 2, "node_tokens": 32, "segment_tokens": 128, "token_budget": 200}
    return {"model": draft_model, "head": "untrained", "device": "cpu", "query_place": "alone"} | sizes


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of what draft models read."""
    lengths: list[int] = []
    reading = Backbone.read

    def noting(self: Backbone, sequences: Sequence[Sequence[int]], *args: Any, **kwargs: Any) -> Any:
        lengths.extend(map(len, sequences))
        return reading(self, sequences, *args, **kwargs)

    monkeypatch.setattr(Backbone, "read", noting)
    return lengths


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server here: apt-get install redis-server")
    server = start_redis(program, tmp_path)
    yield server
    server.stop()

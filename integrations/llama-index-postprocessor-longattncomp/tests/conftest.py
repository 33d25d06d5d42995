"""Fixtures shared by all tests: an engine without weights, and frameworks without a past."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # `import toy`

import llama_index.core
from llama_index.core import Settings as LlamaIndexSettings
from llama_index.core.storage.chat_store import sql
from longattncomp import Compressor, Settings
from longattncomp.adapters.options import _opened
from longattncomp.backbone.forward import Backbone
from longattncomp.scorers import opening as registry
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from toy import BrokenScorer, ByteTokenizer, Redis, WordScorer, save_model, start_redis


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No `LONGATTNCOMP_*`, `.env` or YAML of the developer's reaches a test."""
    for name in list(os.environ):
        if name.startswith("LONGATTNCOMP_") and name != "LONGATTNCOMP_CACHE_DIR":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))


@pytest.fixture(autouse=True)
def _one_byte_is_one_token(request: pytest.FixtureRequest) -> Iterator[None]:
    """LlamaIndex's own tokenizer counts bytes, unless a test says otherwise."""
    before, manager = llama_index.core.global_tokenizer, LlamaIndexSettings._callback_manager
    if not request.node.get_closest_marker("model"):
        LlamaIndexSettings.tokenizer = lambda text: list(text.encode())
    yield
    llama_index.core.global_tokenizer = before
    LlamaIndexSettings._callback_manager = manager


@pytest.fixture(autouse=True)
def _databases_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`Memory` leaves its database open: the thread behind it would answer the loop of a later test."""
    engines: list[AsyncEngine] = []

    def create(*args: Any, **kwargs: Any) -> AsyncEngine:
        engines.append(create_async_engine(*args, **kwargs))
        return engines[-1]

    monkeypatch.setattr(sql, "create_async_engine", create)
    yield
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        for engine in engines:
            runner.run(engine.dispose())


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Draft models are toys; the settings of each that was opened."""
    built: list[Settings] = []

    def build(settings: Settings, store: object) -> tuple[WordScorer, ByteTokenizer]:
        built.append(settings)
        return WordScorer(), ByteTokenizer()

    monkeypatch.setattr(registry, "build", build)
    monkeypatch.setattr(registry, "_opened", {})
    return built


@pytest.fixture
def scorer() -> WordScorer:
    return WordScorer()


@pytest.fixture
def words(scorer: WordScorer) -> Compressor:
    """Counts bytes; what has no word of the query does not fill the budget."""
    return Compressor(scorer, ByteTokenizer(), settings=Settings(node_tokens=40, min_score=0.001))


@pytest.fixture
def broken() -> Compressor:
    return Compressor(BrokenScorer(), ByteTokenizer(), settings=Settings(node_tokens=40, token_budget=100))


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

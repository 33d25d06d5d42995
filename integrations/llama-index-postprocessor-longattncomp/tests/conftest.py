"""Fixtures shared by all tests: an engine without weights, and frameworks without a past."""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.extend([str(Path(__file__).parent), str(Path(__file__).parents[2])])  # `llama_index_toys`, `adapter_fixtures`

from adapter_fixtures import *  # noqa: F403 (a fixture is found in the conftest that has it)
from longattncomp import Compressor, Settings
from longattncomp.testing import BrokenScorer, ByteTokenizer, WordScorer, open_stand_ins
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the filters below come later
    import llama_index.core
    from llama_index.core import Settings as LlamaIndexSettings
    from llama_index.core.storage.chat_store import sql

# Warnings about llama-index-core itself: agents look at every attribute of themselves; 0.13 declares fields as later
# versions of pydantic warn of, and uses what its workflows deprecate; it imports LangChain's community package
# wherever that is installed.
THEIRS = (
    "ignore:The `__fields(_set)?__` attribute is deprecated",
    "ignore:Accessing the 'model_(computed_)?fields' attribute",
    "ignore:The 'validate_default' attribute",
    "ignore:ServiceManager is deprecated",
    "ignore:`langchain-community` is being sunset",
)


def pytest_configure(config: pytest.Config) -> None:
    for known in THEIRS:
        config.addinivalue_line("filterwarnings", known)


@pytest.fixture(autouse=True)
def _one_byte_is_one_token(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let LlamaIndex's own tokenizer count bytes, unless a test says otherwise."""
    before, manager = llama_index.core.global_tokenizer, LlamaIndexSettings._callback_manager
    if not request.node.get_closest_marker("model"):
        LlamaIndexSettings.tokenizer = lambda text: list(text.encode())
    yield
    llama_index.core.global_tokenizer = before
    LlamaIndexSettings._callback_manager = manager


@pytest.fixture(autouse=True)
def _databases_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the databases that `Memory` leaves open: the thread behind one would answer the loop of a later test."""
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
def opened() -> Iterator[list[Settings]]:
    """The settings of each draft model that is opened; all of them are stand-ins."""
    with open_stand_ins() as settings:
        yield settings


@pytest.fixture
def scorer() -> WordScorer:
    return WordScorer()


@pytest.fixture
def words(scorer: WordScorer) -> Compressor:
    """A compressor that counts bytes and ranks nodes by the query's words alone."""
    return Compressor(scorer, ByteTokenizer(), settings=Settings(node_tokens=40, context_weight=0))


@pytest.fixture
def broken() -> Compressor:
    return Compressor(BrokenScorer(), ByteTokenizer(), settings=Settings(node_tokens=40, token_budget=100))

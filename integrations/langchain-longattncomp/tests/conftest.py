"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # `import toys`


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
    from longattncomp.options import _opened

    _opened.cache_clear()


@pytest.fixture(scope="session")
def bm25_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A draft model that is only a tokenizer, for `method="bm25"`; its tokens are bytes."""
    from toys import save_tokenizer_folder

    return str(save_tokenizer_folder(tmp_path_factory.mktemp("bm25")))

"""The engine's options under the engine's names, and where each value comes from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from longattncomp import LongAttnCompWarning, Settings
from longattncomp.adapters import InputError, ModelNotFoundError
from pydantic import ValidationError

from langchain_longattncomp import (
    LongAttnCompressor,
    LongAttnMiddleware,
    LongAttnPreparer,
    pre_model_hook,
    summarizer,
)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"token_budget": 0}, "token_budget: input should be greater than or equal to 1"),
        ({"order": "size"}, "order"),
        ({"method": "magic"}, "method"),
        ({"budget_tokens": 5}, "budget_tokens"),
    ],
)
def test_wrong_options_raise_when_it_is_made(option: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        LongAttnCompressor(**option)


@pytest.mark.parametrize(
    ("component", "named", "meant"),
    [
        *((LongAttnCompressor, name, "token_budget") for name in ("top_k", "max_tokens", "k", "budget", "token_budgt")),
        (LongAttnCompressor, "anotate", "annotate"),
        (LongAttnCompressor, "similarity_threshold", "min_relevance"),
        (LongAttnPreparer, "device_map", "device"),
        *((LongAttnMiddleware, name, "token_budget") for name in ("top_k", "max_tokens", "k", "budget")),
        (LongAttnMiddleware, "keep", "keep_last"),
        (LongAttnMiddleware, "excluded_tools", "exclude_tools"),
        (summarizer, "max_tokens", "token_budget"),
        (summarizer, "querry", "query"),
        (pre_model_hook, "budget", "token_budget"),
    ],
)
def test_a_wrong_name_gets_the_right_one(component: Any, named: str, meant: str) -> None:
    with pytest.raises(ValidationError, match=rf"no such option: {named} \(did you mean {meant}\?\)"):
        component(**{named: 5})


def test_a_missing_model_raises_at_the_first_use(tmp_path: Path) -> None:
    compressor = LongAttnCompressor(model=tmp_path / "nowhere.gguf")
    with pytest.raises(ModelNotFoundError, match="no GGUF file"):
        compressor.compress_documents([_document()], "lease")


def test_precedence(bm25_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """argument > environment > .env > YAML > default."""
    options = LongAttnCompressor(model=bm25_model, method="bm25")

    def top_p() -> float:
        return options.engine().settings.top_p

    assert top_p() == Settings().top_p
    Path("longattncomp.yaml").write_text("top_p: 0.1", encoding="utf-8")
    assert top_p() == 0.1
    Path(".env").write_text("LONGATTNCOMP_TOP_P=0.2", encoding="utf-8")
    assert top_p() == 0.2
    monkeypatch.setenv("LONGATTNCOMP_TOP_P", "0.3")
    assert top_p() == 0.3
    assert LongAttnCompressor(model=bm25_model, method="bm25", top_p=0.4).engine().settings.top_p == 0.4


def test_a_downloaded_directory_names_no_model(bm25_model: str) -> None:
    Path("longattncomp.yaml").write_text("model: evil\nkey_store: evil\ntop_p: 0.1\n", encoding="utf-8")
    Path(".env").write_text("LONGATTNCOMP_MODEL_DIR=evil\nLONGATTNCOMP_TARGET_TOKENIZER=evil", encoding="utf-8")
    with pytest.warns(LongAttnCompWarning, match=r"model, key_store in .*; model_dir, target_tokenizer in .*\.env"):
        settings = LongAttnCompressor(model=bm25_model, method="bm25").engine().settings
    assert (settings.model, settings.key_store, settings.target_tokenizer) == (bm25_model, None, None)
    assert (settings.model_dir, settings.top_p) == (Settings().model_dir, 0.1)


def test_a_wrong_environment_raises_and_does_not_pass(bm25_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGATTNCOMP_TOP_P", "much")
    with pytest.raises(InputError, match="top_p"):
        LongAttnCompressor(model=bm25_model, method="bm25").compress_documents([_document()], "lease")


def test_one_engine_however_often_it_is_rebuilt(bm25_model: str) -> None:
    def opened(budget: int) -> object:
        return LongAttnCompressor(model=bm25_model, method="bm25", token_budget=budget).engine()

    with ThreadPoolExecutor(8) as threads:
        engines = list(threads.map(opened, range(1, 33)))
    assert len({id(one.scorer) for one in engines}) == 1  # type: ignore[attr-defined]
    assert opened(1) is opened(1)


def _document() -> object:
    from langchain_core.documents import Document

    return Document("The lease was signed.")

"""The examples, as they stand, on real models and real text."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from longattncomp.testing import open_soft_reader, save_draft_model

from langchain_longattncomp import LongAttnCompressor

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def load(name: str) -> ModuleType:
    (file,) = (file for file in EXAMPLES if file.stem == name)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_is_under_60_lines(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) < 60


def test_openai_compatible(chat_server: Any, bm25_model: str) -> None:
    pytest.importorskip("langchain_openai")
    options = {"method": "bm25", "model": bm25_model, "target_tokenizer": str.split}
    assert load("openai_compatible").main(chat_server.base_url, **options) == "Like so."
    (asked,) = chat_server.asked
    prompt = asked["messages"][0]["content"]
    assert "# taskgroups.py" in prompt
    assert prompt.endswith("How does a TaskGroup cancel its other tasks when one of them fails?")
    assert len(prompt.split()) < 1_050


@pytest.mark.model
def test_agent() -> None:
    example = load("agent")
    messages = example.main()
    (result,) = (message for message in messages if isinstance(message, ToolMessage))
    assert len(result.content) < len(example.topics["formatstrings"]) / 5
    assert "read_original(" in result.content
    assert "base 16" in messages[-1].content


def test_soft_reader(bm25_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a toy as the target, over one page; the trained one is below."""
    example = load("soft_reader")
    monkeypatch.setattr(example, "STATEMENTS", ("pass",))
    reader = open_soft_reader(save_draft_model(tmp_path, seed=2), "sac")
    compressor = LongAttnCompressor(method="bm25", model=bm25_model, token_budget=10_000)
    whole, shortened = example.main(example.QUESTION, reader, compressor)
    assert whole == shortened == reader.answer(example.QUESTION, reader.compress(example.topics["pass"]))


@pytest.mark.long
@pytest.mark.model
def test_soft_reader_with_its_adapter() -> None:
    from longattncomp.soft import SoftReader

    example = load("soft_reader")
    reader = SoftReader.from_pretrained("smollm2-135m-instruct", method="sac")
    assert all(example.main(example.QUESTION, reader, LongAttnCompressor(token_budget=400)))


@pytest.mark.long
@pytest.mark.model
@pytest.mark.filterwarnings("default")  # of Chroma, sentence-transformers and transformers
def test_rag_chain() -> None:
    pytest.importorskip("langchain_chroma")
    example = load("rag_chain")
    kept, said = example.main("When is the finally clause of a try statement executed?")
    assert said.strip()
    assert "try" in {document.metadata["topic"] for document in kept}
    assert "finally" in " ".join(document.page_content for document in kept)
    from longattncomp import Compressor

    count = Compressor.from_pretrained(method="bm25").count
    assert count("\n\n".join(document.page_content for document in kept)) <= example.BUDGET
    pages = {name: example.topics[name] for name in example.STATEMENTS}
    for document in kept:
        for part in document.page_content.split("\n[...]\n"):
            assert part in pages[document.metadata["topic"]]

"""Every example runs, offline, and is short enough to read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from longattncomp import Compressor, Settings
from longattncomp.testing import open_soft_reader, save_draft_model

from llama_index.postprocessor.longattncomp import LongAttnPostprocessor

EXAMPLES = Path(__file__).parents[1] / "examples"
YEAR = Path(__file__).parents[4] / "shared/data/lihua-dev.jsonl.gz"  # beside the project, not part of it


@pytest.fixture(autouse=True)
def _examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    for example in EXAMPLES.glob("*.py"):
        monkeypatch.delitem(sys.modules, example.stem, raising=False)


def test_an_example_is_under_60_lines() -> None:
    for example in EXAMPLES.glob("*.py"):
        assert len(example.read_text().splitlines()) < 60, example.name


def test_openai_compatible(chat_server: Any, words: Compressor) -> None:
    pytest.importorskip("llama_index.llms.openai_like")
    import openai_compatible

    assert openai_compatible.ask(chat_server.base_url, "tiny", compressor=words) == "Like so."
    (asked,) = chat_server.asked
    prompt = asked["messages"][-1]["content"]
    assert asked["model"] == "tiny"
    assert "exception" in prompt
    context = prompt.split("---------------------")[1].strip()
    assert 100 < len(context.encode()) <= 300


async def test_year_of_chat_in_short(
    opened: list[Settings], tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On made-up chats and a toy model; the real ones are below."""
    import year_of_chat

    monkeypatch.setenv("LONGATTNCOMP_NODE_TOKENS", "64")  # of a toy tokenizer, one a byte
    chats = [{"text": f"LiHua: It rained on day {day}.\nYuriko: Oh dear."} for day in range(365)]
    chats[200] = {"text": "LiHua: Ada signed the lease.\nYuriko: At last!"}
    lines = [{"documents": chats}, {"query": "Who signed the lease?"}]
    file = tmp_path / "year.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    await year_of_chat.main(file)
    assert "Ada signed the lease." in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.model
@pytest.mark.skipif(not YEAR.is_file(), reason="needs LiHua-World, which is not part of the project")
async def test_year_of_chat_on_real_chats() -> None:
    """By words over the whole year, and by the draft model over the chats around the evidence."""
    import year_of_chat

    table = year_of_chat.rows(YEAR)
    documents = table[0]["documents"]
    place = {document["id"]: number for number, document in enumerate(documents)}
    row = next(row for row in table[1:] if len(row["evidence"]) == 1)
    wanted = place[row["evidence"][0]["document"]]

    def found(content: str) -> bool:
        return any(line[6:] in documents[wanted]["text"] for line in content.splitlines() if len(line) > 60)

    year = await year_of_chat.remember([document["text"] for document in documents], method="bm25")
    assert found(await year_of_chat.recall(year, row["query"]))
    around = documents[max(0, wanted - 8) : wanted + 8]
    weeks = await year_of_chat.remember([document["text"] for document in around], token_budget=500)
    assert found(await year_of_chat.recall(weeks, row["query"]))


def test_soft_query_engine(words: Compressor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With toys as the embedding, the scorer and the target, over one page; the trained one is below."""
    import soft_query_engine
    from llama_index.core import MockEmbedding

    monkeypatch.setattr(soft_query_engine, "STATEMENTS", ("pass",))
    reader = open_soft_reader(save_draft_model(tmp_path, seed=2), "sac")
    whole = LongAttnPostprocessor(compressor=words, token_budget=10_000)
    found = soft_query_engine.answer(soft_query_engine.QUESTION, reader, MockEmbedding(embed_dim=4), whole)
    page = found.source_nodes[0].node.get_content(metadata_mode="llm")
    assert str(found) == reader.answer(soft_query_engine.QUESTION, reader.compress(page))


@pytest.mark.long
@pytest.mark.model
@pytest.mark.filterwarnings("ignore")  # of transformers, sentence-transformers
def test_soft_query_engine_with_its_adapter() -> None:
    pytest.importorskip("llama_index.embeddings.huggingface")
    import soft_query_engine
    from longattncomp.soft import SoftReader

    reader = SoftReader.from_pretrained("smollm2-135m-instruct", method="sac")
    options = soft_query_engine.minilm(), LongAttnPostprocessor(token_budget=400)
    assert str(soft_query_engine.answer(soft_query_engine.QUESTION, reader, *options)).strip()


@pytest.mark.long
@pytest.mark.model
@pytest.mark.filterwarnings("ignore")  # of transformers, sentence-transformers and Chroma
def test_query_engine() -> None:
    """Everything is real: Chroma, MiniLM, the draft model, SmolLM2."""
    pytest.importorskip("llama_index.vector_stores.chroma")
    import query_engine
    from chromadb.api.shared_system_client import SharedSystemClient
    from llama_index.core import Settings as LlamaIndexSettings

    SharedSystemClient.clear_system_cache()  # of another example's Chroma in this process
    llm = query_engine.smollm2()
    LlamaIndexSettings.tokenizer = llm._tokenizer.encode
    response = query_engine.answer(query_engine.QUESTION, llm)
    context = "\n\n".join(node.node.get_content(metadata_mode="llm") for node in response.source_nodes)
    assert "with" in {node.metadata["statement"] for node in response.source_nodes}
    assert "__exit__" in context
    assert len(llm._tokenizer.encode(context, add_special_tokens=False)) <= 400
    assert str(response).strip()

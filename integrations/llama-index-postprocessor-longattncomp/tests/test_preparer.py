"""Nodes that were read when they were ingested are not read again when they are asked about."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.ingestion.pipeline import get_transformation_hash
from llama_index.core.node_parser import TokenTextSplitter
from llama_index.core.schema import BaseNode, Document, ImageNode, NodeWithScore, TextNode
from llama_index.core.storage.kvstore import SimpleKVStore
from llama_index_toys import diary
from longattncomp import Compressor, LongAttnCompWarning
from longattncomp.adapters import InputError, ModelNotFoundError
from pydantic import ValidationError

from llama_index.postprocessor.longattncomp import LongAttnPostprocessor, LongAttnPreparer

QUERY = "Who signed the lease?"
QUESTION = 300  # tokens at most that are read for it, with the instruction and what stands before it
METADATA = {"file": "a name that the embedder and the LLM see, and the draft model does not"}
DOCUMENTS = [
    Document(text=diary("The flat has three rooms. ", 20), metadata=METADATA),
    Document(text=diary("Ada Marsh signed the lease in May. ", 50), metadata=METADATA),
]


def ask(nodes: list[BaseNode], **options: Any) -> list[NodeWithScore]:
    found = [NodeWithScore(node=node, score=0.5) for node in nodes]
    return LongAttnPostprocessor(**options).postprocess_nodes(found, query_str=QUERY)


@pytest.mark.parametrize("method", ["longattncomp-alone", "longattncomp"])
async def test_a_question_reads_itself_only_in_any_company_and_order(
    method: str, alone: dict[str, Any], read: list[int]
) -> None:
    options = alone | {"method": method, "token_budget": 900}
    nodes = [*DOCUMENTS, TextNode(text="", id_="empty"), ImageNode(image_path="a.png"), TextNode(text="Three rooms.")]
    before = copy.deepcopy(nodes)
    same = LongAttnPreparer(**options | {"token_budget": 10_000, "node_tokens": 64})(nodes)
    assert sum(read) > 3_000
    assert [id(node) for node in same] == [id(node) for node in nodes]
    assert nodes == before
    read.clear()
    assert await LongAttnPreparer(**options).acall(nodes) is nodes
    assert not read
    assert ask(nodes[::-1], **options)
    assert ask(nodes[1:2], **options)
    assert sum(read) < QUESTION * 2


async def test_in_a_pipeline_and_an_index(alone: dict[str, Any], read: list[int]) -> None:
    splitter = TokenTextSplitter(chunk_size=400, chunk_overlap=0)
    pipeline = IngestionPipeline(transformations=[splitter, LongAttnPreparer(**alone)], disable_cache=True)
    nodes = pipeline.run(documents=DOCUMENTS)
    assert len(nodes) > 5
    index = VectorStoreIndex(list(nodes), embed_model=MockEmbedding(embed_dim=3))
    found = index.as_retriever(similarity_top_k=4).retrieve(QUERY)
    read.clear()
    assert len(await pipeline.arun(documents=DOCUMENTS)) == len(nodes)
    assert LongAttnPostprocessor(**alone | {"token_budget": 900}).postprocess_nodes(found, query_str=QUERY)
    assert sum(read) < QUESTION


def test_a_pipeline_s_cache_knows_it_by_its_settings(alone: dict[str, Any], read: list[int], tmp_path: Path) -> None:
    one, same = (LongAttnPreparer(**alone, store=SimpleKVStore()) for _ in range(2))
    other = LongAttnPreparer(**alone, key_store=tmp_path / "keys")
    hashes = [get_transformation_hash(DOCUMENTS, component) for component in (one, same, other)]
    assert hashes[0] == hashes[1] != hashes[2]
    pipeline = IngestionPipeline(transformations=[one])
    first = pipeline.run(documents=DOCUMENTS)
    read.clear()
    pipeline.persist(str(tmp_path / "pipeline"))
    again = IngestionPipeline(transformations=[same])
    again.load(str(tmp_path / "pipeline"))
    assert [node.text for node in again.run(documents=DOCUMENTS)] == [node.text for node in first]
    assert not read


def test_nothing_to_read_opens_nothing() -> None:
    prepare = LongAttnPreparer(model="nowhere.gguf")
    assert prepare([]) == []
    assert len(prepare([TextNode(text=""), ImageNode(image_path="a.png")])) == 2


def test_an_engine_that_fails_leaves_a_warning(broken: Compressor, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.warns(
        LongAttnCompWarning, match="the nodes are read when a question comes: RuntimeError: out of memory"
    ):
        assert LongAttnPreparer(compressor=broken)(DOCUMENTS) is DOCUMENTS
    assert "out of memory" in caplog.text


def test_a_caller_s_mistake_raises(alone: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing that is read would be kept"):
        LongAttnPreparer(**alone, cache_bytes=0)(DOCUMENTS)
    with pytest.raises(ModelNotFoundError):
        LongAttnPreparer(model=tmp_path / "nowhere.gguf")(DOCUMENTS)
    with pytest.raises(ValidationError, match="cache_bytes"):
        LongAttnPreparer(cache_bytes=-1)


@pytest.mark.parametrize("component", [LongAttnPreparer, LongAttnPostprocessor])
def test_settings_travel_and_what_is_open_does_not(component: Any, alone: dict[str, Any], tmp_path: Path) -> None:
    given = component(**alone, cache_bytes=10**6, key_store=tmp_path / "keys")
    again = [
        component.from_dict(given.to_dict()),
        component.from_json(given.to_json()),
        pickle.loads(pickle.dumps(given)),
        copy.deepcopy(given),
    ]
    for one in again:
        assert one.to_dict() == given.to_dict()
        assert (one.cache_bytes, one.key_store) == (10**6, str(tmp_path / "keys"))
    stored = component(**alone, store=SimpleKVStore())
    assert "store" not in json.loads(stored.to_json())
    assert copy.deepcopy(stored).store is stored.store
    assert pickle.loads(pickle.dumps(stored)).store is None

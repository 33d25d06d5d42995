"""In the places where LlamaIndex takes a node postprocessor."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import Field
from llama_index.core.chat_engine import CondensePlusContextChatEngine, ContextChatEngine
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.llms.mock import MockLLM
from llama_index.core.memory import Memory, VectorMemoryBlock
from llama_index.core.postprocessor import LongContextReorder, SimilarityPostprocessor
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.core.schema import MetadataMode, TextNode
from llama_index.core.tools import RetrieverTool
from llama_index.core.vector_stores.types import BasePydanticVectorStore, VectorStoreQuery, VectorStoreQueryResult
from llama_index_toys import ListMemory
from longattncomp import Compressor

from llama_index.postprocessor.longattncomp import LongAttnMemory, LongAttnPostprocessor

LEASE = "Nothing happened on that day at all. " * 20 + "Ada signed the lease in May. " + "It rained all day. " * 20
OTHER = "The roof was mended in the year of the flood. " * 30
QUERY = "Who signed the lease?"
BUDGET = 300


@pytest.fixture
def index() -> VectorStoreIndex:
    nodes = [TextNode(text=text, metadata={"file": f"{name}.txt"}) for name, text in (("a", LEASE), ("b", OTHER))]
    return VectorStoreIndex(nodes, embed_model=MockEmbedding(embed_dim=3))


@pytest.fixture
def ours(words: Compressor) -> LongAttnPostprocessor:
    return LongAttnPostprocessor(compressor=words, token_budget=BUDGET)


async def test_query_engine(index: VectorStoreIndex, ours: LongAttnPostprocessor) -> None:
    """MockLLM answers with the prompt that it was given."""
    ours.top_p = 0.95
    engine = index.as_query_engine(llm=MockLLM(), node_postprocessors=[ours])
    for response in (engine.query(QUERY), await engine.aquery(QUERY)):
        assert [node.metadata["file"] for node in response.source_nodes] == ["a.txt"]
        context = str(response).split("---------------------")[1].strip()
        assert "Ada signed the lease in May." in context
        assert "file: a.txt" in context
        assert "longattncomp" not in str(response)
        assert len(context.encode()) <= BUDGET


async def test_beside_other_postprocessors(index: VectorStoreIndex, ours: LongAttnPostprocessor) -> None:
    chain = [SimilarityPostprocessor(similarity_cutoff=0.1), ours, LongContextReorder()]
    response = index.as_query_engine(llm=MockLLM(), node_postprocessors=chain).query(QUERY)
    assert "Ada signed the lease in May." in str(response)


@pytest.mark.parametrize("engine", [ContextChatEngine, CondensePlusContextChatEngine])
async def test_chat_engines(engine: Any, index: VectorStoreIndex, ours: LongAttnPostprocessor) -> None:
    ours.top_p = 0.95
    chat = engine.from_defaults(
        retriever=index.as_retriever(), llm=MockLLM(), node_postprocessors=[ours], memory=ListMemory()
    )
    for response in (chat.chat(QUERY), await chat.achat(QUERY)):
        assert [node.metadata["file"] for node in response.source_nodes] == ["a.txt"]
        assert "Ada signed the lease in May." in response.source_nodes[0].get_content()
        chat.reset()


def test_a_chat_engine_over_our_memory(index: VectorStoreIndex, words: Compressor) -> None:
    memory = LongAttnMemory(inner=ListMemory(), compressor=words, token_budget=100, keep_last=2)
    chat = index.as_chat_engine(chat_mode="context", llm=MockLLM(max_tokens=5), similarity_top_k=1, memory=memory)
    for question in (f"Hello. {LEASE[:300]}", "What else?", QUERY):
        chat.chat(question)
    assert len(memory.get_all()) == 6
    assert len(str(memory.get(input=QUERY)[0].content)) <= 100


def test_citation_query_engine(index: VectorStoreIndex, ours: LongAttnPostprocessor) -> None:
    engine = CitationQueryEngine.from_args(index, llm=MockLLM(), node_postprocessors=[ours])
    response = engine.query(QUERY)
    assert "Ada signed the lease in May." in "".join(node.get_content() for node in response.source_nodes)
    assert sum(len(node.get_content()) for node in response.source_nodes) <= BUDGET + len("Source 1:\n") * 2


class ListStore(BasePydanticVectorStore):
    """Finds everything."""

    stores_text: bool = True
    nodes: list[Any] = Field(default_factory=list)

    @property
    def client(self) -> None:
        return None

    def add(self, nodes: Any, **kwargs: Any) -> list[str]:
        self.nodes.extend(nodes)
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **kwargs: Any) -> None:
        raise NotImplementedError

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        return VectorStoreQueryResult(nodes=self.nodes, similarities=[1.0] * len(self.nodes))


async def test_vector_memory_block(words: Compressor) -> None:
    ours = LongAttnPostprocessor(compressor=words, token_budget=BUDGET)
    block = VectorMemoryBlock(
        vector_store=ListStore(),
        embed_model=MockEmbedding(embed_dim=3),
        node_postprocessors=[ours],
    )
    memory = Memory.from_defaults(session_id="s", token_limit=9000, memory_blocks=[block])
    await block.aput([ChatMessage(role="user", content=LEASE)], session_id="s")
    history = await memory.aget(input=QUERY)
    assert "Ada signed the lease in May." in str(history[0].content)
    assert len(str(history[0].content)) <= BUDGET + 60


async def test_retriever_tool(index: VectorStoreIndex, ours: LongAttnPostprocessor) -> None:
    tool = RetrieverTool.from_defaults(retriever=index.as_retriever(), node_postprocessors=[ours])
    for output in (tool.call(QUERY), await tool.acall(QUERY)):
        assert "Ada signed the lease in May." in output.content
        assert len(output.content.strip().encode()) <= BUDGET
        shown = [found.node.get_content(metadata_mode=MetadataMode.LLM) for found in output.raw_output]
        (lease,) = [text for text in shown if "Ada signed the lease in May." in text]  # the index gives ties any order
        assert lease.startswith("file: a.txt")

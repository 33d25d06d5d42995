"""A query engine whose answers come from vectors, behind hard compression."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.schema import NodeWithScore, TextNode
from longattncomp.testing import open_soft_reader, open_stand_ins, save_draft_model

from llama_index.postprocessor.longattncomp import LongAttnPostprocessor, LongAttnSynthesizer

TEXTS = ["The lease was signed by Ada Marsh.", "Whales eat krill."]
QUESTION = "Who signed?"


@pytest.fixture(scope="module")
def soft(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return open_soft_reader(save_draft_model(tmp_path_factory.mktemp("target"), seed=2), "sac")


def nodes() -> list[NodeWithScore]:
    return [NodeWithScore(node=TextNode(text=text)) for text in TEXTS]


def test_it_answers_behind_hard_compression(soft: Any) -> None:
    index = VectorStoreIndex([node.node for node in nodes()], embed_model=MockEmbedding(embed_dim=4))
    with open_stand_ins():
        engine = index.as_query_engine(
            llm=LongAttnSynthesizer(soft).llm,
            similarity_top_k=2,
            node_postprocessors=[LongAttnPostprocessor(token_budget=4000)],
            response_synthesizer=LongAttnSynthesizer(soft),
        )
        found = engine.query(QUESTION)
    assert {source.node.get_content() for source in found.source_nodes} == set(TEXTS)
    texts = [source.node.get_content() for source in found.source_nodes]
    assert found.response == soft.answer(QUESTION, soft.compress(texts))
    assert found.response


def test_it_streams_and_awaits(soft: Any) -> None:
    expected = soft.answer(QUESTION, soft.compress(TEXTS))
    plain, streaming = LongAttnSynthesizer(soft), LongAttnSynthesizer(soft, streaming=True)
    assert plain.synthesize(QUESTION, nodes()).response == expected
    parts = list(streaming.synthesize(QUESTION, nodes()).response_gen)
    assert len(parts) > 1
    assert "".join(parts).rstrip() == expected

    async def ask() -> tuple[str, str]:
        whole = await plain.asynthesize(QUESTION, nodes())
        piecewise = await streaming.asynthesize(QUESTION, nodes())
        return whole.response, "".join([piece async for piece in piecewise.async_response_gen()])

    whole, joined = asyncio.run(ask())
    assert whole == joined.rstrip() == expected


def test_without_nodes_or_text(soft: Any) -> None:
    plain = LongAttnSynthesizer(soft)
    assert plain.synthesize(QUESTION, []).response == "Empty Response"
    empty = [NodeWithScore(node=TextNode(text=""))]
    assert plain.synthesize(QUESTION, empty).response == soft.answer(QUESTION, None)
    assert plain.llm.complete(QUESTION).text == soft.answer(QUESTION, None)

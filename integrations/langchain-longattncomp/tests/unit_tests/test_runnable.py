"""The places in LangChain where a compressor is used."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_classic.retrievers.document_compressors import DocumentCompressorPipeline
from langchain_core.callbacks import BaseCallbackHandler, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.load import dumpd, load
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import ConfigurableField, RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_toys import engine, report
from longattncomp.adapters import InputError
from longattncomp.testing import open_stand_ins

from langchain_longattncomp import LongAttnCompressor

QUERY = "who signed the lease"
FOUND = [
    Document("The flat has three rooms. " * 8, id="rooms"),
    Document(report("Ada Marsh signed the lease in May. ", 2_000), id="lease"),
]


class Found(BaseRetriever):
    """Finds the same for every query."""

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return FOUND


def score(document: Document) -> float:
    return float(document.metadata["relevance_score"])


def length(documents: list[Document]) -> int:
    return sum(len(document.page_content) for document in documents)


class Runs(BaseCallbackHandler):
    """Notes runs as (name, name of the parent)."""

    def __init__(self) -> None:
        self.names: dict[Any, str] = {}
        self.runs: list[tuple[str, str | None]] = []

    def on_retriever_start(self, serialized: Any, query: str, *, run_id: Any, **kwargs: Any) -> None:
        self._start(run_id, kwargs)

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: Any, **kwargs: Any) -> None:
        self._start(run_id, kwargs)

    def _start(self, run_id: Any, kwargs: Any) -> None:
        self.names[run_id] = str(kwargs["name"])
        self.runs.append((str(kwargs["name"]), self.names.get(kwargs.get("parent_run_id"))))


@pytest.fixture
def compressor() -> LongAttnCompressor:
    return LongAttnCompressor(compressor=engine(), token_budget=150, top_p=1.0)


async def test_in_a_retriever_a_pipeline_and_traces(compressor: LongAttnCompressor) -> None:
    pipeline = DocumentCompressorPipeline(transformers=[compressor])
    for base in (compressor, pipeline):
        retriever = ContextualCompressionRetriever(base_compressor=base, base_retriever=Found())
        runs = Runs()
        kept = retriever.invoke(QUERY, {"callbacks": [runs]})
        assert kept[-1].id == "lease"
        assert ("LongAttnCompressor", "ContextualCompressionRetriever") in runs.runs
        runs = Runs()
        assert await retriever.ainvoke(QUERY, {"callbacks": [runs]}) == kept
        assert ("LongAttnCompressor", "ContextualCompressionRetriever") in runs.runs


async def test_in_a_chain(compressor: LongAttnCompressor) -> None:
    chain = (
        RunnableParallel(documents=Found(), query=RunnablePassthrough())
        | compressor
        | (lambda kept: max(kept, key=score).id)
    )
    assert chain.invoke(QUERY) == "lease"
    assert await chain.ainvoke(QUERY) == "lease"
    assert chain.batch([QUERY, "three rooms"]) == await chain.abatch([QUERY, "three rooms"]) == ["lease", "rooms"]


def test_configurable_fields_win_over_the_constructor(compressor: LongAttnCompressor) -> None:
    configurable = compressor.configurable_fields(token_budget=ConfigurableField(id="token_budget"))
    given = {"documents": FOUND, "query": QUERY}
    assert 150 < length(configurable.invoke(given, {"configurable": {"token_budget": 400}})) <= 400
    assert length(configurable.invoke(given)) <= 150
    with pytest.raises(ValueError, match="token_budget"):
        configurable.invoke(given, {"configurable": {"token_budget": 0}})


def test_configurable_fields_open_the_model_once() -> None:
    configurable = LongAttnCompressor().configurable_fields(token_budget=ConfigurableField(id="token_budget"))
    with open_stand_ins() as opened:
        for budget in range(100, 105):
            configurable.invoke({"documents": FOUND, "query": QUERY}, {"configurable": {"token_budget": budget}})
    assert len(opened) == 1


def test_configurable_alternatives(compressor: LongAttnCompressor) -> None:
    chosen = compressor.configurable_alternatives(
        ConfigurableField(id="compressor"), none=RunnableLambda(lambda given: given["documents"])
    )
    given = {"documents": FOUND, "query": QUERY}
    assert length(chosen.invoke(given)) <= 150
    assert chosen.with_config(configurable={"compressor": "none"}).invoke(given) == FOUND


def test_per_call_in_a_retriever(compressor: LongAttnCompressor) -> None:
    retriever = ContextualCompressionRetriever(base_compressor=compressor, base_retriever=Found()).configurable_fields(
        base_compressor=ConfigurableField(id="compressor")
    )
    other = LongAttnCompressor(compressor=engine(), token_budget=100_000, top_p=1.0)
    assert length(retriever.invoke(QUERY)) <= 150
    assert length(retriever.invoke(QUERY, {"configurable": {"compressor": other}})) > 2_000


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
def test_dumped_and_loaded(bm25_model: str, compressor: LongAttnCompressor) -> None:
    given = LongAttnCompressor(model=bm25_model, method="bm25", token_budget=150, gap_mark="", annotate=False)
    dumped = dumpd(given)
    known = {"allowed_objects": [LongAttnCompressor], "valid_namespaces": ["langchain_longattncomp"]}
    assert load(dumped, **known) == given
    assert "compressor" not in dumpd(compressor)["kwargs"]
    counted = dumpd(LongAttnCompressor(target_tokenizer=str.split))
    with pytest.raises(NotImplementedError):  # rather than count by another tokenizer
        load(counted, **known)


def test_pickled_after_use(bm25_model: str) -> None:
    given = LongAttnCompressor(model=bm25_model, method="bm25", token_budget=150, top_p=1.0)
    kept = given.compress_documents(FOUND, QUERY)
    again = pickle.loads(pickle.dumps(given))
    assert again == given
    assert again.compress_documents(FOUND, QUERY) == kept
    assert given.model_copy(update={"token_budget": 10_000}).compress_documents(FOUND, QUERY) != kept


def test_schemas_say_what_goes_in() -> None:
    schema = str(LongAttnCompressor().get_input_jsonschema())
    assert "documents" in schema
    assert "query" in schema


def test_an_open_engine_travels_through_configurable_fields(compressor: LongAttnCompressor) -> None:
    configurable = compressor.configurable_fields(model=ConfigurableField(id="model"))
    assert length(configurable.invoke({"documents": FOUND, "query": QUERY})) <= 150
    with pytest.raises((ValueError, InputError), match="open already"):
        configurable.invoke({"documents": FOUND, "query": QUERY}, {"configurable": {"model": "other"}})


async def test_options_of_a_call_are_bound_or_given(compressor: LongAttnCompressor) -> None:
    asked = {"documents": FOUND, "query": QUERY}
    for found in (
        compressor.invoke(asked, token_budget=60),
        await compressor.ainvoke(asked, token_budget=60),
        compressor.bind(token_budget=60).invoke(asked),
    ):
        assert 0 < length(found) <= 60 < length(compressor.invoke(asked)) <= 150
    with pytest.raises(InputError, match="budget"):
        compressor.invoke(asked, budget=60)

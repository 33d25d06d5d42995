"""Documents that were read when they were indexed are not read again when they are asked about."""

from __future__ import annotations

import pickle
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from langchain_classic.retrievers.document_compressors import DocumentCompressorPipeline
from langchain_core.documents import Document
from langchain_core.load import dumpd, load
from langchain_core.stores import InMemoryByteStore
from langchain_text_splitters import CharacterTextSplitter
from langchain_toys import diary, engine
from longattncomp import LongAttnCompWarning
from longattncomp.adapters import InputError, ModelNotFoundError
from longattncomp.testing import BrokenScorer
from pydantic import ValidationError

from langchain_longattncomp import LongAttnCompressor, LongAttnPreparer

QUERY = "Who signed the lease?"
QUESTION = 300  # tokens at most that are read for it, with the instruction and what stands before it
FOUND = [
    Document(diary("The flat has three rooms. ", 20), id="rooms", metadata={"page": 7}),
    Document("", id="picture"),
    Document(diary("Ada Marsh signed the lease in May. ", 50), id="lease"),
]


@pytest.mark.parametrize("method", ["longattncomp-alone", "longattncomp"])
async def test_a_question_reads_itself_only_in_any_company_and_order(
    method: str, alone: dict[str, Any], read: list[int]
) -> None:
    options = alone | {"method": method}
    before = deepcopy(FOUND)
    same = LongAttnPreparer(**options | {"token_budget": 10_000, "node_tokens": 64}).transform_documents(FOUND)
    assert sum(read) > 3_000
    assert [id(document) for document in same] == [id(document) for document in FOUND]
    assert before == FOUND
    read.clear()
    same = await LongAttnPreparer(**options).atransform_documents(FOUND)
    assert [id(document) for document in same] == [id(document) for document in FOUND]
    assert not read
    kept = LongAttnCompressor(**options).compress_documents(FOUND[::-1], QUERY)
    assert {document.id for document in kept} >= {"picture"}
    assert LongAttnCompressor(**options).compress_documents(FOUND[2:], QUERY)
    assert sum(read) < QUESTION


async def test_in_a_pipeline_behind_a_splitter(alone: dict[str, Any], read: list[int]) -> None:
    splitter = CharacterTextSplitter(separator=". ", chunk_size=400, chunk_overlap=0)
    index = DocumentCompressorPipeline(transformers=[splitter, LongAttnPreparer(**alone)])
    pieces = index.compress_documents(FOUND, QUERY)
    assert len(pieces) > 5
    read.clear()
    assert await index.acompress_documents(FOUND, QUERY) == pieces
    assert LongAttnCompressor(**alone).compress_documents(pieces[3:], QUERY)
    assert sum(read) < QUESTION


def test_nothing_to_read_opens_nothing() -> None:
    preparer = LongAttnPreparer(model="nowhere.gguf")
    assert preparer.transform_documents([]) == []
    assert preparer.transform_documents(FOUND[1:2]) == FOUND[1:2]


def test_an_engine_that_fails_leaves_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.warns(LongAttnCompWarning, match=r"3 documents pass unprepared, .*: out of memory"):
        same = LongAttnPreparer(compressor=engine(BrokenScorer())).transform_documents(FOUND)
    assert [id(document) for document in same] == [id(document) for document in FOUND]
    assert "out of memory" in caplog.text


def test_a_caller_s_mistake_raises(alone: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing that is read would be kept"):
        LongAttnPreparer(**alone, cache_bytes=0).transform_documents(FOUND)
    with pytest.raises(ModelNotFoundError):
        LongAttnPreparer(model=tmp_path / "nowhere.gguf").transform_documents(FOUND)
    with pytest.raises(ValidationError, match="cache_bytes"):
        LongAttnPreparer(cache_bytes=-1)


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
@pytest.mark.parametrize("component", [LongAttnPreparer, LongAttnCompressor])
def test_settings_travel_and_what_is_open_does_not(component: Any, alone: dict[str, Any], tmp_path: Path) -> None:
    given = component(**alone, cache_bytes=10**6, key_store=tmp_path / "keys")
    known = {"allowed_objects": [component], "valid_namespaces": ["langchain_longattncomp"]}
    again = [
        load(dumpd(given), **known),
        pickle.loads(pickle.dumps(given)),
        component.model_validate_json(given.model_dump_json(exclude={"name"})),
    ]
    for one in again:
        assert one == given
        assert (one.cache_bytes, one.key_store) == (10**6, str(tmp_path / "keys"))
    stored = component(**alone, store=InMemoryByteStore())
    assert "store" not in dumpd(stored)["kwargs"]
    assert "store" not in stored.model_dump()
    assert deepcopy(stored).store is stored.store
    assert pickle.loads(pickle.dumps(stored)).store is None

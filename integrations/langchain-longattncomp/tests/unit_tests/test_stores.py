"""What was read lies in a store of LangChain's, for every process that has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_classic.storage import LocalFileStore
from langchain_core.documents import Document
from langchain_core.runnables import ConfigurableField
from langchain_core.stores import ByteStore, InMemoryByteStore
from langchain_toys import diary
from longattncomp import LongAttnCompWarning
from longattncomp.testing import forget_models
from pydantic import ValidationError

from langchain_longattncomp import LongAttnCompressor, LongAttnPreparer

QUERY = "Who signed the lease?"
QUESTION = 300
FOUND = [Document(diary("Ada Marsh signed the lease in May. ", 150), id="lease"), Document(diary("Rooms: 3.", 60))]

pytestmark = pytest.mark.filterwarnings("ignore:`langchain-community` is being sunset")


def texts(documents: list[Document]) -> list[str]:
    return [document.page_content for document in documents]


def redis_store(server: Any) -> Iterator[ByteStore]:
    from langchain_community.storage import RedisStore
    from redis import Redis as Client

    with Client.from_url(server.url) as client:
        yield RedisStore(client=client, namespace="longattncomp")


@pytest.fixture(params=["memory", "files", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ByteStore]:
    if request.param == "memory":
        yield InMemoryByteStore()
    elif request.param == "files":
        yield LocalFileStore(tmp_path / "files")
    else:
        yield from redis_store(request.getfixturevalue("redis"))


def test_another_process_with_the_same_store_reads_the_question_only(
    store: ByteStore, alone: dict[str, Any], read: list[int]
) -> None:
    without = texts(LongAttnCompressor(**alone).compress_documents(FOUND, QUERY))
    forget_models()
    LongAttnPreparer(**alone, store=store).transform_documents(FOUND)
    assert len(list(store.yield_keys())) > 10
    forget_models()
    read.clear()
    kept = LongAttnCompressor(**alone, store=store, cache_bytes=0).compress_documents(FOUND, QUERY)
    assert texts(kept) == without
    assert sum(read) < QUESTION
    forget_models()
    read.clear()
    LongAttnCompressor(**alone, store=InMemoryByteStore()).compress_documents(FOUND, QUERY)
    assert sum(read) > 3_000, "and with another store, all of it"


def test_a_folder_does_the_same(alone: dict[str, Any], read: list[int], tmp_path: Path) -> None:
    LongAttnPreparer(**alone, key_store=tmp_path / "keys").transform_documents(FOUND)
    forget_models()
    read.clear()
    assert LongAttnCompressor(**alone, key_store=str(tmp_path / "keys")).compress_documents(FOUND, QUERY)
    assert sum(read) < QUESTION


def test_components_with_one_store_share_the_draft_model(alone: dict[str, Any], read: list[int]) -> None:
    store = InMemoryByteStore()
    compressor = LongAttnCompressor(**alone, store=store)
    assert LongAttnPreparer(**alone, store=store).engine().scorer is compressor.engine().scorer
    assert LongAttnPreparer(**alone, store=InMemoryByteStore()).engine().scorer is not compressor.engine().scorer
    configurable = compressor.configurable_fields(token_budget=ConfigurableField(id="token_budget"))
    for budget in (100, 150):
        configurable.invoke({"documents": FOUND, "query": QUERY}, {"configurable": {"token_budget": budget}})
        if budget == 100:
            assert sum(read) > 3_000
            read.clear()
    assert sum(read) < QUESTION


def test_a_server_that_went_away_costs_a_warning_and_a_reading(redis: Any, alone: dict[str, Any]) -> None:
    for store in redis_store(redis):
        LongAttnPreparer(**alone, store=store).transform_documents(FOUND)
        redis.stop()
        forget_models()
        with pytest.warns(LongAttnCompWarning, match=r"cannot (read|write) the key store"):
            kept = LongAttnCompressor(**alone, store=store).compress_documents(FOUND, QUERY)
        assert texts(kept) == texts(LongAttnCompressor(**alone).compress_documents(FOUND, QUERY))


def test_what_is_no_store_raises_when_it_is_given() -> None:
    with pytest.raises(ValidationError, match="store"):
        LongAttnPreparer(store={})


class Down(InMemoryByteStore):
    """A store that does not work."""

    def __init__(self, verbs: tuple[str, ...]) -> None:
        super().__init__()
        for verb in verbs:
            setattr(self, verb, self._fail)

    def _fail(self, *_: Any) -> Any:
        raise TimeoutError("no answer")


@pytest.mark.parametrize("verbs", [("mget",), ("mset",), ("mget", "mset")], ids=str)
async def test_a_store_that_is_down_costs_a_warning_and_a_reading(
    verbs: tuple[str, ...], alone: dict[str, Any]
) -> None:
    few = FOUND[1:]
    without = texts(LongAttnCompressor(**alone).compress_documents(few, QUERY))
    with pytest.warns(LongAttnCompWarning, match="the key store .no answer."):
        assert texts(LongAttnCompressor(**alone, store=Down(verbs)).compress_documents(few, QUERY)) == without
    with pytest.warns(LongAttnCompWarning, match="the key store .no answer."):
        assert await LongAttnPreparer(**alone, store=Down(verbs)).atransform_documents(few) == few

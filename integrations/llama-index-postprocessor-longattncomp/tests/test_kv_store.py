"""What was read lies in a key-value store of LlamaIndex's, for every process that has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.storage.kvstore import SimpleKVStore
from llama_index.core.storage.kvstore.types import BaseKVStore
from llama_index_toys import diary
from longattncomp import LongAttnCompWarning
from longattncomp.testing import forget_models
from pydantic import ValidationError

from llama_index.postprocessor.longattncomp import LongAttnPostprocessor, LongAttnPreparer
from llama_index.postprocessor.longattncomp.kv_store import COLLECTION, byte_store

QUERY = "Who signed the lease?"
QUESTION = 300
NODES = [TextNode(text=diary("Ada signed the lease. ", 150), id_="lease"), TextNode(text=diary("Rooms: 3. ", 60))]


def redis_store(server: Any) -> Iterator[BaseKVStore]:
    from llama_index.storage.kvstore.redis import RedisKVStore

    store = RedisKVStore(server.url)
    yield store
    store._redis_client.close()


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[BaseKVStore]:
    if request.param == "memory":
        yield SimpleKVStore()
    else:
        yield from redis_store(request.getfixturevalue("redis"))


def ask(**options: Any) -> list[str]:
    found = [NodeWithScore(node=node) for node in NODES]
    return [node.text for node in LongAttnPostprocessor(**options).postprocess_nodes(found, query_str=QUERY)]


def test_another_process_with_the_same_store_reads_the_question_only(
    store: BaseKVStore, alone: dict[str, Any], read: list[int]
) -> None:
    without = ask(**alone)
    forget_models()
    LongAttnPreparer(**alone, store=store)(NODES)
    assert len(store.get_all(collection=COLLECTION)) > 10
    forget_models()
    read.clear()
    assert ask(**alone, store=store, cache_bytes=0) == without
    assert sum(read) < QUESTION
    forget_models()
    read.clear()
    ask(**alone, store=SimpleKVStore())
    assert sum(read) > 3_000, "and with another store, all of it"


def test_a_store_that_was_saved_and_a_folder_do_the_same(
    alone: dict[str, Any], read: list[int], tmp_path: Path
) -> None:
    store = SimpleKVStore()
    LongAttnPreparer(**alone, store=store)(NODES)
    store.persist(str(tmp_path / "store.json"))
    forget_models()
    LongAttnPreparer(**alone, key_store=tmp_path / "keys")(NODES)
    saved = SimpleKVStore.from_persist_path(str(tmp_path / "store.json"))
    kept: dict[str, Any]
    for kept in ({"store": saved}, {"key_store": tmp_path / "keys"}):
        forget_models()
        read.clear()
        assert ask(**alone, **kept)
        assert sum(read) < QUESTION


def test_components_with_one_store_share_the_draft_model(alone: dict[str, Any]) -> None:
    store = SimpleKVStore()
    scorer = LongAttnPostprocessor(**alone, store=store).engine().scorer
    assert LongAttnPreparer(**alone, store=store).engine().scorer is scorer
    assert LongAttnPreparer(**alone, store=SimpleKVStore()).engine().scorer is not scorer
    later = LongAttnPreparer(**alone)
    later.store = store
    assert later.engine().scorer is scorer


def test_a_server_that_went_away_costs_a_warning_and_a_reading(redis: Any, alone: dict[str, Any]) -> None:
    for store in redis_store(redis):
        LongAttnPreparer(**alone, store=store)(NODES)
        redis.stop()
        forget_models()
        with pytest.warns(LongAttnCompWarning, match=r"cannot (read|write) the key store"):
            kept = ask(**alone, store=store)
        assert kept == ask(**alone)


def test_bytes_come_back_as_they_went_in(store: BaseKVStore) -> None:
    values = [(f"{index}", bytes([index, 0, 255]) * index) for index in range(40)]
    byte_store(store).mset(values)
    assert byte_store(store).mget([key for key, _ in values]) == [value for _, value in values]
    assert byte_store(store).mget(["39", "none", "1"]) == [values[39][1], None, values[1][1]]
    json.dumps(store.get_all(collection=COLLECTION))
    assert byte_store(store) is byte_store(store)


@pytest.mark.parametrize("damage", [{}, {"base64": None}, {"base64": "not base64"}, {"base64": "AAAA"}], ids=str)
def test_what_is_damaged_is_read_again_with_a_warning(damage: dict[str, Any], alone: dict[str, Any]) -> None:
    store = SimpleKVStore()
    LongAttnPreparer(**alone, store=store)(NODES)
    whole = store.get_all(collection=COLLECTION)
    store.put(next(iter(whole)), damage, collection=COLLECTION)
    forget_models()
    with pytest.warns(LongAttnCompWarning, match="1 entries of the key store are damaged"):
        LongAttnPreparer(**alone, store=store)(NODES)
    assert store.get_all(collection=COLLECTION).keys() == whole.keys()
    assert damage not in store.get_all(collection=COLLECTION).values()


def test_what_is_no_store_raises_when_it_is_given() -> None:
    with pytest.raises(ValidationError, match="store"):
        LongAttnPreparer(store={})


class Down(SimpleKVStore):
    """A store that does not work."""

    def __init__(self, verbs: tuple[str, ...]) -> None:
        super().__init__()
        for verb in verbs:
            setattr(self, verb, self._fail)

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise TimeoutError("no answer")


@pytest.mark.parametrize("verbs", [("get",), ("put_all",), ("get", "put_all")], ids=str)
async def test_a_store_that_is_down_costs_a_warning_and_a_reading(
    verbs: tuple[str, ...], alone: dict[str, Any]
) -> None:
    few = [NodeWithScore(node=node) for node in NODES[1:]]
    without = LongAttnPostprocessor(**alone).postprocess_nodes(few, query_str=QUERY)
    with pytest.warns(LongAttnCompWarning, match="the key store .no answer."):
        assert LongAttnPostprocessor(**alone, store=Down(verbs)).postprocess_nodes(few, query_str=QUERY) == without
    with pytest.warns(LongAttnCompWarning, match="the key store .no answer."):
        assert await LongAttnPreparer(**alone, store=Down(verbs)).acall(NODES[1:]) == NODES[1:]

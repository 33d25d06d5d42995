"""a key-value store of LlamaIndex's -> a store of bytes for the engine."""

from __future__ import annotations

import base64
import threading
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

from llama_index.core.storage.kvstore.types import BaseKVStore

COLLECTION = "longattncomp"
_FIELD = "base64"
_AT_ONCE = 16  # a value has some 100 KB, and a batch may have 25 items in DynamoDB, 10 MB in Firestore


class KVByteStore:
    """A store that keeps bytes as base64 text in `{"base64": ...}`, because LlamaIndex's stores hold JSON."""

    def __init__(self, store: BaseKVStore) -> None:
        self._store = store

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values; None for a key that is missing."""
        return [_bytes(self._store.get(key, collection=COLLECTION)) for key in keys]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """Write all values, in batches if the store can."""
        values = [(key, {_FIELD: base64.b64encode(value).decode("ascii")}) for key, value in key_value_pairs]
        try:
            self._store.put_all(values, collection=COLLECTION, batch_size=_AT_ONCE)
        except NotImplementedError:
            self._store.put_all(values, collection=COLLECTION)


def byte_store(store: BaseKVStore) -> KVByteStore:
    """Return the same object for the same store, so that components with one store share a draft model."""
    with _lock:
        known = _known.get(id(store))
        if known is None:
            known = _known[id(store)] = KVByteStore(store)  # it keeps the store alive, so no other store gets its id
        return known


def _bytes(value: dict[str, Any] | None) -> bytes | None:
    if value is None:
        return None
    try:
        return base64.b64decode(value[_FIELD], validate=True)
    except (KeyError, TypeError, ValueError):
        return b""  # the engine says that it is damaged


_known: WeakValueDictionary[int, KVByteStore] = WeakValueDictionary()
_lock = threading.Lock()

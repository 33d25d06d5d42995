"""a shortened message's key -> its whole text."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence

from cachetools import LRUCache
from langchain_core.runnables.config import ensure_config
from langgraph.store.base import BaseStore

ROOT = "longattncomp"
"""First part of the namespace in a LangGraph store; the second is the thread's id."""

_CHARACTERS = 64_000_000


class Originals:
    """Whole texts by conversation and key: in the agent's store if it has one, else in this process.

    A key is made from the text, so that the same result is kept once and a tool call that is
    repeated gets the same key. In this process the latest 64 million characters are kept.
    """

    def __init__(self) -> None:
        self._texts: LRUCache[tuple[str, str], str] = LRUCache(_CHARACTERS, getsizeof=len)
        self._lock = threading.Lock()

    def keep(self, texts: Sequence[str], store: BaseStore | None) -> str:
        """Keep a message's texts as one, and give its key.

        Raises:
            ValueError: longer than all that can be kept in this process.
        """
        whole = "\n\n".join(texts)
        key = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        if store is not None:
            store.put(_namespace(), key, {"text": whole}, index=False)
        else:
            with self._lock:
                self._texts[_thread(), key] = whole
        return key

    def find(self, key: str, store: BaseStore | None) -> str | None:
        """The whole text, if it was kept in this conversation."""
        if store is not None:
            item = store.get(_namespace(), key)
            return None if item is None else str(item.value["text"])
        with self._lock:
            return self._texts.get((_thread(), key))


def _thread() -> str:
    return str(ensure_config().get("configurable", {}).get("thread_id", ""))


def _namespace() -> tuple[str, ...]:
    thread = _thread().replace("%", "%25").replace(".", "%2E")  # a store takes no dots and nothing empty
    return (ROOT, thread or "-")

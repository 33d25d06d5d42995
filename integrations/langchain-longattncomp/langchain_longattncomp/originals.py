"""key of a shortened message -> its whole text."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence

from cachetools import LRUCache
from langchain_core.runnables.config import ensure_config
from langgraph.store.base import BaseStore

ROOT = "longattncomp"
"""The first part of a namespace in a LangGraph store; the second part is the thread's id."""

_CHARACTERS = 64_000_000


class Originals:
    """Whole texts by conversation and key, in the agent's store if it has one, else in this process.

    A key is made from the text, so a repeated result is kept once and gets the same key. This process keeps the
    latest 64 million characters.
    """

    def __init__(self) -> None:
        self._texts: LRUCache[tuple[str, str], str] = LRUCache(_CHARACTERS, getsizeof=len)
        self._lock = threading.Lock()

    def keep(self, texts: Sequence[str], store: BaseStore | None) -> str:
        """Keep a message's texts as one text, and return its key.

        Raises:
            ValueError: the text is longer than all that this process keeps.
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
        """Return the whole text, or None if it was not kept in this conversation."""
        if store is None:
            with self._lock:
                return self._texts.get((_thread(), key))
        item = store.get(_namespace(), key)
        return None if item is None else str(item.value["text"])


def _thread() -> str:
    return str(ensure_config().get("configurable", {}).get("thread_id", ""))


def _namespace() -> tuple[str, ...]:
    thread = _thread().replace("%", "%25").replace(".", "%2E")  # a store takes no dots and nothing empty
    return (ROOT, thread or "-")

"""key of a shortened message -> its whole text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.runnables.config import ensure_config
from langgraph.store.base import BaseStore
from longattncomp.adapters import Recent, original

ROOT = "longattncomp"
"""The first part of a namespace in a LangGraph store; the second part is the owner."""

RUN = "longattncomp_run"
"""The key in the agent's state with the id of a run that belongs to no thread."""

_CHARACTERS = 64_000_000


class Originals:
    """Whole texts by owner and key, in the agent's store if it has one, else in this process.

    A key is made from the text, so a repeated result is kept once and gets the same key. This process keeps the
    latest 64 million characters.
    """

    def __init__(self) -> None:
        self._texts: Recent[tuple[str, str], str] = Recent(_CHARACTERS, lambda _, whole: len(whole))

    def keep(self, owner: str, texts: Sequence[str], store: BaseStore | None) -> str:
        """Keep a message's texts as one text, and return its key.

        Raises:
            ValueError: the text is longer than all that this process keeps.
        """
        key, whole = original(texts)
        if store is not None:
            store.put(_namespace(owner), key, {"text": whole}, index=False)
        elif not self._texts.put((owner, key), whole):
            raise ValueError(f"expected a text of at most {_CHARACTERS} characters without a store, got {len(whole)}")
        return key

    def find(self, owner: str, key: str, store: BaseStore | None) -> str | None:
        """Return the whole text, or None if it was not kept for this owner."""
        if store is None:
            return self._texts.get((owner, key))
        item = store.get(_namespace(owner), key)
        return None if item is None else str(item.value["text"])


def thread_id() -> str:
    """Return the id of the current thread, or ""."""
    named = ensure_config().get("configurable", {}).get("thread_id")
    return "" if named is None else str(named)


def checkpointed() -> bool:
    """Tell whether the agent that runs now keeps its state, which then outlives what this process keeps."""
    return ensure_config().get("configurable", {}).get("__pregel_checkpointer") is not None


def owner_of(state: Mapping[str, Any]) -> str:
    """Return who may read what is kept now: this thread, or this run if it belongs to no thread."""
    return thread_id() or f"run-{state[RUN]}"


def _namespace(owner: str) -> tuple[str, ...]:
    return (ROOT, owner.replace("%", "%25").replace(".", "%2E"))  # a store takes no dots

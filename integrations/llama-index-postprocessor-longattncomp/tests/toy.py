"""A scorer of words, a byte tokenizer and a memory, so that most tests need no weights."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import Field
from llama_index.core.memory import BaseMemory
from longattncomp import Node, Query, Scores
from longattncomp.types import Encoding, Progress


class ByteTokenizer:
    """One token per byte of UTF-8."""

    def encode(self, text: str) -> Encoding:
        ids: list[int] = []
        ends: list[int] = []
        for position, character in enumerate(text, start=1):
            units = character.encode("utf-8", "surrogatepass")
            ids += units
            ends += [position] * len(units)
        return Encoding(ids, ends)

    def count(self, text: str) -> int:
        return len(text.encode("utf-8", "surrogatepass"))


class WordScorer:
    """The mass by how often the query's words occur; notes its queries and threads."""

    def __init__(self) -> None:
        self.queries: list[str] = []
        self.threads: set[int] = set()

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        self.queries.append(query.text)
        self.threads.add(threading.get_ident())
        asked = {word for word in query.text.lower().strip("?").split() if len(word) > 3}
        counts = [1e-6 + sum(word.strip(".,?:") in asked for word in node.text.lower().split()) for node in nodes]
        return Scores(tuple(count / sum(counts) for count in counts), 0.0)


class BrokenScorer:
    """Fails in the middle, as a GPU without memory does."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        raise RuntimeError("out of memory")


class ListMemory(BaseMemory):
    """The simplest memory there is."""

    messages: list[ChatMessage] = Field(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "ListMemory"

    @classmethod
    def from_defaults(cls, **kwargs: Any) -> ListMemory:
        return cls(**kwargs)

    def get(self, input: str | None = None, **kwargs: Any) -> list[ChatMessage]:  # noqa: A002
        return list(self.messages)

    def get_all(self) -> list[ChatMessage]:
        return list(self.messages)

    def put(self, message: ChatMessage) -> None:
        self.messages.append(message)

    def set(self, messages: list[ChatMessage]) -> None:
        self.messages = list(messages)

    def reset(self) -> None:
        self.messages = []

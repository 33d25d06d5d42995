"""A memory and a text, so that most tests need no weights."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import Field
from llama_index.core.memory import BaseMemory


class ListMemory(BaseMemory):
    """A memory that keeps a list."""

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


def diary(needle: str, days: int) -> str:
    """Make a text that never says the same twice, with the needle in its middle."""
    lines = [f"On day {day} of {days} nothing happened in the office. " for day in range(days)]
    return "".join([*lines[: days // 2], needle, *lines[days // 2 :]])

"""any memory -> the same messages, the old ones shortened for the current question."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
from llama_index.core.bridge.pydantic import Field, PrivateAttr, SerializeAsAny
from llama_index.core.memory import BaseMemory, Memory
from longattncomp.adapters import in_thread

from llama_index.postprocessor.longattncomp.archive import text_of
from llama_index.postprocessor.longattncomp.asking import asked_in
from llama_index.postprocessor.longattncomp.options import LongAttnOptions
from llama_index.postprocessor.longattncomp.shrinking import Remembered, shrink

_COMPRESSED = (MessageRole.USER, MessageRole.TOOL, MessageRole.FUNCTION)
"""Roles of messages that are shortened; the model's own messages may carry tool calls and signed reasoning."""

Place = tuple[int, int]
"""The index of a message, and of a text block in it."""


class LongAttnMemory(LongAttnOptions, BaseMemory):
    """A view of another memory in which old messages are compressed for the current question.

    The inner memory keeps the original messages. `get` returns every message in order, with its role,
    `additional_kwargs`, tool calls and images. The texts of user and tool messages before the last `keep_last`
    messages get at most `token_budget` tokens together; texts that fit are left alone. The gap mark stands for a text
    of which nothing is left, so that calls and results stay paired. System and assistant messages and the last user
    message are never changed.

    If the engine fails, messages are passed on whole, with a `longattncomp.LongAttnCompWarning`. A wrong option or a
    missing draft model is an error.
    """

    inner: SerializeAsAny[BaseMemory] = Field(description="The memory that keeps the original messages.")
    keep_last: int = Field(default=4, ge=0, description="The number of newest messages that stay as they are.")

    _seen: Remembered[tuple[Any, ...], list[str]] = PrivateAttr(default_factory=Remembered)

    @classmethod
    def class_name(cls) -> str:
        return "LongAttnMemory"

    @classmethod
    def from_defaults(cls, inner: BaseMemory | None = None, **options: Any) -> Self:
        """Make a view of a memory, or of a new `Memory` if none is given."""
        return cls(inner=inner or Memory.from_defaults(), **options)

    @classmethod
    def from_dict(cls, data: dict[str, Any], **kwargs: Any) -> Self:
        """Rebuild the view, and the inner memory by the name of its class.

        `Memory` does not serialize its store: give `inner=`, or a new `Memory` with the same session is opened.
        """
        values = {**data, **kwargs}
        if isinstance(values.get("inner"), dict):
            values["inner"] = _rebuilt(values["inner"])
        return cls(**values)

    def get(self, input: str | ChatMessage | None = None, **kwargs: Any) -> list[ChatMessage]:  # noqa: A002
        """Return the messages as the model should read them.

        Args:
            input: the current question; if not given, the last user message.
            **kwargs: for the inner memory.

        Raises:
            InputError, ModelError, CacheError: as `engine`.
        """
        return self._view(self.inner.get(input=input, **kwargs), input)  # type: ignore[arg-type]

    async def aget(self, input: str | ChatMessage | None = None, **kwargs: Any) -> list[ChatMessage]:  # noqa: A002
        """Do what `get` does in a thread, so that the event loop goes on."""
        messages = await self.inner.aget(input=input, **kwargs)  # type: ignore[arg-type]
        return await in_thread(self._view, messages, input)

    def get_all(self, **kwargs: Any) -> list[ChatMessage]:
        """Return the original messages."""
        return self.inner.get_all(**kwargs)

    async def aget_all(self, **kwargs: Any) -> list[ChatMessage]:
        """Return the original messages."""
        return await self.inner.aget_all(**kwargs)

    def put(self, message: ChatMessage) -> None:
        self.inner.put(message)

    async def aput(self, message: ChatMessage) -> None:
        await self.inner.aput(message)

    def put_messages(self, messages: list[ChatMessage]) -> None:
        self.inner.put_messages(messages)

    async def aput_messages(self, messages: list[ChatMessage]) -> None:
        await self.inner.aput_messages(messages)

    def set(self, messages: list[ChatMessage]) -> None:
        self.inner.set(messages)

    async def aset(self, messages: list[ChatMessage]) -> None:
        await self.inner.aset(messages)

    def reset(self) -> None:
        self.inner.reset()

    async def areset(self) -> None:
        await self.inner.areset()

    def _view(self, messages: list[ChatMessage], given: str | ChatMessage | None) -> list[ChatMessage]:
        query = text_of(given) if isinstance(given, ChatMessage) else given
        places = dict(self._old_texts(messages))
        results = [number for number, (index, _) in enumerate(places) if messages[index].role != MessageRole.USER]
        asked = asked_in(messages, query or "")
        left = shrink(self, asked, list(places.values()), results=results, known=self._seen)
        changed = {place: text for place, text in zip(places, left, strict=True) if text != places[place]}
        view = list(messages)
        for index in {index for index, _ in changed}:
            blocks = [
                block.model_copy(update={"text": changed[index, number]}) if (index, number) in changed else block
                for number, block in enumerate(messages[index].blocks)
            ]
            view[index] = messages[index].model_copy(update={"blocks": blocks})
        return view

    def _old_texts(self, messages: list[ChatMessage]) -> Iterator[tuple[Place, str]]:
        users = [index for index, message in enumerate(messages) if message.role == MessageRole.USER]
        for index, message in enumerate(messages[: max(0, len(messages) - self.keep_last)]):
            if message.role in _COMPRESSED and index not in users[-1:]:
                for number, block in enumerate(message.blocks):
                    if isinstance(block, TextBlock):
                        yield (index, number), block.text


def _rebuilt(data: dict[str, Any]) -> BaseMemory:
    name = data.get("class_name")
    if name == Memory.class_name():
        kept = ("session_id", "token_limit", "token_flush_size", "chat_history_token_ratio")
        return Memory.from_defaults(**{key: data[key] for key in kept if key in data})
    for known in _subclasses(BaseMemory):  # type: ignore[type-abstract]
        if known.class_name() == name:
            return known.from_dict(dict(data))
    raise ValueError(f"expected the inner memory as one of the memories that are imported, got {name!r}: give inner=")


def _subclasses(of: type[BaseMemory]) -> Iterator[type[BaseMemory]]:
    for one in of.__subclasses__():
        yield one
        yield from _subclasses(one)

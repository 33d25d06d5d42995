"""agent's messages -> the same messages, shorter, once each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from langchain.agents.middleware.types import AgentMiddleware, AgentState, ToolCallRequest
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, ToolMessage
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from langgraph.types import Command
from longattncomp import Compressor
from longattncomp.errors import InputError
from longattncomp.query.parsing import query_for
from longattncomp.runtime.recent import Recent
from longattncomp.runtime.threads import in_thread
from longattncomp.settings import PER_CALL

from langchain_longattncomp.messages import (
    MARK,
    M,
    budget_for,
    is_question,
    last_question,
    marked,
    shorten,
    texts_of,
    with_texts,
)
from langchain_longattncomp.options import LongAttnOptions
from langchain_longattncomp.originals import Originals
from langchain_longattncomp.passing import pass_on
from langchain_longattncomp.reading_back import reading_tool

_Answer = ToolMessage | Command[Any]


class LongAttnMiddleware(AgentMiddleware):
    """Shortens long tool results as they are born, and old history once it is over a trigger.

    What is kept is verbatim and in order; a last line names the tool, which this middleware brings,
    that reads the whole text. A message is rewritten at most once and in place, so tool calls keep
    their results and the prompt's prefix stays the same for the provider's cache. AI and system
    messages, the last human message, errors and results of `return_direct` tools are never touched;
    what comes in Commands, and pages of originals, only in old history. What the engine cannot
    shorten passes whole, with `LongAttnCompWarning`.
    """

    def __init__(
        self,
        *,
        trigger: int | None = None,
        keep_last: int = 4,
        exclude_tools: Sequence[str] = (),
        name: str | None = None,
        **options: Any,
    ) -> None:
        """Set it up; the draft model is opened when an agent first runs.

        Args:
            trigger: tokens of all messages above which old tool results and human messages are
                shortened, to about half of it; none: history is left alone.
            keep_last: how many of the newest messages history's shortening leaves alone.
            exclude_tools: names of tools whose results stay whole.
            name: for a second one in the same agent; its tool is `read_original_<name>`.
            **options: as `LongAttnCompressor` but `annotate`; `token_budget` and `keep_rate` are for one
                tool result, and `order` does not matter.

        Raises:
            ValidationError: an option of the engine is unknown or out of its range.
            InputError: `trigger` or `keep_last` is out of its range.
        """
        super().__init__()
        if trigger is not None and trigger < 1:
            raise InputError(f"expected a trigger of at least 1 token, got {trigger}")
        if keep_last < 0:
            raise InputError(f"expected keep_last of at least 0 messages, got {keep_last}")
        self.options = LongAttnOptions(**options)
        self.trigger = trigger
        self.keep_last = keep_last
        self.exclude_tools = frozenset([exclude_tools] if isinstance(exclude_tools, str) else exclude_tools)
        self._name = name
        self._originals = Originals()
        self._reader = f"read_original_{name}" if name else "read_original"
        self.tools = [reading_tool(self._reader, self._originals, self._engine)]

    @property
    def name(self) -> str:
        """What tells it from others in one agent."""
        return self._name or type(self).__name__

    def before_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> None:
        """Open the engine, so that what is configured wrong fails before a tool has run.

        Raises:
            ModelError: the draft model or head cannot be used.
            InputError: a setting, or the option in the run's context, is wrong, or the budget is too small.
        """
        line = self._line("0" * 12, 100_000)
        engine = self._engine(runtime.context)
        least, budget = 2 * engine.count(line), engine.settings.token_budget
        if budget < least:
            raise InputError(f"expected a token_budget of at least {least}, to hold {line!r} and text, got {budget}")

    async def abefore_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> None:
        """`before_agent` in a thread."""
        await in_thread(self.before_agent, state, runtime)

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], _Answer]) -> _Answer:
        """Run the tool, and shorten a result over the budget."""
        return self._shortened(request, handler(request))

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[_Answer]]
    ) -> _Answer:
        """`wrap_tool_call`, with the shortening in a thread."""
        return await in_thread(self._shortened, request, await handler(request))

    def before_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Shorten old messages if all together are over the trigger; the changed ones replace theirs by id."""
        if self.trigger is None:
            return None
        try:
            changed = self._shortened_history(state["messages"], self.trigger, runtime)
        except Exception as error:  # noqa: BLE001 (the agent goes on with what it has)
            pass_on("the history passes", error)
            return None
        return {"messages": changed} if changed else None

    async def abefore_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """`before_model` in a thread."""
        return await in_thread(self.before_model, state, runtime)

    def _shortened(self, request: ToolCallRequest, answer: _Answer) -> _Answer:
        call = request.tool_call
        if not isinstance(answer, ToolMessage) or MARK in answer.response_metadata:
            return answer
        if not self._may_change(answer, call["name"]):
            return answer
        if getattr(request.tool, "return_direct", False):
            return marked(answer, return_direct=True)
        try:
            engine = self._engine(request.runtime.context)
            texts = texts_of(answer)
            tokens = _tokens(engine, *texts)
            budget = budget_for(engine, texts, self._line("0" * 12, tokens)) if texts else tokens
            if tokens <= budget:
                return answer
            question = last_question(request.state["messages"])
            query = query_for(question, call["args"], tokenizer=engine.tokenizer)
            (shorter,) = self._kept(engine, query, [answer], request.runtime.store, budget)
        except Exception as error:  # noqa: BLE001 (the tool has run, and its result is not to be lost)
            pass_on(f"a result of {call['name']} passes", error)
            return answer
        return shorter

    def _shortened_history(
        self, messages: Sequence[AnyMessage], trigger: int, runtime: Runtime[Any]
    ) -> list[AnyMessage]:
        engine = self._engine(runtime.context)
        sizes = [_tokens(engine, *texts_of(message), *_calls(message)) for message in messages]
        if sum(sizes) <= trigger:
            return []
        least = 2 * engine.count(self._line("0" * 12, max(sizes)))
        tools = {call["id"]: call["name"] for message in messages for call in getattr(message, "tool_calls", ())}
        last = max((index for index, message in enumerate(messages) if is_question(message)), default=-1)
        answered = max((index for index, message in enumerate(messages) if isinstance(message, AIMessage)), default=-1)
        old = [
            index
            for index, message in enumerate(messages[: max(0, len(messages) - self.keep_last)])
            if index != last and message.id and sizes[index] > least
            if is_question(message)
            or (isinstance(message, ToolMessage) and self._may_change(message, tools.get(message.tool_call_id)))
            if MARK not in message.response_metadata or (_page_of(message) and index < answered)
        ]
        if not old:
            return []
        others = sum(sizes) - sum(sizes[index] for index in old)
        # Half of the trigger, so that it is a while until the prompt changes again.
        budget = max(trigger // 2 - others, least * len(old))
        query = query_for(last_question(messages), tokenizer=engine.tokenizer)
        return self._kept(engine, query, [messages[index] for index in old], runtime.store, budget)

    def _kept(
        self,
        engine: Compressor,
        query: str,
        messages: Sequence[M],
        store: BaseStore | None,
        budget: int,
    ) -> list[M]:
        texts = [texts_of(message) for message in messages]
        keys = [
            _page_of(message) or self._originals.keep(own, store) for message, own in zip(messages, texts, strict=True)
        ]
        sizes = [_tokens(engine, *own) for own in texts]
        lines = [self._line(key, size) for key, size in zip(keys, sizes, strict=True)]
        rows = shorten(engine, query, texts, lines, token_budget=budget)
        return [
            marked(with_texts(message, row), original=key, original_tokens=size)
            for message, row, key, size in zip(messages, rows, keys, sizes, strict=True)
        ]

    def _may_change(self, message: ToolMessage, tool: str | None) -> bool:
        return message.status != "error" and not self.exclude_tools & {tool, message.name}

    def _engine(self, context: Any) -> Compressor:
        """The engine with the options of this run: `longattncomp` in the agent's context, a mapping or an attribute."""
        given = context.get(MARK) if isinstance(context, Mapping) else getattr(context, MARK, None)
        if not isinstance(given or {}, Mapping) or not set(given or {}) <= PER_CALL:
            names = ", ".join(sorted(PER_CALL))
            raise InputError(f"expected {MARK!r} in the context as a mapping with any of {names}, got {given!r}")
        return self.options.model_copy(update=dict(given)).engine() if given else self.options.engine()

    def _line(self, key: str, tokens: int) -> str:
        return f'[Shortened from {tokens} tokens; {self._reader}(id="{key}") gives the whole text.]'


def _page_of(message: BaseMessage) -> str | None:
    """The original that it is a page of, where it can be read again."""
    read_back: str | None = message.response_metadata.get(MARK, {}).get("read_back")
    return read_back


def _calls(message: AnyMessage) -> list[str]:
    return [str(call["args"]) for call in message.tool_calls] if isinstance(message, AIMessage) else []


def _tokens(engine: Compressor, *texts: str) -> int:
    return sum(_count(engine, text) for text in texts)


_COUNTED: Recent[tuple[Compressor, str], tuple[int, int]] = Recent(10_000_000, lambda counted: counted[0])
"""Characters and tokens of texts, for a history is counted before every call of the model."""


def _count(engine: Compressor, text: str) -> int:
    known = _COUNTED.get((engine, text))
    if known is None:
        known = len(text), engine.count(text)
        _COUNTED.put((engine, text), known)
    return known[1]

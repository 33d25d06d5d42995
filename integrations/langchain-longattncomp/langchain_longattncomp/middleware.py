"""an agent's messages -> the same messages, each shortened at most once."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, NotRequired
from uuid import uuid4

from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ModelRequest,
    ModelResponse,
    PrivateStateAttr,
    ToolCallRequest,
)
from langchain_core.messages import AIMessage, AnyMessage, SystemMessage, ToolMessage
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from langgraph.types import Command
from longattncomp import Compressor
from longattncomp.adapters import (
    PURPOSE_TEXT,
    InputError,
    in_thread,
    last_line,
    pass_whole,
    query_for,
    warn_of,
)

from langchain_longattncomp.messages import (
    M,
    budget_for,
    calls_of,
    is_question,
    last_question,
    marked,
    page_of,
    shorten,
    texts_of,
    with_texts,
)
from langchain_longattncomp.options import MARK, UNCOMPRESSED, LongAttnOptions
from langchain_longattncomp.originals import RUN, Originals, checkpointed, owner_of, thread_id
from langchain_longattncomp.purpose import with_purpose, without_purpose
from langchain_longattncomp.reading_back import reading_tool
from langchain_longattncomp.reporting import report

_OWN = ("trigger", "keep_last", "exclude_tools", "name", "purpose", "purpose_text", "audit")
_NO_KEY = "0" * 12
_Answer = ToolMessage | Command[Any]

_SUMMARIZE = (
    "raise trigger, lower keep_last, or put SummarizationMiddleware(summarizer=summarizer(...)) behind this one"
)
_STORELESS = "the agent has a checkpointer and no store; give it one: create_agent(..., store=...)"


class _State(AgentState[Any]):
    longattncomp_run: NotRequired[Annotated[str, PrivateStateAttr]]


class LongAttnMiddleware(AgentMiddleware):
    """Shortens long tool results before they enter the state, and old messages when the history is over a trigger.

    The kept text is verbatim and in order. Its last line names a tool, which this middleware adds to the agent, that
    reads the whole text. A message is rewritten at most once and in place, so tool calls keep their results and the
    provider's cache keeps the prompt's prefix. AI and system messages, the last human message, errors and results of
    `return_direct` tools are never changed; results in Commands and pages of whole texts change in old history only.
    If the engine fails, a message passes whole, with a `LongAttnCompWarning`.
    """

    state_schema = _State

    def __init__(
        self,
        *,
        trigger: int | None = None,
        keep_last: int = 4,
        exclude_tools: Sequence[str] = (),
        name: str | None = None,
        purpose: str | None = None,
        purpose_text: str = PURPOSE_TEXT,
        audit: bool = False,
        **options: Any,
    ) -> None:
        """Create the middleware; the draft model is opened when an agent first runs.

        Args:
            trigger: when all messages together have more tokens, old tool results and human messages are shortened
                to about half of it, less where they are short; None leaves the history alone.
            keep_last: the number of newest messages that are left alone then.
            exclude_tools: names of tools whose results stay whole.
            purpose: name of an optional argument that every tool gets for the model to say what it is looking for, such
                as "looking_for"; it joins the query, and the tool does not see it. None adds no argument.
            purpose_text: what the model reads about that argument.
            audit: whether nothing changes, and what would be saved is reported only.
            name: of a second middleware in one agent, whose tool is `read_original_<name>`.
            **options: those of `LongAttnCompressor` without `annotate`; `token_budget` and `keep_rate` are for one
                tool result, `edge_marks` is True unless something says otherwise, and `order` has no effect.

        Raises:
            ValidationError: an option of the engine is unknown or out of its range.
            InputError: `trigger` or `keep_last` is out of its range.
        """
        super().__init__()
        if trigger is not None and (not isinstance(trigger, int) or trigger < 1):
            raise InputError(f"expected a trigger of at least 1 token, such as 30000, got {trigger!r}")
        if keep_last < 0:
            raise InputError(f"expected keep_last of at least 0 messages, got {keep_last}")
        self.options = LongAttnOptions.beside(_OWN, options)
        self.trigger = trigger
        self.keep_last = keep_last
        self.exclude_tools = frozenset([exclude_tools] if isinstance(exclude_tools, str) else exclude_tools)
        self.audit = audit
        self.purpose = purpose
        self.purpose_text = purpose_text
        self._name = name
        self._originals = Originals()
        self._told_of_store = self._told_of_trigger = False
        self._reader = f"read_original_{name}" if name else "read_original"
        self.tools = [reading_tool(self._reader, self._originals, self.options.for_run)]

    @property
    def name(self) -> str:
        """The name of this middleware in its agent."""
        return self._name or type(self).__name__

    def before_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Open the engine, so that a wrong configuration fails before a tool has run; name a run without a thread.

        At the first run of an agent that has a checkpointer and no store, a warning says what a restart loses.

        Raises:
            ModelError: the draft model or head cannot be used.
            InputError: a setting or an option in the run's context is wrong, or the budget is too small.
        """
        line = self._line(_NO_KEY, 100_000)
        engine = self.options.for_run(runtime.context)
        if (budget := engine.settings.token_budget) < (least := 2 * engine.count(line)):
            raise InputError(f"expected a token_budget of at least {least}, to hold {line!r} and text, got {budget}")
        if runtime.store is None and checkpointed() and not self._told_of_store:
            self._told_of_store = True
            warn_of("after a restart the model cannot read what was shortened before", _STORELESS)
        return None if thread_id() else {RUN: uuid4().hex}

    async def abefore_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Run `before_agent` in a thread."""
        return await in_thread(self.before_agent, state, runtime)

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], _Answer]) -> _Answer:
        """Run the tool, and shorten its result if that is over the budget."""
        return self._shortened(request, handler(without_purpose(request, self.purpose)))

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[_Answer]]
    ) -> _Answer:
        """Do what `wrap_tool_call` does, and shorten in a thread."""
        return await in_thread(self._shortened, request, await handler(without_purpose(request, self.purpose)))

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Show the model the argument `purpose` of each tool whose results may be shortened."""
        return handler(self._with_purpose(request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Do what `wrap_model_call` does."""
        return await handler(self._with_purpose(request))

    def before_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Shorten old messages if all messages are over the trigger; LangGraph replaces messages by their ids."""
        if (trigger := self.trigger) is None:
            return None
        changed: list[AnyMessage] = pass_whole(
            lambda: self._shortened_history(state, trigger, runtime),
            [],
            f"the history passes {UNCOMPRESSED}",
            raises=(),
        )
        return {"messages": changed} if changed and not self.audit else None

    async def abefore_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Run `before_model` in a thread."""
        return await in_thread(self.before_model, state, runtime)

    def _with_purpose(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        if not (name := self.purpose):
            return request
        whole = {self._reader, *self.exclude_tools}
        return request.override(tools=[with_purpose(tool, name, self.purpose_text, whole) for tool in request.tools])

    def _shortened(self, request: ToolCallRequest, answer: _Answer) -> _Answer:
        name = request.tool_call["name"]
        if not isinstance(answer, ToolMessage) or MARK in answer.response_metadata:
            return answer
        if not self._may_change(answer, name):
            return answer
        if getattr(request.tool, "return_direct", False):
            return marked(answer, return_direct=True)
        # The tool has run, so its result may not be lost.
        consequence = f"a result of {name} passes {UNCOMPRESSED}"
        return pass_whole(lambda: self._shortened_result(request, answer), answer, consequence, raises=())

    def _shortened_result(self, request: ToolCallRequest, answer: ToolMessage) -> ToolMessage:
        engine = self.options.for_run(request.runtime.context)
        texts = texts_of(answer)
        tokens = _tokens(engine, *texts)
        if not texts or tokens <= (budget := budget_for(engine, texts, self._line(_NO_KEY, tokens))):
            return answer
        question = last_question(request.state["messages"])
        query = query_for(question, request.tool_call["args"], tokenizer=engine.tokenizer)
        return self._kept(engine, query, [answer], request.state, request.runtime.store, budget)[0]

    def _shortened_history(self, state: AgentState[Any], trigger: int, runtime: Runtime[Any]) -> list[AnyMessage]:
        messages = state["messages"]
        engine = self.options.for_run(runtime.context)
        sizes = [_tokens(engine, *texts_of(message), *calls_of(message)) for message in messages]
        if sum(sizes) <= trigger:
            return []
        least = 2 * engine.count(self._line(_NO_KEY, max(sizes)))
        tools = {call["id"]: call["name"] for message in messages for call in getattr(message, "tool_calls", ())}
        last = max((index for index, message in enumerate(messages) if is_question(message)), default=-1)
        answered = max((index for index, message in enumerate(messages) if isinstance(message, AIMessage)), default=-1)
        old = [
            index
            for index, message in enumerate(messages[: max(0, len(messages) - self.keep_last)])
            if index != last and message.id and sizes[index] > least
            if is_question(message)
            or (isinstance(message, ToolMessage) and self._may_change(message, tools.get(message.tool_call_id)))
            if MARK not in message.response_metadata or (page_of(message) and index < answered)
        ]
        self._tell_of_trigger(trigger, messages, sizes)
        if not old:
            return []
        others = sum(sizes) - sum(sizes[index] for index in old)
        # Half of the trigger, so that the prompt does not change again soon.
        budget = max(trigger // 2 - others, least * len(old))
        query = query_for(last_question(messages), tokenizer=engine.tokenizer)
        return self._kept(engine, query, [messages[index] for index in old], state, runtime.store, budget)

    def _tell_of_trigger(self, trigger: int, messages: Sequence[AnyMessage], sizes: Sequence[int]) -> None:
        said = sum(
            size for one, size in zip(messages, sizes, strict=True) if isinstance(one, AIMessage | SystemMessage)
        )
        if said > trigger and not self._told_of_trigger:
            self._told_of_trigger = True
            reason = f"AI and system messages, which are never shortened, have {said} tokens: {_SUMMARIZE}"
            warn_of(f"the messages stay over the trigger of {trigger} tokens", reason)

    def _kept(
        self,
        engine: Compressor,
        query: str,
        messages: Sequence[M],
        state: Mapping[str, Any],
        store: BaseStore | None,
        budget: int,
    ) -> list[M]:
        started = time.perf_counter()
        owner = owner_of(state)
        texts = [texts_of(message) for message in messages]
        keys = [
            page_of(message) or (_NO_KEY if self.audit else self._originals.keep(owner, own, store))
            for message, own in zip(messages, texts, strict=True)
        ]
        sizes = [_tokens(engine, *own) for own in texts]
        said = [index for index, message in enumerate(messages) if is_question(message)]
        lines = list(map(self._line, keys, sizes))
        rows, stop_reason = shorten(engine, query, texts, lines, token_budget=budget, said=said)
        report(
            ", ".join(dict.fromkeys(message.name or message.type for message in messages)),
            before=sum(sizes),
            after=sum(_tokens(engine, *row) for row in rows),
            stop_reason=stop_reason,
            seconds=time.perf_counter() - started,
            audit=self.audit,
        )
        if self.audit:
            return list(messages)
        return [
            message if row == own else marked(with_texts(message, row), original=key, original_tokens=size)
            for message, own, row, key, size in zip(messages, texts, rows, keys, sizes, strict=True)
        ]

    def _may_change(self, message: ToolMessage, tool: str | None) -> bool:
        return message.status != "error" and not self.exclude_tools & {tool, message.name}

    def _line(self, key: str, tokens: int) -> str:
        return last_line(tokens, self._reader, key)


def _tokens(engine: Compressor, *texts: str) -> int:
    return sum(map(engine.count, texts))

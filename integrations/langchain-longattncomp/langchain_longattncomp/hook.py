"""options -> a LangGraph `pre_model_hook`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from longattncomp import Compressor
from longattncomp.query.parsing import query_for

from langchain_longattncomp.messages import MARK, budget_for, last_question, shorten, texts_of, with_texts
from langchain_longattncomp.options import LongAttnOptions
from langchain_longattncomp.passing import pass_on


def pre_model_hook(**options: Any) -> Callable[[Any], dict[str, list[AnyMessage]]]:
    """A hook that shows the model shorter tool results and leaves the state as it is.

    A result is shortened for the question of its own turn and its tool's arguments, so that it reads
    the same in every later prompt; the latest 256 are remembered.

    Args:
        **options: as `LongAttnCompressor` but `annotate`; `token_budget` and `keep_rate` are for one tool
            result, and `order` does not matter.

    Raises:
        ValidationError: an option is unknown or out of its range.
    """
    engine_options = LongAttnOptions(**options)

    @lru_cache(256)
    def shortened(engine: Compressor, texts: tuple[str, ...], query: str) -> tuple[str, ...]:
        tokens = sum(map(engine.count, texts))
        line = f"[Shortened from {tokens} tokens.]"
        budget = budget_for(engine, texts, line)
        if tokens <= budget:
            return texts
        (row,) = shorten(engine, query, [texts], [line], token_budget=budget)
        return tuple(row)

    def view(engine: Compressor, messages: Sequence[AnyMessage], index: int) -> AnyMessage:
        message = messages[index]
        if not isinstance(message, ToolMessage) or message.status == "error" or not texts_of(message):
            return message
        if MARK in message.response_metadata:
            return message
        before = messages[:index]
        try:
            arguments = _arguments(before, message.tool_call_id)
            query = query_for(last_question(before), arguments, tokenizer=engine.tokenizer)
            return with_texts(message, shortened(engine, tuple(texts_of(message)), query))
        except Exception as error:  # noqa: BLE001 (the agent goes on with what it has)
            pass_on(f"a result of {message.name} passes", error)
            return message

    def hook(state: Any) -> dict[str, list[AnyMessage]]:
        engine = engine_options.engine()
        messages = state["messages"] if isinstance(state, dict) else state.messages
        return {"llm_input_messages": [view(engine, messages, index) for index in range(len(messages))]}

    return hook


def _arguments(messages: Sequence[AnyMessage], call_id: str) -> dict[str, Any]:
    """What a tool was called with."""
    calls = (call for message in reversed(messages) if isinstance(message, AIMessage) for call in message.tool_calls)
    return next((call["args"] for call in calls if call["id"] == call_id), {})

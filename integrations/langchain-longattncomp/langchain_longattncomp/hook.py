"""options -> a LangGraph `pre_model_hook`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import getsizeof
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from longattncomp import Compressor
from longattncomp.adapters import Recent, pass_whole, query_for

from langchain_longattncomp.messages import budget_for, last_question, shorten, texts_of, with_texts
from langchain_longattncomp.options import MARK, UNCOMPRESSED, LongAttnOptions

_REMEMBERED = 64_000_000  # bytes
_LEAST = _REMEMBERED // 256


def pre_model_hook(**options: Any) -> Callable[[Any], dict[str, list[AnyMessage]]]:
    """Make a hook that shows the model shorter tool results and leaves the state as it is.

    The hook belongs to LangGraph's `create_react_agent`, which is deprecated; new agents are made by LangChain's
    `create_agent` and take `LongAttnMiddleware`. A result is shortened for the question of its own turn and the
    arguments of its tool, so it reads the same in every later prompt; the latest 256 results are remembered, up
    to 64 MB with their texts.

    Args:
        **options: those of `LongAttnCompressor` without `annotate`; `token_budget` and `keep_rate` are for one tool
            result, and `order` has no effect.

    Raises:
        ValidationError: an option is unknown or out of its range.
    """
    engine_options = LongAttnOptions(**options)

    known: Recent[tuple[Compressor, str, tuple[str, ...]], Sequence[str]] = Recent(
        _REMEMBERED, lambda key, rows: max(_LEAST, sum(map(getsizeof, (key[1], *key[2], *rows))))
    )

    def shortened(engine: Compressor, texts: tuple[str, ...], query: str) -> Sequence[str]:
        key = (engine, query, texts)
        if (rows := known.get(key)) is not None:
            return rows
        tokens = sum(map(engine.count, texts))
        line = f"[Shortened from {tokens} tokens.]"
        budget = budget_for(engine, texts, line)
        rows = texts if tokens <= budget else shorten(engine, query, [texts], [line], token_budget=budget)[0][0]
        known.put(key, rows)
        return rows

    def shorter(engine: Compressor, message: ToolMessage, before: Sequence[AnyMessage]) -> ToolMessage:
        calls = (call for other in reversed(before) if isinstance(other, AIMessage) for call in other.tool_calls)
        arguments = next((call["args"] for call in calls if call["id"] == message.tool_call_id), {})
        query = query_for(last_question(before), arguments, tokenizer=engine.tokenizer)
        return with_texts(message, shortened(engine, tuple(texts_of(message)), query))

    def view(engine: Compressor, message: AnyMessage, before: Sequence[AnyMessage]) -> AnyMessage:
        if not isinstance(message, ToolMessage) or message.status == "error" or not texts_of(message):
            return message
        if MARK in message.response_metadata:
            return message
        consequence = f"a result of {message.name} passes {UNCOMPRESSED}"
        return pass_whole(lambda: shorter(engine, message, before), message, consequence, raises=())

    def hook(state: Any) -> dict[str, list[AnyMessage]]:
        engine = engine_options.engine()
        messages = state["messages"] if isinstance(state, dict) else state.messages
        return {"llm_input_messages": [view(engine, message, messages[:i]) for i, message in enumerate(messages)]}

    return hook

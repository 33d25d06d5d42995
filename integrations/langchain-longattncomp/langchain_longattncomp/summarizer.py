"""options -> a function from messages to what matters of them, for `SummarizationMiddleware`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, get_buffer_string
from longattncomp import Compressed
from longattncomp.adapters.budget import fit
from longattncomp.query.parsing import query_for

from langchain_longattncomp.messages import last_question, texts_of
from langchain_longattncomp.options import LongAttnOptions
from langchain_longattncomp.passing import pass_on


def summarizer(*, query: str | None = None, **options: Any) -> Callable[[Sequence[AnyMessage]], str]:
    """A summarizer that keeps words instead of inventing them, and calls no chat model.

    `SummarizationMiddleware(model, summarizer=summarizer(token_budget=1000), trim_tokens_to_summarize=None)`;
    without the last argument, LangChain hands over no more than 4,000 tokens. If the engine fails, the
    messages come back whole, with `LongAttnCompWarning`.

    Args:
        query: what the messages are read for; if not given, the last human message among them, else
            the last message with text.
        **options: as `LongAttnCompressor` but `annotate`; `token_budget` is for the whole summary, `keep_rate`
            for what it keeps of the messages, and `order` does not matter.

    Raises:
        ValidationError: an option is unknown or out of its range.
    """
    engine_options = LongAttnOptions(**options)

    def summarize(messages: Sequence[AnyMessage]) -> str:
        spoken = [(message.type, text) for message in messages if (text := _text(message))]
        if not spoken:
            return "(The earlier messages have no text.)"
        engine = engine_options.engine()
        budget = engine.settings.token_budget

        def labelled(result: Compressed) -> str:
            return "\n\n".join(f"{spoken[part.index][0]}: {part.text}" for part in result.documents)

        try:
            asked = query_for(query or last_question(messages) or spoken[-1][1], tokenizer=engine.tokenizer)
            result = engine.compress(asked, [text for _, text in spoken], order="position")
            summary = fit(engine, result, labelled, token_budget=budget, order="position")
        except Exception as error:  # noqa: BLE001 (the agent goes on with what it has)
            pass_on(f"{len(messages)} messages pass as their own summary", error)
            return get_buffer_string(messages)
        return summary or "(Nothing in the earlier messages matters here.)"

    return summarize


def _text(message: AnyMessage) -> str:
    """What a message says, and which tools it calls."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return "\n".join([*texts_of(message), *(f"{call['name']}({call['args']})" for call in calls)])

"""options -> a summarizer of messages for `SummarizationMiddleware`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, get_buffer_string
from longattncomp import Compressed
from longattncomp.adapters import fit_budget, pass_whole, query_for

from langchain_longattncomp.messages import last_question, texts_of
from langchain_longattncomp.options import LongAttnOptions


def summarizer(*, query: str | None = None, **options: Any) -> Callable[[Sequence[AnyMessage]], str]:
    """Make a summarizer that quotes the messages instead of rewriting them, and calls no chat model.

    Write `SummarizationMiddleware(model, summarizer=summarizer(token_budget=1000), trim_tokens_to_summarize=None)`;
    without the last argument, LangChain hands over at most 4,000 tokens. If the engine fails, the summary is all
    messages, with a `LongAttnCompWarning`.

    Args:
        query: says what matters; if not given, the last human message among the messages, else the last text.
        **options: those of `LongAttnCompressor` without `annotate`; `token_budget` is for the whole summary,
            `keep_rate` for what it keeps of the messages, and `order` has no effect.

    Raises:
        ValidationError: an option is unknown or out of its range.
    """
    engine_options = LongAttnOptions(**options)

    def summarize(messages: Sequence[AnyMessage]) -> str:
        spoken = [(message.type, text) for message in messages if (text := _text(message))]
        if not spoken:
            return "(The earlier messages have no text.)"
        engine = engine_options.engine()

        asking = [index for index, (role, _) in enumerate(spoken) if role == "human"][-1:] if query is None else []
        if asking and engine.count(spoken[asking[0]][1]) > engine.settings.token_budget // 4:
            asking = []

        def labelled(result: Compressed) -> str:
            texts = {part.index: part.text for part in result.documents}
            if texts:  # the turn that asks says nothing beside the question, and is kept for what it is
                texts = {index: spoken[index][1] for index in asking} | texts
            return "\n\n".join(f"{spoken[index][0]}: {texts[index]}" for index in sorted(texts))

        def quoted() -> str:
            asked = query_for(query or last_question(messages) or spoken[-1][1], tokenizer=engine.tokenizer)
            result = engine.compress(asked, [text for _, text in spoken], order="position")
            budget = engine.settings.token_budget
            kept = fit_budget(engine, result, labelled, token_budget=budget, order="position")
            return kept or "(Nothing in the earlier messages matters here.)"

        consequence = f"{len(messages)} messages pass uncompressed as their own summary"
        return pass_whole(quoted, "", consequence, raises=()) or get_buffer_string(messages)

    return summarize


def _text(message: AnyMessage) -> str:
    """Return a message's text and the tool calls in it."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return "\n".join([*texts_of(message), *(f"{call['name']}({call['args']})" for call in calls)])

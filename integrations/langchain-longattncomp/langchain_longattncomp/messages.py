"""messages -> what they ask, and the same messages with shorter text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage
from longattncomp import Compressed, Compressor
from longattncomp.adapters.budget import fit

MARK = "longattncomp"
"""Key in `response_metadata` of a message that is not to be shortened again."""

M = TypeVar("M", bound=BaseMessage)


def is_question(message: BaseMessage) -> bool:
    """Whether a human wrote it; `SummarizationMiddleware` puts its summaries into human messages."""
    return isinstance(message, HumanMessage) and message.additional_kwargs.get("lc_source") != "summarization"


def last_question(messages: Sequence[AnyMessage]) -> str:
    """The last thing a human said that has text, or ""."""
    return next(
        (said for message in reversed(messages) if is_question(message) and (said := str(message.text)).strip()), ""
    )


def texts_of(message: BaseMessage) -> list[str]:
    """The message's texts, block by block; only these are ever shortened."""
    content = [message.content] if isinstance(message.content, str) else message.content
    return [text for block in content if (text := _text(block))]


def budget_for(engine: Compressor, texts: Sequence[str], line: str) -> int:
    """Most tokens of one message: `keep_rate` of its texts, but as much text as the line that ends it.

    Args:
        engine: its `token_budget` is never exceeded.
        texts: of the message, block by block.
        line: ends its text.
    """
    return min(engine.settings.token_budget, max(engine.budget(texts), 2 * engine.count(line)))


def shorten(
    engine: Compressor, query: str, texts: Sequence[Sequence[str]], lines: Sequence[str], *, token_budget: int
) -> list[list[str]]:
    """What matters of several messages' texts, all of them within one budget.

    Args:
        engine: compresses them together, so that the best parts of all are kept.
        query: what they are read for.
        texts: of each message, block by block.
        lines: one per message, which ends its text.
        token_budget: most tokens of all texts and lines; no `keep_rate` beside it.

    Returns:
        As many texts as given, "" for each of which nothing is kept.

    Raises:
        BudgetError: the lines leave nothing of the budget.
    """
    places = [(row, column) for row, own in enumerate(texts) for column in range(len(own))]

    def place(result: Compressed) -> list[list[str]]:
        rows = [[""] * len(own) for own in texts]
        for part in result.documents:
            row, column = places[part.index]
            rows[row][column] = part.text
        for own, line in zip(rows, lines, strict=True):
            last = max((column for column, text in enumerate(own) if text), default=0)
            own[last] = f"{own[last]}\n{line}" if own[last] else line
        return rows

    def shown(rows: list[list[str]]) -> str:
        return "\n".join(text for own in rows for text in own)

    reserve = sum(engine.count(f"\n{line}") for line in lines)
    flat = [text for own in texts for text in own]
    options: dict[str, Any] = {"order": "position", "keep_rate": 1.0}
    result = engine.compress(query, flat, token_budget=max(1, token_budget - reserve), **options)
    return fit(engine, result, place, shown, token_budget=token_budget, **options)


def with_texts(message: M, texts: Sequence[str]) -> M:
    """The message with other texts in its blocks, and all else as it is; a text block of "" goes."""
    if isinstance(message.content, str):
        return message.model_copy(update={"content": texts[0]})
    left = iter(texts)
    content: list[str | dict[str, Any]] = []
    for block in message.content:
        if not _text(block):
            content.append(block)
        elif text := next(left):
            content.append(text if isinstance(block, str) else {**block, "text": text})
    return message.model_copy(update={"content": content})


def marked(message: M, **facts: Any) -> M:
    """The message with a note that it is done with: JSON primitives, which every checkpointer keeps."""
    return message.model_copy(update={"response_metadata": {**message.response_metadata, MARK: facts}})


def _text(block: str | dict[str, Any]) -> str:
    if isinstance(block, str):
        return block
    return str(block.get("text") or "") if block.get("type") == "text" else ""

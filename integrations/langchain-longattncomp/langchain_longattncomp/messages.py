"""messages -> their question and texts; messages, texts -> messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any, TypeVar

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage
from longattncomp import Compressed, Compressor
from longattncomp.adapters import compress_results, fit_budget, last_said

from langchain_longattncomp.options import MARK

_TEXT = ("text", "text-plain", "input_text", "output_text")
"""Types of blocks with their text under `text`."""

M = TypeVar("M", bound=BaseMessage)


def is_question(message: BaseMessage) -> bool:
    """Tell whether a human wrote a message; `SummarizationMiddleware` puts summaries into human messages."""
    return isinstance(message, HumanMessage) and message.additional_kwargs.get("lc_source") != "summarization"


def last_question(messages: Sequence[AnyMessage]) -> str:
    """Return the text of the last human message that has any, after what it answers if it is short, or ""."""
    said = (message for message in messages if is_question(message) or isinstance(message, AIMessage))
    return last_said((message.type, str(message.text)) for message in said)


def texts_of(message: BaseMessage) -> list[str]:
    """Return a message's texts, block by block; nothing else of a message is ever shortened."""
    content = [message.content] if isinstance(message.content, str) else message.content
    return [text for block in content for text in _texts(block)]


def budget_for(engine: Compressor, texts: Sequence[str], line: str) -> int:
    """Return the most tokens that a shortened message may have.

    That is what `keep_rate` leaves of its texts, but at least twice the tokens of the line that ends it, and never
    more than `token_budget`.
    """
    return min(engine.settings.token_budget, max(engine.budget(texts), 2 * engine.count(line)))


def shorten(
    engine: Compressor,
    query: str,
    texts: Sequence[Sequence[str]],
    lines: Sequence[str],
    *,
    token_budget: int,
    said: Collection[int] = (),
) -> tuple[list[list[str]], str]:
    """Shorten the texts of several messages together, so that the best parts of all are kept.

    Of tool results, the lines that say what failed are kept whatever the query; of what a human said, the beginning, so
    that something is left of each message.

    Args:
        engine: its `keep_rate` is not applied.
        query: says what matters; where it is blank, beginnings and ends do.
        texts: of each message, block by block.
        lines: one for each message, which ends its text.
        token_budget: most tokens of all texts and lines.
        said: indices of messages of a human; all others are tool results.

    Returns:
        As many texts as given, "" where nothing of a text is kept; and the rule that left out the rest.

    Raises:
        BudgetError: the lines leave nothing of the budget.
    """
    sizes = [sum(map(engine.count, own)) for own in texts]
    places = [(row, column) for row, own in enumerate(texts) for column in range(len(own))]

    def rows_of(result: Compressed) -> list[list[str]]:
        rows = [[""] * len(own) for own in texts]
        for part in result.documents:
            row, column = places[part.index]
            rows[row][column] = part.text
        for row, (own, line) in enumerate(zip(rows, lines, strict=True)):
            if own == list(texts[row]):
                continue
            last = max((column for column, text in enumerate(own) if text), default=0)
            own[last] = f"{own[last]}\n{line}" if own[last] else line
            if sum(map(engine.count, own)) >= sizes[row]:
                rows[row] = list(texts[row])
        return rows

    reserve = sum(engine.count(f"\n{line}") for line in lines)
    options: dict[str, Any] = {"order": "position", "keep_rate": 1.0}
    result = compress_results(
        engine,
        query,
        list(chain(*texts)),
        token_budget=max(1, token_budget - reserve),
        results=[index for index, (row, _) in enumerate(places) if row not in said],
        pins=[
            (index, 0, _beginning(engine, texts[row][0], engine.count(lines[row]) // 2))
            for index, (row, column) in enumerate(places)
            if row in said and column == 0
        ],
        **options,
    )
    return fit_budget(
        engine,
        result,
        lambda found: (rows_of(found), found.stop_reason),
        lambda shown: "\n".join(chain(*shown[0])),
        token_budget=token_budget,
        **options,
    )


def _beginning(engine: Compressor, text: str, token_budget: int) -> int:
    """Return where the beginning of a text ends that has about as many tokens."""
    nodes = engine.nodes(text, token_budget=max(1, token_budget))
    return next((node.end for node in nodes if node.text.strip()), 0)


def with_texts(message: M, texts: Sequence[str]) -> M:
    """Copy a message with other texts in its blocks; a block that gets "" is left out."""
    if isinstance(message.content, str):
        return message.model_copy(update={"content": texts[0]})
    left = iter(texts)
    content: list[str | dict[str, Any]] = []
    for block in message.content:
        own = [next(left) for _ in _texts(block)]
        if not own:
            content.append(block)
        elif any(own):
            content.append(_with_texts(block, own))
    return message.model_copy(update={"content": content})


def marked(message: M, **facts: Any) -> M:
    """Copy a message with facts under `MARK`: JSON primitives, because every checkpointer keeps these."""
    return message.model_copy(update={"response_metadata": {**message.response_metadata, MARK: facts}})


def page_of(message: BaseMessage) -> str | None:
    """Return the key of the whole text that a message is a page of, if it is one."""
    key: str | None = message.response_metadata.get(MARK, {}).get("read_back")
    return key


def calls_of(message: AnyMessage) -> list[str]:
    """Return the arguments of each tool call of a message."""
    return [str(call["args"]) for call in message.tool_calls] if isinstance(message, AIMessage) else []


def _texts(block: str | dict[str, Any]) -> list[str]:
    """Return the texts of a block: of a search result those of its own blocks, of an image none."""
    if isinstance(block, str):
        found: list[Any] = [block]
    elif block.get("type") in _TEXT:
        found = [block.get("text")]
    elif block.get("type") == "search_result":
        found = [part.get("text") for part in block.get("content", ()) if isinstance(part, dict)]
    elif block.get("type") == "document" and (block.get("source") or {}).get("type") == "text":
        found = [block["source"].get("data")]
    else:
        found = []
    return [text for text in found if isinstance(text, str) and text]


def _with_texts(block: str | dict[str, Any], texts: Sequence[str]) -> str | dict[str, Any]:
    if isinstance(block, str):
        return texts[0]
    if block["type"] == "document":
        return {**block, "source": {**block["source"], "data": texts[0]}}
    if block["type"] != "search_result":
        return {**block, "text": texts[0]}
    left = iter(texts)
    parts = [{**part, "text": next(left)} if _texts({**part, "type": "text"}) else part for part in block["content"]]
    return {**block, "content": [part for part in parts if part.get("text") != ""]}

"""whole texts of shortened messages -> a tool that reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from langchain.tools import ToolRuntime
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool
from longattncomp import Compressor
from longattncomp.adapters import pass_whole

from langchain_longattncomp.messages import marked
from langchain_longattncomp.originals import Originals, owner_of

_HEAD = "[page {} of {}]\n"
_UNREAD = "{} cannot be read now, because its store does not work. Go on with the shortened text, or try again later."

_PIECE = 64
"""Tokens up to which sentences share a piece of a page, as the draft model counts them."""


def reading_tool(name: str, originals: Originals, engine_for: Callable[[Any], Compressor]) -> BaseTool:
    """Make a tool that reads a shortened message's whole text page by page, each page within the budget.

    Args:
        name: of the tool.
        originals: holds the whole texts.
        engine_for: gives the engine for a run's context; the engine's `token_budget` is for one page.
    """

    def read(id: str, runtime: ToolRuntime[Any, Any], page: int = 1) -> ToolMessage:  # noqa: A002 (the model sees it)
        def answer(text: str, **status: str) -> ToolMessage:
            message = ToolMessage(text, tool_call_id=runtime.tool_call_id or "", name=name, **status)
            return marked(message, read_back=id)

        def found() -> ToolMessage:
            whole = originals.find(owner_of(runtime.state), id, runtime.store)
            if whole is None:
                return answer(f"Nothing is kept under {id!r}.", status="error")
            engine = engine_for(runtime.context)
            pages = list(_pages(engine, whole, engine.settings.token_budget))
            if not 1 <= page <= len(pages):
                return answer(f"There are pages 1 to {len(pages)} of {id!r}.", status="error")
            return answer(_HEAD.format(page, len(pages)) + pages[page - 1])

        unread = answer(_UNREAD.format(repr(id)), status="error")
        return pass_whole(found, unread, f"the model is told that {name} does not work", raises=())

    return StructuredTool.from_function(
        read,
        name=name,
        description="Read the whole text of a tool result or message that was shortened, by the id in its last line. "
        "Long texts come in pages, counted from 1.",
    )


def _pages(engine: Compressor, text: str, budget: int) -> Iterator[str]:
    room = max(1, budget - engine.count(_HEAD.format(9999, 9999)))
    page, used = "", 0
    for piece in _pieces(engine, text, room, room):
        tokens = engine.count(piece)
        if page and used + tokens > room:
            yield page
            page, used = "", 0
        page, used = page + piece, used + tokens
    yield page


def _pieces(engine: Compressor, text: str, most: int, room: int) -> Iterator[str]:
    """Cut a text into pieces of `most` tokens as the draft model counts, fewer where the target counts over `room`."""
    for node in engine.configured(node_tokens=min(_PIECE, most), token_budget=most, keep_rate=1.0).nodes(text):
        if engine.count(node.text) > room and (half := min(most, node.tokens) // 2):
            yield from _pieces(engine, node.text, half, room)
        else:
            yield node.text

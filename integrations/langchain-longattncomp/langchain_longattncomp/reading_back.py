"""whole texts of shortened messages -> a tool that reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain.tools import ToolRuntime
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool
from longattncomp import Compressor
from longattncomp.adapters import GONE, InputError, pass_whole, read_back

from langchain_longattncomp.messages import marked
from langchain_longattncomp.originals import Originals, owner_of

_UNREAD = "{} cannot be read now, because its store does not work. Go on with the shortened text, or try again later."


def reading_tool(name: str, originals: Originals, engine_for: Callable[[Any], Compressor]) -> BaseTool:
    """Make a tool that reads a shortened message's whole text page by page, or what a query needs of it.

    `engine_for` gives the engine for a run's context.
    """

    def read(id: str, runtime: ToolRuntime[Any, Any], query: str = "", page: int = 1) -> ToolMessage:  # noqa: A002 (the model sees it)
        def answer(text: str, **status: str) -> ToolMessage:
            message = ToolMessage(text, tool_call_id=runtime.tool_call_id or "", name=name, **status)
            return marked(message, read_back=id)

        def found() -> ToolMessage:
            whole = originals.find(owner_of(runtime.state), id, runtime.store)
            if whole is None:
                return answer(GONE.format(id), status="error")
            engine = engine_for(runtime.context)
            try:
                return answer(read_back(engine, whole, page=page, query=query))
            except InputError as error:
                return answer(str(error), status="error")

        unread = answer(_UNREAD.format(repr(id)), status="error")
        return pass_whole(found, unread, f"the model is told that {name} does not work", raises=())

    return StructuredTool.from_function(
        read,
        name=name,
        description="Read a tool result or message that was shortened, by the id in its last line: what a query needs "
        "of it, or without a query the whole text, in pages that are counted from 1.",
    )

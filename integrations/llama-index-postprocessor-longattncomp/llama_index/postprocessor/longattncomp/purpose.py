"""a tool -> the same tool with an argument by which the model says what it is looking for."""

from __future__ import annotations

from functools import wraps
from typing import Any

from llama_index.core.bridge.pydantic import Field, create_model
from llama_index.core.tools import BaseTool, FunctionTool, ToolMetadata, ToolOutput, adapt_to_async_tool
from llama_index.core.tools.types import DefaultToolFnSchema


def with_purpose(tool: BaseTool, name: str, text: str) -> BaseTool:
    """Add an optional argument that the tool itself does not see.

    A tool whose results stay whole, because they are returned directly, or which has such an argument, stays as it is.
    """
    known = tool.metadata
    if known.return_direct or name in known.get_parameters_dict().get("properties", {}):
        return tool
    schema = known.fn_schema or DefaultToolFnSchema
    field: Any = (str, Field(default="", description=text))
    described = ToolMetadata(
        known.description, known.name, create_model(schema.__name__, __base__=schema, **{name: field})
    )
    inner = adapt_to_async_tool(tool)

    async def call(**arguments: Any) -> ToolOutput:
        arguments.pop(name, None)
        return await inner.acall(**arguments)

    async def as_it_is(output: ToolOutput) -> ToolOutput:
        return output

    if isinstance(tool, FunctionTool):  # the workflow looks at the signature for a parameter that takes its context
        call = wraps(tool.real_fn)(call)
    return FunctionTool.from_defaults(async_fn=call, tool_metadata=described, async_callback=as_it_is)

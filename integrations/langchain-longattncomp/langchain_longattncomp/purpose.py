"""tools -> tools with an argument by which the model says what it is looking for."""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy
from typing import Any

from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool


def with_purpose(
    tool: BaseTool | dict[str, Any], name: str, text: str, whole: Collection[str]
) -> BaseTool | dict[str, Any]:
    """Describe a tool to the model with one more optional argument.

    A provider's own tool, and one whose results stay whole, such as those that `whole` names, stays as it is.
    """
    if not isinstance(tool, BaseTool) or tool.name in whole or tool.return_direct:
        return tool
    described = deepcopy(convert_to_openai_tool(tool))
    parameters = described["function"].setdefault("parameters", {"type": "object", "properties": {}})
    if name in parameters.setdefault("properties", {}):
        return tool
    parameters["properties"][name] = {"type": "string", "description": text}
    return described


def without_purpose(request: ToolCallRequest, name: str | None) -> ToolCallRequest:
    """Leave out the argument of a call, unless the tool itself has one of this name."""
    call, tool = request.tool_call, request.tool
    if name not in call["args"] or (tool is not None and name in tool.args):
        return request
    arguments = {key: value for key, value in call["args"].items() if key != name}
    return request.override(tool_call={**call, "args": arguments})

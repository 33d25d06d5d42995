"""tools -> tools with an argument by which the model says what it is looking for."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

TEXT = "What you are looking for in the result, in a few words. The result is shortened to that if it is long."
"""What the model reads about the argument."""


def with_purpose(tool: BaseTool | dict[str, Any], name: str, text: str) -> BaseTool | dict[str, Any]:
    """Describe a tool to the model with one more optional argument; a provider's own tool stays as it is."""
    if not isinstance(tool, BaseTool):
        return tool
    described = deepcopy(convert_to_openai_tool(tool))
    parameters = described["function"].setdefault("parameters", {"type": "object", "properties": {}})
    if name in parameters.setdefault("properties", {}):
        return tool
    parameters["properties"][name] = {"type": "string", "description": text}
    return described


def takes(tool: BaseTool | None, name: str) -> bool:
    """Tell whether a tool itself has an argument of this name."""
    return tool is not None and name in tool.args

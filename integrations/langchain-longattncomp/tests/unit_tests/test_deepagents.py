"""Inside deepagents: results are shortened before they would be moved to files."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool
from langchain_toys import ScriptedModel, engine, report

from langchain_longattncomp import LongAttnMiddleware

deepagents = pytest.importorskip("deepagents", reason="it needs newer versions than the lowest")

LEASE = "Ada Marsh signed the lease in May."
LONG = report(LEASE, 200_000)
CALL = "call_" + 40 * "0123456789"
"""Some providers' ids of tool calls are as long (deepagents 5559)."""


def run(*middleware: Any) -> ToolMessage:
    def archive(topic: str) -> str:
        """Look it up."""
        return LONG

    def script(messages: list[BaseMessage]) -> AIMessage:
        if messages[-1].type == "tool":
            return AIMessage("done")
        call = {"name": "archive", "args": {"topic": "lease"}, "id": CALL, "type": "tool_call"}
        return AIMessage("", tool_calls=[call])

    tools = [StructuredTool.from_function(archive)]
    agent = deepagents.create_deep_agent(ScriptedModel(script=script), tools, middleware=middleware)
    state = agent.invoke({"messages": [HumanMessage("Who signed the lease?")]})
    (result,) = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    return result


def test_deepagents_5559_a_result_is_shortened_before_it_is_moved_to_a_file() -> None:
    moved = run()
    assert LEASE not in moved.content, "or this test says nothing: deepagents moves such results"
    shortened = run(LongAttnMiddleware(compressor=engine()))
    assert LEASE in shortened.content
    assert "read_original(" in shortened.content.splitlines()[-1]
    assert shortened.tool_call_id == CALL

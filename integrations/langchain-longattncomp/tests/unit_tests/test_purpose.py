"""An argument by which the model says what it is looking for."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool, tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_toys import ScriptedModel, call_once, engine, report
from longattncomp.testing import WordScorer

from langchain_longattncomp import LongAttnMiddleware

LONG = report("Ada Marsh signed the lease in May.", 5_000)
ASK = {"messages": [HumanMessage("Go on.")]}


class Noting(ScriptedModel):
    """Notes the tools that it is given."""

    bound: list[list[Any]] = []  # noqa: RUF012 (pydantic copies it)

    def bind_tools(self, tools: Any, **kwargs: Any) -> ScriptedModel:
        self.bound.append([convert_to_openai_tool(tool)["function"] for tool in tools])
        return self


def archive(topic: str = "") -> str:
    """Look it up."""
    return f"{topic}\n{LONG}"


def run(model: Any, tools: list[Any], scorer: Any = None, **options: Any) -> Any:
    middleware = LongAttnMiddleware(compressor=engine(scorer), **options)
    return create_agent(model, tools, middleware=[middleware])


def arguments(model: Noting) -> dict[str, dict[str, Any]]:
    return {tool["name"]: tool["parameters"]["properties"] for tool in model.bound[0]}


async def test_the_model_says_what_it_is_looking_for_and_the_tool_does_not_see_it() -> None:
    call = {"topic": "flats", "looking_for": "who signed the lease"}
    for invoke in ("invoke", "ainvoke"):
        scorer = WordScorer()
        model = Noting(script=call_once("archive", **call).script)
        agent = run(model, [StructuredTool.from_function(archive)], scorer, purpose="looking_for", purpose_text="Why?")
        state = agent.invoke(ASK) if invoke == "invoke" else await agent.ainvoke(ASK)
        (result,) = [message for message in state["messages"] if isinstance(message, ToolMessage)]
        assert result.status == "success"
        assert "Ada Marsh signed the lease in May." in result.content
        assert scorer.queries == ["Go on.\nflats who signed the lease"]
        assert arguments(model)["archive"]["looking_for"] == {"type": "string", "description": "Why?"}
        assert "looking_for" not in arguments(model)["read_original"]
        assert state["messages"][1].tool_calls[0]["args"] == call


def test_it_is_off_by_default() -> None:
    model = Noting(script=call_once("archive").script)
    run(model, [StructuredTool.from_function(archive)]).invoke(ASK)
    assert set(arguments(model)["archive"]) == {"topic"}


@pytest.mark.parametrize("options", [{"exclude_tools": ["archive"]}, {"purpose": "topic"}])
def test_tools_that_stay_whole_or_have_such_an_argument_stay_as_they_are(options: dict[str, Any]) -> None:
    model = Noting(script=call_once("archive", topic="flats").script)
    state = run(model, [StructuredTool.from_function(archive)], **{"purpose": "looking_for"} | options).invoke(ASK)
    assert set(arguments(model)["archive"]) == {"topic"}
    assert "flats" in state["messages"][-2].content or "topic" in options


def test_the_tool_of_the_user_is_not_changed() -> None:
    @tool
    def look(topic: str) -> str:
        """Look it up."""
        return topic

    run(Noting(script=call_once("look", topic="x").script), [look], purpose="looking_for").invoke(ASK)
    assert set(look.args) == {"topic"}

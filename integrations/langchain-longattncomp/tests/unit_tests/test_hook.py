"""What LangGraph's `pre_model_hook` shows the model."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool
from langchain_toys import ScriptedModel, call_once, calls, engine, report
from longattncomp import LongAttnCompWarning
from longattncomp.adapters import ModelNotFoundError
from longattncomp.testing import BrokenScorer, WordScorer

from langchain_longattncomp import pre_model_hook

LONG = report("Ada Marsh signed the lease in May.", 3_000)
TURN = [
    HumanMessage("Who signed the lease?"),
    calls(("archive", {"topic": "lease"})),
    ToolMessage(LONG, tool_call_id="call-0-0", name="archive"),
]


def test_long_results_are_shorter_in_the_view() -> None:
    hook = pre_model_hook(compressor=engine())
    view = hook({"messages": TURN})["llm_input_messages"]
    assert view[:2] == TURN[:2]
    assert "Ada Marsh signed the lease in May." in view[2].content
    assert view[2].content.endswith(f"[Shortened from {len(LONG)} tokens.]")
    assert len(view[2].content.encode()) <= 500
    assert TURN[2].content == LONG
    assert hook(SimpleNamespace(messages=TURN))["llm_input_messages"] == view


def test_langchain_37815_a_result_reads_the_same_in_later_turns_and_is_shortened_once() -> None:
    scorer = WordScorer()
    hook = pre_model_hook(compressor=engine(scorer))
    first = hook({"messages": TURN})["llm_input_messages"]
    later = hook({"messages": [*TURN, AIMessage("Ada."), HumanMessage("And the rent?")]})["llm_input_messages"]
    assert later[:3] == first
    assert scorer.queries == ["Who signed the lease?\nlease"]


def test_what_says_nothing_is_no_question() -> None:
    scorer = WordScorer()
    pre_model_hook(compressor=engine(scorer))({"messages": [TURN[0], HumanMessage(" \n"), *TURN[1:]]})
    assert scorer.queries == ["Who signed the lease?\nlease"]


def test_the_line_breaks_before_what_is_kept_stay() -> None:
    result = ToolMessage(f"\n\nAda Marsh signed the lease in May.{' It rained.' * 100}", tool_call_id="call-0-0")
    view = pre_model_hook(compressor=engine(node_tokens=40))({"messages": [*TURN[:2], result]})
    assert view["llm_input_messages"][2].content.startswith("\n\nAda Marsh signed")


def test_what_is_short_or_failed_stays() -> None:
    scorer = WordScorer()
    given = [
        *TURN[:2],
        ToolMessage("short", tool_call_id="a"),
        ToolMessage("E" * 900, tool_call_id="b", status="error"),
        ToolMessage("", tool_call_id="c"),
    ]
    assert pre_model_hook(compressor=engine(scorer))({"messages": given})["llm_input_messages"] == given
    assert scorer.queries == []


def test_failures_pass_and_missing_models_raise() -> None:
    with pytest.warns(LongAttnCompWarning, match="a result of archive passes"):
        view = pre_model_hook(compressor=engine(BrokenScorer()))({"messages": TURN})
    assert view["llm_input_messages"] == TURN
    with pytest.raises(ModelNotFoundError):
        pre_model_hook(model="nowhere.gguf")({"messages": []})


@pytest.mark.filterwarnings("ignore:create_react_agent has been moved")
async def test_in_a_react_agent() -> None:
    from langgraph.prebuilt import create_react_agent

    def archive(topic: str) -> str:
        """Look it up."""
        return LONG

    model: ScriptedModel = call_once("archive", topic="lease")
    agent = create_react_agent(
        model, [StructuredTool.from_function(archive)], pre_model_hook=pre_model_hook(compressor=engine())
    )
    for state in (agent.invoke({"messages": TURN[:1]}), await agent.ainvoke({"messages": TURN[:1]})):
        assert state["messages"][2].content == LONG
        assert len(model.prompts[-1][2].content) <= 500


def test_a_keep_rate_shortens_what_fits_the_budget() -> None:
    hook = pre_model_hook(compressor=engine(token_budget=100_000), keep_rate=0.2)
    content = hook({"messages": TURN})["llm_input_messages"][2].content
    assert "Ada Marsh signed the lease in May." in content
    assert len(content.encode()) <= len(LONG) // 5
    short = [*TURN[:2], ToolMessage("Ada signed the lease.", tool_call_id="call-0-0")]
    assert hook({"messages": short})["llm_input_messages"] == short, "it is shorter than the line would be"

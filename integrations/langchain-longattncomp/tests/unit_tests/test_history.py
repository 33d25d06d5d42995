"""Old messages over the trigger, over many turns: same ids, pairs, once each, a stable prefix."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import StructuredTool
from langchain_toys import ScriptedModel, calls, engine, report
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
from longattncomp import LongAttnCompWarning
from longattncomp.adapters import InputError
from longattncomp.testing import BrokenScorer, WordScorer

from langchain_longattncomp import LongAttnMiddleware

LEASE = "Ada Marsh signed the lease in May."


def size(messages: Sequence[AnyMessage]) -> int:
    return sum(len(str(message.content).encode()) for message in messages)


def run(middleware: LongAttnMiddleware, messages: list[BaseMessage]) -> list[AnyMessage]:
    agent = create_agent(ScriptedModel(script=lambda _: AIMessage("done", id="last")), [], middleware=[middleware])
    return agent.invoke({"messages": messages})["messages"][:-1]


def history() -> list[BaseMessage]:
    return [
        SystemMessage("S" * 300, id="system"),
        HumanMessage(report(LEASE, 3_000), id="paste"),
        AIMessage("A" * 300, id="ai", tool_calls=calls(("archive", {"topic": "x"})).tool_calls),
        ToolMessage(report("The rent is 900.", 3_000), id="tool", tool_call_id="call-0-0", name="archive"),
        ToolMessage("E" * 1_000, id="error", tool_call_id="call-0-1", status="error"),
        HumanMessage("Summary. " * 99, id="summary", additional_kwargs={"lc_source": "summarization"}),
        HumanMessage(report("", 1_000) + "\n\nWho signed the lease?", id="question"),
        AIMessage("Wait.", id="wait"),
        ToolMessage(report("New.", 2_000), id="new", tool_call_id="call-0-2", name="archive"),
    ]


def test_only_old_tool_results_and_old_human_messages_change_and_in_place() -> None:
    before = history()
    after = run(LongAttnMiddleware(compressor=engine(), trigger=9_000, keep_last=1), history())
    assert [message.id for message in after] == [message.id for message in before]
    changed = [new.id for new, old in zip(after, before, strict=True) if new.content != old.content]
    assert changed == ["paste", "tool"]
    assert LEASE in str(after[1].content)
    assert size(after) <= 9_000 // 2 + 2_000
    assert [message.response_metadata["longattncomp"]["original_tokens"] for message in after if message.id in changed]
    assert after[3].tool_call_id == "call-0-0"


def test_under_the_trigger_or_without_one_nothing_changes() -> None:
    before = history()
    for trigger in (None, size(before) + 1_000):
        scorer = WordScorer()
        assert run(LongAttnMiddleware(compressor=engine(scorer), trigger=trigger, keep_last=0), before) == before
        assert scorer.queries == []


def test_a_trigger_is_a_number_of_tokens() -> None:
    with pytest.raises(InputError, match="such as 30000"):
        LongAttnMiddleware(compressor=engine(), trigger=("tokens", 30_000))  # type: ignore[arg-type]


def test_keep_last_keeps_them() -> None:
    after = run(LongAttnMiddleware(compressor=engine(), trigger=1_000, keep_last=99), history())
    assert after == history()


def test_exclude_tools_holds_for_old_results() -> None:
    after = run(
        LongAttnMiddleware(compressor=engine(), trigger=1_000, keep_last=0, exclude_tools=["archive"]), history()
    )
    assert after[3] == history()[3]


def test_exclude_tools_knows_a_message_without_a_name_by_its_call() -> None:
    before = history()
    before[3] = before[3].model_copy(update={"name": None, "tool_call_id": before[2].tool_calls[0]["id"]})
    after = run(LongAttnMiddleware(compressor=engine(), trigger=1_000, keep_last=0, exclude_tools=["archive"]), before)
    assert after[3] == before[3]


def test_keep_rate_is_for_one_tool_result() -> None:
    free, rated = (
        run(LongAttnMiddleware(compressor=engine(**options, top_p=1.0), trigger=9_000, keep_last=1), history())
        for options in ({}, {"keep_rate": 0.1})
    )
    assert size(rated) == size(free)


def test_an_engine_that_fails_leaves_the_history_with_a_warning() -> None:
    with pytest.warns(LongAttnCompWarning, match="the history passes uncompressed"):
        assert (
            run(LongAttnMiddleware(compressor=engine(BrokenScorer()), trigger=1_000, keep_last=0), history())
            == history()
        )


def test_langchain_37815_once_and_then_the_prompt_stays_the_same() -> None:
    scorer = WordScorer()
    model = ScriptedModel(script=lambda messages: AIMessage(f"answer {len(messages)}"))
    middleware = LongAttnMiddleware(compressor=engine(scorer), trigger=5_000, keep_last=2)
    agent = create_agent(model, [], middleware=[middleware], checkpointer=InMemorySaver(), store=InMemoryStore())
    config = {"configurable": {"thread_id": "one"}}
    agent.invoke({"messages": history()}, config)
    for turn in range(10):
        agent.invoke({"messages": [HumanMessage(f"Question {turn} about the lease?")]}, config)
    broken = [longer[: len(shorter)] != shorter for shorter, longer in pairwise(model.prompts)]
    assert len(scorer.queries) == 2  # at first, and when the newest result had become old
    assert sum(broken) == 1


@pytest.mark.parametrize(("budget", "trigger"), [(500, 15_000), (6_000, 30_000)])
def test_langchain_38352_deepagents_270_50_turns_no_orphans_under_the_trigger(budget: int, trigger: int) -> None:
    """20 results of 5,000 tokens: born short with a small budget, shortened when old with a large one."""
    turns, results = 50, {turn for turn in range(50) if turn % 5 in (0, 2)}

    def archive(turn: int) -> str:
        """Look it up."""
        return report(f"The lease of flat {turn} was signed.", 5_000)

    def script(messages: list[BaseMessage]) -> AIMessage:
        turn = sum(message.type == "human" for message in messages) - 1
        if messages[-1].type == "human" and turn in results:
            return calls(("archive", {"turn": turn}), turn=turn)
        return AIMessage(f"answer to {turn}")

    scorer = WordScorer()
    model = ScriptedModel(script=script)
    middleware = LongAttnMiddleware(
        compressor=engine(scorer, token_budget=budget, top_p=1.0), trigger=trigger, keep_last=4
    )
    agent = create_agent(
        model,
        [StructuredTool.from_function(archive)],
        middleware=[middleware],
        checkpointer=InMemorySaver(),
        store=InMemoryStore(),
    )
    config = {"configurable": {"thread_id": "one"}}
    rewritten: dict[str, set[Any]] = {}
    for turn in range(turns):
        state = agent.invoke({"messages": [HumanMessage(f"Who signed the lease of flat {turn}?")]}, config)
        messages = state["messages"]
        assert size(messages) <= trigger + budget
        called = [call["id"] for message in messages if message.type == "ai" for call in message.tool_calls]
        assert called == [message.tool_call_id for message in messages if message.type == "tool"]
        for message in messages:
            if "longattncomp" in message.response_metadata:
                rewritten.setdefault(message.id, set()).add(str(message.content))
    assert len(called) == 20
    assert len(messages) == 2 * turns + 2 * 20
    assert all(len(contents) == 1 for contents in rewritten.values())
    assert len(rewritten) >= 10
    for prompt in model.prompts:
        assert size(prompt) <= trigger + budget
        for message, following in zip(prompt, [*prompt[1:], None], strict=True):
            if message.type == "ai" and message.tool_calls:
                assert following is not None
                assert following.type == "tool"


def test_a_short_answer_is_asked_with_what_it_answers() -> None:
    scorer = WordScorer()
    said = ["I wonder about the lease.", "Shall I look up who signed it?", "Yes, please."]
    asked = [HumanMessage(said[0]), AIMessage(said[1]), HumanMessage(said[2])]
    run(LongAttnMiddleware(compressor=engine(scorer), trigger=4_000, keep_last=3), [*history()[:4], *asked])
    assert scorer.queries == ["\n".join(said)]


def test_what_failed_in_an_old_result_stays_and_a_human_message_is_never_a_bare_line() -> None:
    before = history()
    before[1] = HumanMessage("Please be brief. " + report("", 3_000), id="paste")
    signed = "".join(f"On day {day} they signed the lease of flat {day}. " for day in range(100))
    before[3] = before[3].model_copy(update={"content": f"{signed}\nERROR: no space left\n{signed}"})
    after = run(LongAttnMiddleware(compressor=engine(), trigger=9_000, keep_last=1), before)
    assert "ERROR: no space left" in after[3].content
    assert after[1].content.startswith("Please be brief.")
    assert size(after) <= 9_000 // 2 + 2_000


def test_a_message_that_its_note_would_make_longer_stays_as_it_is() -> None:
    said = [
        HumanMessage(f"Note {day}: the lease of house {day} has {'few ' * 20}pages.", id=f"{day}") for day in range(9)
    ]
    before = [message for note in said for message in (note, AIMessage("Ok."))] + [HumanMessage("Whose lease?")]
    after = run(LongAttnMiddleware(compressor=engine(top_p=1.0), trigger=300, keep_last=1), before)
    for old, new in zip(before, after, strict=True):
        assert len(new.content) <= len(old.content)
        assert new is old or new.content == old.content or "Shortened" in new.content


def test_a_trigger_that_cannot_be_reached_says_so_once() -> None:
    middleware = LongAttnMiddleware(compressor=engine(), trigger=1_000, keep_last=0)
    talkative = [HumanMessage("Go on."), AIMessage("A" * 2_000), HumanMessage("And the lease?")]
    with pytest.warns(LongAttnCompWarning, match="stay over the trigger of 1000 tokens.*have 2000 tokens"):
        run(middleware, talkative)
    run(middleware, talkative)

"""Tool results as they are born: what is shortened, what is never touched, what can be read back."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import BaseTool, StructuredTool
from langchain_toys import ScriptedModel, call_once, calls, engine, report
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command
from longattncomp import LongAttnCompWarning
from longattncomp.adapters import InputError, ModelNotFoundError
from longattncomp.testing import BrokenScorer, WordScorer
from pydantic import ValidationError

from langchain_longattncomp import LongAttnMiddleware

LEASE = "Ada Marsh signed the lease in May."
LONG = report(LEASE, 5_000)
ASK = {"messages": [HumanMessage("Who signed the lease?")]}


def tool(returns: Any, name: str = "archive", **options: Any) -> BaseTool:
    def run(topic: str = "") -> Any:
        """Look it up."""
        if isinstance(returns, Exception):
            raise returns
        return returns

    return StructuredTool.from_function(run, name=name, **options)


def agent(middleware: LongAttnMiddleware, returns: Any = LONG, model: Any = None, **options: Any) -> Any:
    tools = options.pop("tools", None) or [tool(returns)]
    return create_agent(model or call_once("archive", topic="lease"), tools, middleware=[middleware], **options)


def middleware(scorer: Any = None, **options: Any) -> LongAttnMiddleware:
    return LongAttnMiddleware(compressor=engine(scorer), **options)


def result_of(state: Any) -> ToolMessage:
    (message,) = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    return message


def test_a_long_result_enters_the_state_shortened_and_marked() -> None:
    state = agent(middleware()).invoke(ASK)
    result = result_of(state)
    assert LEASE in result.content
    assert len(result.content.encode()) <= 500
    assert result.content.splitlines()[-1].startswith(f"[Shortened from {len(LONG)} tokens; read_original(id=")
    mark = result.response_metadata["longattncomp"]
    assert mark == {"original": mark["original"], "original_tokens": len(LONG)}
    assert (result.name, result.tool_call_id, result.status) == ("archive", "call-1-0", "success")
    assert [type(message) for message in state["messages"]] == [HumanMessage, AIMessage, ToolMessage, AIMessage]


def test_the_gap_mark_stands_at_the_edges_unless_told_otherwise() -> None:
    marked, same, bare = (
        result_of(agent(middleware(**options)).invoke(ASK)).content.rsplit("\n", 1)[0]
        for options in ({}, {"edge_marks": None}, {"edge_marks": False})
    )
    assert marked == same
    assert marked.startswith("[...]\n")
    assert marked.endswith("\n[...]")
    assert "[...]" not in bare


async def test_langchain_33474_async_does_the_same_and_the_loop_goes_on() -> None:
    shortened = result_of(agent(middleware()).invoke(ASK)).content
    assert result_of(await agent(middleware()).ainvoke(ASK)).content == shortened

    class Waiting(WordScorer):
        def score(self, *args: Any, **kwargs: Any) -> Any:
            asked.set()
            assert others_went_on.wait(30)
            return super().score(*args, **kwargs)

    asked, others_went_on = threading.Event(), threading.Event()
    running = asyncio.create_task(agent(middleware(Waiting())).ainvoke(ASK))
    while not (asked.is_set() or running.done()):
        await asyncio.sleep(0.001)
    others_went_on.set()
    assert result_of(await running).content == shortened


def test_the_query_is_the_question_and_the_arguments() -> None:
    scorer = WordScorer()
    summary = HumanMessage("Summary so far.", additional_kwargs={"lc_source": "summarization"})
    model = ScriptedModel(
        script=lambda messages: (
            AIMessage("done") if messages[-1].type == "tool" else calls(("archive", {"topic": "rent"}))
        )
    )
    agent(middleware(scorer), model=model).invoke({"messages": [*ASK["messages"], summary]})
    assert scorer.queries == ["Who signed the lease?\nrent"]


def test_of_a_very_long_question_only_the_question_is_the_query() -> None:
    scorer = WordScorer()
    question = report("", 5_000) + "\n\nWho signed the lease?"
    agent(middleware(scorer)).invoke({"messages": [HumanMessage(question)]})
    assert scorer.queries == ["Who signed the lease?\nlease"]


@pytest.mark.parametrize("returns", ["short", LONG[:500], ""])
def test_what_fits_the_budget_stays_as_it_is(returns: str) -> None:
    scorer = WordScorer()
    result = result_of(agent(middleware(scorer), returns).invoke(ASK))
    assert (result.content, result.response_metadata, scorer.queries) == (returns, {}, [])


def test_excluded_tools_stay_whole() -> None:
    for excluded in (["archive"], "archive"):
        assert result_of(agent(middleware(exclude_tools=excluded)).invoke(ASK)).content == LONG


def test_errors_return_direct_and_commands_are_not_touched() -> None:
    error = ToolMessage(LONG, tool_call_id="call-1-0", status="error")
    assert result_of(agent(middleware(), error).invoke(ASK)).content == LONG

    direct = agent(middleware(trigger=100, keep_last=0), tools=[tool(LONG, return_direct=True)])
    answered = direct.invoke(ASK)
    assert result_of(answered).content == LONG
    later = direct.invoke({"messages": [*answered["messages"], HumanMessage("And the rent?")]})
    assert next(m for m in later["messages"] if isinstance(m, ToolMessage)).content == LONG

    command = Command(update={"messages": [ToolMessage(LONG, tool_call_id="call-1-0")]})
    assert result_of(agent(middleware(), command).invoke(ASK)).content == LONG


def test_only_text_blocks_are_rewritten() -> None:
    image = {"type": "image", "source_type": "base64", "mime_type": "image/png", "data": "AAAA"}
    blocks = [{"type": "text", "text": report("", 900)}, image, {"type": "text", "text": LONG, "cache": True}]
    given = ToolMessage(blocks, tool_call_id="call-1-0", name="archive", artifact={"rows": 3}, id="kept")
    result = result_of(agent(middleware(), given).invoke(ASK))
    assert result.content[-2] == image
    assert result.content[-1]["cache"] is True
    assert LEASE in result.content[-1]["text"]
    assert sum(len(block.get("text", "").encode()) for block in result.content) <= 500
    assert (result.artifact, result.id) == ({"rows": 3}, "kept")
    assert given.content == blocks


def test_search_results_and_documents_are_shortened_and_captioned_images_pass() -> None:
    image = {"type": "image", "url": "https://example.com/a.png", "text": LONG}
    search = {
        "type": "search_result",
        "source": "https://example.com",
        "title": "Leases",
        "citations": {"enabled": True},
    }
    texts = [report("", 900), f"{LONG} Ask Ada."]
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": LONG}}
    for block in ({**search, "content": [{"type": "text", "text": text} for text in texts]}, document):
        result = result_of(agent(middleware(), ToolMessage([image, block], tool_call_id="call-1-0")).invoke(ASK))
        assert result.content[0] == image
        shortened = result.content[1]
        assert LEASE in str(shortened)
        assert "read_original(" in str(shortened)
        assert len(str(shortened)) < 800
        assert (shortened["type"], shortened.get("title")) == (block["type"], block.get("title"))


def test_exceptions_of_the_tool_are_not_ours() -> None:
    with pytest.raises(KeyError, match="theirs"):
        agent(middleware(), KeyError("theirs")).invoke(ASK)


def test_an_engine_that_fails_passes_the_result_with_a_warning() -> None:
    with pytest.warns(LongAttnCompWarning, match="a result of archive passes uncompressed.*out of memory"):
        assert result_of(agent(middleware(BrokenScorer())).invoke(ASK)).content == LONG


def test_what_cannot_be_kept_whole_is_not_shortened() -> None:
    class Full(InMemoryStore):
        def put(self, *args: Any, **kwargs: Any) -> None:
            raise OSError("no space left")

    with pytest.warns(LongAttnCompWarning, match="no space left"):
        assert result_of(agent(middleware(), store=Full()).invoke(ASK)).content == LONG


def test_without_any_question_the_ends_and_what_failed_are_left() -> None:
    model = ScriptedModel(
        script=lambda messages: AIMessage("done") if messages[-1].type == "tool" else calls(("archive", {}))
    )
    text = LONG.replace(LEASE, "\nERROR: nobody signed\n")
    result = result_of(agent(middleware(), text, model=model).invoke({"messages": [SystemMessage("Go.")]}))
    kept = result.content.splitlines()
    assert kept[0].startswith("On day 0 of")
    assert "ERROR: nobody signed" in kept
    assert kept[-2].endswith("On day 99 of 100 nothing happened in the office. ")
    assert len(result.content.encode()) <= 500


def test_what_failed_is_never_cut_away() -> None:
    text = LONG.replace("On day 7 of", "\nProcess finished with exit code 137\nOn day 7 of")
    result = result_of(agent(middleware(), text).invoke(ASK))
    assert LEASE in result.content
    assert "Process finished with exit code 137" in result.content
    assert len(result.content.encode()) <= 500


async def test_what_is_configured_wrong_raises_before_a_tool_runs() -> None:
    ran: list[bool] = []

    def run(topic: str = "") -> str:
        """Look it up."""
        ran.append(True)
        return LONG

    def with_tool(given: LongAttnMiddleware, **options: Any) -> Any:
        tools = [StructuredTool.from_function(run, name="archive")]
        return create_agent(call_once("archive"), tools, middleware=[given], **options)

    with pytest.raises(ValidationError, match="token_budget"):
        LongAttnMiddleware(token_budget=0)
    with pytest.raises(ValidationError, match="tokens"):
        LongAttnMiddleware(tokens=5)
    for wrong in ({"trigger": 0}, {"keep_last": -1}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            LongAttnMiddleware(**wrong)
    missing = with_tool(LongAttnMiddleware(model="nowhere.gguf"))
    with pytest.raises(ModelNotFoundError):
        missing.invoke(ASK)
    with pytest.raises(ModelNotFoundError):
        await missing.ainvoke(ASK)
    with pytest.raises(InputError, match="token_budget of at least"):
        with_tool(middleware(token_budget=20)).invoke(ASK)
    for context in ({"longattncomp": {"model": "x"}}, {"longattncomp": 5}):
        with pytest.raises(InputError, match="in the context"):
            with_tool(middleware(), context_schema=dict).invoke(ASK, context=context)
    assert ran == []


def test_the_runs_context_wins_over_the_constructor() -> None:
    class Context:
        longattncomp = {"token_budget": 1_500, "top_p": 1.0}  # noqa: RUF012

    one = agent(middleware(token_budget=400, top_p=1.0), context_schema=Context)
    assert len(result_of(one.invoke(ASK)).content) <= 400
    assert 1_000 < len(result_of(one.invoke(ASK, context=Context())).content) <= 1_500
    two = agent(middleware(token_budget=400, top_p=1.0), context_schema=dict)
    context = {"longattncomp": {"token_budget": 1_500}}
    assert 1_000 < len(result_of(two.invoke(ASK, context=context)).content) <= 1_500


def test_parallel_calls_are_each_shortened_for_their_own_arguments() -> None:
    texts = [report(f"The rent of flat {index} is {index}00 euros.", 3_000) for index in range(8)]

    def read(flat: str) -> str:
        """Read about a flat."""
        return texts[int(flat[-1])]

    def script(messages: list[BaseMessage]) -> AIMessage:
        if messages[-1].type == "human":
            return calls(*(("read", {"flat": f"flat {index}"}) for index in range(8)))
        return AIMessage("done")

    tools = [StructuredTool.from_function(read)]
    state = agent(middleware(), model=ScriptedModel(script=script), tools=tools).invoke(
        {"messages": [HumanMessage("What is the rent in euros?")]}
    )
    results = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    assert [message.tool_call_id for message in results] == [f"call-0-{index}" for index in range(8)]
    for index, message in enumerate(results):
        assert f"The rent of flat {index} is {index}00 euros." in message.content
        assert "longattncomp" in message.response_metadata


def test_two_in_one_agent() -> None:
    model = call_once("archive", topic="lease")
    both = [middleware(token_budget=1_000), middleware(name="second", token_budget=300)]
    state = create_agent(model, [tool(LONG)], middleware=both).invoke(ASK)
    result = result_of(state)
    assert "read_original_second(" in result.content  # the inner one was first, the outer one left it alone
    assert "read_original(" not in result.content


def test_the_state_can_be_checkpointed_in_strict_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "true")
    kept = agent(middleware(), checkpointer=InMemorySaver(), store=InMemoryStore())
    config = {"configurable": {"thread_id": "one"}}
    kept.invoke(ASK, config)
    assert "longattncomp" in result_of(kept.get_state(config).values).response_metadata


def test_a_keep_rate_shortens_what_fits_the_budget() -> None:
    shortens = middleware(token_budget=100_000, keep_rate=0.2)
    result = result_of(agent(shortens).invoke(ASK))
    assert LEASE in result.content
    assert len(result.content.encode()) <= len(LONG) // 5
    assert "longattncomp" in result.response_metadata
    assert result_of(agent(shortens, LEASE).invoke(ASK)).content == LEASE, "it is shorter than the line would be"


def test_blocks_keep_their_order_when_documents_would_not() -> None:
    blocks = [{"type": "text", "text": text} for text in (report("A lease.", 600), report(f"{LEASE} Signed!", 600))]
    by_place, by_score = (
        result_of(agent(middleware(order=order), blocks).invoke(ASK)).content for order in ("position", "score")
    )
    assert by_place == by_score
    assert len(by_place) == 2

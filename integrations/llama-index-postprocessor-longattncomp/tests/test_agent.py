"""Tool results of a running agent: compressed once, on their way in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, CodeActAgent, FunctionAgent, ReActAgent
from llama_index.core.agent.workflow.workflow_events import ToolCallResult
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.llms.mock import MockLLM
from llama_index.core.memory import Memory
from llama_index.core.tools import BaseTool, FunctionTool, ToolMetadata, ToolOutput
from llama_index.core.workflow import Context
from longattncomp import Compressor, LongAttnCompWarning
from longattncomp.adapters import InputError
from pydantic import ValidationError

from llama_index.postprocessor.longattncomp import CompressToolResults, LongAttnMemoryBlock, LongAttnOptions

REPORT = f"{'Nothing happened on that day at all. ' * 40}Ada signed the lease in May. {'It rained. ' * 90}"


class Scripted(MockLLM, FunctionCallingLLM):
    """Calls a tool a few times, then answers; notes what it reads."""

    _calls: list[dict[str, Any]] = PrivateAttr(default_factory=list)
    _read: list[list[ChatMessage]] = PrivateAttr(default_factory=list)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_function_calling_model=True)

    def _prepare_chat_with_tools(self, tools: Any, **kwargs: Any) -> dict[str, Any]:
        return {"messages": kwargs.get("chat_history")}

    async def astream_chat_with_tools(self, tools: Any, chat_history: Any = None, **kwargs: Any) -> Any:
        self._read.append(list(chat_history))

        async def answer() -> Any:
            yield ChatResponse(message=ChatMessage(role="assistant", content="Ada."))

        return answer()

    def get_tool_calls_from_response(self, response: ChatResponse, **kwargs: Any) -> list[ToolSelection]:
        step = len(self._read) - 1
        if step >= len(self._calls):
            return []
        return [ToolSelection(tool_id=f"call-{step}", **self._calls[step])]


class Reading(Scripted):
    """Calls its tool, then searches and reads the whole text."""

    def get_tool_calls_from_response(self, response: ChatResponse, **kwargs: Any) -> list[ToolSelection]:
        if (step := len(self._read) - 1) in (1, 2):
            first = next(message for message in self._read[-1] if message.role == "tool")
            (key,) = re.findall(r'id="(\w+)"', str(first.content))
            more = {"query": "Did it rain?"} if step == 1 else {}
            self._calls[step] = {"tool_name": "read_original", "tool_kwargs": {"id": key, **more}}
        return super().get_tool_calls_from_response(response, **kwargs)


class Agent(CompressToolResults, FunctionAgent):
    """An agent as a user writes it."""


class Plain(BaseTool):
    """A tool that is no function and has no schema."""

    metadata = ToolMetadata("Look up.", name="plain", fn_schema=None)

    def __call__(self, input: str) -> ToolOutput:  # noqa: A002
        return ToolOutput(content=f"{input}\n{REPORT}", tool_name="plain", raw_input={}, raw_output=None)


def report(day: str) -> str:
    """Read the report of a day."""
    if day == "never":
        raise ValueError(REPORT)
    return REPORT


def agent(
    compressor: Compressor, days: Sequence[str], budget: int = 200, returns: str = "", **tool: Any
) -> tuple[Agent, Scripted]:
    def fixed(day: str) -> str:
        """Read the report of a day."""
        return returns

    llm = Scripted()
    llm._calls = [{"tool_name": "report", "tool_kwargs": {"day": day}} for day in days]
    made = Agent(
        tools=[FunctionTool.from_defaults(fixed if returns else report, name="report", **tool)],
        llm=llm,
        compression=LongAttnOptions(compressor=compressor, token_budget=budget),
    )
    return made, llm


def tool_messages(llm: Scripted) -> list[ChatMessage]:
    return [message for message in llm._read[-1] if message.role == "tool"]


async def test_llama_index_18516_long_tool_results_in_a_function_agent(words: Compressor, scorer: Any) -> None:
    made, llm = agent(words, ["monday", "tuesday", "sunday"])
    handler = made.run("Who signed the lease?")
    events = [event async for event in handler.stream_events()]
    await handler
    results = tool_messages(llm)
    assert [message.additional_kwargs["tool_call_id"] for message in results] == ["call-0", "call-1", "call-2"]
    for message in results:
        assert "Ada signed the lease in May." in str(message.content)
        assert len(str(message.content).encode()) <= 200
    assert scorer.queries == [f"Who signed the lease?\n{day}" for day in ("monday", "tuesday", "sunday")]
    originals = [event.tool_output.content for event in events if isinstance(event, ToolCallResult)]
    assert originals == [REPORT] * 3, "the run's events carry the originals"


async def test_a_short_answer_is_asked_with_what_it_answers(words: Compressor, scorer: Any) -> None:
    made, _ = agent(words, ["monday"])
    said = ["I wonder about the lease.", "Shall I look up who signed it?", "Yes, please."]
    earlier = [ChatMessage(role=role, content=text) for role, text in zip(("user", "assistant"), said, strict=False)]
    await made.run(said[-1], chat_history=earlier)
    assert scorer.queries == ["\n".join([*said, "monday"])]


async def test_what_failed_is_never_cut_away_and_without_a_question_the_ends_stay(words: Compressor) -> None:
    failed = "\nProcess finished with exit code 137\n"
    made, llm = agent(words, ["monday"], returns=REPORT.replace("Ada signed", f"{failed}Ada signed"))
    await made.run("Who signed the lease?")
    kept = str(tool_messages(llm)[0].content)
    assert failed.strip() in kept
    assert "Ada signed the lease in May." in kept
    text = f"The first line.\n{REPORT}{failed}{REPORT}\nThe last line."
    made, llm = agent(words, [""], budget=300, returns=text)
    await made.run("")
    kept = str(tool_messages(llm)[0].content)
    assert kept.startswith("The first line.")
    assert kept.splitlines()[-2] == "The last line."
    assert failed.strip() in kept
    assert len(kept.encode()) <= 300


async def test_a_shortened_result_says_so_and_the_whole_text_can_be_read(words: Compressor) -> None:
    made = Agent(tools=[report], llm=Reading(), compression=LongAttnOptions(compressor=words, token_budget=300))
    for run in (made, AgentWorkflow(agents=[made])):
        llm = made.llm = Reading()
        llm._calls = [{"tool_name": "report", "tool_kwargs": {"day": "monday"}}, {}, {}]
        await run.run("Who signed the lease?")
        first, found, page = (str(message.content) for message in tool_messages(llm))
        line = first.splitlines()[-1]
        assert re.sub(r'id="\w+"', 'id="..."', line) == (
            f'[Shortened from {len(REPORT)} tokens; read_original(id="...", query="...") searches the whole text.]'
        )
        assert len(first.encode()) <= 300
        assert "It rained." in found
        assert len(found.encode()) <= 300
        assert page == f"[page 1 of 1]\n{REPORT}"
        assert len(page) > 300, "a page is not shortened again"


async def test_what_is_not_kept_any_more_says_call_again(words: Compressor) -> None:
    llm = Scripted()
    llm._calls = [{"tool_name": "read_original", "tool_kwargs": {"id": "gone"}}]
    await Agent(tools=[report], llm=llm, compression=LongAttnOptions(compressor=words)).run("Who signed?")
    assert "call the tool that gave the text again" in str(tool_messages(llm)[0].content)


async def test_an_agent_reads_all_turns_that_its_memory_archived_in_its_session(words: Compressor) -> None:
    block = LongAttnMemoryBlock(compressor=words, token_budget=200)
    for session, owner in (("s", "Ben"), ("other", "Ada")):
        said = [ChatMessage(f"{owner} has the key. {REPORT}"), ChatMessage("It rained.")]
        await block.aput(said, session_id=session)
    reader = block.reading_tool()
    llm = Scripted()
    llm._calls = [
        {"tool_name": "read_original_earlier_turns", "tool_kwargs": asked} for asked in ({"query": "Whose key?"}, {})
    ]
    made = Agent(tools=[reader], llm=llm, compression=LongAttnOptions(compressor=words, token_budget=100))
    await made.run("Go on.", memory=Memory.from_defaults(session_id="s", memory_blocks=[block]))
    found, page = (str(message.content) for message in tool_messages(llm))
    assert "Ben has the key." in found
    assert len(found) <= 200
    assert page == f"[page 1 of 1]\nuser: Ben has the key. {REPORT.strip()}\nuser: It rained.", "not shortened again"


def test_a_code_act_agent_gets_no_tool_that_reads_the_context() -> None:
    class Coder(CompressToolResults, CodeActAgent):
        pass

    made = Coder(code_execute_fn=lambda code: code, llm=Scripted())
    assert "read_original" not in [tool.metadata.name for tool in made.tools or []]


async def test_the_model_says_what_it_is_looking_for_and_the_tool_does_not_see_it(
    words: Compressor, scorer: Any
) -> None:
    def search(input: str) -> str:  # noqa: A002
        """Search."""
        return f"{input}\n{REPORT}"

    async def read(ctx: Context, day: str) -> str:
        """Read what the run's context has of a day."""
        assert isinstance(ctx, Context)
        return f"{day}\n{REPORT}"

    read.__annotations__["ctx"] = Context  # LlamaIndex reads no annotations that are strings
    tools = [FunctionTool.from_defaults(search), FunctionTool.from_defaults(async_fn=read), Plain()]
    options = {"purpose": "looking_for", "purpose_text": "Why?"}
    made = Agent(
        tools=tools, llm=Scripted(), compression=LongAttnOptions(compressor=words, token_budget=400), **options
    )
    for run in (made, AgentWorkflow(agents=[made])):
        scorer.queries.clear()
        llm = made.llm = Scripted()
        why = {"looking_for": "who signed the lease"}
        llm._calls = [
            {"tool_name": "search", "tool_kwargs": {"input": "flats", **why}},
            {"tool_name": "read", "tool_kwargs": {"day": "monday", **why}},
            {"tool_name": "plain", "tool_kwargs": {"input": "roofs", **why}},
        ]
        await run.run("Go on.")
        for message in tool_messages(llm):
            assert "Ada signed the lease in May." in str(message.content)
        asked = ("flats", "monday", "roofs")
        assert scorer.queries == [f"Go on.\n{argument} who signed the lease" for argument in asked]
    described = {tool.metadata.name: tool.metadata.get_parameters_dict() for tool in made.tools or []}
    assert described["search"]["properties"]["looking_for"]["description"] == "Why?"
    assert described["search"]["required"] == ["input"]
    assert "looking_for" not in described["read_original"]["properties"]
    assert "looking_for" not in tools[0].metadata.get_parameters_dict()["properties"], "the user's tool is not changed"


@pytest.mark.parametrize("options", [{}, {"purpose": "day"}])
def test_no_purpose_is_asked_for_by_default_nor_where_the_tool_has_such_an_argument(options: dict[str, str]) -> None:
    tool = FunctionTool.from_defaults(report)
    assert Agent(tools=[tool], llm=Scripted(), **options).tools[0] is tool  # type: ignore[index]


async def test_errors_and_short_results_stay_as_they_are(words: Compressor, scorer: Any) -> None:
    made, llm = agent(words, ["never"])
    await made.run("Who signed the lease?")
    assert REPORT in str(tool_messages(llm)[0].content)
    made, llm = agent(words, ["monday"], budget=9999)
    await made.run("Who signed the lease?")
    assert str(tool_messages(llm)[0].content) == REPORT
    assert scorer.queries == []


async def test_a_result_that_is_returned_directly_is_whole(words: Compressor) -> None:
    made, _ = agent(words, ["monday"], return_direct=True)
    assert str(await made.run("Who signed the lease?")) == REPORT


async def test_an_engine_that_fails_does_not_end_the_run(broken: Compressor) -> None:
    made, llm = agent(broken, ["monday"])
    with pytest.warns(LongAttnCompWarning, match="out of memory"):
        await made.run("Who signed the lease?")
    assert str(tool_messages(llm)[0].content) == REPORT


def test_an_option_of_the_engine_that_the_agent_would_ignore_is_an_error() -> None:
    with pytest.raises(ValidationError, match=r"compression=LongAttnOptions\(token_budget=\.\.\.\)"):
        Agent(tools=[report], llm=MockLLM(), token_budget=500)


def test_it_goes_with_every_workflow_agent(words: Compressor) -> None:
    class Thinker(CompressToolResults, ReActAgent):
        pass

    made = Thinker(tools=[report], llm=MockLLM(), compression=LongAttnOptions(token_budget=500))
    assert made.compression.token_budget == 500


def test_an_agent_before_the_mixin_is_refused_when_its_class_is_made() -> None:
    for base in (FunctionAgent, ReActAgent, CodeActAgent):
        with pytest.raises(
            InputError, match=rf"class Agent\(CompressToolResults, {base.__name__}\), got {base.__name__}"
        ):
            type("Agent", (base, CompressToolResults), {"__module__": __name__})

"""The whole text of what was shortened, by the tool that the middleware brings."""

from __future__ import annotations

import re
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool
from langchain_toys import ScriptedModel, call_once, calls, engine, report
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
from longattncomp import LongAttnCompWarning
from longattncomp.testing import WordScorer

from langchain_longattncomp import LongAttnMiddleware

LONG = report("Ada Marsh signed the lease in May. The roof was mended in June.", 10_000)
PAGE = 4_000


def reads_all(messages: list[BaseMessage]) -> AIMessage:
    """Calls the tool, then reads page after page of the original until there is an error."""
    results = [message for message in messages if isinstance(message, ToolMessage)]
    if messages[-1].type == "human" and "id=" not in str(messages[-1].content):
        return calls(("archive", {}))
    if results and results[-1].status == "error":
        return AIMessage("done")
    (key,) = set(re.findall(r'id="(\w+)"', " ".join(str(message.content) for message in messages)))
    pages = sum(message.name == "read_original" for message in results)
    return calls(("read_original", {"id": key, "page": pages + 1}), turn=pages + 1)


def agent(scorer: Any = None, **options: Any) -> Any:
    def archive() -> str:
        """Look it up."""
        return LONG

    tools = [StructuredTool.from_function(archive)]
    inner = options.pop("middleware", None) or LongAttnMiddleware(compressor=engine(scorer))
    model = options.pop("model", None) or ScriptedModel(script=reads_all)
    return create_agent(model, tools, middleware=[*options.pop("outer", []), inner], **options)


def read(state: Any) -> str:
    pages = [m for m in state["messages"] if m.type == "tool" and m.name == "read_original" and m.status == "success"]
    for page in pages:
        assert len(page.content.encode()) <= PAGE
    return "".join(page.content.split("\n", 1)[1] for page in pages)


ASK = {"messages": [HumanMessage("Who signed the lease?")]}


@pytest.mark.parametrize("store", [None, InMemoryStore()])
async def test_page_by_page_verbatim_and_not_shortened_again(store: InMemoryStore | None) -> None:
    for state in (agent(store=store).invoke(ASK), await agent(store=store).ainvoke(ASK)):
        assert read(state) == LONG
    scorer = WordScorer()
    agent(scorer, store=store).invoke(ASK)
    assert len(scorer.queries) == 1


def test_pages_stay_whole_for_a_stricter_middleware() -> None:
    strict = LongAttnMiddleware(compressor=engine(), name="strict", token_budget=300)
    assert read(agent(outer=[strict]).invoke(ASK)) == LONG


def test_pages_are_read_whole_and_shortened_when_they_are_old() -> None:
    """Else pages alone would stand over the trigger for good."""
    model = ScriptedModel(script=reads_all)
    trigger = LongAttnMiddleware(compressor=engine(), trigger=6_000, keep_last=0)
    state = agent(model=model, middleware=trigger).invoke(ASK)
    assert "".join(fresh[-1].content.split("\n", 1)[1] for fresh in model.prompts[2:-1]) == LONG
    assert sum(len(message.content) for message in state["messages"] if message.type == "tool") < 6_000


def test_a_page_has_its_size_whatever_a_node_and_the_budget_are() -> None:
    """AttnComp's nodes are whole documents, and a run may have a budget of its own."""
    whole = LongAttnMiddleware(compressor=engine(node_tokens="document"))
    state = agent(middleware=whole).invoke(ASK)
    assert read(state) == LONG
    pages = [len(m.content.encode()) for m in state["messages"] if m.type == "tool" and m.content.startswith("[page")]
    assert len(pages) == 3
    assert all(size > 3 / 4 * PAGE for size in pages[:-1])


def test_a_query_finds_what_was_cut_within_the_budget() -> None:
    def script(messages: list[BaseMessage]) -> AIMessage:
        if messages[-1].type == "human":
            return calls(("archive", {}))
        if len(messages) > 3:
            return AIMessage("done")
        (key,) = re.findall(r'id="(\w+)"', str(messages[-1].content))
        return calls(("read_original", {"id": key, "query": "When was the roof mended?"}), turn=1)

    scorer = WordScorer()
    state = agent(scorer, model=ScriptedModel(script=script)).invoke(ASK)
    found = state["messages"][-2]
    assert "The roof was mended in June." in found.content
    assert found.content.startswith("[what 'When was the roof mended?' needs of ")
    assert len(found.content.encode()) <= 500
    assert scorer.queries[-1] == "When was the roof mended?"


def test_a_restart_without_a_store_says_so_before_and_after() -> None:
    saver, config = InMemorySaver(), {"configurable": {"thread_id": "one"}}
    with pytest.warns(LongAttnCompWarning, match=r"checkpointer and no store.*store=\.\.\."):
        state = agent(checkpointer=saver, model=call_once("archive")).invoke(ASK, config)
    (key,) = re.findall(r'id="(\w+)"', str(state["messages"][-2].content))
    with pytest.warns(LongAttnCompWarning, match="no store"):
        later = agent(checkpointer=saver, model=call_once("read_original", id=key)).invoke(
            {"messages": [HumanMessage("And when?")]}, config
        )
    assert "call the tool that gave the text again" in later["messages"][-2].content
    agent(checkpointer=saver, store=InMemoryStore(), model=call_once("archive")).invoke(ASK, config)
    agent(model=call_once("archive")).invoke(ASK)


def test_the_model_sees_an_id_a_query_and_a_page() -> None:
    (tool,) = LongAttnMiddleware(compressor=engine()).tools
    assert set(tool.tool_call_schema.model_json_schema()["properties"]) == {"id", "query", "page"}


def test_pages_are_counted_and_a_wrong_one_says_so() -> None:
    state = agent().invoke(ASK)
    pages = [m.content.split("\n")[0] for m in state["messages"] if m.type == "tool"][1:-1]
    assert pages == [f"[page {number} of {len(pages)}]" for number in range(1, len(pages) + 1)]
    assert state["messages"][-2].content == f"There are pages 1 to {len(pages)}."


@pytest.mark.parametrize("store", [None, InMemoryStore()])
def test_one_conversation_does_not_read_anothers(store: InMemoryStore | None) -> None:
    shared = agent(store=store)
    first = shared.invoke(ASK, {"configurable": {"thread_id": "ada@example.com"}})
    key = next(m for m in first["messages"] if m.type == "tool").response_metadata["longattncomp"]["original"]
    asked = {"messages": [HumanMessage(f'Read id="{key}"')]}
    same = shared.invoke(asked, {"configurable": {"thread_id": "ada@example.com"}})
    assert read(same) == LONG
    other = shared.invoke(asked, {"configurable": {"thread_id": "bo@example.com"}})
    assert other["messages"][-2].content.startswith(f"Nothing is kept under {key!r}")
    assert other["messages"][-2].status == "error"


SHARED = InMemoryStore()


@pytest.mark.parametrize("stores", [(None, None), (SHARED, SHARED), (InMemoryStore(), InMemoryStore())])
def test_runs_without_a_thread_do_not_read_each_others(stores: tuple[InMemoryStore | None, ...]) -> None:
    """Two agents share a middleware, and nobody gives an id."""
    middleware = LongAttnMiddleware(compressor=engine())
    first, other = (agent(middleware=middleware, store=store) for store in stores)
    state = first.invoke(ASK)
    assert read(state) == LONG
    assert "longattncomp_run" not in state
    key = next(m for m in state["messages"] if m.type == "tool").response_metadata["longattncomp"]["original"]
    for reader in (first, other):
        asked = reader.invoke({"messages": [HumanMessage(f'Read id="{key}"')], "longattncomp_run": "guessed"})
        assert asked["messages"][-2].content.startswith(f"Nothing is kept under {key!r}")


class Down(InMemoryStore):
    """A store that does not work."""

    def __init__(self, *verbs: str) -> None:
        super().__init__()
        for verb in verbs:
            setattr(self, verb, self._fail)

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise ConnectionError("no route to redis://ada:secret@host")


async def states_of(one: Any) -> list[Any]:
    return [one.invoke(ASK), await one.ainvoke(ASK)]


async def test_a_store_that_cannot_be_read_says_so() -> None:
    with pytest.warns(LongAttnCompWarning, match="read_original does not work: ConnectionError"):
        states = await states_of(agent(store=Down("get")))
    for state in states:
        told = state["messages"][-2]
        assert told.name == "read_original"
        assert "cannot be read now, because its store does not work" in told.content
        assert "secret" not in told.content
        assert state["messages"][-1].content == "done"


@pytest.mark.parametrize("verbs", [("put",), ("get", "put")])
async def test_what_a_store_does_not_take_stays_whole(verbs: tuple[str, ...]) -> None:
    with pytest.warns(LongAttnCompWarning, match="passes uncompressed"):
        states = await states_of(agent(store=Down(*verbs), model=call_once("archive")))
    for state in states:
        assert state["messages"][-2].content == LONG


def test_the_store_holds_one_item_per_text_outside_any_index() -> None:
    class Noting(InMemoryStore):
        def put(self, *args: Any, **kwargs: Any) -> None:
            assert kwargs == {"index": False}
            super().put(*args, **kwargs)

    store = Noting()
    for _ in range(3):
        agent(store=store).invoke(ASK, {"configurable": {"thread_id": "a.b"}})
    (item,) = store.search(("longattncomp",))
    assert item.namespace == ("longattncomp", "a%2Eb")
    assert item.value == {"text": LONG}


def test_in_this_process_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    from langchain_longattncomp import originals

    monkeypatch.setattr(originals, "_CHARACTERS", 1_000)
    kept = originals.Originals()
    keys = [kept.keep("one", [letter * 400], None) for letter in "abc"]
    assert [kept.find("one", key, None) and True for key in keys] == [None, True, True]
    with pytest.raises(ValueError, match="at most 1000 characters"):
        kept.keep("one", ["d" * 1_001], None)

"""What was saved stands in the metadata of a run, and an audit changes nothing."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage
from langchain_core.tools import StructuredTool
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from langchain_toys import call_once, engine, report

from langchain_longattncomp import LongAttnCompressor, LongAttnMiddleware

LONG = report("Ada Marsh signed the lease in May.", 5_000)


class Tracer(BaseTracer):
    """Keeps the trees of runs that ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.ended.append(run)

    def facts(self) -> list[dict[str, Any]]:
        runs, found = list(self.ended), []
        while runs:
            run = runs.pop()
            found += (run.extra or {}).get("metadata", {}).get("longattncomp", [])
            runs += run.child_runs
        return found


class Events(BaseCallbackHandler):
    """Notes the events of callbacks."""

    def __init__(self) -> None:
        self.data: list[Any] = []

    def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
        self.data.append((name, data))


def checked(facts: dict[str, Any], audit: bool) -> None:
    assert set(facts) == {"what", "tokens_before", "tokens_after", "stop_reason", "milliseconds", "audit", "relevance"}
    assert facts["tokens_before"] == len(LONG)
    assert 0 < facts["tokens_after"] <= 500
    assert facts["stop_reason"] in ("budget", "top_p")
    assert facts["milliseconds"] > 0
    assert facts["audit"] is audit


async def test_what_documents_saved_is_in_the_runs_metadata_and_an_audit_changes_nothing() -> None:
    for audit in (False, True):
        tracer, events = Tracer(), Events()
        compressor = LongAttnCompressor(compressor=engine(), audit=audit)
        given = {"documents": [Document(LONG, id="a")], "query": "Who signed the lease?"}
        kept = compressor.invoke(given, {"callbacks": [tracer, events]})
        assert await compressor.ainvoke(given, {"callbacks": [tracer, events]}) == kept
        assert (kept == given["documents"]) is audit
        assert [name for name, _ in events.data] == ["longattncomp"] * 2
        assert sorted(map(str, tracer.facts())) == sorted(str(data) for _, data in events.data)
        for facts in tracer.facts():
            checked(facts, audit)
    assert LongAttnCompressor(compressor=engine()).compress_documents(given["documents"], "Who?"), "nobody traces it"


async def test_what_an_agents_tool_results_saved_is_in_the_runs_metadata() -> None:
    def archive(topic: str = "") -> str:
        """Look it up."""
        return LONG

    for audit in (False, True):
        tracer, events = Tracer(), Events()
        middleware = LongAttnMiddleware(compressor=engine(), audit=audit, trigger=100, keep_last=0)
        tools = [StructuredTool.from_function(archive)]
        agent = create_agent(call_once("archive", topic="lease"), tools, middleware=[middleware])
        asked: Any = {"messages": [HumanMessage("Who signed the lease?")]}
        for state in (
            agent.invoke(asked, {"callbacks": [tracer, events]}),
            await agent.ainvoke(asked, {"callbacks": [tracer, events]}),
        ):
            result = state["messages"][-2]
            assert (result.content == LONG, result.response_metadata == {}) == (audit, audit)
        assert sorted(map(str, tracer.facts())) == sorted(str(data) for _, data in events.data)
        assert len(tracer.facts()) >= 2
        for facts in tracer.facts():
            assert facts["what"] == "archive"
            checked(facts, audit)

"""What was saved is an event of LlamaIndex's instrumentation, and an audit changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core.agent.workflow.workflow_events import ToolCallResult
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.tools import ToolOutput
from llama_index_toys import diary
from longattncomp import Compressor

from llama_index.postprocessor.longattncomp import (
    CompressToolResults,
    LongAttnMemoryBlock,
    LongAttnOptions,
    LongAttnPostprocessor,
)
from llama_index.postprocessor.longattncomp.events import CompressionEvent

LONG = diary("Ada signed the lease in May. ", 60)
SEEN: list[CompressionEvent] = []


class Noting(BaseEventHandler):
    """Notes what was saved."""

    @classmethod
    def class_name(cls) -> str:
        return "Noting"

    def handle(self, event: Any, **kwargs: Any) -> None:
        if isinstance(event, CompressionEvent):
            SEEN.append(event)


@pytest.fixture(autouse=True)
def _noting() -> Iterator[None]:
    handlers = get_dispatcher().event_handlers
    handlers.append(Noting())
    SEEN.clear()
    yield
    handlers.pop()


def checked(what: str, audit: bool = False) -> None:
    (event,) = SEEN
    assert (event.what, event.audit, event.stop_reason) == (what, audit, "budget")
    assert event.tokens_before >= len(LONG)
    assert 0 < event.tokens_after <= 300
    assert event.milliseconds > 0
    SEEN.clear()


async def test_nodes(words: Compressor) -> None:
    for audit in (False, True):
        nodes = [NodeWithScore(node=TextNode(text=LONG), score=0.5)]
        one = LongAttnPostprocessor(compressor=words, token_budget=300, audit=audit)
        assert (one.postprocess_nodes(nodes, query_str="Who signed the lease?") == nodes) is audit
        checked("nodes", audit)


async def test_tool_results(words: Compressor) -> None:
    from llama_index.core.workflow import Context
    from test_agent import Agent, Scripted

    options = LongAttnOptions(compressor=words, token_budget=300)
    for audit in (False, True):
        made: CompressToolResults = Agent(tools=[], llm=Scripted(), compression=options, audit=audit)
        output = ToolOutput(content=LONG, tool_name="report", raw_input={}, raw_output=LONG)
        result = ToolCallResult(
            tool_name="report", tool_kwargs={}, tool_id="1", tool_output=output, return_direct=False
        )
        context: Any = Context(made)  # type: ignore[arg-type]
        shorter = await made._compressed(context, result, "Who signed the lease?")
        assert (shorter is result) is audit
        checked("texts", audit)


async def test_turns(words: Compressor) -> None:
    block = LongAttnMemoryBlock(compressor=words, token_budget=300)
    await block.aput([ChatMessage(role="user", content=LONG)])
    await block.aget([ChatMessage(role="user", content="Who signed the lease?")])
    checked("turns")

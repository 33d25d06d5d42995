"""Many calls at once give the same results, leave the event loop free and open one model."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.schema import NodeWithScore, TextNode
from longattncomp import Compressor, Scores, Settings
from longattncomp.testing import ByteTokenizer, WordScorer

from llama_index.postprocessor.longattncomp import LongAttnPostprocessor

PLACES = ["kitchen", "cellar", "garden", "attic", "harbour", "library", "tower", "mill"]


def nodes_about(place: str, count: int = 20) -> list[NodeWithScore]:
    return [
        NodeWithScore(node=TextNode(id_=f"{place}-{number}", text=f"The {place} has door {number}. It rained. " * 20))
        for number in range(count)
    ]


async def test_32_at_once_are_as_one_after_the_other(bm25_model: str) -> None:
    postprocessor = LongAttnPostprocessor(model=bm25_model, method="bm25", node_tokens=100, token_budget=600)
    calls = [(nodes_about(place), f"Which door has the {place}?") for place in PLACES * 4]
    serial = [postprocessor.postprocess_nodes(nodes, query_str=query) for nodes, query in calls]
    work = (postprocessor.apostprocess_nodes(nodes, query_str=query) for nodes, query in calls)
    assert await asyncio.gather(*work) == serial


async def test_llama_index_16911_async_does_not_block() -> None:
    """The engine waits here, in another thread, for what only the event loop does."""
    went_on = threading.Event()

    class Waiting(WordScorer):
        def score(self, *args: Any, **kwargs: Any) -> Scores:
            assert went_on.wait(60), "the event loop stood still"
            return super().score(*args, **kwargs)

    scorer = Waiting()
    compressor = Compressor(scorer, ByteTokenizer(), settings=Settings(node_tokens=100))
    postprocessor = LongAttnPostprocessor(compressor=compressor, token_budget=300)
    work = asyncio.ensure_future(postprocessor.apostprocess_nodes(nodes_about("mill"), query_str="mill?"))
    await asyncio.sleep(0)
    went_on.set()
    assert len(await work) < 20
    assert scorer.threads
    assert all(name.startswith("longattncomp") for name in scorer.threads)


async def test_many_first_calls_open_one_model(opened: list[Settings]) -> None:
    postprocessors = [LongAttnPostprocessor(token_budget=300 + number) for number in range(16)]
    await asyncio.gather(*(one.apostprocess_nodes(nodes_about("mill"), query_str="mill?") for one in postprocessors))
    assert len(opened) == 1


@pytest.fixture
def events() -> list[BaseEvent]:
    seen: list[BaseEvent] = []

    class Handler(BaseEventHandler):
        def handle(self, event: BaseEvent, **kwargs: object) -> None:
            seen.append(event)

    root, handler = get_dispatcher(), Handler()
    root.add_event_handler(handler)
    yield seen
    root.event_handlers.remove(handler)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_events(words: Compressor, events: list[BaseEvent], asynchronous: bool) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    postprocessor = LongAttnPostprocessor(compressor=words, token_budget=90, callback_manager=CallbackManager([debug]))
    nodes = nodes_about("mill", 3)
    if asynchronous:
        left = await postprocessor.apostprocess_nodes(nodes, query_str="mill?")
    else:
        left = postprocessor.postprocess_nodes(nodes, query_str="mill?")
    start, saved, end = events
    assert saved.class_name() == "CompressionEvent"
    assert (start.class_name(), end.class_name()) == ("ReRankStartEvent", "ReRankEndEvent")
    assert (start.top_n, start.model_name) == (3, "smollm2-135m-instruct")
    assert end.nodes == left
    assert start.span_id == end.span_id is not None
    assert start.span_id.startswith("LongAttnPostprocessor._postprocess_nodes")
    assert len(debug.get_event_pairs(CBEventType.RERANKING)) == 1

"""Many at once: the same results, a free event loop, one model."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from timeit import timeit

import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.schema import NodeWithScore, TextNode
from longattncomp import Compressor, Query, Scores, Settings
from longattncomp.scorers.bm25 import BM25Scorer
from toy import ByteTokenizer, WordScorer

from llama_index.postprocessor.longattncomp import LongAttnPostprocessor

PLACES = ["kitchen", "cellar", "garden", "attic", "harbour", "library", "tower", "mill"]


def nodes_about(place: str, count: int = 20) -> list[NodeWithScore]:
    return [
        NodeWithScore(node=TextNode(id_=f"{place}-{number}", text=f"The {place} has door {number}. It rained. " * 20))
        for number in range(count)
    ]


async def longest_gap(work: asyncio.Future[object]) -> float:
    """Which part of the work's time the event loop stood still at once, at most."""
    gap, start = 0.0, time.perf_counter()
    while not work.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        gap = max(gap, time.perf_counter() - before)
    return gap / (time.perf_counter() - start)


async def test_32_at_once_are_as_one_after_the_other() -> None:
    """And nobody waits for a quarter of it, at least once in six times: other processes share the cores."""
    compressor = Compressor(BM25Scorer(), ByteTokenizer(), settings=Settings(node_tokens=100, token_budget=600))
    postprocessor = LongAttnPostprocessor(compressor=compressor)
    calls = [(nodes_about(place), f"Which door has the {place}?") for place in PLACES * 4]
    serial = [postprocessor.postprocess_nodes(nodes, query_str=query) for nodes, query in calls]
    gaps: list[float] = []
    while len(gaps) < 6 and min(gaps, default=1.0) >= 0.25:
        work = asyncio.gather(*(postprocessor.apostprocess_nodes(nodes, query_str=query) for nodes, query in calls))
        gaps.append(await longest_gap(work))
        assert await work == serial
    assert min(gaps) < 0.25


async def test_llama_index_16911_async_does_not_block() -> None:
    """The engine is asked in another thread, so that the event loop serves others meanwhile."""

    class Slow(WordScorer):
        def score(self, query: Query, nodes: object, **options: object) -> Scores:
            time.sleep(0.3)
            return super().score(query, nodes)  # type: ignore[arg-type]

    scorer = Slow()
    compressor = Compressor(scorer, ByteTokenizer(), settings=Settings(node_tokens=100))
    postprocessor = LongAttnPostprocessor(compressor=compressor, token_budget=300)
    work = asyncio.ensure_future(postprocessor.apostprocess_nodes(nodes_about("mill"), query_str="mill?"))
    assert await longest_gap(work) < 0.5
    assert threading.get_ident() not in scorer.threads


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
    start, end = events
    assert (start.class_name(), end.class_name()) == ("ReRankStartEvent", "ReRankEndEvent")
    assert (start.top_n, start.model_name) == (3, "smollm2-135m-instruct")
    assert end.nodes == left
    assert start.span_id == end.span_id is not None
    assert start.span_id.startswith("LongAttnPostprocessor._postprocess_nodes")
    assert len(debug.get_event_pairs(CBEventType.RERANKING)) == 1


def took(call: Callable[[], object]) -> float:
    """Seconds of this thread; `timeit` stops the collector, which would read what all other tests left."""
    return timeit(call, timer=time.thread_time, number=1)


@pytest.mark.parametrize("metadata", [{}, {"file_path": "/data/a.txt"}])
def test_overhead_is_under_5_ms_for_100_documents(metadata: dict[str, str]) -> None:
    nodes = [
        NodeWithScore(node=TextNode(text=f"The mill has door {number}. It rained.", metadata=metadata))
        for number in range(100)
    ]
    compressor = Compressor(WordScorer(), ByteTokenizer(), settings=Settings(token_budget=6000))
    postprocessor = LongAttnPostprocessor(compressor=compressor)
    pairs = [
        (
            took(lambda: compressor.compress("mill?", [node.text for node in nodes])),
            took(lambda: postprocessor.postprocess_nodes(nodes, query_str="mill?")),
        )
        for _ in range(30)
    ]
    engine, adapter = map(min, zip(*pairs, strict=True))
    print(f"overhead: {1000 * (adapter - engine):.1f} ms over {1000 * engine:.1f} ms")  # noqa: T201
    assert adapter - engine < max(0.005, 1.5 * engine)  # a slow machine has as much more as its engine takes longer


def test_import_takes_under_a_second_and_no_torch() -> None:
    """More than LlamaIndex's own, in CPU time, the best of three."""
    script = (
        "import time, sys, llama_index.core, llama_index.core.memory; start = time.process_time(); "
        "import llama_index.postprocessor.longattncomp; "
        "print(time.process_time() - start, 'torch' in sys.modules)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(3)
    ]
    assert {torch for _, torch in runs} == {"False"}
    assert min(float(seconds) for seconds, _ in runs) < 1.0

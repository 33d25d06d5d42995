"""Threads, event loops, and what the adapter itself costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from timeit import timeit

import pytest
from langchain_core.documents import Document
from toys import WordScorer, engine, report

from langchain_longattncomp import LongAttnCompressor

TEXTS = [report(f"Ada Marsh signed lease {index} in May. ", 1_500) for index in range(20)]
DOCUMENTS = [Document(text, id=str(index)) for index, text in enumerate(TEXTS)]
QUERIES = [f"lease {index} signed" for index in range(32)]


async def longest_pause(work: Callable[[], asyncio.Future[object]]) -> tuple[object, float]:
    """What the work gives, and which part of its time a task beside it was kept waiting at once, at most."""
    pauses = [0.0]

    async def heartbeat() -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(0.005)
            pauses.append(time.perf_counter() - start - 0.005)

    beat = asyncio.create_task(heartbeat())
    await asyncio.sleep(0.02)
    start = time.perf_counter()
    result = await work()
    took = time.perf_counter() - start
    beat.cancel()
    return result, max(pauses) / took


async def test_llama_index_16911_langchain_33474_32_at_once_as_one_by_one_and_the_loop_goes_on(
    bm25_model: str,
) -> None:
    """Also transformers #47085: "Already borrowed" from a target's tokenizer that threads share."""
    from tokenizers import Tokenizer

    target = Tokenizer.from_file(f"{bm25_model}/tokenizer.json")
    compressor = LongAttnCompressor(model=bm25_model, method="bm25", token_budget=500, target_tokenizer=target)
    serial = [compressor.compress_documents(DOCUMENTS, query) for query in QUERIES]

    async def at_once() -> list[list[Document]]:
        async def meddle() -> None:
            for _ in range(50):
                target.enable_truncation(10)
                await asyncio.sleep(0)
                target.no_truncation()

        results = await asyncio.gather(
            *(compressor.acompress_documents(DOCUMENTS, query) for query in QUERIES), meddle()
        )
        return results[:-1]

    pauses: list[float] = []
    while len(pauses) < 6 and min(pauses, default=1.0) >= 0.25:  # a busy machine pauses us now and then
        concurrent, pause = await longest_pause(at_once)
        assert concurrent == serial
        pauses.append(pause)
    assert min(pauses) < 0.25


def test_several_event_loops(bm25_model: str) -> None:
    compressor = LongAttnCompressor(model=bm25_model, method="bm25", token_budget=500)
    for _ in range(3):
        assert asyncio.run(compressor.acompress_documents(DOCUMENTS, QUERIES[0]))


def test_overhead_over_the_engine_is_under_5_ms_for_100_documents(bm25_model: str) -> None:
    compressor = LongAttnCompressor(model=bm25_model, method="bm25", token_budget=10_000)
    documents = [Document("Ada Marsh signed the lease in May. ", id=str(i), metadata={"page": i}) for i in range(100)]
    texts = [document.page_content for document in documents]
    engine = compressor.engine()

    def seconds(call: Callable[[], object]) -> float:
        """Of this thread; `timeit` stops the collector, which would read what all other tests left."""
        return timeit(call, timer=time.thread_time, number=1)

    pairs = [
        (
            seconds(lambda: compressor.compress_documents(documents, "lease")),
            seconds(lambda: engine.compress("lease", texts, token_budget=10_000)),
        )
        for _ in range(30)
    ]
    ours, theirs = map(min, zip(*pairs, strict=True))
    # A slow machine has as much more as its engine takes longer.
    assert ours - theirs < max(0.005, 1.5 * theirs)


async def test_cancelled_calls_do_not_stop_later_ones() -> None:
    compressor = LongAttnCompressor(compressor=engine(WordScorer()), token_budget=150)
    first = asyncio.create_task(compressor.acompress_documents(DOCUMENTS, QUERIES[0]))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await compressor.acompress_documents(DOCUMENTS, QUERIES[0])

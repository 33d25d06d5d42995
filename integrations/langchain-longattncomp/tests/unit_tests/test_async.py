"""Many calls at once in threads and event loops give the same results, and the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_toys import engine, report
from longattncomp import Scores
from longattncomp.testing import WordScorer

from langchain_longattncomp import LongAttnCompressor

TEXTS = [report(f"Ada Marsh signed lease {index} in May. ", 1_500) for index in range(20)]
DOCUMENTS = [Document(text, id=str(index)) for index, text in enumerate(TEXTS)]
QUERIES = [f"lease {index} signed" for index in range(32)]


async def test_32_at_once_as_one_by_one(bm25_model: str) -> None:
    """Also transformers #47085: "Already borrowed" from a target's tokenizer that threads share."""
    from tokenizers import Tokenizer

    target = Tokenizer.from_file(f"{bm25_model}/tokenizer.json")
    compressor = LongAttnCompressor(model=bm25_model, method="bm25", token_budget=500, target_tokenizer=target)
    serial = [compressor.compress_documents(DOCUMENTS, query) for query in QUERIES]

    async def meddle() -> None:
        for _ in range(50):
            target.enable_truncation(10)
            await asyncio.sleep(0)
            target.no_truncation()

    *concurrent, _ = await asyncio.gather(
        *(compressor.acompress_documents(DOCUMENTS, query) for query in QUERIES), meddle()
    )
    assert concurrent == serial


async def test_llama_index_16911_langchain_33474_the_loop_goes_on_while_the_engine_works() -> None:
    """The engine waits here for what only the event loop does."""
    went_on = threading.Event()

    class Waiting(WordScorer):
        def score(self, *args: Any, **kwargs: Any) -> Scores:
            assert went_on.wait(60), "the event loop stood still"
            return super().score(*args, **kwargs)

    scorer = Waiting()
    compressor = LongAttnCompressor(compressor=engine(scorer), token_budget=150)
    call = asyncio.create_task(compressor.acompress_documents(DOCUMENTS, QUERIES[0]))
    await asyncio.sleep(0)
    went_on.set()
    assert len(await call) < len(DOCUMENTS)
    assert all(name.startswith("longattncomp") for name in scorer.threads)


def test_several_event_loops(bm25_model: str) -> None:
    compressor = LongAttnCompressor(model=bm25_model, method="bm25", token_budget=500)
    for _ in range(3):
        assert asyncio.run(compressor.acompress_documents(DOCUMENTS, QUERIES[0]))


async def test_cancelled_calls_do_not_stop_later_ones() -> None:
    compressor = LongAttnCompressor(compressor=engine(), token_budget=150)
    first = asyncio.create_task(compressor.acompress_documents(DOCUMENTS, QUERIES[0]))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await compressor.acompress_documents(DOCUMENTS, QUERIES[0])

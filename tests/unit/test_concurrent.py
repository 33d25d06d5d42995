"""Many requests at once, some of them cancelled: the others get what each would get alone."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from toy import segments_of

from longattncomp import Compressed, Compressor
from longattncomp.errors import InputError
from longattncomp.runtime.threads import AT_ONCE, in_thread, in_threads
from longattncomp.types import Progress

WORDS = ["lease", "the", "signed", "Ada", "Marsh", "roof", "1987", "rent", "where", "garden"]


@pytest.fixture(params=["longattncomp", "longattncomp-alone"])
def compressor(request: pytest.FixtureRequest, toy_folder: Path) -> Compressor:
    options: dict[str, Any] = {"layers": 2, "head": "untrained", "device": "cpu", "dtype": "float32"}
    with segments_of(200):
        return Compressor.from_pretrained(
            toy_folder, method=request.param, node_tokens=40, cache_bytes=300_000, **options
        )


def text(seed: str, words: int) -> str:
    draw = random.Random(seed)
    return ". ".join(" ".join(draw.choices(WORDS, k=5)) for _ in range(words // 5))


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_many_requests_a_tenth_of_them_cancelled(compressor: Compressor, count: int) -> None:
    contexts = [[text(f"{size} {number}", size) for number in range(3)] for size in (10, 30, 90)]
    draw = random.Random(0)
    requests = [(f"Where is {draw.choice(WORDS)}?", draw.choice(contexts)) for _ in range(count)]
    cancelled = set(draw.sample(range(count), count // 10))
    process = psutil.Process()
    serial = {
        (query, id(context)): compressor.compress(query, context, token_budget=60)
        for query, context in dict.fromkeys((query, tuple(context)) for query, context in requests)
        for context in [next(known for known in contexts if tuple(known) == context)]
    }

    async def all_at_once() -> list[Compressed | BaseException]:
        tasks = [
            asyncio.ensure_future(compressor.acompress(query, context, token_budget=60)) for query, context in requests
        ]
        await asyncio.sleep(0.05)
        for index in cancelled:
            tasks[index].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(all_at_once())
    before = process.memory_info().rss
    found = asyncio.run(all_at_once())

    assert process.memory_info().rss - before < 32e6  # keys and values of a thousand requests are 150 MB
    done = 0
    for index, (result, (query, context)) in enumerate(zip(found, requests, strict=True)):
        if isinstance(result, BaseException):
            assert index in cancelled
            assert isinstance(result, asyncio.CancelledError)
        else:
            expected = serial[query, id(context)]
            assert result.text == expected.text
            assert result.scores == pytest.approx(expected.scores, abs=1e-5)
            done += 1
    assert done >= count - len(cancelled)


def test_memory_is_flat(compressor: Compressor) -> None:
    remembered = (compressor._pipeline._cut, compressor.scorer.frame._remembered, compressor.tokenizer._recent)  # type: ignore[attr-defined]
    keys = compressor.scorer.reader.cache._recent  # type: ignore[attr-defined]
    for recent in remembered:
        recent.most = 7_000
    keys.most = 100_000

    def ask(first: int) -> int:
        for number in range(first, first + 60):
            compressor.compress(f"Where is the garden {number}?", [text(f"{number}", 30)], token_budget=60)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = ask(0)
        after = ask(60)
    finally:
        tracemalloc.stop()

    assert after - before < 100_000
    for recent in (*remembered, keys):
        assert 0 < recent.used <= recent.most


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_threads_of_its_own() -> None:
    """In a process of its own, as a server that loads before it forks."""
    script = """
        import asyncio, os
        from longattncomp.runtime.forking import Lock
        from longattncomp.runtime.threads import in_thread
        held = Lock()
        held.__enter__()
        assert asyncio.run(in_thread(abs, -1)) == 1
        child = os.fork()
        if not child:
            with held:  # whoever had it did not come along
                os._exit(asyncio.run(in_thread(abs, -7)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.returncode) == ("7\n", 0), done.stderr


def test_a_short_call_does_not_wait_for_a_long_one_to_end(compressor: Compressor) -> None:
    long = [text(f"long {number}", 1000) for number in range(12)]

    async def both() -> bool:
        started = asyncio.Event()
        loop = asyncio.get_running_loop()
        begun = asyncio.ensure_future(
            compressor.acompress(
                "Where?", long, token_budget=60, progress=lambda *_: loop.call_soon_threadsafe(started.set)
            )
        )
        await started.wait()
        await compressor.acompress("Who?", ["A short one."], token_budget=60)
        short_of_it = not begun.done()
        await begun
        return short_of_it

    assert asyncio.run(both())


def test_after_an_error_the_rest_of_a_batch_ends() -> None:
    begun: list[int] = []
    reported: list[int] = []
    both = threading.Barrier(2)

    def work(row: int, progress: Progress) -> int:
        begun.append(row)
        if row < 2:
            both.wait(timeout=10)
        if row == 1:
            raise InputError("one")
        for step in range(10_000):
            progress(step, 10_000)
            time.sleep(0.001)
        return row

    with pytest.raises(InputError, match="one"):
        in_threads(work, list(range(50)), lambda done, _: reported.append(done))

    assert len(begun) <= AT_ONCE + 1  # the one that failed made room for another
    assert 0 in begun  # which was to come before it
    assert len(reported) < 10_000


def test_what_a_batch_is_about_shows_in_its_threads() -> None:
    about: contextvars.ContextVar[str] = contextvars.ContextVar("about")
    about.set("leases")
    assert in_threads(lambda row, _: (row, about.get()), [1, 2, 3], None) == [(row, "leases") for row in (1, 2, 3)]
    assert in_threads(lambda row, _: row, [], None) == []


@pytest.mark.parametrize("by", ["acompress", "in_thread"])
def test_a_cancelled_call_stops_reading(compressor: Compressor, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """Also within what somebody else runs in a thread, and takes for no failure."""
    read: list[int] = []
    ended, failed = threading.Event(), threading.Event()
    genuine = compressor.compress
    hook = compressor.scorer.backbone._model.register_forward_pre_hook(lambda *_: read.append(1))  # type: ignore[attr-defined]

    def compress(*args: Any, **options: Any) -> Compressed:
        try:
            return genuine(*args, **options)
        finally:
            ended.set()

    def fails_open(*args: Any, **options: Any) -> Compressed | None:
        try:
            return compress(*args, **options)
        except Exception:  # noqa: BLE001 (as adapters do)
            failed.set()
            return None

    monkeypatch.setattr(compressor, "compress", compress)
    long = [text(f"long {number}", 1000) for number in range(5)]

    async def given_up() -> None:
        call = compressor.acompress if by == "acompress" else partial(in_thread, fails_open)
        task = asyncio.ensure_future(call("Where?", long, token_budget=60))
        while len(read) < 3:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(ended.wait, 30)

    asyncio.run(given_up())
    stopped = len(read)
    read.clear()
    compressor.compress("Where?", long, token_budget=60)
    hook.remove()
    assert stopped < len(read)
    assert not failed.is_set()

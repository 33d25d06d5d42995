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
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import psutil
import pytest
from toy import segments_of

from longattncomp import Compressed, Compressor, Document
from longattncomp.chunking.nodes import chunk
from longattncomp.chunking.structure import outline
from longattncomp.counting import pieces
from longattncomp.errors import InputError
from longattncomp.runtime import turns
from longattncomp.runtime.cancellation import GONE
from longattncomp.runtime.threads import AT_ONCE, in_thread, in_threads
from longattncomp.scorers.bridges import names_in
from longattncomp.testing import ByteTokenizer
from longattncomp.types import Progress

WORDS = ["lease", "the", "signed", "Ada", "Marsh", "roof", "1987", "rent", "where", "garden"]


@pytest.fixture(params=["longattncomp", pytest.param("longattncomp-alone", marks=pytest.mark.long)])
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
        recent.most = 2_000_000
    compressor.tokenizer._recent.most = 20_000  # type: ignore[attr-defined]
    keys.most = 100_000

    def ask(first: int) -> int:
        for number in range(first, first + 60):
            compressor.compress(f"Where is the garden {number}?", [text(f"{number}", 30)], token_budget=60)
        names_in.cache_clear()  # it is bounded by the number of texts, which are more than here
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


def test_after_eight_cancelled_calls_a_short_one_waits_for_one_batch(compressor: Compressor) -> None:
    read: list[int] = []
    hook = compressor.scorer.backbone._model.register_forward_pre_hook(lambda *_: read.append(1))  # type: ignore[attr-defined]
    long = [[text(f"long {number} {part}", 1000) for part in range(12)] for number in range(AT_ONCE)]

    async def waited() -> int:
        await compressor.acompress("Who?", ["A long one."], token_budget=60)
        own = len(read)
        calls = [asyncio.ensure_future(compressor.acompress("Where?", each, token_budget=60)) for each in long]
        while len(read) < own + 3:
            await asyncio.sleep(0.001)
        for call in calls:
            call.cancel()
        given_up = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in given_up)
        before = len(read)
        await compressor.acompress("Who?", ["A short one."], token_budget=60)
        return len(read) - before - own

    assert asyncio.run(waited()) <= 1
    hook.remove()


def test_a_cancelled_call_neither_cuts_nor_counts_on() -> None:
    """Whatever the draft model has to do with it."""
    gone: Future[None] = Future()
    gone.set_result(None)
    long = text("long", 1000)

    def ends(work: Callable[[], object]) -> None:
        with pytest.raises(asyncio.CancelledError):
            work()

    context = contextvars.copy_context()
    context.run(GONE.set, (gone,))
    for work in (
        lambda: chunk([Document(long)], ByteTokenizer()),
        lambda: outline(long),
        lambda: next(pieces(None, long)),
        lambda: in_threads(lambda _, report: report(1, 2), [1, 2], None),
    ):
        context.run(ends, work)


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.long)])
def test_many_cancelled_at_any_moment_leave_nothing_behind(compressor: Compressor, count: int) -> None:
    draw = random.Random(0)
    contexts = [[text(f"{number}", draw.choice([10, 90, 900]))] for number in range(20)]
    expected = compressor.compress("Where is the roof?", contexts[0], token_budget=60)

    async def one(number: int) -> None:
        call = asyncio.ensure_future(compressor.acompress(f"Where {number}?", draw.choice(contexts), token_budget=60))
        await asyncio.sleep(draw.random() * 0.05)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    async def all_of_them() -> Compressed:
        for first in range(0, count, 20):
            await asyncio.gather(*map(one, range(first, first + 20)))
        return await compressor.acompress("Where is the roof?", contexts[0], token_budget=60)

    found = asyncio.run(all_of_them())
    assert found.text == expected.text
    assert found.scores == pytest.approx(expected.scores, abs=1e-5)
    for _ in range(10_000):
        if not turns._thread.waiting:
            break
        time.sleep(0.001)
    assert not turns._thread.waiting
    assert not compressor.scorer.backbone._turns._line  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:.* tokens are prepared")  # while other calls hold the small cache
@pytest.mark.parametrize("threads", [12, pytest.param(64, marks=pytest.mark.long)])
def test_many_threads_that_mix_calls_get_what_each_gets_alone(compressor: Compressor, threads: int) -> None:
    contexts = [[text(f"{number} {part}", 40) for part in range(2)] for number in range(4)]
    budget: dict[str, Any] = {"token_budget": 60}
    kinds: list[Callable[[list[str]], list[Compressed]]] = [
        lambda own: [compressor.compress("Where is the roof?", own, **budget)],
        lambda own: compressor.compress_batch(["Who signed?", "Where?"], [own, own[:1]], **budget),
        lambda own: [compressor.compress_prompt("\n\n".join([*own, "Question: Where is the roof?"]), **budget)],
        lambda own: [asyncio.run(compressor.acompress("Who signed the lease?", own, **budget))],
        lambda own: [compressor.compress("Where?", own, **budget)] if compressor.prepare(own).tokens else [],
    ]
    work = [(kind, own) for kind in kinds for own in contexts]
    alone = [kind(own) for kind, own in work]
    order = [random.Random(number).sample(range(len(work)), 5) for number in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda own: [(index, work[index][0](work[index][1])) for index in own], order))
    for index, results in chain(*found):
        for result, expected in zip(results, alone[index], strict=True):
            assert result.text == expected.text
            assert result.scores == pytest.approx(expected.scores, abs=1e-5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("forks", [3, pytest.param(200, marks=pytest.mark.long)])
def test_forks_while_threads_compress(toy_folder: Path, forks: int) -> None:
    """Each child compresses, whatever its parent's threads held at that moment."""
    script = f"""
        import os, threading
        from longattncomp import Compressor
        compressor = Compressor.from_pretrained({str(toy_folder)!r}, layers=2, head="untrained", dtype="float32")
        def ask(name):
            return compressor.compress("Where?", [f"{{name}} is here. " * 40], token_budget=60).text
        expected, over = ask("Ada"), threading.Event()
        def work(number):
            count = 0
            while not over.is_set():
                count += 1
                ask(f"{{number}} {{count}}")
        threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        statuses = []
        for _ in range({forks}):
            child = os.fork()
            if not child:
                os._exit(0 if ask("Ada") == expected and ask(f"{{os.getpid()}}") else 1)
            statuses.append(os.waitpid(child, 0)[1])
        over.set()
        for thread in threads:
            thread.join()
        print(len(statuses), set(statuses))
    """
    assert outcome(script) == (f"{forks} {{0}}\n", "", 0)


def test_threads_that_compress_when_the_interpreter_ends(toy_folder: Path) -> None:
    """Those that it waits for end after some more calls; the others, daemons, never do."""
    script = f"""
        import asyncio, threading
        from longattncomp import Compressor
        compressor = Compressor.from_pretrained({str(toy_folder)!r}, layers=2, head="untrained", dtype="float32")
        budget, ends = {{"token_budget": 60}}, threading.Event()
        def alone(texts):
            compressor.compress("Where?", texts, **budget)
        def batch(texts):
            compressor.compress_batch(["Where?", "Who?"], [texts, texts[:1]], **budget)
        def loop(texts):
            asyncio.run(compressor.acompress("Where?", texts, **budget))
        def work(kind, daemon):
            number = left = 0
            while daemon or left < 3:
                number, left = number + 1, left + ends.is_set()
                kind([f"{{kind}} {{number}} is here. " * 20, f"{{number}} is there. " * 20])
                begun.release()
        begun = threading.Semaphore(0)
        for kind in (alone, batch, loop):
            for daemon in (True, False):
                threading.Thread(target=work, args=[kind, daemon], daemon=daemon).start()
        for _ in range(8):
            begun.acquire()
        ends.set()
    """
    assert outcome(script) == ("", "", 0)


def outcome(script: str) -> tuple[str, str, int]:
    """Run a program in a process of its own, and return what it prints, its errors and its exit status."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=600
    )
    return done.stdout, done.stderr, done.returncode

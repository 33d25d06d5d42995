"""Requests for a model run in the order they came, and those that fit share a batch."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from longattncomp.runtime import turns
from longattncomp.runtime.cancellation import GONE, leaving
from longattncomp.runtime.turns import Turns


class Model:
    """Doubles numbers; while it is held, further requests wait."""

    def __init__(self, most: int = 1) -> None:
        self.most = most
        self.batches: list[list[int]] = []
        self.fails: Callable[[Sequence[int]], BaseException | None] | None = None
        self.open = threading.Event()
        self.open.set()
        self.inside = 0
        self.turns = Turns(self.run, lambda jobs, job: len(jobs) < self.most and jobs[0] % 2 == job % 2)

    def run(self, jobs: Sequence[int]) -> list[int]:
        self.inside += 1
        assert self.inside == 1
        try:
            self.batches.append(list(jobs))
            self.open.wait()
            error = self.fails(jobs) if self.fails else None
            if error is not None:
                raise error
            return [2 * job for job in jobs]
        finally:
            self.inside -= 1

    @contextmanager
    def held(self, jobs: Sequence[int]) -> Iterator[list[Future[int]]]:
        """Submit jobs that wait in this order behind the first; they run when the block ends."""
        with ThreadPoolExecutor(len(jobs)) as pool:
            self.open.clear()
            try:
                found = []
                for number, job in enumerate(jobs):
                    found.append(pool.submit(self.turns, job))
                    wait_for(lambda number=number: len(self.batches) == 1 and len(self.turns._line) == number)
                yield found
            finally:
                self.open.set()


def elsewhere(work: Callable[[], int]) -> int:
    """In another thread, where nothing runs inline."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result(timeout=10)


def results(found: Sequence[Future[int]]) -> list[int]:
    return [one.result(timeout=10) for one in found]


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if condition():
            return
        time.sleep(0.001)
    pytest.fail("the condition never held")


def test_in_the_order_they_came() -> None:
    model = Model()
    with model.held([1, 3, 2, 5]) as found:
        pass
    assert results(found) == [2, 6, 4, 10]
    assert model.batches == [[1], [3], [2], [5]]


def test_requests_that_fit_share_a_batch() -> None:
    model = Model(most=3)
    with model.held([1, 3, 2, 5, 7, 9, 4]) as found:
        pass
    assert results(found) == [2, 6, 4, 10, 14, 18, 8]
    assert model.batches == [[1], [3, 5, 7], [2, 4], [9]]


def test_a_batch_does_not_wait_for_more_requests() -> None:
    model = Model(most=3)
    assert [model.turns(job) for job in (1, 3, 5)] == [2, 6, 10]
    assert [elsewhere(lambda job=job: model.turns(job)) for job in (1, 3, 5)] == [2, 6, 10]
    assert model.batches == 2 * [[1], [3], [5]]


def test_a_job_that_fails_fails_alone() -> None:
    model = Model(most=4)
    model.fails = lambda jobs: ValueError("seven") if 7 in jobs else None
    with model.held([1, 3, 7, 5]) as found:
        pass
    assert results([found[0], found[1], found[3]]) == [2, 6, 10]
    assert isinstance(found[2].exception(), ValueError)
    assert model.batches == [[1], [3, 7, 5], [3], [7], [5]]
    assert model.turns(11) == 22


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt(), SystemExit()])
def test_whatever_a_job_raises_is_its_caller_s(error: BaseException) -> None:
    model = Model()
    model.fails = lambda _: error
    with pytest.raises(type(error)):
        model.turns(1)
    with pytest.raises(type(error)):
        elsewhere(lambda: model.turns(1))
    model.fails = None
    assert model.turns(3) == 6
    assert elsewhere(lambda: model.turns(3)) == 6


def test_too_few_results_are_an_error_and_nobody_waits_for_more() -> None:
    empty: Turns[int, int] = Turns(lambda _: [])
    with pytest.raises(ValueError, match="shorter"):
        elsewhere(lambda: empty(1))


def test_an_error_keeps_no_model() -> None:
    def fail(_: Sequence[int]) -> list[int]:
        raise ValueError

    def ask(one: Turns[int, int]) -> None:
        with suppress(ValueError):
            one(1)

    failing: Turns[int, int] = Turns(fail)
    gone = weakref.ref(failing)
    gc.collect()
    gc.disable()
    try:
        thread = threading.Thread(target=ask, args=[failing])
        del failing
        thread.start()
        thread.join(timeout=10)
        wait_for(lambda: gone() is None)
    finally:
        gc.enable()


def test_an_interrupted_request_leaves_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(most=4)
    with model.held([1]) as found:
        with monkeypatch.context() as patch:
            patch.setattr(Future, "result", interrupted)
            with pytest.raises(KeyboardInterrupt):
                model.turns(3)
        assert len(model.turns._line) == 0
    assert not turns._thread.waiting
    assert results(found) == [2]
    assert model.turns(5) == 10
    assert model.batches == [[1], [5]]


@contextmanager
def cancelled_at_the_end(call: Callable[[], int]) -> Iterator[Future[int]]:
    """Run a call in a thread, and cancel it when the block ends."""
    context = contextvars.copy_context()
    with ThreadPoolExecutor(1) as pool, suppress(InterruptedError), leaving() as gone:
        context.run(GONE.set, gone)
        yield pool.submit(context.run, call)
        raise InterruptedError


def test_a_cancelled_request_leaves_the_queue_at_once() -> None:
    model = Model(most=4)
    with model.held([1]) as found:
        with cancelled_at_the_end(lambda: model.turns(3)) as cancelled:
            wait_for(lambda: len(model.turns._line) == 1)
        assert isinstance(cancelled.exception(timeout=10), asyncio.CancelledError)
        assert not model.turns._line
        assert len(turns._thread.waiting) == 1
    assert results(found) == [2]
    assert model.batches == [[1]]


def test_a_cancelled_request_does_not_wait_for_the_batch_that_it_shares() -> None:
    model, begin, end = Model(most=4), threading.Event(), threading.Event()
    model.fails = lambda jobs: None if jobs == [1] or end.wait(10) else TimeoutError()
    with ThreadPoolExecutor(1) as pool:
        with cancelled_at_the_end(lambda: begin.wait(10) and model.turns(3)) as cancelled:
            with model.held([1]) as found:
                begin.set()
                wait_for(lambda: len(model.turns._line) == 1)
                other = pool.submit(model.turns, 5)
                wait_for(lambda: len(model.turns._line) == 2)
            wait_for(lambda: model.batches == [[1], [3, 5]])
        assert isinstance(cancelled.exception(timeout=10), asyncio.CancelledError)
        assert not other.done()
        end.set()
        assert results([*found, other]) == [2, 10]


def test_a_cancelled_call_asks_for_no_other_turn() -> None:
    model = Model()

    def asked() -> int:
        wait_for(lambda: GONE.get()[0].done())
        return model.turns(1)

    with cancelled_at_the_end(asked) as cancelled:
        pass
    assert isinstance(cancelled.exception(timeout=10), asyncio.CancelledError)
    assert not model.batches


def interrupted(*_: object) -> int:
    raise KeyboardInterrupt


def test_many_threads_many_errors() -> None:
    model = Model(most=5)
    model.fails = lambda jobs: KeyError(jobs) if any(job % 7 == 0 for job in jobs) else None

    def asked(job: int) -> int | str:
        try:
            return model.turns(job)
        except KeyError as error:
            return str(error)

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(asked, range(300)))

    assert found == [2 * job if job % 7 else f"[{job}]" for job in range(300)]


def test_one_thread_runs_all_models_for_other_threads_and_the_main_thread_its_own() -> None:
    def name(_: Sequence[int]) -> list[str]:
        return [threading.current_thread().name]

    first, second = Turns(name), Turns(name)
    assert {first(1), second(1)} == {threading.main_thread().name}
    with ThreadPoolExecutor(2) as pool:
        names = [pool.submit(one, 1).result(timeout=10) for one in (first, second, first)]
    assert len(set(names)) == 1
    assert names[0].startswith("longattncomp-model")


@pytest.mark.parametrize("model_of_their_own", [False, True])
def test_the_main_thread_waits_behind_others(model_of_their_own: bool) -> None:
    model = Model()
    own = Model() if model_of_their_own else model
    with model.held([1, 3]):
        threading.Timer(0.05, model.open.set).start()
        assert own.turns(5) == 10
        assert model.batches == ([[1], [3]] if model_of_their_own else [[1], [3], [5]])


def test_others_wait_while_the_main_thread_is_at_it_and_it_lets_them_go_before_its_next() -> None:
    model = Model()
    with ThreadPoolExecutor(1) as pool:
        model.open.clear()

        def other() -> int:
            wait_for(lambda: bool(model.batches))
            threading.Timer(0.05, model.open.set).start()
            return model.turns(3)

        found = pool.submit(other)
        assert model.turns(1) == 2
        assert model.turns(5) == 10
        assert found.result(timeout=10) == 6
    assert model.batches == [[1], [3], [5]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_after_a_fork() -> None:
    """In a process of its own: this one may have threads, which a fork does not take along."""
    script = """
        import os
        from concurrent.futures import ThreadPoolExecutor
        import torch
        from longattncomp.runtime.processors import Processors
        from longattncomp.runtime.turns import Turns
        torch.set_num_threads(2)
        matrix, processors = torch.rand(1000, 1000), Processors()
        def double(jobs):
            with processors.shared(torch.device("cpu"), 2):
                matrix @ matrix
            return [2 * job for job in jobs]
        turns = Turns(double)
        def asked(job):
            with ThreadPoolExecutor(1) as pool:
                return turns(job), pool.submit(turns, job).result()
        assert asked(1) == (2, 2)
        matrix @ matrix  # which leaves threads
        child = os.fork()
        if not child:
            torch.set_num_threads(1)
            os._exit(0 if asked(2) == (4, 4) else 1)
        _, status = os.waitpid(child, 0)
        assert status == 0, status
        assert asked(3) == (6, 6)
        print("fine")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("fine\n", "")

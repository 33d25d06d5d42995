"""blocking calls -> calls in threads, a few at a time in the process."""

import asyncio
import contextvars
import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from functools import cache, partial
from typing import ParamSpec, TypeVar

from longattncomp.runtime.cancellation import GONE, leaving, stopping
from longattncomp.types import Progress

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 8
"""Calls that run at the same time and share the draft model batch by batch, so that a short call need not wait for a
long one to end. Each further call may hold the interpreter's lock for 5 ms while the event loop waits for it."""


@cache
def _pool() -> ThreadPoolExecutor:
    # Not the pool of `asyncio.to_thread`, which is shared with all other code and would be full.
    return ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="longattncomp")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has none of its threads


def submitted(pool: ThreadPoolExecutor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Hand work to a pool, or do it here: pools take none while the interpreter ends and waits for this thread."""
    try:
        return pool.submit(work, *args, **kwargs)
    except RuntimeError:
        found: Future[T] = Future()
        try:
            found.set_result(work(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 (whoever asks for the result gets it)
            found.set_exception(error)
        return found


def in_threads(function: Callable[[T, Progress], R], rows: Sequence[T], progress: Progress | None) -> list[R]:
    """Call a function with each row and a progress callback; return the results in order.

    `progress` is called from several threads; a single row runs in the caller's. After an error no other row starts,
    and running ones end at their next step.
    """
    report = stopping(progress)
    if len(rows) < 2:
        return [function(row, report) for row in rows]
    context = contextvars.copy_context()
    workers = min(AT_ONCE, len(rows))
    with ThreadPoolExecutor(workers, thread_name_prefix="longattncomp") as pool, leaving() as gone:
        context.run(GONE.set, gone)
        calls = [submitted(pool, context.copy().run, function, row, report) for row in rows]
        try:
            done, _ = wait(calls, return_when=FIRST_EXCEPTION)
            for call in calls:
                if call in done:
                    call.result()
            return [call.result() for call in calls]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in another thread, in this context, so that tracing spans stay nested.

    After cancellation the call ends at its next `step`.
    """
    context = contextvars.copy_context()
    with leaving() as gone:
        context.run(GONE.set, gone)
        return await asyncio.wrap_future(submitted(_pool(), context.run, partial(function, *args, **kwargs)))


def in_background(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Call a function in another thread, in this context, whether or not anyone waits for it."""
    context = contextvars.copy_context()
    context.run(GONE.set, ())
    return submitted(_pool(), context.run, partial(function, *args, **kwargs))

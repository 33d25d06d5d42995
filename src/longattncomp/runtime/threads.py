"""blocking calls -> calls in threads, a few at a time in the process."""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import cache, partial
from typing import ParamSpec, TypeVar

from longattncomp.runtime.cancellation import AWAITED, Stoppable
from longattncomp.types import Progress

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


AT_ONCE = 8
"""Calls that take turns at the draft model, a batch each: a short one need not wait for a long one to end. Each more
may keep the interpreter's lock from the event loop for another 5 ms."""


@cache
def _pool() -> ThreadPoolExecutor:
    # Not the pool that `asyncio.to_thread` has for everyone, which would be full.
    return ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="longattncomp")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # none of its threads came along


def in_threads(function: Callable[[T, Progress], R], rows: Sequence[T], progress: Progress | None) -> list[R]:
    """What it gives for each row; after an error no other is begun, and those that were end at their next step.

    One row is run in the caller's thread.

    Args:
        function: called with a row and what it has to report progress to.
        rows: in order.
        progress: called for each row, from several threads.
    """
    if len(rows) < 2:
        with Stoppable(progress) as stoppable:
            return [function(row, stoppable) for row in rows]
    context = contextvars.copy_context()
    workers = min(AT_ONCE, len(rows))
    with ThreadPoolExecutor(workers, thread_name_prefix="longattncomp") as pool, Stoppable(progress) as stoppable:
        calls = [pool.submit(context.copy().run, function, row, stoppable) for row in rows]
        try:
            wait(calls, return_when=FIRST_EXCEPTION)
            for call in calls:
                if call.done() and (error := call.exception()):
                    raise error
            return [call.result() for call in calls]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call it in another thread, in this context, so that spans stay nested.

    Cancelled, it ends at its next step: where it reports to what `stopping` made of its progress.
    """
    context = contextvars.copy_context()
    with Stoppable(None) as stoppable:
        context.run(AWAITED.set, stoppable)
        call = partial(context.run, partial(function, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(_pool(), call)

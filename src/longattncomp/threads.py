"""a blocking call -> an awaitable that leaves the event loop free; one at a time in the process."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import cache, partial
from typing import ParamSpec, TypeVar

from longattncomp.types import Progress

P = ParamSpec("P")
T = TypeVar("T")


@cache
def _pool() -> ThreadPoolExecutor:
    # The draft model reads for one caller at a time, on all cores. More threads gain nothing, keep the interpreter's
    # lock from the event loop in turns, and would fill the pool that `asyncio.to_thread` has for everyone.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="longattncomp")


class Stoppable:
    """Progress of work in a thread, through which it ends at its next step once the caller has gone."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._stopped = False

    def __enter__(self) -> Stoppable:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._stopped = error is not None

    def __call__(self, done: int, total: int) -> None:
        if self._stopped:
            raise CancelledError
        if self._progress is not None:
            self._progress(done, total)


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call it in another thread, in this context, so that spans stay nested."""
    call = partial(contextvars.copy_context().run, partial(function, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_pool(), call)

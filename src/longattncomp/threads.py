"""a blocking call -> an awaitable that leaves the event loop free; one at a time in the process."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


@cache
def _pool() -> ThreadPoolExecutor:
    # The draft model reads for one caller at a time, on all cores. More threads gain nothing, keep the interpreter's
    # lock from the event loop in turns, and would fill the pool that `asyncio.to_thread` has for everyone.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="longattncomp")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call it in another thread, in this context, so that spans stay nested."""
    call = partial(contextvars.copy_context().run, partial(function, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_pool(), call)

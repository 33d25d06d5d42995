"""work for later -> the same work, done in another thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Self

from longattncomp.adapters import in_background


class Background:
    """The latest work of each session; copies and pickles start without any."""

    def __init__(self) -> None:
        self._working: dict[str, Future[Any]] = {}

    def start(self, session: str, work: Callable[..., Any], *args: Any) -> None:
        """Start work in another thread, whatever event loop runs now."""
        self._working[session] = in_background(work, *args)

    async def done(self, session: str) -> None:
        """Wait for the latest work of a session; what it raised is left to the call that needs the work."""
        if future := self._working.pop(session, None):
            await asyncio.gather(asyncio.wrap_future(future), return_exceptions=True)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()

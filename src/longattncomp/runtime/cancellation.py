"""work in a thread -> the same work, which ends at its next step once its caller is gone."""

from __future__ import annotations

from contextvars import ContextVar

from longattncomp.types import Progress

AWAITED: ContextVar[Progress | None] = ContextVar("awaited", default=None)
"""Progress to report to in a thread; the report raises CancelledError once nobody awaits the call."""


class Stoppable:
    """A progress callback for work in a thread; a report raises CancelledError after its block ended with an error."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._stopped = False

    def __enter__(self) -> Stoppable:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._stopped = error is not None

    def __call__(self, done: int, total: int) -> None:
        if self._stopped:
            import asyncio  # imported late, because it would slow down the import of this package

            raise asyncio.CancelledError  # no Exception, which callers would handle as a failure
        if self._progress is not None:
            self._progress(done, total)


def stopping(progress: Progress | None) -> Progress | None:
    """Return a progress callback that also ends work in a thread once nobody awaits it."""
    awaited = AWAITED.get()
    if awaited is None or progress is None:
        return awaited or progress

    def both(done: int, total: int) -> None:
        awaited(done, total)
        progress(done, total)

    return both

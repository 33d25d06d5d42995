"""work in a thread -> the same, ended at its next step once its caller has gone."""

from __future__ import annotations

from contextvars import ContextVar

from longattncomp.types import Progress

AWAITED: ContextVar[Progress | None] = ContextVar("awaited", default=None)
"""What a call in a thread asks whether somebody still awaits it."""


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
            import asyncio  # not above, where it would slow down the import of this package

            raise asyncio.CancelledError  # no Exception, which somebody on the way might take for a failure
        if self._progress is not None:
            self._progress(done, total)


def stopping(progress: Progress | None) -> Progress | None:
    """The progress, through which work in a thread also ends once nobody awaits it any longer."""
    awaited = AWAITED.get()
    if awaited is None or progress is None:
        return awaited or progress

    def both(done: int, total: int) -> None:
        awaited(done, total)
        progress(done, total)

    return both

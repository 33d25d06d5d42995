"""work in a thread -> the same work, which ends at its next step once its caller is gone."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from longattncomp.types import Progress

AWAITED: ContextVar[Progress | None] = ContextVar("awaited", default=None)
"""Progress to report to in a thread; the report raises CancelledError once nobody awaits the call."""


@contextmanager
def stoppable(progress: Progress | None) -> Iterator[Progress]:
    """Make a progress callback for work in a thread; it raises CancelledError once the block ended with an error."""
    stopped = False

    def report(done: int, total: int) -> None:
        if stopped:
            import asyncio  # imported late, because it would slow down the import of this package

            raise asyncio.CancelledError  # no Exception, which callers would handle as a failure
        if progress is not None:
            progress(done, total)

    try:
        yield report
    except BaseException:
        stopped = True
        raise


def stopping(progress: Progress | None) -> Progress | None:
    """Return a progress callback that also ends work in a thread once nobody awaits it."""
    awaited = AWAITED.get()
    if awaited is None or progress is None:
        return awaited or progress

    def both(done: int, total: int) -> None:
        awaited(done, total)
        progress(done, total)

    return both

"""work in a thread -> the same work, which ends at its next step once its caller is gone."""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from longattncomp.runtime.ending import stand_still
from longattncomp.types import Progress

T = TypeVar("T")

GONE: ContextVar[tuple[Future[Any], ...]] = ContextVar("gone", default=())
"""Futures of which one is done once nobody awaits the call that this thread works for."""

WALKED: ContextVar[Callable[[int], None] | None] = ContextVar("walked", default=None)
"""Called with how many more characters of a text a stage before or after the scorer has worked through."""


@contextmanager
def leaving() -> Iterator[tuple[Future[Any], ...]]:
    """Make a value of `GONE` for the work of this block: nobody awaits it once the block ended with an error."""
    gone: Future[None] = Future()
    try:
        yield (*GONE.get(), gone)
    except BaseException:
        gone.set_result(None)
        raise


def step(characters: int = 0) -> None:
    """Raise CancelledError if nobody awaits this call any more; long work calls this between its parts.

    Args:
        characters: of the part before, which `WALKED` is told.
    """
    stand_still()
    if characters and (walked := WALKED.get()) is not None:
        walked(characters)
    if any(gone.done() for gone in GONE.get()):
        import asyncio  # imported late, because it would slow down the import of this package

        raise asyncio.CancelledError  # no Exception, which callers would handle as a failure


def awaited(found: Future[T]) -> T:
    """Wait for a result, but no longer than somebody awaits this call."""
    try:
        if GONE.get():
            wait([found, *GONE.get()], return_when=FIRST_COMPLETED)
            step()
        return found.result()
    finally:
        stand_still()
        del found  # an error's frames refer to it: a cycle would keep the error alive


def stopping(progress: Progress | None) -> Progress:
    """Make a progress callback that also ends the call once nobody awaits it."""
    step()

    def report(done: int, total: int) -> None:
        step()
        if progress is not None:
            progress(done, total)

    return report

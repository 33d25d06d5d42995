"""requests of many threads -> batches, in the order they came."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from longattncomp.runtime.cancellation import awaited, step
from longattncomp.runtime.forking import Renewed
from longattncomp.runtime.threads import submitted

Job = TypeVar("Job")
Found = TypeVar("Found")


@dataclass(eq=False, slots=True)
class _Request(Generic[Job, Found]):
    job: Job
    found: Future[Found] = field(default_factory=Future)


class Turns(Renewed, Generic[Job, Found]):
    """A queue of requests for one model, each of them a batch.

    The oldest request runs next, together with those waiting requests that fit into its batch. A batch starts as soon
    as the model is free: it does not wait for more requests to come.

    All batches of all models run in one thread, so that an interrupt of one caller stops no other. Only the main
    thread, in which PyTorch may have threads already, runs its own batches while nobody waits: see `Processors`.
    A forked process starts with an empty queue.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Job]], Sequence[Found]],
        fits: Callable[[Sequence[Job], Job], bool] | None = None,
    ) -> None:
        """Queue requests for a model.

        Args:
            run: runs one batch and returns a result for each of its jobs. It may not refer to this object, which would
                then live until Python collects cycles.
            fits: decides whether a batch of some jobs takes one more; None for batches of one job.
        """
        self._run = run
        self._fits = fits
        super().__init__()

    def renew(self) -> None:
        """Empty the queue."""
        self._mutex = threading.Lock()
        self._line: deque[_Request[Job, Found]] = deque()

    def __call__(self, job: Job) -> Found:
        """Wait for the job's turn and return its result; a call that nobody awaits any more leaves the queue."""
        step()
        if threading.current_thread() is threading.main_thread() and not _thread.waiting:
            with _thread.free:
                return self._run([job])[0]
        own: _Request[Job, Found] = _Request(job)
        try:
            _thread.waiting.add(own)
            with self._mutex:
                self._line.append(own)
            submitted(_thread.pool, self._next)
            return awaited(own.found)
        finally:
            with self._mutex:
                if own in self._line:  # the caller was interrupted or cancelled
                    self._line.remove(own)
            _thread.waiting.discard(own)
            own.found = Future()  # an error's frames refer to this request: a cycle would keep it and the model alive

    def _next(self) -> None:
        batch: list[_Request[Job, Found]] = []
        with _thread.free:
            try:
                with self._mutex:
                    for one in list(self._line):
                        if not batch or (self._fits and self._fits([taken.job for taken in batch], one.job)):
                            self._line.remove(one)
                            batch.append(one)
                if not self._serve(batch) and len(batch) > 1:  # run each alone: only the one at fault should fail
                    for one in batch:
                        self._serve([one])
            except BaseException as error:  # noqa: BLE001 (callers would wait for ever)
                for one in batch:
                    if not one.found.done():
                        one.found.set_exception(error)

    def _serve(self, batch: Sequence[_Request[Job, Found]]) -> bool:
        try:
            found = self._run([one.job for one in batch]) if batch else ()
        except BaseException as error:  # noqa: BLE001 (the caller raises it)
            if len(batch) == 1:
                batch[0].found.set_exception(error)
            return False
        for one, its in zip(batch, found, strict=True):
            one.found.set_result(its)
        return True


class _Thread(Renewed):
    """The thread that runs batches, a lock that it or the main thread holds for a batch, and all waiting requests."""

    def renew(self) -> None:
        self.pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="longattncomp-model")
        self.free = threading.Lock()
        self.waiting: set[_Request[Any, Any]] = set()


_thread = _Thread()

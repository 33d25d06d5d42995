"""jobs of many threads -> batches, in the order they came."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Job = TypeVar("Job")
Found = TypeVar("Found")


@dataclass(eq=False, slots=True)
class _Request(Generic[Job, Found]):
    job: Job
    found: Future[Found] = field(default_factory=Future)


class Turns(Generic[Job, Found]):
    """Requests that each need the draft model for many batches take turns, a batch each.

    Whose turn it is takes along what others wait for, as far as one batch holds it. A batch starts as soon as the model
    is free: nobody waits for company, and nobody longer than for one batch of each who came before.

    All batches of all models run in one thread, so that an interrupt of a caller stops nobody else. Only the main
    thread, in which PyTorch may have threads already for whatever else it does, runs its own where nobody waits: see
    `Processors`. A forked process starts anew.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Job]], Sequence[Found]],
        fits: Callable[[Sequence[Job], Job], bool] | None = None,
    ) -> None:
        """Stand before a model.

        Args:
            run: one batch; gives what each of its jobs comes to. May not refer to this object, which would then live
                until Python looks for cycles.
            fits: whether a batch of some jobs should take one more; if not given it never should.
        """
        self._run = run
        self._fits = fits
        self.renew()
        _all.add(self)

    def renew(self) -> None:
        """Forget who waits: none of them came along through a fork."""
        self._mutex = threading.Lock()
        self._line: deque[_Request[Job, Found]] = deque()

    def __call__(self, job: Job) -> Found:
        """What the job comes to, once it was its turn."""
        if threading.current_thread() is threading.main_thread() and not _thread.waiting:
            with _thread.free:
                return self._run([job])[0]
        own: _Request[Job, Found] = _Request(job)
        try:
            _thread.waiting.add(own)
            with self._mutex:
                self._line.append(own)
            _thread.pool.submit(self._next)
            return own.found.result()
        finally:
            with self._mutex:
                if own in self._line:  # the caller was interrupted
                    self._line.remove(own)
            _thread.waiting.discard(own)
            own.found = Future()  # frames of an error know this request: it would keep itself, and the model

    def _next(self) -> None:
        company: list[_Request[Job, Found]] = []
        with _thread.free:
            try:
                self._gather(company)
                if not self._serve(company) and len(company) > 1:  # each by itself, or one would answer for another
                    for one in company:
                        self._serve([one])
            except BaseException as error:  # noqa: BLE001 (nobody would hear of it)
                for one in company:
                    if not one.found.done():
                        one.found.set_exception(error)

    def _gather(self, company: list[_Request[Job, Found]]) -> None:
        with self._mutex:
            for one in list(self._line):
                if not company or (self._fits and self._fits([taken.job for taken in company], one.job)):
                    self._line.remove(one)
                    company.append(one)

    def _serve(self, company: Sequence[_Request[Job, Found]]) -> bool:
        try:
            found = self._run([one.job for one in company]) if company else ()
        except BaseException as error:  # noqa: BLE001 (it is the caller's)
            if len(company) == 1:
                company[0].found.set_exception(error)
            return False
        for one, its in zip(company, found, strict=True):
            one.found.set_result(its)
        return True


class _Thread:
    """The one that runs batches; whether it or the main thread is at one, and who waits for it."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="longattncomp-model")
        self.free = threading.Lock()
        self.waiting: set[_Request[Any, Any]] = set()


_thread = _Thread()
_all: weakref.WeakSet[Turns[Any, Any]] = weakref.WeakSet()


def _renew_all() -> None:
    _thread.renew()
    for turns in list(_all):
        turns.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)

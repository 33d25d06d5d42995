"""jobs of many threads -> batches, in the order they came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Job = TypeVar("Job")
Found = TypeVar("Found")


@dataclass(eq=False, slots=True)
class _Request(Generic[Job, Found]):
    job: Job
    woken: threading.Event = field(default_factory=threading.Event)
    found: list[Found] = field(default_factory=list)  # one, once it was done in another's batch
    alone: bool = False  # it was in a batch that failed
    gone: bool = False  # its thread was interrupted


class Turns(Generic[Job, Found]):
    """Requests that each need the draft model for many batches take turns, a batch each.

    Whose turn it is takes along what others wait for, as far as one batch holds it. A batch starts as soon as the model
    is free: nobody waits for company, and nobody longer than for one batch of each who came before.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Job]], Sequence[Found]],
        fits: Callable[[Sequence[Job], Job], bool] | None = None,
    ) -> None:
        """Stand before a model.

        Args:
            run: one batch; gives what each of its jobs comes to. Never called twice at once.
            fits: whether a batch of some jobs should take one more; if not given it never should.
        """
        self._run = run
        self._fits = fits
        self._mutex = threading.Lock()
        self._taken = False
        self._line: deque[_Request[Job, Found]] = deque()

    def __call__(self, job: Job) -> Found:
        """What the job comes to, once it was its turn."""
        own: _Request[Job, Found] = _Request(job)
        with self._mutex:
            if self._taken:
                self._line.append(own)
            else:
                self._taken = True
                own.woken.set()
        try:
            own.woken.wait()
        except BaseException:  # an interrupt may not take the turn along
            with self._mutex:
                own.gone = True
                if own in self._line:
                    self._line.remove(own)
                elif own.woken.is_set() and not own.found:
                    self._pass_on()
            raise
        return own.found[0] if own.found else self._lead(own)

    def _lead(self, own: _Request[Job, Found]) -> Found:
        company: list[_Request[Job, Found]] = [own]
        try:
            self._gather(company)
            try:
                found = self._run([one.job for one in company])
            except Exception:
                if len(company) == 1:
                    raise
                self._send_back(company[1:], alone=True)
                return self._run([own.job])[0]
            for one, its in zip(company[1:], found[1:], strict=True):
                one.found.append(its)
                one.woken.set()
            company[1:] = []
            return found[0]
        finally:
            self._send_back([one for one in company[1:] if not one.alone and not one.found])
            with self._mutex:
                self._pass_on()

    def _gather(self, company: list[_Request[Job, Found]]) -> None:
        with self._mutex:
            if self._fits is None or company[0].alone:
                return
            for one in list(self._line):
                if not one.alone and self._fits([taken.job for taken in company], one.job):
                    self._line.remove(one)
                    company.append(one)

    def _send_back(self, company: Sequence[_Request[Job, Found]], *, alone: bool = False) -> None:
        with self._mutex:
            for one in reversed(company):
                one.alone = alone
                if not one.gone:
                    self._line.appendleft(one)

    def _pass_on(self) -> None:
        if self._line:
            self._line.popleft().woken.set()
        else:
            self._taken = False

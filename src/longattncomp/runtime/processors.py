"""what else runs on this machine -> how many threads a pass has."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache

import psutil
import torch
from threadpoolctl import ThreadpoolController

_SOFT = 1  # omp_pause_soft

_WINDOW = 0.25
"""Seconds over which processor time is counted, at least."""

_BUSY = ("user", "nice", "system", "irq", "softirq", "steal")


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters of a moment, in seconds.

    Attributes:
        at: of the clock.
        busy: of all processors that this process may use, for whomever; in a container the host's.
        own: of this process.
    """

    at: float
    busy: float
    own: float


class Processors:
    """Leaves the processors that others keep busy to them.

    PyTorch's threads wait for each other actively: two threads on two processors of which one is busy take two to
    four times as long as one thread. The most is what PyTorch has (`torch.set_num_threads`, `OMP_NUM_THREADS`).

    Nor does a pass leave threads behind where OpenMP is GNU's. Every thread that calls PyTorch gets a team of its own
    from it, and once all teams together have more threads than there are processors, they sleep and wake at each step:
    passes then take twice as long.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = self._sample()
        self._others = 0.0

    @contextmanager
    def shared(self, device: torch.device, most: int) -> Iterator[None]:
        """A pass on this device, in this thread, with no more threads than there are processors free.

        Args:
            device: of the model; only a processor's threads are looked after.
            most: threads, at least 1.
        """
        if device.type != "cpu":
            yield
            return
        try:
            with _limited(self.threads(most)):
                yield
        finally:
            _end_team()

    def threads(self, most: int) -> int:
        """How many of so many threads find a processor, at least one."""
        if self._lock.acquire(blocking=False):  # in a forked process it may be held for ever
            try:
                self._look()
            finally:
                self._lock.release()
        return max(1, min(most, int(len(_usable()) - self._others + 0.5)))

    def _look(self) -> None:
        now = self._sample()
        window = now.at - self._last.at
        if window >= _WINDOW:
            self._others = max(0.0, now.busy - self._last.busy - now.own + self._last.own) / window
            self._last = now

    def _sample(self) -> Sample:
        try:
            each = psutil.cpu_times(percpu=True)
        except (OSError, psutil.Error):  # a sandbox may hide them; then nobody else is seen
            each = []
        usable = _usable()
        if max(usable) < len(each):
            each = [each[index] for index in usable]
        busy = sum(getattr(times, kind, 0.0) for times in each for kind in _BUSY)
        return Sample(time.monotonic(), busy, time.process_time())


def one_thread() -> AbstractContextManager[None]:
    """Arithmetic of this thread without others' help, which would leave a team behind: see `Processors`."""
    return _limited(1)


@contextmanager
def beside_passes(device: torch.device) -> Iterator[None]:
    """Arithmetic of who asks for passes: `one_thread`, but for the main thread, which runs its own passes."""
    if device.type != "cpu" or hasattr(_caller, "threads"):
        yield
        return
    _caller.threads = torch.get_num_threads()
    main = threading.current_thread() is threading.main_thread()
    try:
        with nullcontext() if main else one_thread():
            yield
    finally:
        del _caller.threads
        _end_team()


def threads_of_caller() -> int:
    """Most threads that PyTorch has for this thread, `beside_passes` or not."""
    return getattr(_caller, "threads", None) or torch.get_num_threads()


_caller = threading.local()


@contextmanager
def _limited(threads: int) -> Iterator[None]:
    torch.get_num_threads()  # a thread that meets PyTorch in here would get another number from it
    # Not torch.set_num_threads: whatever thread first met PyTorch meanwhile would keep that number.
    with _openmp().limit(limits=threads):
        yield


def _end_team() -> None:
    """Let this thread's team go; the next pass makes another in a tenth of a millisecond."""
    for library in _openmp().lib_controllers:
        if library.prefix == "libgomp" and hasattr(library.dynlib, "omp_pause_resource_all"):  # OpenMP 5.0, GCC 9
            library.dynlib.omp_pause_resource_all(_SOFT)


@cache
def _openmp() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="openmp")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_end_team)  # the forked process would wait for threads that did not come along


def _usable() -> list[int]:
    """Numbers of the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))

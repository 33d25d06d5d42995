"""load of other processes -> how many threads a forward pass uses."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, TypeVar, cast

import psutil
import torch
from threadpoolctl import ThreadpoolController

from longattncomp.runtime.forking import Lock
from longattncomp.runtime.turns import Turns

T = TypeVar("T")

_WINDOW = 0.25  # seconds over which processor time is counted, at least

_BUSY = ("user", "nice", "system", "irq", "softirq", "steal")


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters at one moment, in seconds."""

    at: float  # on a monotonic clock
    busy: float  # work of all processes, outside of a container too, on the processors that this process may use
    own: float  # work of this process


class Processors:
    """Limits a pass to as many threads as there are processors free.

    PyTorch's threads wait for each other actively: on two processors of which one is busy, two threads take two to
    four times as long as one thread. PyTorch's own number of threads is the upper limit (`torch.set_num_threads`,
    `OMP_NUM_THREADS`).

    With GNU's OpenMP a pass also ends its threads. Every thread that calls PyTorch gets its own team of threads; once
    all teams together have more threads than there are processors, they sleep and wake at each step, and passes take
    twice as long.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = self._sample()
        self._others = 0.0

    @contextmanager
    def shared(self, device: torch.device, most: int) -> Iterator[None]:
        """Limit the threads of a pass on this device, in this thread, to `most` and to the free processors."""
        if device.type != "cpu":
            yield
            return
        try:
            with _limited(self.threads(most)):
                yield
        finally:
            _end_team()

    def threads(self, most: int) -> int:
        """Return how many of `most` threads find a free processor, at least one."""
        with self._lock:
            now = self._sample()
            window = now.at - self._last.at
            if window >= _WINDOW:
                self._others = max(0.0, now.busy - self._last.busy - now.own + self._last.own) / window
                self._last = now
        return max(1, min(most, int(len(_usable()) - self._others + 0.5)))

    def _sample(self) -> Sample:
        try:
            each = psutil.cpu_times(percpu=True)
        except (OSError, psutil.Error):  # a sandbox may hide them; then no other load is seen
            each = []
        usable = _usable()
        if max(usable) < len(each):
            each = [each[index] for index in usable]
        busy = sum(getattr(times, kind, 0.0) for times in each for kind in _BUSY)
        return Sample(time.monotonic(), busy, time.process_time())


def one_thread() -> AbstractContextManager[None]:
    """Limit this thread's arithmetic to itself, so that it starts no team of threads: see `Processors`."""
    return _limited(1)


@contextmanager
def beside_passes(device: torch.device) -> Iterator[None]:
    """Limit the arithmetic of a caller of passes to `one_thread`; the main thread, which runs passes, keeps its own."""
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
    """Return PyTorch's number of threads for this thread, without the limit of `beside_passes`."""
    return getattr(_caller, "threads", None) or torch.get_num_threads()


_caller = threading.local()


class OneByOne:
    """A queue of passes through one model that are not batched."""

    def __init__(self, device: torch.device) -> None:
        self._turns: Turns[_Pass, Any] = Turns(partial(_run, device, Processors()))

    def __call__(self, work: Callable[[], T]) -> T:
        """Wait for the turn of this work and do it, without gradients."""
        return cast("T", self._turns(_Pass(work)))


@dataclass(frozen=True, slots=True)
class _Pass:
    work: Callable[[], Any]
    threads: int = field(default_factory=threads_of_caller)  # most threads of PyTorch that the caller allows


@torch.inference_mode()
def _run(device: torch.device, processors: Processors, passes: Sequence[_Pass]) -> list[Any]:
    with processors.shared(device, max(one.threads for one in passes)):
        return [one.work() for one in passes]


@contextmanager
def _limited(threads: int) -> Iterator[None]:
    torch.get_num_threads()  # a thread that first calls PyTorch below would get the limit as its own number
    # Not torch.set_num_threads: any thread that first calls PyTorch meanwhile would keep that number.
    with _openmp().limit(limits=threads):
        yield


def _end_team() -> None:
    """End this thread's team of threads; the next pass starts another in a tenth of a millisecond."""
    for library in _openmp().lib_controllers:
        if library.prefix == "libgomp" and hasattr(library.dynlib, "omp_pause_resource_all"):  # OpenMP 5.0, GCC 9
            library.dynlib.omp_pause_resource_all(1)  # omp_pause_soft


@cache
def _openmp() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="openmp")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_end_team)  # a forked process would wait for threads that it does not have


def _usable() -> list[int]:
    """List the numbers of the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))

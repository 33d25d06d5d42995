"""what else runs on this machine -> how many threads a pass has."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch

_WINDOW = 0.25
"""Seconds over which processor time is counted, at least."""

_BUSY = ("user", "nice", "system", "irq", "softirq", "steal")


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters of a moment, in seconds.

    Attributes:
        at: of the clock.
        busy: of all processors that this process may use, for whomever.
        own: of this process.
    """

    at: float
    busy: float
    own: float


class Processors:
    """Leaves the processors that others keep busy to them.

    PyTorch's threads wait for each other actively: two threads on two processors of which one is busy take two to
    four times as long as one thread. The most is what PyTorch has (`torch.set_num_threads`, `OMP_NUM_THREADS`).
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._lock = threading.Lock()
        self._last = self._sample()
        self._others = 0.0

    @contextmanager
    def shared(self, device: torch.device) -> Iterator[None]:
        """A pass on this device with as many threads as there are processors free; afterwards as many as before."""
        most = torch.get_num_threads()
        threads = self.threads(most) if device.type == "cpu" else most
        if threads == most:
            yield
            return
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(most)

    def threads(self, most: int) -> int:
        """How many of so many threads find a processor, at least one."""
        with self._lock:
            if time.monotonic() - self._last.at >= _WINDOW:
                now = self._sample()
                self._others = (now.busy - self._last.busy - now.own + self._last.own) / (now.at - self._last.at)
                self._last = now
            return max(1, min(most, int(len(self._usable()) - self._others + 0.5)))

    def _sample(self) -> Sample:
        own = self._process.cpu_times()
        each = psutil.cpu_times(percpu=True)
        busy = sum(getattr(each[index], kind, 0.0) for index in self._usable() for kind in _BUSY)
        return Sample(time.monotonic(), busy, own.user + own.system)

    def _usable(self) -> list[int]:
        if hasattr(self._process, "cpu_affinity"):  # macOS has none
            return list(self._process.cpu_affinity())
        return list(range(psutil.cpu_count() or 1))

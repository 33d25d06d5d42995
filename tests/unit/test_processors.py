"""A pass uses as many threads as there are free processors."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import torch

from longattncomp.runtime import processors
from longattncomp.runtime.processors import Processors, Sample, beside_passes, one_thread, threads_of_caller

CPU = torch.device("cpu")


class Machine(Processors):
    """A machine on which other processes run, too."""

    def __init__(self) -> None:
        self.clock = self.others = self.own = 0.0
        super().__init__()

    def spend(self, seconds: float, *, own: float, others: float) -> None:
        self.clock += seconds
        self.own += seconds * own
        self.others += seconds * others

    def _sample(self) -> Sample:
        return Sample(self.clock, self.own + self.others, self.own)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(processors, "_usable", lambda: list(range(8)))
    return Machine()


@pytest.mark.parametrize(
    ("others", "most", "expected"),
    [(0.0, 8, 8), (0.4, 8, 8), (0.6, 8, 7), (3.0, 8, 5), (3.0, 4, 4), (6.2, 4, 2), (8.0, 8, 1), (9.0, 4, 1)],
)
def test_threads_are_the_processors_that_others_leave(
    machine: Machine, others: float, most: int, expected: int
) -> None:
    machine.spend(2.0, own=1.0, others=others)
    assert machine.threads(most) == expected


def test_own_work_counts_for_nothing_and_an_end_of_the_load_is_seen(machine: Machine) -> None:
    machine.spend(1.0, own=8.0, others=0.0)
    assert machine.threads(8) == 8
    machine.spend(1.0, own=4.0, others=4.0)
    assert machine.threads(8) == 4
    machine.spend(0.1, own=0.0, others=0.0)
    assert machine.threads(8) == 4  # too short to tell
    machine.spend(1.0, own=4.0, others=0.0)
    assert machine.threads(8) == 8


def test_a_pass_has_them_and_nobody_else(machine: Machine) -> None:
    inside: list[int] = []

    def look() -> None:
        inside.append(torch.get_num_threads())

    def new_thread() -> None:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    def fail() -> None:
        with machine.shared(CPU, most):
            look()
            new_thread()
            raise KeyError

    machine.spend(1.0, own=1.0, others=7.0)
    most, before = 4, torch.get_num_threads()
    torch.set_num_threads(most)
    try:
        with pytest.raises(KeyError):
            fail()
        look()
        with machine.shared(torch.device("meta"), most):
            look()
    finally:
        torch.set_num_threads(before)
    assert inside == [1, most, most, most]


def test_a_thread_that_meets_pytorch_in_a_pass_keeps_to_its_number(machine: Machine) -> None:
    def work() -> list[int]:
        with machine.shared(CPU, 4):
            inside = [torch.get_num_threads()]
        return [*inside, torch.get_num_threads()]

    machine.spend(1.0, own=1.0, others=7.0)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(work).result() == [1, 4]
    finally:
        torch.set_num_threads(before)


def test_beside_passes_a_thread_has_no_team_and_says_how_many_it_would_have() -> None:
    def look() -> tuple[int, int]:
        with beside_passes(CPU), beside_passes(CPU):
            return torch.get_num_threads(), threads_of_caller()

    def in_thread() -> list[tuple[int, int]]:
        torch.set_num_threads(3)
        return [look(), (torch.get_num_threads(), threads_of_caller())]

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert look() == (2, 2)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(in_thread).result() == [(1, 3), (3, 3)]
        with one_thread():
            assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP only")
def test_a_pass_leaves_no_threads_behind() -> None:
    """In a process of its own, with two of PyTorch's threads wherever it runs."""
    script = """
        import psutil, torch
        from longattncomp.runtime.processors import Processors
        def threads():
            return psutil.Process().num_threads()
        processors, matrix = Processors(), torch.rand(1000, 1000)
        processors.threads = lambda most: most
        before = threads()
        for _ in range(3):
            with processors.shared(torch.device("cpu"), 2):
                matrix @ matrix
                assert torch.get_num_threads() == 2
        assert threads() == before, (before, threads())
        print("fine")
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("fine\n", "")


def test_this_machine_is_counted() -> None:
    found = Processors()
    time.sleep(0.3)
    assert 1 <= found.threads(64) <= (psutil.cpu_count() or 1)
    assert found.threads(1) == 1


def test_a_machine_that_hides_its_counters_has_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(**_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(processors.psutil, "cpu_times", hidden)
    monkeypatch.setattr(processors, "_WINDOW", 0.01)
    monkeypatch.setattr(processors, "_usable", lambda: [0, 5, 9])
    found = Processors()
    time.sleep(0.02)
    assert found.threads(64) == 3

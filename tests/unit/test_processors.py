"""As many threads as there are processors free."""

from __future__ import annotations

import threading

import psutil
import pytest
import torch

from longattncomp.backbone import processors
from longattncomp.backbone.processors import Processors, Sample

CPU = torch.device("cpu")


class Machine(Processors):
    """A machine of some processors, of which others keep so many busy."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.clock = self.others = self.own = 0.0
        super().__init__()

    def spend(self, seconds: float, *, own: float, others: float) -> None:
        self.clock += seconds
        self.own += seconds * own
        self.others += seconds * others

    def _sample(self) -> Sample:
        return Sample(self.clock, self.own + self.others, self.own)

    def _usable(self) -> list[int]:
        return list(range(self.count))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(8)
    monkeypatch.setattr(processors.time, "monotonic", lambda: made.clock)
    return made


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


def test_a_pass_has_them_and_the_caller_his_own_back(machine: Machine) -> None:
    def fail() -> None:
        with machine.shared(CPU):
            inside.append(torch.get_num_threads())
            raise KeyError

    def work() -> None:
        torch.set_num_threads(4)
        machine.spend(1.0, own=1.0, others=6.0)
        with pytest.raises(KeyError):
            fail()
        inside.append(torch.get_num_threads())
        with machine.shared(torch.device("meta")):
            inside.append(torch.get_num_threads())

    inside: list[int] = []
    before = torch.get_num_threads()
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        torch.set_num_threads(before)
    assert inside == [2, 4, 4]


def test_this_machine_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "_WINDOW", 0.0)
    found = Processors()
    assert 1 <= found.threads(64) <= (psutil.cpu_count() or 1)
    assert found.threads(1) == 1

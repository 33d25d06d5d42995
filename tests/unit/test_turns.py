"""Whoever has waited longest is next."""

from __future__ import annotations

import threading
import time

import pytest

from longattncomp.backbone.turns import Turns


def test_turns_go_round() -> None:
    turns = Turns()
    order: list[int] = []
    ready = threading.Barrier(4)

    def work(who: int) -> None:
        ready.wait()
        for _ in range(30):
            with turns:
                order.append(who)
                time.sleep(0.001)  # so that the others stand in line again

    threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(order) == sorted(list(range(4)) * 30)
    middle = order[8:-8]
    assert all(len(set(middle[at : at + 4])) >= 3 for at in range(len(middle) - 4))


def test_one_at_a_time_also_after_an_error() -> None:
    turns = Turns()
    inside = most = 0

    def work() -> None:
        nonlocal inside, most
        for number in range(50):
            try:
                with turns:
                    inside += 1
                    most = max(most, inside)
                    time.sleep(0)
                    inside -= 1
                    if number % 7 == 0:
                        raise KeyError
            except KeyError:
                pass

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_an_interrupt_while_waiting_takes_no_turn_along(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns()
    with turns, monkeypatch.context() as patch:
        patch.setattr(threading.Event, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt), turns:
            pass
    with turns:
        pass


def interrupted(*_: object) -> bool:
    raise KeyboardInterrupt

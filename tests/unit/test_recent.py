"""A bounded cache: what it keeps, what it evicts first, and what its callers hold."""

from __future__ import annotations

import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longattncomp.runtime.recent import Recent

KEYS = "abcdef"


@dataclass
class Naive:
    """The same in a list, oldest first."""

    most: int
    rows: list[tuple[str, int]] = field(default_factory=list)

    def get(self, key: str) -> int | None:
        for row in self.rows:
            if row[0] == key:
                self.rows.remove(row)
                self.rows.append(row)
                return row[1]
        return None

    def put(self, key: str, size: int, needed: Collection[str]) -> bool:
        others = [row for row in self.rows if row[0] != key]
        while sum(row[1] for row in others) + size > self.most:
            free = [row for row in others if row[0] not in needed]
            if not free:
                return False
            others.remove(free[0])
        self.rows = [*others, (key, size)]
        return True

    def released(self, keys: Collection[str]) -> None:
        known = dict(self.rows)
        self.rows = [row for row in self.rows if row[0] not in keys] + [
            (key, known[key]) for key in keys if key in known
        ]


def sized(most: int) -> Recent[str, int]:
    """Values are their own sizes."""
    return Recent(most, lambda _, value: value)


@given(
    st.integers(0, 12),
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(KEYS)),
            st.tuples(st.sampled_from(KEYS), st.integers(0, 14), st.sets(st.sampled_from(KEYS))),
        ),
        max_size=40,
    ),
)
def test_it_is_the_naive_one(most: int, steps: list[tuple[str] | tuple[str, int, set[str]]]) -> None:
    recent, naive = sized(most), Naive(most)
    for step in steps:
        if len(step) == 1:
            assert recent.get(*step) == naive.get(*step)
        else:
            key, size, needed = step
            with recent.holding(needed):
                kept = recent.put(key, size)
            assert kept is naive.put(key, size, needed)
            naive.released(needed)
        held = dict(naive.rows)
        assert recent.used == sum(held.values()) <= most
        assert len(recent) == len(held)
        assert {key for key in KEYS if key in recent} == held.keys()


def test_the_least_recent_leaves_first() -> None:
    recent = sized(3)
    for key in "abc":
        assert recent.put(key, 1)
    assert recent.get("a") == 1

    assert recent.put("d", 1)

    assert [key for key in "abcd" if key in recent] == ["a", "c", "d"]


def test_a_value_takes_the_place_of_its_key_s_last_one() -> None:
    recent = sized(5)
    recent.put("a", 2)
    recent.put("b", 2)

    assert recent.put("a", 3)

    assert (recent.get("a"), recent.get("b"), recent.used) == (3, 2, 5)
    with recent.holding(["a", "b"]):
        assert recent.put("a", 1)
    assert (recent.get("a"), recent.used) == (1, 3)


def test_what_can_never_fit_drives_nothing_out() -> None:
    recent = sized(5)
    recent.put("a", 2)
    recent.put("b", 3)

    assert not recent.put("c", 6)
    assert not recent.put("a", 6)

    assert (recent.get("a"), recent.get("b"), recent.get("c"), recent.used) == (2, 3, None, 5)


def test_no_room_holds_nothing() -> None:
    recent = sized(0)

    assert not recent.put("a", 1)

    assert (len(recent), recent.used, recent.get("a")) == (0, 0, None)


@pytest.mark.parametrize("protected", [True, False])
def test_going_round_through_more_than_fits_hits_what_stayed(protected: bool) -> None:
    """The reason for `holding`: a plain cache of ten evicts each of twelve values just before its next use."""
    recent = sized(10)
    names = [str(number) for number in range(12)]
    hits = 0
    for _ in range(5):
        for name in names:
            if recent.get(name) is None:
                with recent.holding(names if protected else ()):
                    recent.put(name, 1)
            else:
                hits += 1

    assert hits == (4 * 10 if protected else 0)


def test_other_work_does_make_room() -> None:
    recent = sized(10)
    first = list(map(str, range(10)))
    with recent.holding(first):
        for name in first:
            recent.put(name, 1)

    others = [f"other {number}" for number in range(12)]
    with recent.holding(others):
        kept = [recent.put(name, 1) for name in others]

    assert kept == [True] * 10 + [False] * 2
    assert not any(str(number) in recent for number in range(10))


def test_a_key_that_several_blocks_hold_stays_until_the_last_ends() -> None:
    recent = sized(2)
    recent.put("a", 1)
    with recent.holding(["a", "b"]):
        with recent.holding(["a"]):
            pass
        recent.put("b", 1)
        assert not recent.put("c", 1)
    assert recent.put("c", 1)
    assert [key for key in "abc" if key in recent] == ["b", "c"]


def test_the_size_is_asked_once() -> None:
    asked: list[int] = []
    recent: Recent[str, int] = Recent(3, lambda _, value: asked.append(value) or value)
    for key, value in (("a", 1), ("b", 2), ("c", 3)):
        recent.put(key, value)
        recent.get(key)

    assert asked == [1, 2, 3]


def test_threads() -> None:
    recent = sized(50)
    over: list[int] = []
    ready = threading.Barrier(8)

    def work(own: int) -> None:
        ready.wait()
        for step in range(2000):
            number = (step * 7 + own * 13) % 40
            value = recent.get(str(number))
            assert value in (None, number)
            with recent.holding([str(own)]):
                recent.put(str(number), number)
            if recent.used > recent.most:
                over.append(recent.used)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    held = [number for number in range(40) if str(number) in recent]
    assert over == []
    assert recent.used == sum(held) <= 50
    assert len(recent) == len(held)


def test_putting_takes_steps_only_for_what_leaves() -> None:
    """Counted in comparisons of keys: neither what is held nor what stays is looked at."""
    compared = 0

    class Key(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    recent: Recent[str, int] = Recent(3_000, lambda _, value: value)
    needed = [Key(number) for number in range(2_000)]
    with recent.holding(needed):
        for number in range(3_000):
            recent.put(Key(number), 1)
        compared = 0
        for number in range(3_000, 4_000):
            assert recent.put(Key(number), 1)
        assert recent.put(Key("large"), 900)
        assert not recent.put(Key("too large"), 1_001)

    assert compared < 20_000
    assert all(key in recent for key in needed)
    assert recent.used == 3_000

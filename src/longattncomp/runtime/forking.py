"""Locks and threads that a forked process creates anew, because none of them work there."""

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Renewed:
    """An object whose locks and threads a forked process creates anew by `renew`."""

    def __init__(self) -> None:
        self.renew()
        _all.add(self)

    def renew(self) -> None:
        """Create the locks and threads."""
        raise NotImplementedError


class Lock(Renewed):
    """A lock for a `with` statement; in a forked process it is open, since its holder does not exist there."""

    def renew(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class cached_property(Generic[T]):  # noqa: N801 (as in functools)
    """functools' of Python 3.12: that of 3.11 has a lock, which stays closed in a process forked at that moment."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        found: T = instance.__dict__.setdefault(self._name, self._compute(instance))
        return found


_all: weakref.WeakSet[Renewed] = weakref.WeakSet()


def _renew_all() -> None:
    for owner in list(_all):
        owner.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)

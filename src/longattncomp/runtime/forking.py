"""Locks that a forked process finds open."""

from __future__ import annotations

import os
import threading
import weakref


class Lock:
    """A lock for a `with` statement; whoever held it did not come along through a fork."""

    def __init__(self) -> None:
        self._renew()
        _all.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _renew(self) -> None:
        self._lock = threading.Lock()


_all: weakref.WeakSet[Lock] = weakref.WeakSet()


def _renew_all() -> None:
    for lock in list(_all):
        lock._renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)

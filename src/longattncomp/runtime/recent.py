"""A least-recently-used cache whose entries can be held while work goes on."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from longattncomp.runtime.forking import Lock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A least-recently-used cache, bounded by the size of its entries; safe under threads.

    A plain cache of this kind never hits when callers loop over more than it holds. Here the caller holds the keys
    that its work still needs, and those are not evicted.
    """

    def __init__(self, most: int, size: Callable[[K, V], int]) -> None:
        """Create an empty cache for entries whose sizes add up to at most `most`; 0 keeps nothing.

        `size` measures a key and its value once, when they are put.
        """
        self.most = most
        self._size = size
        self._free: OrderedDict[K, tuple[V, int]] = OrderedDict()  # what may be evicted, the least recent first
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()  # what somebody holds
        self._holders: Counter[K] = Counter()
        self._evictable = 0
        self._lock = Lock()
        self.used = 0

    @contextmanager
    def holding(self, keys: Collection[K]) -> Iterator[None]:
        """Protect keys, present or not yet, from eviction until the last block that holds them ends.

        Then they are the most recent.
        """
        with self._lock:
            for key in keys:
                self._holders[key] += 1
                if entry := self._free.pop(key, None):
                    self._kept[key] = entry
                    self._evictable -= entry[1]
        try:
            yield
        finally:
            with self._lock:
                for key in keys:
                    self._holders[key] -= 1
                    if not self._holders[key]:
                        del self._holders[key]
                        if entry := self._kept.pop(key, None):
                            self._free[key] = entry
                            self._evictable += entry[1]

    def get(self, key: K) -> V | None:
        """Return the value or None, and make it the most recent."""
        with self._lock:
            entries = self._kept if key in self._kept else self._free
            if (entry := entries.get(key)) is None:
                return None
            entries.move_to_end(key)
            return entry[0]

    def put(self, key: K, value: V) -> bool:
        """Keep a value, evict the least recent ones that are not held, and return whether there was room.

        It takes time only for what it evicts.
        """
        size = self._size(key, value)
        with self._lock:
            entries = self._kept if key in self._holders else self._free
            before = entries.get(key, (None, 0))[1]
            others = self._evictable - (before if entries is self._free else 0)
            if self.used - before - others + size > self.most:
                return False
            entries.pop(key, None)
            self.used += size - before
            if entries is self._free:
                self._evictable -= before
            while self.used > self.most:
                _, (_, dropped) = self._free.popitem(last=False)
                self.used -= dropped
                self._evictable -= dropped
            entries[key] = (value, size)
            if entries is self._free:
                self._evictable += size
            return True

    def __contains__(self, key: K) -> bool:
        return key in self._free or key in self._kept

    def __len__(self) -> int:
        return len(self._free) + len(self._kept)

"""A least-recently-used cache whose entries can be held while work goes on."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from longattncomp.runtime.forking import Lock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A least-recently-used cache, bounded by the size of its values; safe under threads.

    A plain cache of this kind never hits when callers loop over more than it holds. Here the caller holds the keys
    that its work still needs, and those are not evicted.
    """

    def __init__(self, most: int, size: Callable[[V], int]) -> None:
        """Create an empty cache for values whose sizes add up to at most `most`; 0 keeps nothing.

        `size` measures a value once, when it is put.
        """
        self.most = most
        self._size = size
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._held: Counter[K] = Counter()
        self._lock = Lock()
        self.used = 0

    @contextmanager
    def holding(self, keys: Collection[K]) -> Iterator[None]:
        """Protect keys, present or not yet, from eviction until the last block that holds them ends."""
        with self._lock:
            self._held.update(keys)
        try:
            yield
        finally:
            with self._lock:
                self._held -= Counter(keys)

    def get(self, key: K) -> V | None:
        """Return the value or None, and make it the most recent."""
        with self._lock:
            if (entry := self._entries.get(key)) is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: K, value: V) -> bool:
        """Keep a value, evict the least recent ones that are not held, and return whether there was room."""
        size = self._size(value)
        with self._lock:
            free = self.most - self.used + self._entries.get(key, (None, 0))[1]
            leaving = []
            for other, (_, its) in self._entries.items():
                if free >= size:
                    break
                if other != key and other not in self._held:
                    leaving.append(other)
                    free += its
            if free < size:
                return False
            for other in (*leaving, key):
                self.used -= self._entries.pop(other, (None, 0))[1]
            self._entries[key] = (value, size)
            self.used += size
            return True

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

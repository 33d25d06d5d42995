"""segments -> what was read of them before, in memory and in a store."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pydantic import SecretStr
from torch import Tensor

from longattncomp.backbone.key_values import KeyValues, nbytes
from longattncomp.runtime.checked import CheckedStore, secret_of
from longattncomp.runtime.recent import Recent
from longattncomp.runtime.stores import ByteStore
from longattncomp.scorers.cross_attention.keys import Keys, Shape


@dataclass(frozen=True, slots=True)
class CachedSegment:
    """One segment after the backbone has read it."""

    keys: Keys | Tensor  # of the scoring layer; exact, (n_key_heads, n, head_dim), where there is no cache
    key_values: KeyValues | None = None  # of the backbone's layers, for a query after the segment; None for one alone

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + (nbytes(self.key_values) if self.key_values is not None else 0)


class KeyCache:
    """Keeps what was read, under names that stand for everything it depends on.

    Keys go to the store as well; the backbone's keys and values stay in this process. If a store fails or returns
    damaged bytes, the text is read again with a warning.
    """

    def __init__(self, most_bytes: int, store: ByteStore | None = None, *, store_key: SecretStr | None = None) -> None:
        """Create a cache of at most so many bytes in memory, and with a store that keeps keys beyond this process.

        With a store key, only entries of the store count that were written with the same one.
        """
        self._recent: Recent[str, CachedSegment] = Recent(most_bytes, lambda _, read: read.nbytes)
        self._store = CheckedStore(store, "key store", "the text is read again")
        self._secret = secret_of(store_key)

    def holding(self, names: Collection[str]) -> AbstractContextManager[None]:
        """Protect segments from eviction while the block runs."""
        return self._recent.holding(names)

    def get(self, shapes: Mapping[str, Shape], *, with_key_values: bool) -> dict[str, CachedSegment]:
        """Find segments by name, with keys of the shapes given; `with_key_values` leaves out those with keys only."""
        found = {
            name: read
            for name in shapes
            if (read := self._recent.get(name)) is not None and (read.key_values is not None or not with_key_values)
        }
        missing = [name for name in shapes if name not in found]
        if with_key_values:
            return found

        def opened(data: bytes, name: str) -> CachedSegment | None:
            keys = Keys.from_bytes(data, name, self._secret)
            return CachedSegment(keys) if keys is not None and keys.shape == shapes[name] else None

        whole = self._store.get(missing, opened)
        for name, segment in whole.items():
            self._recent.put(name, segment)
        return found | whole

    def put(self, reads: Mapping[str, CachedSegment]) -> bool:
        """Keep segments by name, and return whether all are kept, in memory or as keys in the store."""
        kept = sum(self._recent.put(name, read) for name, read in reads.items()) == len(reads)
        lasting = {
            name: read.keys for name, read in reads.items() if read.key_values is None and isinstance(read.keys, Keys)
        }
        stored = self._store.put((name, keys.to_bytes(name, self._secret)) for name, keys in lasting.items())
        return kept or (stored and len(lasting) == len(reads))

"""segments -> what was read of them before, in memory and in a store."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from longattncomp.backbone.key_values import KeyValues, nbytes
from longattncomp.errors import warn
from longattncomp.runtime.recent import Recent
from longattncomp.runtime.stores import ByteStore
from longattncomp.scorers.cross_attention.keys import Keys, Shape


@dataclass(frozen=True, slots=True)
class CachedSegment:
    """One segment after the backbone has read it.

    Attributes:
        keys: of the scoring layer; exact, (n_key_heads, n, head_dim), where there is no cache.
        key_values: of the backbone's layers, which a query after the segment attends to; None for a query alone.
    """

    keys: Keys | Tensor
    key_values: KeyValues | None = None

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + (nbytes(self.key_values) if self.key_values is not None else 0)


class KeyCache:
    """Keeps what was read, under names that stand for everything it depends on.

    Keys go to the store as well; the backbone's keys and values stay in this process. If a store fails or returns
    damaged bytes, the text is read again with a warning.
    """

    def __init__(self, most_bytes: int, store: ByteStore | None = None, *, secret: str = "") -> None:
        """Create a cache of at most so many bytes in memory, and with a store that keeps keys beyond this process.

        With a secret, only entries of the store count that were written with the same secret.
        """
        self._recent: Recent[str, CachedSegment] = Recent(most_bytes, lambda _, read: read.nbytes)
        self._store = store
        self._secret = hashlib.blake2b(secret.encode()).digest() if secret else b""

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
        if with_key_values or self._store is None or not missing:
            return found
        try:
            stored = dict(zip(missing, self._store.mget(missing), strict=True))
        except Exception as error:  # noqa: BLE001 (a store can be anybody's)
            warn(f"cannot read the key store ({error}); the text is read again")
            return found
        present = {name: data for name, data in stored.items() if data is not None}
        whole = {
            name: CachedSegment(keys)
            for name, data in present.items()
            if isinstance(data, bytes)
            and (keys := Keys.from_bytes(data, name, self._secret)) is not None
            and keys.shape == shapes[name]
        }
        for name, read in whole.items():
            self._recent.put(name, read)
        if len(whole) < len(present):
            warn(
                f"{len(present) - len(whole)} entries of the key store are damaged or were written without this "
                "store_key; their text is read again"
            )
        return found | whole

    def put(self, reads: Mapping[str, CachedSegment]) -> bool:
        """Keep segments by name, and return whether all are kept, in memory or as keys in the store."""
        kept = sum(self._recent.put(name, read) for name, read in reads.items()) == len(reads)
        if self._store is None:
            return kept
        lasting = [
            (name, read.keys.to_bytes(name, self._secret))
            for name, read in reads.items()
            if read.key_values is None and isinstance(read.keys, Keys)
        ]
        try:
            if lasting:
                self._store.mset(lasting)
        except Exception as error:  # noqa: BLE001
            warn(f"cannot write the key store ({error}); what was read is kept in memory as far as it has room")
            return kept
        return kept or len(lasting) == len(reads)


def name(model: str, ids: Sequence[int] | np.ndarray) -> str:
    """Name a segment by its token ids and the digest of everything else that its keys depend on, at most 64 bytes."""
    return hashlib.blake2b(np.asarray(ids, dtype="<i4").tobytes(), digest_size=16, key=model.encode()).hexdigest()

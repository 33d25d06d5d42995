"""segments -> what was read of them, in memory and in a store."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from longattncomp.backbone.key_values import KeyValues, nbytes
from longattncomp.errors import warn
from longattncomp.runtime.recent import Recent
from longattncomp.scorers.cross_attention.keys import Keys
from longattncomp.scorers.cross_attention.stores import ByteStore


@dataclass(frozen=True, slots=True)
class CachedSegment:
    """One segment as the backbone left it.

    Attributes:
        keys: of the scoring layer; as they came, (n_key_heads, n, head_dim), where nothing is kept.
        memory: what a question that sees the segment attends to; None if none does.
    """

    keys: Keys | Tensor
    memory: KeyValues | None = None

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + (nbytes(self.memory) if self.memory is not None else 0)


class KeyCache:
    """What was read, by names that hold all it depends on.

    Keys go to the store as well, memories stay in this process. A store that fails or gives back
    damaged bytes costs a reading and a warning, never a score.
    """

    def __init__(self, most_bytes: int, store: ByteStore | None = None) -> None:
        """Start with nothing in memory.

        Args:
            most_bytes: of keys and memories in memory.
            store: where keys are kept beyond this process.
        """
        self._recent: Recent[str, CachedSegment] = Recent(most_bytes, lambda read: read.nbytes)
        self._store = store

    def holding(self, names: Collection[str]) -> AbstractContextManager[None]:
        """Keep segments of these names in memory while the block runs."""
        return self._recent.holding(names)

    def get(self, names: Sequence[str], *, with_memory: bool) -> dict[str, CachedSegment]:
        """What there is.

        Args:
            names: of segments.
            with_memory: whether keys alone are of no use.
        """
        found = {
            name: read
            for name in names
            if (read := self._recent.get(name)) is not None and (read.memory is not None or not with_memory)
        }
        missing = [name for name in names if name not in found]
        if with_memory or self._store is None or not missing:
            return found
        try:
            stored = dict(zip(missing, self._store.mget(missing), strict=True))
        except Exception as error:  # noqa: BLE001 (a store can be anybody's)
            warn(f"cannot read the key store ({error}); the text is read again")
            return found
        damaged = 0
        for name, data in stored.items():
            if data is None:
                continue
            keys = Keys.from_bytes(data, name) if isinstance(data, bytes) else None
            if keys is None:
                damaged += 1
                continue
            found[name] = CachedSegment(keys)
            self._recent.put(name, found[name])
        if damaged:
            warn(f"{damaged} entries of the key store are damaged; their text is read again")
        return found

    def put(self, reads: Mapping[str, CachedSegment]) -> bool:
        """Keep what was read.

        Args:
            reads: by name.

        Returns:
            Whether everything is kept, in memory or, where keys are all there is, in the store.
        """
        kept = [self._recent.put(name, read) for name, read in reads.items()]
        lasting = [
            (name, read.keys.to_bytes(name))
            for name, read in reads.items()
            if read.memory is None and isinstance(read.keys, Keys)
        ]
        if self._store is None or not lasting:
            return all(kept)
        try:
            self._store.mset(lasting)
        except Exception as error:  # noqa: BLE001
            warn(f"cannot write the key store ({error}); what was read is kept in memory as far as it goes")
            return all(kept)
        return len(lasting) == len(reads) or all(kept)


def name(model: str, ids: Sequence[int] | np.ndarray) -> str:
    """What a segment's keys are kept under.

    Args:
        model: digest of everything else that they depend on, at most 64 bytes.
        ids: the tokens.
    """
    return hashlib.blake2b(np.asarray(ids, dtype="<i4").tobytes(), digest_size=16, key=model.encode()).hexdigest()

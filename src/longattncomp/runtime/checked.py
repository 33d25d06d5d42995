"""names -> what a store has under them, as far as it is whole; a store may fail, and others may write to it."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
import xxhash
from pydantic import SecretStr

from longattncomp.errors import warn
from longattncomp.runtime.stores import ByteStore

T = TypeVar("T")

CHECKSUM_BYTES = 16


class CheckedStore:
    """A store whose failures and damaged entries cost a warning, and what was kept in it is made again."""

    def __init__(self, store: ByteStore | None, kind: str, again: str) -> None:
        """Wrap a store, or none; warnings call it by its kind, and say that `again` happens now."""
        self._store = store
        self._kind = kind
        self._again = again

    def get(self, names: Sequence[str], read: Callable[[bytes, str], T | None]) -> dict[str, T]:
        """Find entries; `read` takes bytes and their name, and returns None where they are not what was written."""
        if self._store is None or not names:
            return {}
        try:
            stored = dict(zip(names, self._store.mget(list(names)), strict=True))
        except Exception as error:  # noqa: BLE001 (a store can be anybody's)
            warn(f"cannot read the {self._kind} ({error}); {self._again}")
            return {}
        present = {name: data for name, data in stored.items() if data is not None}
        whole = {
            name: found
            for name, data in present.items()
            if isinstance(data, bytes) and (found := read(data, name)) is not None
        }
        if bad := len(present) - len(whole):
            warn(f"{bad} entries of the {self._kind} are damaged or were written without this store_key; {self._again}")
        return whole

    def put(self, entries: Iterable[tuple[str, bytes]]) -> bool:
        """Keep entries, and return whether they are kept; without a store none is made."""
        if self._store is None:
            return False
        made = list(entries)
        try:
            if made:
                self._store.mset(made)
        except Exception as error:  # noqa: BLE001
            warn(f"cannot write the {self._kind} ({error}); what was made is kept in memory as far as it has room")
            return False
        return True


def secret_of(store_key: SecretStr | None) -> bytes:
    """Turn the setting into a secret for `checksum`; empty without one."""
    return hashlib.blake2b(store_key.get_secret_value().encode()).digest() if store_key else b""


def checksum(about: str, payload: bytes | memoryview, secret: bytes = b"") -> bytes:
    """Digest bytes and what is said about them, in 16 bytes.

    With a secret of at most 64 bytes it is a keyed hash: without the secret, nobody can write what is accepted.
    """
    if not secret:
        return xxhash.xxh3_128_digest(payload, seed=xxhash.xxh3_64_intdigest(about.encode()))
    digest = hashlib.blake2b(about.encode(), digest_size=CHECKSUM_BYTES, key=secret)
    digest.update(payload)
    return digest.digest()


def entry_name(made_by: str, ids: Sequence[int] | np.ndarray) -> str:
    """Name an entry by its token ids and by what stands for everything else that it depends on."""
    key = made_by.encode()
    key = key if len(key) <= hashlib.blake2b.MAX_KEY_SIZE else hashlib.blake2b(key).digest()
    return hashlib.blake2b(np.asarray(ids, dtype="<i4").tobytes(), digest_size=16, key=key).hexdigest()

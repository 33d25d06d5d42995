"""names -> vectors, kept in memory and as checked bytes in a store."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import xxhash
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from longattncomp.errors import warn
from longattncomp.runtime.recent import Recent
from longattncomp.runtime.stores import ByteStore

_CHECKSUM = 16  # bytes, in front


class Kept:
    """Keeps vectors under names that stand for everything they depend on.

    If a store fails or returns damaged bytes, the text is compressed again, with a warning.
    """

    def __init__(self, most_bytes: int, store: ByteStore | None = None) -> None:
        """Keep at most so many bytes in memory, and all in the store, if any."""
        self._recent: Recent[str, Tensor] = Recent(most_bytes, lambda _, vectors: vectors.nbytes)
        self._store = store

    def get(self, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Find vectors by name; those wanted are empty tensors of the right shape and dtype, on no device."""
        found = {name: vectors for name in wanted if (vectors := self._recent.get(name)) is not None}
        missing = [name for name in wanted if name not in found]
        if self._store is None or not missing:
            return found
        try:
            stored = dict(zip(missing, self._store.mget(missing), strict=True))
        except Exception as error:  # noqa: BLE001 (a store can be anybody's)
            warn(f"cannot read the store of vectors ({error}); the text is compressed again")
            return found
        present = {name: data for name, data in stored.items() if data is not None}
        whole = {
            name: vectors
            for name, data in present.items()
            if isinstance(data, bytes)
            and (vectors := from_bytes(data, name)) is not None
            and (vectors.shape, vectors.dtype) == (wanted[name].shape, wanted[name].dtype)
        }
        for name, vectors in whole.items():
            self._recent.put(name, vectors)
        if len(whole) < len(present):
            warn(f"{len(present) - len(whole)} entries of the store are damaged; their text is compressed again")
        return found | whole

    def put(self, made: Mapping[str, Tensor]) -> None:
        """Keep vectors by name."""
        for name, vectors in made.items():
            self._recent.put(name, vectors)
        if self._store is None:
            return
        try:
            self._store.mset([(name, to_bytes(vectors, name)) for name, vectors in made.items()])
        except Exception as error:  # noqa: BLE001
            warn(f"cannot write the store of vectors ({error}); they are kept in memory as far as it has room")


def name(made_by: str, ids: Sequence[int]) -> str:
    """Name the vectors of a piece by its token ids and a digest of everything else that they depend on."""
    key = hashlib.blake2b(made_by.encode(), digest_size=32).digest()
    return hashlib.blake2b(np.asarray(ids, dtype="<i4").tobytes(), digest_size=16, key=key).hexdigest()


def to_bytes(vectors: Tensor, name: str) -> bytes:
    """Write what `from_bytes` reads, with a checksum over the vectors and the name that they are kept under."""
    payload = save({"vectors": vectors.contiguous()})
    return _checksum(name, payload) + payload


def from_bytes(data: bytes, name: str) -> Tensor | None:
    """Read vectors, or return None if the bytes are damaged or were kept under another name."""
    payload = data[_CHECKSUM:]
    if data[:_CHECKSUM] != _checksum(name, payload):
        return None
    try:
        return load(payload).get("vectors")
    except SafetensorError:
        return None


def _checksum(name: str, payload: bytes) -> bytes:
    return xxhash.xxh3_128_digest(payload, seed=xxhash.xxh3_64_intdigest(name.encode()))

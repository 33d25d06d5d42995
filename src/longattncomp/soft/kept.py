"""names -> vectors, kept in memory and as checked bytes in a store."""

import hmac
from collections.abc import Mapping

from pydantic import SecretStr
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from longattncomp.runtime.checked import CHECKSUM_BYTES, CheckedStore, checksum, secret_of
from longattncomp.runtime.recent import Recent
from longattncomp.runtime.stores import ByteStore


class Kept:
    """Keeps vectors under names that stand for everything they depend on.

    If a store fails or returns damaged bytes, the text is compressed again, with a warning.
    """

    def __init__(self, most_bytes: int, store: ByteStore | None = None, *, store_key: SecretStr | None = None) -> None:
        """Keep at most so many bytes in memory, and all in the store, if any.

        With a store key, only entries of the store count that were written with the same one.
        """
        self._recent: Recent[str, Tensor] = Recent(most_bytes, lambda _, vectors: vectors.nbytes)
        self._store = CheckedStore(store, "store of vectors", "the text is compressed again")
        self._secret = secret_of(store_key)

    def get(self, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Find vectors by name; those wanted are empty tensors of the right shape and dtype, on no device."""
        found = {name: vectors for name in wanted if (vectors := self._recent.get(name)) is not None}

        def read(data: bytes, name: str) -> Tensor | None:
            vectors = from_bytes(data, name, self._secret)
            like = wanted[name]
            return (
                vectors if vectors is not None and (vectors.shape, vectors.dtype) == (like.shape, like.dtype) else None
            )

        stored = self._store.get([name for name in wanted if name not in found], read)
        for name, vectors in stored.items():
            self._recent.put(name, vectors)
        return found | stored

    def put(self, made: Mapping[str, Tensor]) -> None:
        """Keep vectors by name."""
        for name, vectors in made.items():
            self._recent.put(name, vectors)
        self._store.put((name, to_bytes(vectors, name, self._secret)) for name, vectors in made.items())


def to_bytes(vectors: Tensor, name: str, secret: bytes = b"") -> bytes:
    """Write what `from_bytes` reads, with a checksum over the vectors and the name that they are kept under."""
    payload = save({"vectors": vectors.contiguous()})
    return checksum(name, payload, secret) + payload


def from_bytes(data: bytes, name: str, secret: bytes = b"") -> Tensor | None:
    """Read vectors, or return None if the bytes are damaged, were kept under another name or with another secret."""
    payload = data[CHECKSUM_BYTES:]
    if not hmac.compare_digest(data[:CHECKSUM_BYTES], checksum(name, payload, secret)):
        return None
    try:
        return load(payload).get("vectors")
    except SafetensorError:
        return None

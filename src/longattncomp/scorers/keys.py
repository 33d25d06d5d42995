"""keys of a segment <-> int8, <-> bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import xxhash
from torch import Tensor

_HEADER = struct.Struct("<4sIIIQ")  # mark, n, n_key_heads, head_dim, checksum of what follows
_MARK = b"LAC1"


@dataclass(frozen=True, slots=True)
class Keys:
    """The scoring layer's keys of a segment, 8 bits a number with a scale for each row.

    For SmolLM2 (3 key heads of 64) that is 198 bytes a token.

    Attributes:
        values: (n, n_key_heads, head_dim) int8
        scales: (n, n_key_heads) float16
    """

    values: Tensor
    scales: Tensor

    @classmethod
    def of(cls, keys: Tensor) -> Keys:
        """Round keys (n_key_heads, n, head_dim); each row's largest number becomes 127."""
        rows = keys.detach().float().transpose(0, 1).cpu()
        scales = (rows.abs().amax(dim=-1) / 127).clamp_min(2.0**-24).half()
        values = (rows / scales.float()[..., None]).round().clamp(-127, 127).to(torch.int8)
        return cls(values.contiguous(), scales)

    @property
    def nbytes(self) -> int:
        return self.values.nbytes + self.scales.nbytes

    def to_bytes(self) -> bytes:
        """What `from_bytes` reads, with a checksum."""
        payload = self.scales.numpy().tobytes() + self.values.numpy().tobytes()
        return _HEADER.pack(_MARK, *self.values.shape, xxhash.xxh3_64_intdigest(payload)) + payload

    @classmethod
    def from_bytes(cls, data: bytes) -> Keys | None:
        """The keys, or None if these are not the bytes of any."""
        if len(data) < _HEADER.size:
            return None
        mark, n, heads, width, checksum = _HEADER.unpack_from(data)
        payload = memoryview(data)[_HEADER.size :]
        if mark != _MARK or len(payload) != n * heads * (2 + width) or xxhash.xxh3_64_intdigest(payload) != checksum:
            return None
        split = 2 * n * heads
        buffer = bytearray(payload)  # torch wants memory of its own
        return cls(
            torch.frombuffer(buffer, dtype=torch.int8, offset=split).view(n, heads, width),
            torch.frombuffer(buffer, dtype=torch.float16, count=n * heads).view(n, heads),
        )


def joined(parts: Sequence[Keys | Tensor], device: torch.device) -> Tensor:
    """Keys of several segments below each other, (n_key_heads, n, head_dim) in fp32."""
    rows = [
        part.transpose(0, 1) if isinstance(part, Tensor) else part.values.float() * part.scales.float()[..., None]
        for part in parts
    ]
    return torch.cat(rows).to(device).transpose(0, 1)

"""keys of a segment -> int8 -> bytes, and back."""

from __future__ import annotations

import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longattncomp.runtime.checked import checksum

_HEADER = struct.Struct("<4sIII16s")  # mark, n, n_key_heads, head_dim, checksum
_MARK = b"LAC1"

Shape = tuple[int, int, int]
"""n, n_key_heads, head_dim"""


@dataclass(frozen=True, slots=True)
class Keys:
    """The scoring layer's keys of a segment, rounded to 8 bits with a scale for each row.

    For SmolLM2 (3 key heads of 64) a token takes 198 bytes.
    """

    values: Tensor  # (n, n_key_heads, head_dim) int8
    scales: Tensor  # (n, n_key_heads) float16

    @classmethod
    def of(cls, keys: Tensor) -> Keys:
        """Round keys (n_key_heads, n, head_dim), so that each row's largest number becomes 127."""
        rows = keys.detach().float().transpose(0, 1).cpu()
        scales = (rows.abs().amax(dim=-1) / 127).clamp(2.0**-24, 65504.0).half()
        values = (rows / scales.float()[..., None]).round().clamp(-127, 127).to(torch.int8)
        return cls(values.contiguous(), scales)

    @property
    def nbytes(self) -> int:
        return self.values.nbytes + self.scales.nbytes

    @property
    def shape(self) -> Shape:
        n, heads, width = self.values.shape
        return n, heads, width

    def to_bytes(self, name: str, secret: bytes = b"") -> bytes:
        """Write what `from_bytes` reads, with a checksum over the numbers and the name that they are kept under."""
        payload = self.scales.numpy().tobytes() + self.values.numpy().tobytes()
        return _HEADER.pack(_MARK, *self.shape, checksum(f"{name} {self.shape}", payload, secret)) + payload

    @classmethod
    def from_bytes(cls, data: bytes, name: str, secret: bytes = b"") -> Keys | None:
        """Read keys, or return None if the bytes are damaged, were kept under another name or with another secret."""
        if len(data) < _HEADER.size:
            return None
        mark, n, heads, width, found = _HEADER.unpack_from(data)
        payload = memoryview(data)[_HEADER.size :]
        if mark != _MARK or not payload or len(payload) != n * heads * (2 + width):
            return None
        if not hmac.compare_digest(checksum(f"{name} {(n, heads, width)}", payload, secret), found):
            return None
        buffer = bytearray(payload)  # torch needs memory that can be written
        return cls(
            torch.frombuffer(buffer, dtype=torch.int8, offset=2 * n * heads).view(n, heads, width),
            torch.frombuffer(buffer, dtype=torch.float16, count=n * heads).view(n, heads),
        )


@dataclass(frozen=True, slots=True)
class JoinedKeys:
    """Keys of several segments below each other."""

    values: Tensor  # (n_key_heads, n, head_dim)
    scales: Tensor | None  # (n_key_heads, n) to multiply the rows with; None for exact keys


def joined(parts: Sequence[Keys | Tensor], places: Tensor) -> JoinedKeys:
    """Take the keys of some tokens, at `places` (n,) in segments whose keys are all rounded or all exact."""
    device = places.device
    exact = [part for part in parts if isinstance(part, Tensor)]
    if exact:
        return JoinedKeys(torch.cat(exact, dim=1).to(device)[:, places], None)
    rounded = [part for part in parts if isinstance(part, Keys)]
    values = torch.cat([part.values for part in rounded]).to(device)
    scales = torch.cat([part.scales for part in rounded]).to(device)
    if len(places) < len(values):
        values, scales = values[places], scales[places]
    return JoinedKeys(values.transpose(0, 1), scales.transpose(0, 1))

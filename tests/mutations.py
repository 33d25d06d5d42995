"""Bytes -> bytes as someone who means harm would change them."""

from __future__ import annotations

import random
import struct

_NUMBERS = [0, 1, 2, 255, 2**16, 2**20, 2**31 - 1, 2**31, 2**32 - 1]
_LARGE = [*_NUMBERS, 2**40, 2**63 - 1, 2**64 - 1]


def mutated(data: bytes, seed: int) -> bytes:
    """Flip, replace, cut and insert one to five times, most often near the beginning, where headers are."""
    rng = random.Random(seed)
    changed = bytearray(data)
    end = rng.choice([60, 400, 4000, len(data)])
    for _ in range(rng.choice([1, 1, 2, 5])):
        place = rng.randrange(min(end, len(changed)))
        match rng.randrange(6):
            case 0:
                changed[place] ^= 1 << rng.randrange(8)
            case 1:
                changed[place] = rng.randrange(256)
            case 2:
                changed[place : place + 4] = struct.pack("<I", rng.choice(_NUMBERS))
            case 3:
                changed[place : place + 8] = struct.pack("<Q", rng.choice(_LARGE))
            case 4:
                del changed[place : place + rng.randrange(1, 20)]
            case _:
                changed[place:place] = rng.randbytes(rng.randrange(1, 20))
    return bytes(changed)

"""offsets of characters <-> indices of tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def increasing(ends: Sequence[int]) -> np.ndarray:
    return np.maximum.accumulate(np.asarray(ends, dtype=np.int64))


def token_at(ends: np.ndarray, offset: int) -> int:
    """Return the index of the first token whose last character lies at or after `offset`."""
    return int(np.searchsorted(ends, offset, side="right")) if offset else 0

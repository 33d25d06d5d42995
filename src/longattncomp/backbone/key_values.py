"""keys and values of what was read -> a cache that questions are asked over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

KeyValues = tuple[tuple[Tensor, Tensor], ...]
"""For each layer the keys and the values of one context, each (n_key_heads, n, head_dim)."""


def nbytes(key_values: KeyValues) -> int:
    """Bytes that it takes."""
    return sum(keys.nbytes + values.nbytes for keys, values in key_values)


def length(key_values: KeyValues) -> int:
    """Tokens that it holds."""
    return int(key_values[0][0].shape[1])


def split_rows(cache: DynamicCache, sizes: Sequence[int]) -> list[KeyValues]:
    """The rows of a batch, each without its padding."""
    return [
        tuple((layer.keys[row, :, :size].clone(), layer.values[row, :, :size].clone()) for layer in cache.layers)
        for row, size in enumerate(sizes)
    ]


def rounded(key_values: KeyValues) -> KeyValues:
    """In bf16 what was in fp32; whoever asks over it computes in the model's own precision."""
    if key_values[0][0].dtype != torch.float32:
        return key_values
    return tuple((keys.bfloat16(), values.bfloat16()) for keys, values in key_values)


class PaddedCache(DynamicCache):  # type: ignore[misc]
    """Memories as the rows of a batch, padded on the right; what is asked over them is not kept."""

    def __init__(self, rows: Sequence[KeyValues]) -> None:
        super().__init__()
        self._rows = rows
        self._longest = max(map(length, rows))

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self._longest

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, ...]:
        return tuple(
            self._beside([row[layer_idx][which] for row in self._rows], new)
            for which, new in enumerate((key_states, value_states))
        )

    def _beside(self, rows: Sequence[Tensor], new: Tensor) -> Tensor:
        batch, heads, m, width = new.shape
        joined = new.new_empty(batch, heads, self._longest + m, width)
        for index, row in enumerate(rows):
            joined[index, :, : row.shape[1]] = row
            joined[index, :, row.shape[1] : self._longest] = 0.0  # what is hidden must still be a number
        joined[:, :, self._longest :] = new
        return joined

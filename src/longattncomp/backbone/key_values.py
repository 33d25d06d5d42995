"""keys and values of contexts -> a cache that questions after them attend to."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

KeyValues = tuple[tuple[Tensor, Tensor], ...]
"""For each layer the keys and the values of one context, each (n_key_heads, n, head_dim)."""


def nbytes(key_values: KeyValues) -> int:
    """Count the bytes of a context's keys and values."""
    return sum(keys.nbytes + values.nbytes for keys, values in key_values)


def length(key_values: KeyValues) -> int:
    """Count the tokens of the context."""
    return int(key_values[0][0].shape[1])


def split_rows(cache: DynamicCache, sizes: Sequence[int]) -> list[KeyValues]:
    """Copy the rows of a batch out of its cache, each without its padding."""
    return [
        tuple((layer.keys[row, :, :size].clone(), layer.values[row, :, :size].clone()) for layer in cache.layers)
        for row, size in enumerate(sizes)
    ]


def rounded(key_values: KeyValues) -> KeyValues:
    """Round fp32 to bf16; `PaddedCache` converts back to the model's own precision."""
    if key_values[0][0].dtype != torch.float32:
        return key_values
    return tuple((keys.bfloat16(), values.bfloat16()) for keys, values in key_values)


class PaddedCache(DynamicCache):  # type: ignore[misc]
    """Keys and values of several contexts as the rows of a batch, padded on the right.

    Attributes:
        new: for each layer the keys and values (batch, n_key_heads, m, head_dim) of the tokens after the contexts.
    """

    def __init__(self, rows: Sequence[KeyValues]) -> None:
        super().__init__()
        self.new: list[tuple[Tensor, Tensor]] = []
        self._rows = rows
        self._longest = max(map(length, rows))

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self._longest

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, ...]:
        self.new.append((key_states, value_states))
        return tuple(
            self._joined([row[layer_idx][which] for row in self._rows], new)
            for which, new in enumerate((key_states, value_states))
        )

    def after(self, row: int, places: slice) -> KeyValues:
        """Copy the keys and values of one context and of some tokens after it."""
        return tuple(
            (
                torch.cat([old_keys.to(keys), keys[row, :, places]], 1),
                torch.cat([old.to(values), values[row, :, places]], 1),
            )
            for (old_keys, old), (keys, values) in zip(self._rows[row], self.new, strict=True)
        )

    def _joined(self, rows: Sequence[Tensor], new: Tensor) -> Tensor:
        batch, heads, m, width = new.shape
        joined = new.new_empty(batch, heads, self._longest + m, width)
        for index, row in enumerate(rows):
            joined[index, :, : row.shape[1]] = row
            joined[index, :, row.shape[1] : self._longest] = 0.0  # masked, but NaN would come through the mask
        joined[:, :, self._longest :] = new
        return joined

"""lengths of sequences -> batches."""

from collections.abc import Sequence

import torch
from torch import Tensor

PADDING = 0.10
"""Largest share of a batch that may be padding."""


def length_buckets(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Group sequences of similar length, in tokens, into batches of indices, longest first, with little padding.

    A batch has at most `batch_tokens` tokens, padding included; a longer sequence is a batch of its own.
    """
    batches: list[list[int]] = []
    real = 0
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batches:
            padded = lengths[batches[-1][0]] * (len(batches[-1]) + 1)
            if padded <= batch_tokens and padded - real - lengths[index] <= PADDING * padded:
                batches[-1].append(index)
                real += lengths[index]
                continue
        batches.append([index])
        real = lengths[index]
    return batches


def stacked(rows: Sequence[Tensor], multiple: int) -> Tensor:
    """Stack rows (n, width) as (rows, n, width), with zeros up to a multiple: processors compile for every shape."""
    padded = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    return torch.nn.functional.pad(padded, (0, 0, 0, -padded.shape[1] % multiple))

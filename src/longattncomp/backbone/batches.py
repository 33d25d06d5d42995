"""lengths of sequences -> batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

PADDING = 0.10
"""Largest share of a batch that may be padding."""


def length_buckets(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Group sequences of similar length into batches of indices, longest first, with little padding.

    Args:
        lengths: tokens of each sequence.
        batch_tokens: most tokens of a batch, padding included; a longer sequence is a batch of its own.
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


def length_packs(sequences: Sequence[Sequence[int]], most_tokens: int) -> Iterator[list[Sequence[int]]]:
    """Split sequences into runs of at most `most_tokens` tokens; a longer sequence is a run of its own."""
    pack: list[Sequence[int]] = []
    for sequence in sequences:
        if pack and sum(map(len, pack)) + len(sequence) > most_tokens:
            yield pack
            pack = []
        pack.append(sequence)
    if pack:
        yield pack

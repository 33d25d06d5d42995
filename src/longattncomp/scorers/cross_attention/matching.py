"""tokens -> which of them the query and the context share, and how rare those are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from longattncomp.chunking.segments import Segment

_WORD_BITS = 32


@dataclass(frozen=True, slots=True)
class Match:
    """What a head adds to the logits of tokens that stand in the query as well as in the context.

    Attributes:
        query: (m,) words of the query's tokens.
        context: (n,) words of the context's tokens; -1 matches nothing.
        rarity: (m,) inverse document frequencies of the query's tokens.
    """

    query: Tensor
    context: Tensor
    rarity: Tensor

    def logits(self, strength: Tensor, rows: slice, columns: slice) -> Tensor:
        """(n_heads, rows, columns) from the heads' strengths, (n_heads,)."""
        same = self.query[rows, None] == self.context[columns]
        return strength[:, None, None] * (self.rarity[rows, None] * same)


class Words:
    """The words of a context's tokens: tokens that differ only in case and in a space before are one.

    Attributes:
        n_nodes: how many nodes the context has.
    """

    def __init__(self, parts: Sequence[Segment], n_nodes: int, words: Sequence[int] | np.ndarray) -> None:
        """Count in how many nodes each word stands.

        Args:
            parts: the context.
            n_nodes: how many nodes the context has.
            words: the word of each token id; a token beyond its end is its own word.
        """
        self.n_nodes = n_nodes
        self._words = np.asarray(words, dtype=np.int64)
        pairs = np.concatenate(
            [part.unit_array.astype(np.int64) << _WORD_BITS | self.of(part.id_array) for part in parts]
        )
        pairs = np.unique(pairs[pairs >= 0])  # not those between documents
        self._frequency = np.bincount(pairs & ((1 << _WORD_BITS) - 1))

    def of(self, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """The word of each token."""
        tokens = np.asarray(ids, dtype=np.int64)
        known = len(self._words)
        return np.where(tokens < known, self._words[np.minimum(tokens, known - 1)], tokens) if known else tokens

    def rarity(self, ids: Sequence[int]) -> Tensor:
        """Inverse document frequency of each token's word over the nodes, as BM25 has it; 0 if it is in none."""
        found = self.of(ids)
        seen = found < len(self._frequency)
        df = np.where(seen, self._frequency[np.where(seen, found, 0)], 0)
        return torch.from_numpy(np.where(df > 0, np.log(1 + (self.n_nodes - df + 0.5) / (df + 0.5)), 0.0)).float()

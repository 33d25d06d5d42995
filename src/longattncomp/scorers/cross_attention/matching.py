"""tokens -> the words that query and context share, and how rare these are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from longattncomp.chunking.segments import Segment

_WORD_BITS = 32


@dataclass(frozen=True, slots=True)
class Match:
    """What a head adds to the logits of words that stand in the query and in the context."""

    query: Tensor  # (m,) words of the query's tokens
    context: Tensor  # (n,) words of the context's tokens; -1 matches nothing
    rarity: Tensor  # (m,) inverse document frequencies of the query's words

    def logits(self, strength: Tensor, rows: slice, columns: slice) -> Tensor:
        """Compute a block of what is added, (n_heads, rows, columns), from the heads' strengths (n_heads,)."""
        same = self.query[rows, None] == self.context[columns]
        return strength[:, None, None] * (self.rarity[rows, None] * same)


class Words:
    """The words of a context's tokens. Tokens that differ only in case and in a space before them are one word."""

    def __init__(self, parts: Sequence[Segment], n_nodes: int, words: Sequence[int] | np.ndarray) -> None:
        """Count the nodes of each word; `words` has the word of each token id, and ids beyond its end are words."""
        self._n_nodes = n_nodes
        self._words = np.asarray(words, dtype=np.int64)
        pairs = np.concatenate(
            [part.unit_array.astype(np.int64) << _WORD_BITS | self.of(part.id_array) for part in parts]
        )
        pairs = np.unique(pairs[pairs >= 0])  # a token between documents has node -1
        self._seen, self._nodes = np.unique(pairs & ((1 << _WORD_BITS) - 1), return_counts=True)

    @property
    def nbytes(self) -> int:
        return int(self._seen.nbytes + self._nodes.nbytes)

    def of(self, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """Find the word of each token."""
        tokens = np.asarray(ids, dtype=np.int64)
        known = len(self._words)
        return np.where(tokens < known, self._words[np.minimum(tokens, known - 1)], tokens) if known else tokens

    def rarity(self, ids: Sequence[int]) -> Tensor:
        """Compute the words' inverse document frequencies over the nodes, as in BM25; 0 for a word that no node has."""
        found = self.of(ids)
        places = np.searchsorted(self._seen, found).clip(max=len(self._seen) - 1)
        df = np.where(self._seen[places] == found, self._nodes[places], 0)
        return torch.from_numpy(np.where(df > 0, np.log(1 + (self._n_nodes - df + 0.5) / (df + 0.5)), 0.0)).float()

"""segments -> the columns of the attention matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from longattncomp.backbone.passes import Rotary
from longattncomp.chunking.segments import Segment
from longattncomp.scorers.cross_attention.matching import Words


@dataclass(frozen=True, slots=True)
class Columns:
    """The tokens of nodes in segments. A token between two documents has no column.

    Attributes:
        places: (n,) positions of the tokens in the segments.
        units: (n,) 1 for a token of node `first`, 2 for one of the next node ...; 0 is the instruction's.
        words: (n,) words of the tokens.
        first: index of the first node.
        n_units: how many units there are, the instruction included.
    """

    places: Tensor
    units: Tensor
    words: Tensor
    first: int
    n_units: int

    @classmethod
    def of(cls, part: Segment, words: Words, device: torch.device) -> Columns:
        """Find the columns of one segment."""
        nodes, ids = part.unit_array, part.id_array
        (own,) = (nodes >= 0).nonzero()
        first, last = int(nodes[own[0]]), int(nodes[own[-1]])
        return cls(
            places=torch.from_numpy(own).to(device),
            units=torch.from_numpy(nodes[own].astype(np.int64) - first + 1).to(device),
            words=torch.from_numpy(words.of(ids[own])).to(device),
            first=first,
            n_units=last - first + 2,
        )

    @classmethod
    def below(cls, parts: Sequence[Columns]) -> Columns:
        """Put the columns of several segments, which are in order, below each other."""
        sizes = torch.tensor([0, *(len(part.places) for part in parts)]).cumsum(0).tolist()
        first = parts[0].first
        return cls(
            places=torch.cat([part.places + start for part, start in zip(parts, sizes, strict=False)]),
            units=torch.cat([part.units + (part.first - first) for part in parts]),
            words=torch.cat([part.words for part in parts]),
            first=first,
            n_units=parts[-1].first + parts[-1].n_units - first,
        )


def at(rotary: Rotary, places: Tensor | slice) -> Rotary:
    """Take the rotary embedding at some of the positions."""
    cos, sin = rotary
    return cos[:, places], sin[:, places]

"""segments -> the columns of their attention."""

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
    """The tokens of nodes in segments; tokens between two documents have no column.

    Attributes:
        places: (n,) where they stand in what the backbone read.
        units: (n,) 1 for node `first`, 2 for the next ...; 0 is left for the instruction.
        words: (n,) their words.
        first: the first node.
        n_units: how many units there are, the instruction included.
    """

    places: Tensor
    units: Tensor
    words: Tensor
    first: int
    n_units: int

    @classmethod
    def of(cls, part: Segment, words: Words, device: torch.device) -> Columns:
        """The columns of one segment."""
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
        """The columns of several segments in order, whose states stand in a row."""
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
    """The rotary embedding at some of the positions."""
    cos, sin = rotary
    return cos[:, places], sin[:, places]

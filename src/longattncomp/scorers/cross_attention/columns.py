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
    """The tokens of the instruction and of the nodes of segments; separators have no column.

    Attributes:
        places: (n,) where they stand in what the backbone read.
        units: (n,) 0 for the instruction, then 1 for node `first`, 2 for the next ...
        words: (n,) their words; -1 for the instruction.
        first: the first node.
        n_units: how many units there are, the instruction included.
    """

    places: Tensor
    units: Tensor
    words: Tensor
    first: int
    n_units: int

    @classmethod
    def of(cls, part: Segment, n_instruction: int, words: Words, device: torch.device) -> Columns:
        """Of one segment, after `n_instruction` tokens of instruction."""
        nodes, ids = part.unit_array, part.id_array
        (own,) = (nodes >= 0).nonzero()
        first, last = int(nodes[own[0]]), int(nodes[own[-1]])
        instruction = np.arange(n_instruction)
        return cls(
            places=_tensor(instruction, n_instruction + own, device),
            units=_tensor(np.zeros_like(instruction), nodes[own] - first + 1, device),
            words=_tensor(np.full_like(instruction, -1), words.of(ids[own]), device),
            first=first,
            n_units=last - first + 2,
        )

    @classmethod
    def below(cls, parts: Sequence[Columns]) -> Columns:
        """Of several segments in order, each without its instruction; what was read of them stands in a row."""
        sizes = torch.tensor([0, *(len(part.places) for part in parts)]).cumsum(0).tolist()
        first = parts[0].first
        return cls(
            places=torch.cat([part.places + start for part, start in zip(parts, sizes, strict=False)]),
            units=torch.cat([part.units + (part.first - first) for part in parts]),
            words=torch.cat([part.words for part in parts]),
            first=first,
            n_units=parts[-1].first + parts[-1].n_units - first,
        )


def _tensor(instruction: np.ndarray, own: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.concatenate([instruction, own])).to(device)


def at(rotary: Rotary, places: Tensor | slice) -> Rotary:
    """The rotary embedding at some of the positions."""
    cos, sin = rotary
    return cos[:, places], sin[:, places]

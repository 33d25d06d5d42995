"""name of a soft method -> the class that compresses and reads it.

This table is the only place that lists the soft methods. To add one, write such a class and add it here: the reader,
the command line, training and evaluation take it from this table, and the contract tests run over it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from torch import Tensor

from longattncomp.errors import InputError
from longattncomp.soft.anchors import Anchors
from longattncomp.soft.concepts import Concepts
from longattncomp.soft.target import Memory, Target


class SoftMethod(Protocol):
    """One way to turn pieces of tokens into vectors that a target reads.

    Attributes:
        piece_tokens: most tokens of a piece.
        joint: positions between two documents.
        weights: what was trained beside the encoder's LoRA.
    """

    piece_tokens: ClassVar[int]
    joint: int
    weights: Mapping[str, Tensor]

    def __init__(self, target: Target, encoder: Any, weights: Mapping[str, Tensor]) -> None: ...

    @staticmethod
    def untrained(target: Target) -> dict[str, Tensor]:
        """Make the weights to start from."""

    def shape(self, tokens: int, ratio: int) -> tuple[int, ...]:
        """Return the shape of the vectors of a piece."""

    def positions(self, tokens: int, ratio: int) -> int:
        """Count the target's positions that a piece takes."""

    def encode(self, pieces: Sequence[Sequence[int]], ratio: int) -> list[Tensor]:
        """Compress pieces of token ids, of at least one token each, in one batch."""

    def memory(self, before: Memory, documents: Sequence[Sequence[tuple[int, Tensor]]]) -> Memory:
        """Put vectors into the target's memory: for each document the (tokens, vectors) of its pieces, in order."""


METHODS: dict[str, type[SoftMethod]] = {"compllm": Concepts, "sac": Anchors}


def method_named(name: str) -> type[SoftMethod]:
    """Find a method; raise InputError if there is none of this name."""
    if name not in METHODS:
        raise InputError(f"method: expected one of {', '.join(METHODS)} for a soft context, got {name!r}")
    return METHODS[name]

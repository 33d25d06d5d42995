"""documents that were compressed -> a value that a reader takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from torch import Tensor

from longattncomp.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class SoftPiece:
    """Some tokens of a document as vectors."""

    name: str  # stands for the tokens and for what made the vectors
    tokens: int  # how many tokens they stand for
    positions: int  # how many positions of the target they take
    vectors: Tensor = field(repr=False)  # of the shape that the method gives them


SoftDocument = tuple[SoftPiece, ...]
"""A document's pieces, in order; an empty document has none."""


@dataclass(frozen=True, slots=True)
class SoftContext:
    """Documents in a form that a local target reads. It holds vectors, so it lives as long as somebody needs it.

    `context.take([2, 0])` drops and reorders documents, `context + more` adds some; nothing is compressed again.

    Attributes:
        method: `compllm` or `sac`.
        ratio: how many times smaller the documents are.
        made_by: digest of the target, the adapter and the ratio.
        documents: in the order in which the target reads them.
        joint: positions between two documents.
    """

    method: str
    ratio: int
    made_by: str
    documents: tuple[SoftDocument, ...] = field(repr=False)
    joint: int = field(repr=False)

    def __len__(self) -> int:
        return len(self.documents)

    def __add__(self, other: SoftContext) -> SoftContext:
        """Join two contexts; raise InputError unless one reader made both."""
        if other.made_by != self.made_by:
            raise InputError(
                f"expected two contexts of one reader, got one of {self.method} at ratio {self.ratio} and one of "
                f"{other.method} at ratio {other.ratio}, or of two adapters: compress both with the same reader"
            )
        return replace(self, documents=self.documents + other.documents)

    def take(self, indices: Sequence[int]) -> SoftContext:
        """Choose documents, in the order given; raise InputError for an index that is not there."""
        if absent := [index for index in indices if not 0 <= index < len(self.documents)]:
            raise InputError(f"take: expected indices from 0 to {len(self.documents) - 1}, got {absent[0]}")
        return replace(self, documents=tuple(self.documents[index] for index in indices))

    @property
    def pieces(self) -> list[SoftPiece]:
        """All pieces, in order."""
        return list(chain.from_iterable(self.documents))

    @property
    def tokens(self) -> int:
        """Tokens that the context stands for."""
        return sum(piece.tokens for piece in self.pieces)

    @property
    def positions(self) -> int:
        """Positions of the target's window that the context takes."""
        filled = sum(map(bool, self.documents))
        return sum(piece.positions for piece in self.pieces) + self.joint * max(0, filled - 1)

    @property
    def nbytes(self) -> int:
        """Bytes of the vectors."""
        return sum(piece.vectors.nbytes for piece in self.pieces)

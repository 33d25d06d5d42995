"""Query-aware context compression: keeps what matters, verbatim, in order, inside a token budget."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from longattncomp.errors import LongAttnCompError, LongAttnCompWarning
from longattncomp.types import Compressed, CompressedDocument, Document, Node, Query, ScoredNode, Scorer, Scores

if TYPE_CHECKING:
    from longattncomp.compressor import Compressor
    from longattncomp.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "Compressed",
    "CompressedDocument",
    "Compressor",
    "Document",
    "LongAttnCompError",
    "LongAttnCompWarning",
    "Node",
    "Query",
    "ScoredNode",
    "Scorer",
    "Scores",
    "Settings",
]


def __getattr__(name: str) -> Any:
    """Import `Compressor` and `Settings` on first use: pydantic and numpy take a quarter of a second."""
    if name in ("Compressor", "Settings"):
        return getattr(import_module(f"longattncomp.{name.lower()}"), name)
    raise AttributeError(f"module 'longattncomp' has no attribute {name!r}")

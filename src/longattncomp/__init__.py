"""Query-aware context compression: what matters, verbatim, in order, inside a token budget."""

from __future__ import annotations

from longattncomp.compressor import Compressor
from longattncomp.errors import LongAttnCompError, LongAttnCompWarning
from longattncomp.settings import Settings
from longattncomp.types import Compressed, CompressedDocument, Document, Node, Query, ScoredNode, Scorer, Scores

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

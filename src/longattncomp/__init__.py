"""Query-aware context compression: what matters, verbatim, in order, inside a token budget."""

from __future__ import annotations

__version__ = "0.1.0"

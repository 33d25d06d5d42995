"""documents -> nodes."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from longattncomp.chunking.boundaries import BLANK_LINES, best_boundary, snap
from longattncomp.types import Document, Node, NodeBoundary, Tokenizer

TOLERANCE = 0.25
"""Last share of a node in which `near` looks for the end of a sentence or line."""

_TOLERANCES = {"sentence": 0.75, "near": TOLERANCE}
"""Last share of a node in which each rule looks for such an end."""


def chunk(
    documents: Sequence[Document],
    tokenizer: Tokenizer,
    *,
    node_tokens: int | Literal["document"] = 256,
    boundary: NodeBoundary = "near",
    cuts: Mapping[int, Sequence[int]] | None = None,
) -> list[Node]:
    """Cut every document into nodes that tile it: no character is lost or repeated.

    A token belongs to the node that holds its last character. A node has at most `node_tokens`
    tokens, unless a single character has more.

    Args:
        documents: texts in the caller's order; an empty one yields no node.
        tokenizer: the draft model's.
        node_tokens: longest node in tokens (LongAttnComp), or "document" (AttnComp).
        boundary: "sentence" ends a node at the last paragraph, sentence or line end after its first quarter, "near" at
            one in its last quarter, "exact" at the token count, as in the paper. No rule splits a CRLF or a grapheme
            cluster that is no longer than a node.
        cuts: document index -> character offsets where a node must end.
    """
    nodes: list[Node] = []
    for index, document in enumerate(documents):
        text = document.text
        if not text:
            continue
        ends = increasing(tokenizer.encode(text).ends)
        offsets = sorted({cut for cut in (cuts or {}).get(index, ()) if 0 < cut < len(text)})
        for low, high in pairwise([0, *offsets, len(text)]):
            for start, end in _spans(text, ends, low, high, node_tokens, boundary):
                nodes.append(Node(index, start, end, text[start:end], token_at(ends, end) - token_at(ends, start)))
    return nodes


def paragraph_ends(text: str, tokenizer: Tokenizer, *, least_tokens: int) -> list[int]:
    """Find blank lines that cut a text into parts of at least so many tokens; the last part may be shorter.

    Args:
        text: any text.
        tokenizer: counts tokens.
        least_tokens: least tokens of a part.
    """
    ends = increasing(tokenizer.encode(text).ends)
    found: list[int] = []
    start = 0
    for blank in BLANK_LINES.finditer(text):
        here = token_at(ends, blank.end())
        if here - start >= least_tokens and blank.end() < len(text):
            found.append(blank.end())
            start = here
    return found


def _spans(
    text: str,
    ends: np.ndarray,
    low: int,
    high: int,
    node_tokens: int | Literal["document"],
    boundary: NodeBoundary,
) -> Iterator[tuple[int, int]]:
    start = low
    while start < high:
        end = high
        if node_tokens != "document":
            first = token_at(ends, start)
            stop = first + node_tokens
            if stop < token_at(ends, high):
                end = int(ends[stop - 1])
                if end == ends[stop]:  # the next token is part of the same character
                    end -= 1
                end = max(end, start + 1)
                if boundary != "exact":
                    least = round(node_tokens * (1 - _TOLERANCES[boundary]))
                    earliest = int(ends[first + least - 1]) if least else start
                    end = best_boundary(text, start, max(earliest, start), end)
                end = snap(text, end, start)
        yield start, end
        start = end


def increasing(ends: Sequence[int]) -> np.ndarray:
    return np.maximum.accumulate(np.asarray(ends, dtype=np.int64))


def token_at(ends: np.ndarray, offset: int) -> int:
    """Return the index of the first token whose last character lies at or after `offset`."""
    return int(np.searchsorted(ends, offset, side="right")) if offset else 0

"""nodes -> segments, which the draft model reads in one pass each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from longattncomp.chunking.boundaries import BOUNDARIES
from longattncomp.chunking.nodes import increasing, token_at
from longattncomp.types import Node, Tokenizer

SEPARATOR = "\n\n"
"""Text between two documents that are read in one pass; it belongs to no node."""

_NUMBER = np.dtype("<i4")

_HASHED = 32  # characters before a boundary whose hash decides whether a segment ends there


@dataclass(frozen=True, slots=True, init=False)
class Segment:
    """A run of text that the draft model reads in one pass.

    Segments of long contexts are cached, so each stores its numbers in 4 bytes, where a tuple takes 40.
    """

    _ids: bytes
    _units: bytes

    def __init__(self, ids: Sequence[int] | np.ndarray, units: Sequence[int] | np.ndarray) -> None:
        """Copy token ids and owners.

        Args:
            ids: (n_tokens,) token ids.
            units: (n_tokens,) index of the node of each token, never decreasing; -1 between two documents.
        """
        object.__setattr__(self, "_ids", np.asarray(ids, dtype=_NUMBER).tobytes())
        object.__setattr__(self, "_units", np.asarray(units, dtype=_NUMBER).tobytes())

    @property
    def ids(self) -> tuple[int, ...]:
        """(n_tokens,) token ids."""
        return tuple(self.id_array.tolist())

    @property
    def units(self) -> tuple[int, ...]:
        """(n_tokens,) index of the node of each token, -1 for none."""
        return tuple(self.unit_array.tolist())

    @property
    def id_array(self) -> np.ndarray:
        """`ids` without a copy, read-only."""
        return np.frombuffer(self._ids, dtype=_NUMBER)

    @property
    def unit_array(self) -> np.ndarray:
        """`units` without a copy, read-only."""
        return np.frombuffer(self._units, dtype=_NUMBER)

    def __len__(self) -> int:
        return len(self._ids) // _NUMBER.itemsize

    def __repr__(self) -> str:
        return f"Segment(ids={self.ids}, units={self.units})"


def segments(nodes: Sequence[Node], tokenizer: Tokenizer, *, segment_tokens: int) -> Iterator[Segment]:
    """Cut each run of touching nodes into segments of at most `segment_tokens` tokens.

    A segment never holds two documents. In a longer document it ends at a paragraph, sentence or line end in its
    second half, chosen by a hash of the text before it. So a document always has the same segments, whatever other
    documents are given; appended text changes the last segment only, and an edit changes those nearby.

    Args:
        nodes: in order.
        tokenizer: the draft model's.
        segment_tokens: longest segment, in tokens.
    """
    first = 0
    for run in _runs(nodes):
        text, ids, ends, owners = _tokens_of(run, tokenizer)
        start = 0
        for end in _segment_ends(text, ends, segment_tokens):
            yield Segment(ids[start:end], first + owners[start:end])
            start = end
        first += len(run)


def whole(nodes: Sequence[Node], tokenizer: Tokenizer) -> Segment:
    """Put all nodes into one segment, with `SEPARATOR` between those that do not touch."""
    separator = tokenizer.encode(SEPARATOR).ids
    ids: list[int] = []
    units: list[int] = []
    first = 0
    for run in _runs(nodes):
        if first:
            ids += separator
            units += [-1] * len(separator)
        _, own, _, owners = _tokens_of(run, tokenizer)
        ids += own
        units += (first + owners).tolist()
        first += len(run)
    return Segment(ids, units)


def _runs(nodes: Sequence[Node]) -> Iterator[Sequence[Node]]:
    start = 0
    for index in range(1, len(nodes) + 1):
        if index == len(nodes) or not _touch(nodes[index - 1], nodes[index]):
            yield nodes[start:index]
            start = index


def _tokens_of(run: Sequence[Node], tokenizer: Tokenizer) -> tuple[str, Sequence[int], np.ndarray, np.ndarray]:
    """Return the text of touching nodes, its token ids, their ends, and the node of each."""
    text = "".join(node.text for node in run)
    encoding = tokenizer.encode(text)
    ends = increasing(encoding.ends)
    node_ends = np.cumsum([len(node.text) for node in run])
    return text, encoding.ids, ends, np.searchsorted(node_ends, np.maximum(ends, 1), side="left")


def _segment_ends(text: str, ends: np.ndarray, segment_tokens: int) -> Iterator[int]:
    """Yield the index of the token after each segment."""
    start = 0
    while len(ends) - start > segment_tokens:
        latest = start + segment_tokens
        while latest > start + 1 and ends[latest - 1] == ends[latest]:  # the next token is part of the same character
            latest -= 1
        found = [
            (-rank, crc32(text[max(0, end - _HASHED) : end].encode("utf-8", "surrogatepass")), -end)
            for pattern, rank in BOUNDARIES
            for match in pattern.finditer(text, int(ends[start + segment_tokens // 2]), int(ends[latest - 1]))
            if (end := match.end())
        ]
        end = token_at(ends, -min(found)[2]) if found else latest
        start = end if end > start else latest
        yield start
    if start < len(ends):
        yield len(ends)


def _touch(left: Node, right: Node) -> bool:
    return left.document == right.document and left.end == right.start

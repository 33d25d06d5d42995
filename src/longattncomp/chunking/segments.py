"""nodes -> segments, which the draft model reads in one pass each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from longattncomp.chunking.boundaries import BOUNDARIES
from longattncomp.chunking.offsets import increasing, token_at
from longattncomp.types import Node, Tokenizer

SEPARATOR = "\n\n"
"""What the draft model reads between two documents where it reads all in one pass; it belongs to no node."""

_NUMBER = np.dtype("<i4")

_HASHED = 32  # characters before a boundary that tell whether a segment ends there


@dataclass(frozen=True, slots=True, init=False)
class Segment:
    """A run of text, as the draft model reads it in one pass.

    A long context is remembered as segments, so each holds its numbers in 4 bytes, where a tuple of
    Python's takes 40.
    """

    _ids: bytes
    _units: bytes

    def __init__(self, ids: Sequence[int] | np.ndarray, units: Sequence[int] | np.ndarray) -> None:
        """Keep a copy of both.

        Args:
            ids: (n_tokens,) token ids.
            units: (n_tokens,) index of the node that each token belongs to, never decreasing; -1 marks a
                token between two documents.
        """
        object.__setattr__(self, "_ids", np.asarray(ids, dtype=_NUMBER).tobytes())
        object.__setattr__(self, "_units", np.asarray(units, dtype=_NUMBER).tobytes())

    @property
    def ids(self) -> tuple[int, ...]:
        """(n_tokens,) token ids."""
        return tuple(self.id_array.tolist())

    @property
    def units(self) -> tuple[int, ...]:
        """(n_tokens,) index of the node that each token belongs to, -1 for none."""
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

    A segment depends on nothing but the text around it: it never holds two documents, and in a longer
    one it ends at that paragraph, sentence or line end of its second half which the text before it
    makes out by a hash. So the same document has the same segments in any company, what is appended
    changes the last one only, and what is edited those nearby.

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
    """All nodes in one segment, with `SEPARATOR` between those that do not touch."""
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
    """The text of touching nodes, its token ids, where they end, and which node each belongs to."""
    text = "".join(node.text for node in run)
    encoding = tokenizer.encode(text)
    ends = increasing(encoding.ends)
    node_ends = np.cumsum([len(node.text) for node in run])
    return text, encoding.ids, ends, np.searchsorted(node_ends, np.maximum(ends, 1), side="left")


def _segment_ends(text: str, ends: np.ndarray, segment_tokens: int) -> Iterator[int]:
    """Indices of tokens, one past the last of each segment."""
    start = 0
    while len(ends) - start > segment_tokens:
        latest = start + segment_tokens
        while (
            latest > start + 1 and ends[latest - 1] == ends[latest]
        ):  # the next token holds bytes of the same character
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

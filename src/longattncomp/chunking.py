"""documents -> nodes and segments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal
from zlib import crc32

import numpy as np
import regex

from longattncomp.types import Document, Node, NodeBoundary, Tokenizer

TOLERANCE = 0.25
"""Share of a node, counted from its end, in which the end of a sentence or line is near."""

_TOLERANCES = {"sentence": 0.75, "near": TOLERANCE}
"""The same in which such an end is looked for."""

SEPARATOR = "\n\n"
"""What the draft model reads between two documents where it reads all in one pass; it belongs to no node."""

_NUMBER = np.dtype("<i4")

_HASHED = 32  # characters before a boundary that tell whether a segment ends there

_LINE_END = r"(?:\r\n|\n|\r(?!\n))"
_BLANK_LINES = re.compile(rf"{_LINE_END}(?:[^\S\r\n]*{_LINE_END})+")
_BOUNDARIES = (
    # (pattern, rank); a cut falls at the end of a match
    (_BLANK_LINES, 3),
    (re.compile(rf"[.!?…:;。！？｡][\"'”’»)\]」』）]*[^\S\r\n]*{_LINE_END}"), 2),
    (re.compile(_LINE_END), 1),
    (re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*[^\S\r\n]+|[。！？｡]+[」』”’）]*"), 1),
)
_GRAPHEME = regex.compile(r"\X")


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


def chunk(
    documents: Sequence[Document],
    tokenizer: Tokenizer,
    *,
    node_tokens: int | Literal["document"] = 256,
    boundary: NodeBoundary = "near",
    cuts: Mapping[int, Sequence[int]] | None = None,
) -> list[Node]:
    """Cut every document into nodes that tile it: no character is lost, none stands twice.

    A token belongs to the node that holds its last character. A node has at most `node_tokens`
    tokens, unless a single character has more.

    Args:
        documents: texts in the caller's order; an empty one yields no node.
        tokenizer: the draft model's.
        node_tokens: longest node in tokens (LongAttnComp), or "document" (AttnComp).
        boundary: "sentence" ends a node at a paragraph, sentence or line end unless its first quarter alone
            has one, "near" if one lies in its last quarter; "exact" at the token count, as the paper does.
            None splits a CRLF or a grapheme cluster that is no longer than a node.
        cuts: document index -> character offsets where a node must end.
    """
    nodes: list[Node] = []
    for index, document in enumerate(documents):
        text = document.text
        if not text:
            continue
        ends = _increasing(tokenizer.encode(text).ends)
        offsets = sorted({cut for cut in (cuts or {}).get(index, ()) if 0 < cut < len(text)})
        for low, high in pairwise([0, *offsets, len(text)]):
            for start, end in _spans(text, ends, low, high, node_tokens, boundary):
                nodes.append(Node(index, start, end, text[start:end], _token_at(ends, end) - _token_at(ends, start)))
    return nodes


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


def paragraph_ends(text: str, tokenizer: Tokenizer, *, least_tokens: int) -> list[int]:
    """Offsets of blank lines that cut a text into parts of at least so many tokens, the last one apart.

    Args:
        text: any.
        tokenizer: counts.
        least_tokens: of a part.
    """
    ends = _increasing(tokenizer.encode(text).ends)
    found: list[int] = []
    start = 0
    for blank in _BLANK_LINES.finditer(text):
        here = _token_at(ends, blank.end())
        if here - start >= least_tokens and blank.end() < len(text):
            found.append(blank.end())
            start = here
    return found


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


def text_boundaries(text: str) -> list[int]:
    """Offsets in `text` at which a sentence, line or paragraph ends, increasing, the end included."""
    found = {match.end() for pattern, _ in _BOUNDARIES for match in pattern.finditer(text)}
    return sorted(found | {len(text)})


def snap(text: str, cut: int, floor: int) -> int:
    """The last grapheme boundary at or before `cut`, given one at `floor`; `cut` if none lies between."""
    if cut >= len(text) or (text[cut - 1 : cut + 1].isascii() and text[cut - 1 : cut + 1] != "\r\n"):
        return cut
    start = next((at for at in range(cut - 1, floor, -1) if text[at].isascii() and text[at] not in "\r\n"), floor)
    boundary = start + max(match.start() for match in _GRAPHEME.finditer(text[start : cut + 1]))
    return boundary if boundary > floor else cut


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
            first = _token_at(ends, start)
            stop = first + node_tokens
            if stop < _token_at(ends, high):
                end = int(ends[stop - 1])
                if end == ends[stop]:  # the next token holds more bytes of the same character
                    end -= 1
                end = max(end, start + 1)
                if boundary != "exact":
                    least = round(node_tokens * (1 - _TOLERANCES[boundary]))
                    earliest = int(ends[first + least - 1]) if least else start
                    end = _best_boundary(text, start, max(earliest, start), end)
                end = snap(text, end, start)
        yield start, end
        start = end


def _increasing(ends: Sequence[int]) -> np.ndarray:
    return np.maximum.accumulate(np.asarray(ends, dtype=np.int64))


def _token_at(ends: np.ndarray, offset: int) -> int:
    """Index of the first token whose last character lies at or after `offset`."""
    return int(np.searchsorted(ends, offset, side="right")) if offset else 0


def _best_boundary(text: str, start: int, earliest: int, latest: int) -> int:
    """The last boundary of the highest rank in `(earliest, latest]`, or `latest`."""
    found = [
        (rank, match.end())
        for pattern, rank in _BOUNDARIES
        for match in pattern.finditer(text, start, latest)
        if match.end() > earliest
    ]
    return max(found)[1] if found else latest


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
    ends = _increasing(encoding.ends)
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
            for pattern, rank in _BOUNDARIES
            for match in pattern.finditer(text, int(ends[start + segment_tokens // 2]), int(ends[latest - 1]))
            if (end := match.end())
        ]
        end = _token_at(ends, -min(found)[2]) if found else latest
        start = end if end > start else latest
        yield start
    if start < len(ends):
        yield len(ends)


def _touch(left: Node, right: Node) -> bool:
    return left.document == right.document and left.end == right.start

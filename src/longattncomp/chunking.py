"""documents -> nodes and segments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import regex

from longattncomp.types import Document, Node, Tokenizer

TOLERANCE = 0.25
"""Share of a node, counted from its end, in which a sentence or line end is looked for."""

SEPARATOR = "\n\n"
"""What the draft model reads between two documents of one segment; it belongs to no node."""

_LINE_END = r"(?:\r\n|\n|\r(?!\n))"
_BOUNDARIES = (
    # (pattern, rank); a cut falls at the end of a match
    (re.compile(rf"{_LINE_END}(?:[^\S\r\n]*{_LINE_END})+"), 3),
    (re.compile(rf"[.!?…:;。！？｡][\"'”’»)\]」』）]*[^\S\r\n]*{_LINE_END}"), 2),
    (re.compile(_LINE_END), 1),
    (re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*[^\S\r\n]+|[。！？｡]+[」』”’）]*"), 1),
)
_GRAPHEME = regex.compile(r"\X")


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of neighbouring nodes, as the draft model reads it in one pass.

    Attributes:
        ids: (n_tokens,) token ids.
        units: (n_tokens,) index of the node that each token belongs to, never decreasing but
            for -1, which marks a token between two documents.
    """

    ids: tuple[int, ...]
    units: tuple[int, ...]


def chunk(
    documents: Sequence[Document],
    tokenizer: Tokenizer,
    *,
    node_tokens: int | Literal["document"] = 256,
    boundary: Literal["sentence", "exact"] = "sentence",
    cuts: Mapping[int, Sequence[int]] | None = None,
) -> list[Node]:
    """Cut every document into nodes that tile it: no character is lost, none stands twice.

    A token belongs to the node that holds its last character. A node has at most `node_tokens`
    tokens, unless a single character has more.

    Args:
        documents: texts in the caller's order; an empty one yields no node.
        tokenizer: the draft model's.
        node_tokens: longest node in tokens (LongAttnComp), or "document" (AttnComp).
        boundary: "sentence" ends a node at a paragraph, sentence or line end if one lies in its
            last quarter; "exact" at the token count, as the paper does. Neither splits a
            grapheme cluster or a CRLF.
        cuts: document index -> character offsets where a node must end.
    """
    nodes: list[Node] = []
    for index, document in enumerate(documents):
        text = document.text
        if not text:
            continue
        ends = np.maximum.accumulate(np.asarray(tokenizer.encode(text).ends, dtype=np.int64))
        offsets = sorted({cut for cut in (cuts or {}).get(index, ()) if 0 < cut < len(text)})
        for low, high in pairwise([0, *offsets, len(text)]):
            for start, end in _spans(text, ends, low, high, node_tokens, boundary):
                nodes.append(Node(index, start, end, text[start:end], _token_at(ends, end) - _token_at(ends, start)))
    return nodes


def segments(nodes: Sequence[Node], tokenizer: Tokenizer, *, segment_tokens: int) -> Iterator[Segment]:
    """Pack neighbouring nodes into segments of at most `segment_tokens` tokens.

    A segment is tokenized from its own text alone. Nodes of several documents may share one; a
    node longer than a segment is spread over several.

    Args:
        nodes: in order, with their lengths in the draft model's tokens.
        tokenizer: the draft model's.
        segment_tokens: longest segment, in tokens as the nodes count them.
    """
    separator = tuple(tokenizer.encode(SEPARATOR).ids)
    packed: list[tuple[int, Node]] = []
    size = 0
    for unit, piece in _pieces(nodes, tokenizer, segment_tokens):
        between = len(separator) if packed and not _touch(packed[-1][1], piece) else 0
        if packed and size + between + piece.tokens > segment_tokens:
            yield _segment(packed, tokenizer, separator)
            packed, size, between = [], 0, 0
        packed.append((unit, piece))
        size += between + piece.tokens
    if packed:
        yield _segment(packed, tokenizer, separator)


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
    boundary: str,
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
                if boundary == "sentence":
                    earliest = int(ends[first + round(node_tokens * (1 - TOLERANCE)) - 1]) if node_tokens > 1 else end
                    end = _best_boundary(text, start, max(earliest, start), end)
                end = snap(text, end, start)
        yield start, end
        start = end


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


def _pieces(nodes: Sequence[Node], tokenizer: Tokenizer, longest: int) -> Iterator[tuple[int, Node]]:
    for unit, node in enumerate(nodes):
        if node.tokens <= longest:
            yield unit, node
            continue
        for part in chunk([Document(node.text)], tokenizer, node_tokens=longest):
            yield unit, Node(node.document, node.start + part.start, node.start + part.end, part.text, part.tokens)


def _segment(packed: Sequence[tuple[int, Node]], tokenizer: Tokenizer, separator: tuple[int, ...]) -> Segment:
    ids: list[int] = []
    units: list[int] = []
    runs: list[list[tuple[int, Node]]] = []
    for unit, piece in packed:
        if runs and _touch(runs[-1][-1][1], piece):
            runs[-1].append((unit, piece))
        else:
            runs.append([(unit, piece)])
    for run in runs:
        if ids:
            ids += separator
            units += [-1] * len(separator)
        encoding = tokenizer.encode("".join(piece.text for _, piece in run))
        piece_ends = np.cumsum([len(piece.text) for _, piece in run])
        owners = np.searchsorted(piece_ends, np.maximum(np.asarray(encoding.ends), 1), side="left")
        ids += encoding.ids
        units += [run[owner][0] for owner in owners]
    return Segment(tuple(ids), tuple(units))


def _touch(left: Node, right: Node) -> bool:
    return left.document == right.document and left.end == right.start

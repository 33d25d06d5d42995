"""documents -> nodes."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from longattncomp.chunking.boundaries import BLANK_LINES, snap
from longattncomp.chunking.copies import Copies
from longattncomp.chunking.outline import RECORD_TOKENS, SENTENCE_TOKENS
from longattncomp.chunking.sentences import cut, sentences
from longattncomp.chunking.structure import outline
from longattncomp.runtime.cancellation import step
from longattncomp.types import Document, Node, NodeBoundary, Span, Tokenizer

_TELLING = re.compile(r"""\w|/\*|\*/|<!--|-->|'''|\"{3}""")
"""What a lead-in has at least: a word, or a sign that begins or ends a comment."""

_BARE = re.compile(r"\s*+(?:[Tt]ry|begin|do|then|return)?[\s{(\[:]*+")
"""What opens a block and says nothing about it."""

LEAD_IN_TOKENS = RECORD_TOKENS
"""Longest lead-in, in tokens; a longer unit leads in nothing."""

_BEGINNING = 16
"""Tokens of a unit that is too long that lead in the rest of it, up to `RECORD_TOKENS`, where the budget has room.

The rest of a clause, an entry or a value would say something else without its beginning.
"""


def chunk(
    documents: Sequence[Document],
    tokenizer: Tokenizer,
    *,
    node_tokens: int | Literal["document"] = 256,
    boundary: NodeBoundary = "unit",
    token_budget: int | None = None,
    cuts: Mapping[int, Sequence[int]] | None = None,
    deduplicate: bool = False,
) -> list[Node]:
    """Cut every document into nodes that tile it: no character is lost or repeated.

    A token belongs to the node that holds its last character.

    Args:
        documents: texts in the caller's order; an empty one yields no node.
        tokenizer: the draft model's.
        node_tokens: tokens up to which units share a node (LongAttnComp), or "document" (AttnComp).
        boundary: "unit" never divides a sentence, line or row up to `SENTENCE_TOKENS`, nor a record up to
            `RECORD_TOKENS`, nor a number or word; "exact" ends a node at the token count, as in the paper. Neither
            splits a CRLF or a grapheme cluster that is no longer than a node.
        token_budget: tokens of the result. A longer sentence is divided, and so is a record of more than four fifths
            of it.
        cuts: document index -> character offsets where a node must end.
        deduplicate: whether nodes number the words that stand in several places, see `Node.passages`, and end where
            such a passage does.
    """
    all_ends = [increasing(tokenizer.encode(document.text).ends) for document in documents]
    packers: list[_Packer | None] = [None] * len(documents)
    if node_tokens != "document" and boundary == "unit":
        most = token_budget or RECORD_TOKENS * 2
        packers = [
            _Packer(document.text, ends, node_tokens, most) if document.text else None
            for document, ends in zip(documents, all_ends, strict=True)
        ]
    copies: Copies | None = None
    if deduplicate:
        copies = Copies(
            [document.text for document in documents], [packer.outline if packer else None for packer in packers]
        )
    nodes: list[Node] = []
    for index, (document, ends, packer) in enumerate(zip(documents, all_ends, packers, strict=True)):
        text = document.text
        if not text:
            continue
        offsets = sorted({cut for cut in (cuts or {}).get(index, ()) if 0 < cut < len(text)})
        found: Iterable[tuple[int, int, tuple[Span, ...]]]
        if packer is not None:
            found = packer.run(copies.cuts[index] if copies else ())
        elif node_tokens == "document":
            found = [(0, len(text), ())]
        else:
            found = [
                (start, end, ())
                for low, high in pairwise([0, *offsets, len(text)])
                for start, end in _exact(text, ends, node_tokens, low, high)
            ]
        for low, high, lead_ins in found:
            inside = offsets[bisect_right(offsets, low) : bisect_left(offsets, high)]
            for start, end in pairwise([low, *inside, high]):
                tokens = token_at(ends, end) - token_at(ends, start)
                passages = copies.passages(index, start, end) if copies else ()
                nodes.append(Node(index, start, end, text[start:end], tokens, lead_ins, passages))
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


def _exact(text: str, ends: np.ndarray, node_tokens: int, low: int, high: int) -> Iterator[Span]:
    start = low
    while start < high:
        end = snap(text, _offset(ends, token_at(ends, start) + node_tokens, start, high), start)
        yield start, end
        start = end


def _offset(ends: np.ndarray, token: int, start: int, last: int) -> int:
    """Return the offset after so many tokens, past `start` and at most `last`."""
    if token >= len(ends):
        return last
    end = int(ends[token - 1])
    if end == ends[token]:  # the next token is part of the same character
        end -= 1
    return min(max(end, start + 1), last)


class _Packer:
    """Puts the units of one text into nodes: short neighbours together, a longer one alone, one too long in pieces."""

    def __init__(self, text: str, ends: np.ndarray, node_tokens: int, token_budget: int) -> None:
        self._text, self._ends = text, ends
        self._most = node_tokens
        self._sentence = min(max(node_tokens, SENTENCE_TOKENS), token_budget)
        self._together = max(node_tokens, token_budget * 4 // 5)
        self.outline = outline(text)
        starts = self.outline.starts
        self._starts = [0, *(snap(text, start, before) for before, start in pairwise(starts)), len(text)]
        self._tokens = np.searchsorted(ends, self._starts, side="right")  # tokens before each unit
        self._tokens[0] = 0
        self._last = self._subtrees()

    def run(self, cuts: Collection[int] = ()) -> Iterator[tuple[int, int, tuple[Span, ...]]]:
        """Yield nodes and their lead-ins; units that begin at one of the cuts begin a node."""
        begins = set(cuts)
        n = len(self.outline.starts)
        unit = 0
        first = -1  # of the units of the node that is not full yet
        while unit < n:
            step()
            after = self._last[unit]
            size = self._size(unit, after)
            whole = size <= max(self._most, min(self._together, self.outline.together[unit]))
            apart = self.outline.starts[unit] in begins
            if first >= 0 and (apart or not (whole and self._joins(first, unit, after))):
                yield self._node(first, unit)
                first = -1
            if whole:
                first = unit if first < 0 else first
                unit = after
            elif after > unit + 1:
                if self._opens(unit):
                    first = unit
                else:
                    yield from self._divided(unit)
                unit += 1
            else:
                yield from self._divided(unit)
                unit = after
        if first >= 0:
            yield self._node(first, n)

    def _joins(self, first: int, unit: int, after: int) -> bool:
        """Whether a unit goes into the node of its neighbours before it."""
        outline = self.outline
        beside = first if self._opens(first) else outline.parents[first]
        if beside != outline.parents[unit] or (first in outline.named) != (unit in outline.named):
            return False
        if self._size(first, after) > self._most:
            return False
        return not outline.breaks[unit] or self._size(first, unit) < self._most / 4

    def _divided(self, unit: int) -> Iterator[tuple[int, int, tuple[Span, ...]]]:
        """Yield one unit without those below it: whole, by sentences or the lines of a block, or in pieces, which its
        beginning leads in.
        """
        low, high = self._starts[unit], self._starts[unit + 1]
        lead_ins = self._lead_ins(unit, unit + 1)
        if self._size(unit, unit + 1) <= self._sentence:
            yield low, high, lead_ins
            return
        begun = low
        if self._most >= _BEGINNING and self._sentence >= 4 * _BEGINNING:
            first = token_at(self._ends, low)
            near, far = (_offset(self._ends, first + n * _BEGINNING, low, high) for n in (1, 2))
            line = self._line_end(unit, low, far)
            begun = line if line < far else cut(self._text, low, near, far)
            yield low, begun, lead_ins
        for start, end in self._pieces(unit, begun, high):
            led = low < begun and self._between(low, start) <= RECORD_TOKENS
            yield start, end, ((low, begun), *lead_ins) if led else lead_ins

    def _line_end(self, unit: int, low: int, high: int) -> int:
        """Find where the line at `low` ends if the unit is a block of lines, and not prose; `high` otherwise."""
        end = -1 if unit in self.outline.prose else self._text.find("\n", low, high)
        return end + 1 or high

    def _lines(self, unit: int, low: int, high: int) -> Iterator[Span]:
        while low < high:
            end = self._line_end(unit, low, high)
            yield from sentences(self._text, low, end)
            low = end

    def _pieces(self, unit: int, low: int, high: int) -> Iterator[Span]:
        """Cut at sentences and lines, and those that are too long where else it may be; short ones share a piece."""
        held = low
        for start, end in self._lines(unit, low, high):
            if held < start and self._between(held, end) > self._most:
                yield held, start
                held = start
            while self._between(held, end) > self._sentence:
                first = token_at(self._ends, held)
                near = _offset(self._ends, first + self._most, held, end)
                most = _offset(self._ends, first + self._sentence, held, end)
                far = _offset(self._ends, first + max(self._sentence, SENTENCE_TOKENS), held, end)
                at = cut(self._text, held, near, far, most)
                yield held, at
                held = at
        if held < high:
            yield held, high

    def _node(self, first: int, after: int) -> tuple[int, int, tuple[Span, ...]]:
        return self._starts[first], self._starts[after], self._lead_ins(first, after)

    def _lead_ins(self, first: int, after: int) -> tuple[Span, ...]:
        also = (unit for own in range(first + 1, after) for unit in self.outline.also.get(own, ()))
        spans = (
            (self._starts[above], self._starts[above + 1])
            for above in dict.fromkeys((*self.outline.lead_ins(first), *also))
            if not first <= above < after and self._size(above, above + 1) <= LEAD_IN_TOKENS
        )
        return tuple(span for span in spans if _TELLING.search(self._text, *span) and not self._is_bare(*span))

    def _opens(self, unit: int) -> bool:
        """Whether a unit only opens the block below it, so that it stands with the first of its lines."""
        return self._last[unit] > unit + 1 and self._is_bare(self._starts[unit], self._starts[unit + 1])

    def _is_bare(self, start: int, end: int) -> bool:
        return _BARE.fullmatch(self._text, start, end) is not None

    def _size(self, first: int, after: int) -> int:
        return int(self._tokens[after] - self._tokens[first])

    def _between(self, start: int, end: int) -> int:
        return token_at(self._ends, end) - token_at(self._ends, start)

    def _subtrees(self) -> list[int]:
        """Find the unit after each unit and all below it."""
        parents = self.outline.parents
        last = list(range(1, len(parents) + 1))
        for unit in range(len(parents) - 1, -1, -1):
            if (above := parents[unit]) >= 0:
                last[above] = max(last[above], last[unit])
        return last


def increasing(ends: Sequence[int]) -> np.ndarray:
    return np.maximum.accumulate(np.asarray(ends, dtype=np.int64))


def token_at(ends: np.ndarray, offset: int) -> int:
    """Return the index of the first token whose last character lies at or after `offset`."""
    return int(np.searchsorted(ends, offset, side="right")) if offset else 0

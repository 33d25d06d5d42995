"""nodes, query -> the token sequences that the draft model reads, in scoring and in training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from sys import getsizeof

import numpy as np
import torch
from torch import Tensor

from longattncomp.backbone.forward import Backbone
from longattncomp.chunking.segments import Segment, segments, whole
from longattncomp.errors import InputError, warn
from longattncomp.runtime.checked import entry_name
from longattncomp.runtime.forking import cached_property
from longattncomp.runtime.packing import packs
from longattncomp.runtime.recent import Recent
from longattncomp.scorers.cross_attention.head import HeadConfig
from longattncomp.scorers.cross_attention.matching import Words
from longattncomp.scorers.cross_attention.spreading import Neighbours
from longattncomp.types import Node, Tokenizer

INSTRUCTION = "Read the documents below and find the passages that help to answer the question.\n\n"
"""The text before every segment. Its tokens take the mass that no node deserves."""

QUESTION = "\n\nQuestion: "
"""The text before the query. It neither scores nor is scored."""

_GROUP_TOKENS = 8192  # of cached segments that are scored together

_REMEMBERED = 96_000_000
"""Bytes of contexts whose layout is kept for the next question; a token takes about 60."""

_LEAST = 1_000_000
"""Bytes that a layout counts with at least: small ones are laid out again at once, and few are kept."""

_TOKEN_BYTES = 32  # in segments and columns
_SEGMENT_BYTES = 4_000  # of its objects, names and tensors
_NODE_BYTES = 600  # of its objects and its text's
_STEP_BYTES = 24  # of one node in one step of `Neighbours`


@dataclass(frozen=True, slots=True)
class QueryTokens:
    """A query as the draft model reads it, with tensors on the backbone's device."""

    ids: tuple[int, ...]  # token ids
    question: tuple[int, ...]  # the same with those of `QUESTION` in front
    words: Tensor  # (m,) the words of the tokens
    rarity: Tensor  # (m,) inverse document frequencies of the words over the nodes of the context


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of the attention matrix for segments, one for each token of a node; others have none."""

    places: Tensor  # (n,) positions of the tokens in the segments
    units: Tensor  # (n,) 1 for a token of node `first`, 2 for one of the next node ...; 0 is the instruction's
    words: Tensor  # (n,) words of the tokens
    first: int  # index of the first node
    n_units: int  # how many units there are, the instruction included

    @classmethod
    def below(cls, parts: Sequence[Columns]) -> Columns:
        """Put the columns of several segments, which are in order, below each other."""
        starts = accumulate((len(part.places) for part in parts), initial=0)
        first = parts[0].first
        return cls(
            places=torch.cat([part.places + start for part, start in zip(parts, starts, strict=False)]),
            units=torch.cat([part.units + (part.first - first) for part in parts]),
            words=torch.cat([part.words for part in parts]),
            first=first,
            n_units=parts[-1].first + parts[-1].n_units - first,
        )


class ContextLayout:
    """A context in segments, with what scoring derives from them, computed once.

    Attributes:
        nodes: in order.
        parts: the segments that the nodes lie in.
        words: the words of the segments' tokens.
        sizes: tokens of each segment.
    """

    def __init__(self, nodes: Sequence[Node], parts: Sequence[Segment], words: Words) -> None:
        self.nodes, self.parts, self.words = nodes, parts, words
        self.sizes = [len(part) for part in parts]
        self._columns: dict[int, Columns] = {}
        self._names: dict[str, list[str]] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of all that this may hold, what is computed later included."""
        n = len(self.nodes)
        text = sum(getsizeof(node.text) for node in self.nodes)
        steps = _STEP_BYTES * n * (n.bit_length() + 2)
        return (
            _TOKEN_BYTES * sum(self.sizes) + _SEGMENT_BYTES * len(self.parts) + _NODE_BYTES * n + text + steps
        ) + self.words.nbytes

    @cached_property
    def neighbours(self) -> Neighbours:
        return Neighbours(self.nodes)

    def columns(self, index: int, device: torch.device) -> Columns:
        """Find the columns of one segment."""
        if index not in self._columns:
            nodes, ids = self.parts[index].unit_array, self.parts[index].id_array
            (own,) = (nodes >= 0).nonzero()
            first, end = self.spans[index]
            self._columns[index] = Columns(
                places=torch.from_numpy(own).to(device),
                units=torch.from_numpy(nodes[own].astype(np.int64) - first + 1).to(device),
                words=torch.from_numpy(self.words.of(ids[own])).to(device),
                first=first,
                n_units=end - first + 1,
            )
        return self._columns[index]

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """The first node and one past the last of each segment; a node may lie in two segments."""
        owners = [part.unit_array[part.unit_array >= 0] for part in self.parts]
        return [(int(own[0]), int(own[-1]) + 1) for own in owners]

    def richest(self, shares: Sequence[float], room: int) -> list[int]:
        """Choose the segments with the most mass in their nodes, best first, until they have `room` tokens."""
        before = [0.0, *accumulate(shares)]
        mass = [before[end] - before[start] for start, end in self.spans]
        chosen: list[int] = []
        for index in sorted(range(len(mass)), key=lambda index: -mass[index]):
            if room <= 0:
                break
            chosen.append(index)
            room -= self.sizes[index]
        return chosen

    def nodes_of(self, chosen: Iterable[int]) -> set[int]:
        """Find the nodes of some segments."""
        return {node for index in chosen for node in range(*self.spans[index])}

    def names(self, digest: str) -> list[str]:
        """Name the segments for a cache; the digest covers everything but the text that their keys depend on."""
        if digest not in self._names:
            self._names[digest] = [entry_name(digest, part.id_array) for part in self.parts]
        return self._names[digest]

    def groups(self, wanted: Sequence[int]) -> Iterator[list[int]]:
        """Group neighbouring segments that are scored together."""
        return packs(wanted, self.sizes.__getitem__, _GROUP_TOKENS)


class Frame:
    """Lays out contexts and queries: instruction, segment, question, query.

    Attributes:
        instruction: token ids before every segment.
        question: token ids before every query.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        backbone: Backbone,
        head: HeadConfig,
        *,
        prefix: Sequence[int] = (),
        words: Sequence[int] = (),
    ) -> None:
        """Tokenize instruction and question for a head; see `CrossAttentionScorer` for the arguments."""
        self.instruction = [*prefix, *tokenizer.encode(INSTRUCTION).ids]
        self.question = list(tokenizer.encode(QUESTION).ids)
        self._tokenizer = tokenizer
        self._head = head
        self._window, self._device = backbone.window, backbone.device
        self._words = np.asarray(words, dtype=np.int64)
        self._remembered: Recent[int, ContextLayout] = Recent(
            _REMEMBERED, lambda _, context: max(_LEAST, context.nbytes)
        )

    def room(self, sizes: Iterable[int]) -> int:
        """Count the tokens that a query over segments of these sizes may have."""
        around = len(self.instruction) + len(self.question)
        return self._window - around - (0 if self._head.query_place == "alone" else max(sizes))

    def context(self, nodes: Sequence[Node]) -> ContextLayout:
        """Lay out at least one node in segments. The same sequence of nodes gets the same layout again.

        Raises:
            InputError: causal encoding, and more tokens than the draft model's window has.
        """
        given = tuple(nodes)  # the caller may change a list before its next question
        known = self._remembered.get(id(nodes))
        if known is not None and known.nodes == given:
            return known
        if self._head.encoding == "causal":
            parts: tuple[Segment, ...] = (whole(nodes, self._tokenizer),)
            if len(self.instruction) + len(self.question) + len(parts[0]) >= self._window:
                raise InputError(
                    f"the context has {len(parts[0])} tokens, more than the draft model's window of {self._window} "
                    "with its instruction and query: use a head whose checkpoint says encoding='segmented'"
                )
        else:
            parts = tuple(segments(nodes, self._tokenizer, segment_tokens=self._head.segment_tokens))
        context = ContextLayout(given, parts, Words(parts, len(nodes), self._words))
        self._remembered.put(id(nodes), context)
        return context

    def query(self, text: str, context: ContextLayout, room: int) -> QueryTokens:
        """Tokenize a query for a context; of a query with more than `room` tokens the last ones are used.

        Raises:
            InputError: the query has no tokens, or there is no room for any.
        """
        ids = self._tokenizer.encode(text).ids
        if not ids:
            raise InputError("expected a query with at least one token, got none")
        if room < 1:
            raise InputError(
                f"segments of {self._head.segment_tokens} tokens leave no room for a query in the draft model's window "
                f"of {self._window}: train a head with a smaller segment_tokens"
            )
        if len(ids) > room:
            warn(f"the query has {len(ids)} tokens; its last {room} are used, which fit the draft model's window")
        last = tuple(ids[-room:])
        words = torch.from_numpy(context.words.of(last)).to(self._device)
        return QueryTokens(last, (*self.question, *last), words, context.words.rarity(last).to(self._device))

"""nodes, query -> the token sequences that the draft model reads, the same for scoring and for training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from longattncomp.backbone.forward import Backbone
from longattncomp.chunking.segments import Segment, segments, whole
from longattncomp.errors import InputError, warn
from longattncomp.runtime.recent import Recent
from longattncomp.scorers.cross_attention.columns import Columns
from longattncomp.scorers.cross_attention.key_cache import name
from longattncomp.scorers.cross_attention.matching import Words
from longattncomp.scorers.cross_attention.spreading import Neighbours
from longattncomp.types import ContextEncoding, Node, QueryPlace, Tokenizer

INSTRUCTION = "Read the documents below and find the passages that help to answer the question.\n\n"
"""Stands before every segment; its tokens take the mass that no node deserves."""

QUESTION = "\n\nQuestion: "
"""Stands before the query; neither scores nor is scored."""

_GROUP_TOKENS = 8192

_REMEMBERED = 1_500_000
"""Tokens of contexts whose layout is remembered for the next question, about 40 bytes each."""


@dataclass(frozen=True, slots=True)
class QueryTokens:
    """A query as the draft model reads it.

    Attributes:
        ids: its token ids.
        words: (m,) the words of its tokens, on the backbone's device.
        rarity: (m,) their inverse document frequencies over the nodes of the context, on the backbone's device.
    """

    ids: tuple[int, ...]
    words: Tensor
    rarity: Tensor


class ContextLayout:
    """A context in segments. What is asked for is remembered for the next question.

    Attributes:
        nodes: in order.
        parts: the segments they lie in.
        words: which words stand in them.
        sizes: tokens of each segment.
    """

    def __init__(self, nodes: Sequence[Node], parts: Sequence[Segment], words: Words) -> None:
        self.nodes = nodes
        self.parts = parts
        self.words = words
        self.sizes = [len(part) for part in parts]
        self._columns: dict[int, Columns] = {}
        self._names: dict[str, list[str]] = {}

    @cached_property
    def neighbours(self) -> Neighbours:
        return Neighbours(self.nodes)

    def columns(self, index: int, device: torch.device) -> Columns:
        """The columns of one segment."""
        if index not in self._columns:
            self._columns[index] = Columns.of(self.parts[index], self.words, device)
        return self._columns[index]

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """First node and one past the last of each segment; a node may lie in two."""
        owners = [part.unit_array[part.unit_array >= 0] for part in self.parts]
        return [(int(own[0]), int(own[-1]) + 1) for own in owners]

    def richest(self, shares: Sequence[float], room: int) -> list[int]:
        """The segments with the most mass in their nodes, best first, until they have `room` tokens."""
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
        """The nodes of some segments."""
        return {node for index in chosen for node in range(*self.spans[index])}

    def names(self, digest: str) -> list[str]:
        """The names of the segments in a cache, in order.

        Args:
            digest: of everything that their keys depend on besides their text.
        """
        if digest not in self._names:
            self._names[digest] = [name(digest, part.id_array) for part in self.parts]
        return self._names[digest]

    def groups(self, wanted: Sequence[int]) -> Iterator[list[int]]:
        """Neighbouring segments that are kept, asked and scored together."""
        group: list[int] = []
        tokens = 0
        for index in wanted:
            if group and tokens + self.sizes[index] > _GROUP_TOKENS:
                yield group
                group, tokens = [], 0
            group.append(index)
            tokens += self.sizes[index]
        if group:
            yield group


class Frame:
    """Lays out contexts and queries: instruction, segments, question, query.

    Attributes:
        instruction: token ids that stand before every segment.
        question: token ids between a segment, or the instruction, and a query.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        backbone: Backbone,
        *,
        query_place: QueryPlace,
        segment_tokens: int,
        encoding: ContextEncoding = "segmented",
        prefix: Sequence[int] = (),
        words: Sequence[int] = (),
    ) -> None:
        """Tokenize what stands around contexts and queries.

        Args:
            tokenizer: the draft model's.
            backbone: its window bounds a segment and a query together.
            query_place: after each segment, or alone.
            segment_tokens: longest segment, in tokens.
            encoding: in segments, or all in one pass (causal).
            prefix: special tokens that the draft model expects first; part of the instruction.
            words: the word of each token id; tokens of one word match (see `matching.Words`).
        """
        self.instruction = [*prefix, *tokenizer.encode(INSTRUCTION).ids]
        self.question = list(tokenizer.encode(QUESTION).ids)
        self._tokenizer = tokenizer
        self._alone = query_place == "alone"
        self._causal = encoding == "causal"
        self._segment_tokens = segment_tokens
        self._window = backbone.window
        self._device = backbone.device
        self._words = np.asarray(words, dtype=np.int64)
        self._remembered: Recent[int, ContextLayout] = Recent(_REMEMBERED, lambda context: sum(context.sizes))

    def room(self, sizes: Iterable[int]) -> int:
        """Most tokens of a query over segments of these sizes."""
        around = len(self.instruction) + len(self.question)
        return self._window - around - (0 if self._alone else max(sizes))

    def context(self, nodes: Sequence[Node]) -> ContextLayout:
        """Lay nodes out in segments; the layout is remembered while the same sequence comes again.

        Args:
            nodes: in order, at least one.

        Raises:
            InputError: causal encoding of more than the draft model's window.
        """
        given = tuple(nodes)  # a list may be changed before it comes again
        known = self._remembered.get(id(nodes))
        if known is not None and known.nodes == given:
            return known
        if self._causal:
            parts: tuple[Segment, ...] = (whole(nodes, self._tokenizer),)
            if len(self.instruction) + len(self.question) + len(parts[0]) >= self._window:
                raise InputError(
                    f"the context has {len(parts[0])} tokens, more than the draft model's window of {self._window} "
                    "with its instruction and query: use a head whose checkpoint says encoding='segmented'"
                )
        else:
            parts = tuple(segments(nodes, self._tokenizer, segment_tokens=self._segment_tokens))
        context = ContextLayout(given, parts, Words(parts, len(nodes), self._words))
        self._remembered.put(id(nodes), context)
        return context

    def query(self, text: str, context: ContextLayout, room: int) -> QueryTokens:
        """Tokenize a query for a context.

        Args:
            text: of a longer query the last `room` tokens are taken.
            context: tells how rare its words are.
            room: from `room`.

        Raises:
            InputError: a query without tokens, or no room for any.
        """
        ids = self._tokenizer.encode(text).ids
        if not ids:
            raise InputError("expected a query with at least one token, got none")
        if room < 1:
            raise InputError(
                f"segments of {self._segment_tokens} tokens leave no room for a query in the draft model's window of "
                f"{self._window}: train a head with a smaller segment_tokens"
            )
        if len(ids) > room:
            warn(f"the query has {len(ids)} tokens; its last {room} are used, which fit the draft model's window")
        last = tuple(ids[-room:])
        words = torch.from_numpy(context.words.of(last)).to(self._device)
        return QueryTokens(last, words, context.words.rarity(last).to(self._device))

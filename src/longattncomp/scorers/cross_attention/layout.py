"""nodes -> the segments they lie in, and what scoring needs to know of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate

import torch

from longattncomp.chunking.segments import Segment
from longattncomp.scorers.cross_attention.columns import Columns
from longattncomp.scorers.cross_attention.key_cache import name
from longattncomp.scorers.cross_attention.matching import Words
from longattncomp.scorers.cross_attention.spreading import Neighbours
from longattncomp.types import Node

_GROUP_TOKENS = 8192


class ContextLayout:
    """A context as it is read; what is asked for is remembered for the next question.

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
        self._names: dict[str, tuple[list[str], frozenset[str]]] = {}

    @cached_property
    def neighbours(self) -> Neighbours:
        return Neighbours(self.nodes)

    def columns(self, index: int, device: torch.device) -> Columns:
        """Of one segment, without the instruction."""
        if index not in self._columns:
            self._columns[index] = Columns.of(self.parts[index], 0, self.words, device)
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

    def names(self, digest: str) -> tuple[list[str], frozenset[str]]:
        """What the segments are called in a cache, in order and as a set.

        Args:
            digest: of all that their keys depend on besides their text.
        """
        if digest not in self._names:
            names = [name(digest, part.id_array) for part in self.parts]
            self._names[digest] = names, frozenset(names)
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

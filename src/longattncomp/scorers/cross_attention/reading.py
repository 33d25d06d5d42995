"""segments -> their keys, from the cache or from the backbone."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain

import xxhash
from torch import Tensor

from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.key_values import KeyValues, rounded
from longattncomp.backbone.passes import Rotary, at
from longattncomp.errors import warn
from longattncomp.runtime.forking import cached_property
from longattncomp.runtime.packing import packs
from longattncomp.scorers.cross_attention.head import CrossAttentionHead
from longattncomp.scorers.cross_attention.key_cache import CachedSegment, KeyCache
from longattncomp.scorers.cross_attention.keys import Keys
from longattncomp.scorers.cross_attention.layout import ContextLayout
from longattncomp.types import Prepared, Progress

_KEPT_TOKENS = 8192  # of segments that are put into the cache together

_ASKED_TOKENS = 2048  # of segments that are asked together where nothing is kept

_SHORT_TOKENS = 64
"""Segments of at most so many tokens share a pass on processors: instruction and padding would cost as much again."""

_PACK_TOKENS = 256  # of the short segments of one pass; more make attention slower, fewer the rest


@dataclass(frozen=True, slots=True)
class ReadSegment:
    """One segment that was read.

    Attributes:
        index: its place in the context.
        read: what the cache keeps of it.
        asked: states (m, width) and rotary embedding of each question, if the questions were read with the segment.
    """

    index: int
    read: CachedSegment
    asked: tuple[tuple[Tensor, Rotary], ...] = ()


_Read = tuple[tuple[int, ...], CachedSegment, tuple[tuple[Tensor, Rotary], ...]]
"""A segment's token ids, and `read` and `asked` of `ReadSegment`."""


class SegmentReader:
    """Reads segments for a head, each after the instruction. Short ones share a pass without seeing each other.

    With a cache, what is read is rounded at once, so that cached segments give the same scores.
    """

    def __init__(
        self, backbone: Backbone, head: CrossAttentionHead, instruction: Sequence[int], cache: KeyCache | None
    ) -> None:
        """Read segments for one head; for a query after the text, the backbone's keys and values are kept too."""
        self.cache = cache
        self._backbone = backbone
        self._head = head
        self._instruction = list(instruction)
        self._short_tokens = _SHORT_TOKENS if backbone.device.type == "cpu" else 0
        self._with_key_values = head.config.query_place == "after"
        self._key_shape = len(head.get_parameter("k_proj.weight")) // head.head_dim, head.head_dim

    def read(
        self, context: ContextLayout, wanted: Sequence[int], questions: Sequence[Sequence[int]]
    ) -> Iterator[list[ReadSegment]]:
        """Yield segments, a few at a time: cached ones first, then the others as they are read.

        The indices `wanted` increase. Without a cache, questions (token ids) are read with each long segment.
        """
        if self.cache is None:
            yield from self._read(context, wanted, questions if self._with_key_values else ())
            return
        missing: list[int] = []
        for group in context.groups(wanted):
            found = self._cached(context, group)
            missing += sorted(set(group) - {part.index for part in found})
            if found:
                yield found
        for parts in self._read(context, missing):
            self._keep(context, parts)
            yield parts

    def prepare(self, context: ContextLayout, *, progress: Progress | None = None) -> Prepared:
        """Read what the cache does not have, and call `progress` with (tokens ready, tokens in all)."""
        everything = range(len(context.parts))
        cached = {part.index for group in context.groups(everything) for part in self._cached(context, group)}
        total, read = sum(context.sizes), 0
        ready = sum(context.sizes[index] for index in cached)
        if progress is not None:
            progress(ready, total)
        for parts in self._read(context, [index for index in everything if index not in cached]):
            tokens = sum(context.sizes[part.index] for part in parts)
            read += tokens
            if not self._keep(context, parts):
                warn(f"{ready} of {total} tokens are prepared, more are not kept: raise cache_bytes, or set key_store")
                break
            ready += tokens
            if progress is not None:
                progress(ready, total)
        return Prepared(total, ready, read)

    def holding(self, context: ContextLayout) -> AbstractContextManager[None]:
        """Protect a context's entries of the cache from eviction while the block runs."""
        return nullcontext() if self.cache is None else self.cache.holding(context.names(self._digest))

    def _cached(self, context: ContextLayout, group: Sequence[int]) -> list[ReadSegment]:
        if self.cache is None:
            return []
        names = context.names(self._digest)
        shapes = {names[index]: (context.sizes[index], *self._key_shape) for index in group}
        found = self.cache.get(shapes, with_key_values=self._with_key_values)
        return [ReadSegment(index, found[names[index]]) for index in group if names[index] in found]

    def _keep(self, context: ContextLayout, parts: Sequence[ReadSegment]) -> bool:
        if self.cache is None:
            return False
        names = context.names(self._digest)
        return self.cache.put({names[part.index]: part.read for part in parts})

    def _read(
        self, context: ContextLayout, wanted: Sequence[int], questions: Sequence[Sequence[int]] = ()
    ) -> Iterator[list[ReadSegment]]:
        alike: dict[tuple[int, ...], list[int]] = {}  # equal segments are read once
        for index in wanted:
            alike.setdefault(context.parts[index].ids, []).append(index)
        parts: list[ReadSegment] = []
        tokens = 0
        for found in chain(self._long(alike, questions), self._short(alike)):
            parts += [ReadSegment(index, read, asked) for ids, read, asked in found for index in alike[ids]]
            tokens += sum(len(ids) for ids, *_ in found)
            if tokens >= (_ASKED_TOKENS if questions else _KEPT_TOKENS):
                yield sorted(parts, key=lambda part: part.index)
                parts, tokens = [], 0
        if parts:
            yield sorted(parts, key=lambda part: part.index)

    def _long(self, texts: Iterable[tuple[int, ...]], questions: Sequence[Sequence[int]]) -> Iterator[list[_Read]]:
        """Read each long text after the instruction, and the questions after it."""
        start = len(self._instruction)
        long = [ids for ids in texts if len(ids) > self._short_tokens]
        sequences = [[*self._instruction, *ids] for ids in long]
        keep = self.cache is not None and self._with_key_values
        for reading in self._backbone.read(sequences, questions, keep=keep):
            n = len(reading.states)
            read = self._segment(reading.states[start:], at(reading.rotary, slice(start, n)), reading.key_values)
            asked = tuple((states, at(reading.rotary, slice(n, n + len(states)))) for states in reading.asked)
            yield [(long[reading.index], read, asked)]

    def _short(self, texts: Iterable[tuple[int, ...]]) -> Iterator[list[_Read]]:
        """Read many short texts in one pass, each as if it alone followed the instruction."""
        for pack in packs((ids for ids in texts if len(ids) <= self._short_tokens), len, _PACK_TOKENS):
            _, before = self.instruction
            (found,) = self._backbone.ask([before], pack, keep=self._with_key_values)
            memories = found.key_values or (None,) * len(pack)
            read = map(self._segment, found.states, found.rotaries, memories)
            yield [(ids, segment, ()) for ids, segment in zip(pack, read, strict=True)]

    def _segment(self, states: Tensor, rotary: Rotary, key_values: KeyValues | None) -> CachedSegment:
        exact = self._head.keys(states, rotary)
        if self.cache is None:
            return CachedSegment(exact, key_values)
        return CachedSegment(Keys.of(exact), rounded(key_values) if key_values else None)

    @cached_property
    def instruction(self) -> tuple[Tensor, KeyValues]:
        """The instruction's keys (n_key_heads, n, head_dim) and the backbone's, the same before every segment."""
        (reading,) = self._backbone.read([self._instruction], keep=True)
        keys = self._head.keys(reading.states, at(reading.rotary, slice(0, len(reading.states))))
        return keys, reading.key_values or ()

    @cached_property
    def _digest(self) -> str:
        """A digest of everything but a segment's text that its keys depend on."""
        digest = xxhash.xxh3_128(f"{self._backbone.digest} {self._backbone.dtype} {self._instruction}".encode())
        for tensor in self._head.key_weights():
            digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()

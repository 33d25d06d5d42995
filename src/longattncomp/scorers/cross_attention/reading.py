"""segments -> their keys, from the cache or from the backbone."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property

import xxhash
from torch import Tensor

from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.key_values import KeyValues, rounded
from longattncomp.backbone.passes import Rotary, at
from longattncomp.errors import warn
from longattncomp.scorers.cross_attention.head import CrossAttentionHead
from longattncomp.scorers.cross_attention.key_cache import CachedSegment, KeyCache
from longattncomp.scorers.cross_attention.keys import Keys
from longattncomp.scorers.cross_attention.layout import ContextLayout
from longattncomp.types import Prepared, Progress

_KEPT_TOKENS = 8192  # of segments that are put into the cache together


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


class SegmentReader:
    """Reads segments for a head, each after the instruction.

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
        self._with_key_values = head.config.query_place == "after"

    def read(
        self, context: ContextLayout, wanted: Sequence[int], questions: Sequence[Sequence[int]]
    ) -> Iterator[list[ReadSegment]]:
        """Yield segments, a few at a time: cached ones first, then the others as they are read.

        The indices `wanted` increase. Without a cache, questions (token ids) are read with each segment that they see.
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
        found = self.cache.get([names[index] for index in group], with_key_values=self._with_key_values)
        return [ReadSegment(index, found[names[index]]) for index in group if names[index] in found]

    def _keep(self, context: ContextLayout, parts: Sequence[ReadSegment]) -> bool:
        if self.cache is None:
            return False
        names = context.names(self._digest)
        return self.cache.put({names[part.index]: part.read for part in parts})

    def _read(
        self, context: ContextLayout, wanted: Sequence[int], questions: Sequence[Sequence[int]] = ()
    ) -> Iterator[list[ReadSegment]]:
        start = len(self._instruction)
        alike: dict[tuple[int, ...], list[int]] = {}  # equal segments are read once
        for index in wanted:
            alike.setdefault(context.parts[index].ids, []).append(index)
        sequences = [[*self._instruction, *ids] for ids in alike]
        places = list(alike.values())
        keep = self.cache is not None and self._with_key_values
        parts: list[ReadSegment] = []
        tokens = 0
        for reading in self._backbone.read(sequences, questions, keep=keep):
            n = len(reading.states)
            exact = self._head.keys(reading.states[start:], at(reading.rotary, slice(start, n)))
            keys = exact if self.cache is None else Keys.of(exact)
            asked = tuple((states, at(reading.rotary, slice(n, n + len(states)))) for states in reading.asked)
            read = CachedSegment(keys, rounded(reading.key_values) if reading.key_values else None)
            parts += [ReadSegment(index, read, asked) for index in places[reading.index]]
            tokens += n - start
            if questions or tokens >= _KEPT_TOKENS:
                yield sorted(parts, key=lambda part: part.index)
                parts, tokens = [], 0
        if parts:
            yield sorted(parts, key=lambda part: part.index)

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

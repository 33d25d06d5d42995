"""segments -> their keys and memories, out of the cache or read, nothing twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property

import xxhash
from torch import Tensor

from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.key_values import KeyValues, rounded
from longattncomp.backbone.passes import Rotary
from longattncomp.errors import InputError, warn
from longattncomp.scorers.cross_attention.columns import at
from longattncomp.scorers.cross_attention.head import CrossAttentionHead
from longattncomp.scorers.cross_attention.key_cache import CachedSegment, KeyCache
from longattncomp.scorers.cross_attention.keys import Keys
from longattncomp.scorers.cross_attention.layout import ContextLayout
from longattncomp.types import Prepared, Progress

_KEPT_TOKENS = 8192  # of segments that go into the cache together


@dataclass(frozen=True, slots=True)
class ReadSegment:
    """One segment that was read.

    Attributes:
        index: which one.
        read: its keys, and what is needed to ask over it again.
        asked: states (m, width) and rotary embedding of each question after it, if they were read with it.
    """

    index: int
    read: CachedSegment
    asked: tuple[tuple[Tensor, Rotary], ...] = ()


class SegmentReader:
    """Reads segments for a head, each after the instruction.

    With a cache, keys and memories are rounded as soon as they are read, so that it does not show whether they were.
    """

    def __init__(
        self, backbone: Backbone, head: CrossAttentionHead, instruction: Sequence[int], cache: KeyCache | None
    ) -> None:
        """Read for this head.

        Args:
            backbone: gives hidden states of layer L.
            head: gives keys; where its query stands after the text, memories are kept too.
            instruction: token ids that stand before every segment.
            cache: of what was read; None keeps nothing.
        """
        self.cache = cache
        self._backbone = backbone
        self._head = head
        self._instruction = list(instruction)
        self._with_memory = head.config.query_place == "after"

    def read(
        self,
        context: ContextLayout,
        wanted: Sequence[int],
        questions: Sequence[Sequence[int]],
    ) -> Iterator[list[ReadSegment]]:
        """Some segments, a few at a time: those in the cache, then the others as they are read.

        Args:
            context: lays them out.
            wanted: which, increasing.
            questions: token ids that follow each; read with them where nothing is kept, else not looked at.
        """
        if self.cache is None:
            yield from self._read(context, wanted, questions if self._with_memory else ())
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
        """Read what the cache does not have.

        Args:
            context: lays its segments out.
            progress: called with (tokens ready, tokens in all).

        Raises:
            InputError: there is no cache.
        """
        self.require_cache()
        missing = set(range(len(context.parts)))
        for group in context.groups(range(len(context.parts))):
            missing -= {part.index for part in self._cached(context, group)}
        total = sum(context.sizes)
        ready = total - sum(context.sizes[index] for index in missing)
        read = 0
        if progress is not None:
            progress(ready, total)
        for parts in self._read(context, sorted(missing)):
            tokens = sum(context.sizes[part.index] for part in parts)
            read += tokens
            if not self._keep(context, parts):
                warn(
                    f"{ready} of {total} tokens are prepared, more are not kept: raise cache_bytes or see to the store"
                )
                break
            ready += tokens
            if progress is not None:
                progress(ready, total)
        return Prepared(total, ready, read)

    def require_cache(self) -> None:
        """Raise InputError if nothing that is read would be kept."""
        if self.cache is None:
            raise InputError("nothing that is read would be kept: set cache_bytes above 0, or key_store")

    def holding(self, context: ContextLayout) -> AbstractContextManager[None]:
        """Keep what the cache has of a context, or gets, while the block runs."""
        return nullcontext() if self.cache is None else self.cache.holding(context.names(self._digest))

    def _cached(self, context: ContextLayout, group: Sequence[int]) -> list[ReadSegment]:
        if self.cache is None:
            return []
        names = context.names(self._digest)
        found = self.cache.get([names[index] for index in group], with_memory=self._with_memory)
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
        alike: dict[tuple[int, ...], list[int]] = {}  # what stands in the context twice is read once
        for index in wanted:
            alike.setdefault(context.parts[index].ids, []).append(index)
        sequences = [[*self._instruction, *ids] for ids in alike]
        places = list(alike.values())
        keep = self.cache is not None and self._with_memory
        parts: list[ReadSegment] = []
        tokens = 0
        for reading in self._backbone.read(sequences, questions, keep=keep):
            n = len(reading.states)
            exact = self._head.keys(reading.states[start:], at(reading.rotary, slice(start, n)))
            keys = exact if self.cache is None else Keys.of(exact)
            asked = tuple((states, at(reading.rotary, slice(n, n + len(states)))) for states in reading.asked)
            memory = rounded(reading.key_values) if reading.key_values else None
            parts += [ReadSegment(index, CachedSegment(keys, memory), asked) for index in places[reading.index]]
            tokens += n - start
            if questions or tokens >= _KEPT_TOKENS:
                yield sorted(parts, key=lambda part: part.index)
                parts, tokens = [], 0
        if parts:
            yield sorted(parts, key=lambda part: part.index)

    @cached_property
    def instruction(self) -> tuple[Tensor, KeyValues]:
        """Its keys (n_key_heads, n, head_dim) and memory, the same before every segment: no token sees what follows."""
        (reading,) = self._backbone.read([self._instruction], keep=True)
        keys = self._head.keys(reading.states, at(reading.rotary, slice(0, len(reading.states))))
        return keys, reading.key_values or ()

    @cached_property
    def _digest(self) -> str:
        """Of all that the keys of a segment depend on besides its text."""
        digest = xxhash.xxh3_128(f"{self._backbone.digest} {self._backbone.dtype} {self._instruction}".encode())
        for tensor in self._head.key_weights():
            digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()

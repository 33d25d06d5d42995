"""(query, nodes) -> scores, by the trained cross-attention layer (LongAttnComp, arXiv 2606.01336)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby

import numpy as np
import torch

from longattncomp.backbone.forward import Backbone
from longattncomp.chunking.segments import Segment, segments, whole
from longattncomp.errors import InputError, warn
from longattncomp.runtime.recent import Recent
from longattncomp.scorers.cross_attention.columns import Columns, at
from longattncomp.scorers.cross_attention.head import CrossAttentionHead
from longattncomp.scorers.cross_attention.key_cache import KeyCache
from longattncomp.scorers.cross_attention.keys import joined
from longattncomp.scorers.cross_attention.layout import ContextLayout
from longattncomp.scorers.cross_attention.matching import Words
from longattncomp.scorers.cross_attention.query_mass import QueryMass
from longattncomp.scorers.cross_attention.reading import ReadSegment, SegmentReader
from longattncomp.types import ContextEncoding, Node, Prepared, Progress, Query, Scores, Tokenizer

INSTRUCTION = "Read the documents below and find the passages that help to answer the question.\n\n"
"""Stands before every segment; its tokens take the mass that no node deserves."""

QUESTION = "\n\nQuestion: "
"""Stands before the query; neither scores nor is scored."""

_ASKED = 64  # queries that one reading of the context serves; each holds a row of results as long as the context

_REMEMBERED = 1_500_000
"""Tokens of contexts whose layout is remembered for the next question, about 40 bytes each."""


class CrossAttentionScorer:
    """Reads the context with the backbone and scores it with the head.

    ContextLayout (the default): the segments of each document are read one by one, each after the
    instruction, and the logits of all share one softmax. Causal: everything in one pass. The
    instruction stands before each segment, so its log-sum-exp is the mean over segments of the
    exponentials, which for one segment is the paper's.
    """

    def __init__(
        self,
        backbone: Backbone,
        head: CrossAttentionHead,
        tokenizer: Tokenizer,
        *,
        prefix: Sequence[int] = (),
        words: Sequence[int] = (),
        encoding: ContextEncoding = "segmented",
        segment_tokens: int = 1024,
        cache: KeyCache | None = None,
    ) -> None:
        """Put a head on a backbone.

        Args:
            backbone: gives hidden states of layer L.
            head: gives queries and keys; knows where the query stands.
            tokenizer: the draft model's.
            prefix: special tokens that the draft model expects first; part of the instruction.
            words: the word of each token id; tokens of one word match (see `matching.Words`).
            encoding: segmented or causal.
            segment_tokens: longest segment, in tokens.
            cache: of what was read, so that no text is read twice; None keeps nothing.

        Raises:
            InputError: a segment and a query do not fit the draft model's window.
        """
        self.backbone = backbone
        self.head = head
        self.tokenizer = tokenizer
        self._causal = encoding == "causal"
        self._segment_tokens = segment_tokens
        self._instruction = [*prefix, *tokenizer.encode(INSTRUCTION).ids]
        self.reader = SegmentReader(backbone, head, self._instruction, cache)
        self._question = list(tokenizer.encode(QUESTION).ids)
        self._words = np.asarray(words, dtype=np.int64)
        self._alone = head.config.query_place == "alone"
        self._remembered: Recent[int, ContextLayout] = Recent(_REMEMBERED, lambda context: sum(context.sizes))
        self._room = backbone.window - len(self._instruction) - len(self._question)
        if not self._causal and self._room <= segment_tokens:
            raise InputError(
                f"segment_tokens={segment_tokens} leaves no room for a query in the draft model's window of "
                f"{backbone.window} tokens: it has to be under {self._room}"
            )

    @torch.inference_mode()
    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """Give every node its share of the attention mass of the query's tokens.

        Args:
            query: its tokens are the rows of the attention.
            nodes: in order, `tokens` as the draft model counts.
            progress: called with (tokens read, tokens in all).

        Raises:
            InputError: causal encoding of more than the draft model's window.
        """
        (scores,) = self.score_batch([query], nodes, progress=progress)
        return scores

    @torch.inference_mode()
    def score_batch(
        self, queries: Sequence[Query], nodes: Sequence[Node], *, progress: Progress | None = None
    ) -> list[Scores]:
        """`score` for many queries over the same nodes, which are read once.

        Args:
            queries: each is scored as if it were the only one.
            nodes: as `score`.
            progress: as `score`.

        Raises:
            InputError: as `score`.
        """
        if not nodes:
            return [Scores((), 1.0) for _ in queries]
        return self.score_segments(queries, self.segmented(nodes), progress=progress)

    @torch.inference_mode()
    def score_segments(
        self,
        queries: Sequence[Query],
        context: ContextLayout,
        chosen: Sequence[Collection[int]] | None = None,
        *,
        needed: Collection[str] = (),
        progress: Progress | None = None,
    ) -> list[Scores]:
        """`score` for many queries, each as if the context had some of its segments only.

        Args:
            queries: as `score_batch`.
            context: from `segmented`; what is rare in it is rare in its parts.
            chosen: for each query the indices of at least one segment, none twice; None for all. Nodes
                elsewhere have what their neighbours give them.
            needed: names of what else has to stay in the cache.
            progress: as `score`.
        """
        everything = frozenset(range(len(context.parts)))
        wanted = [everything if chosen is None else frozenset(chosen[index]) for index in range(len(queries))]
        results: list[Scores] = []
        with self.backbone.beside_passes():
            for start in range(0, len(queries), _ASKED):
                group = slice(start, start + _ASKED)
                results += self._score_group(queries[group], context, wanted[group], needed, progress)
        return results

    @torch.inference_mode()
    def prepare(
        self, nodes: Sequence[Node], *, progress: Progress | None = None, needed: Collection[str] = ()
    ) -> Prepared:
        """Read what the cache does not have.

        Args:
            nodes: as `score`.
            progress: as `score`.
            needed: names of what else has to stay in the cache.

        Raises:
            InputError: as `score`, or there is no cache.
        """
        if not nodes:
            self.reader.require_cache()
            return Prepared(0, 0, 0)
        with self.backbone.beside_passes():
            return self.reader.prepare(self.segmented(nodes), progress=progress, needed=needed)

    def names(self, nodes: Sequence[Node]) -> frozenset[str]:
        """What the segments of these nodes are called in the cache."""
        return self.reader.names(self.segmented(nodes)) if nodes else frozenset()

    def query_room(self, sizes: Iterable[int]) -> int:
        """Most tokens of a query over segments of these sizes."""
        return self._room - (0 if self._alone else max(sizes))

    def segmented(self, nodes: Sequence[Node]) -> ContextLayout:
        """Lay nodes out in segments; remembered while the same sequence comes again.

        Raises:
            InputError: as `score`.
        """
        given = tuple(nodes)  # a list may be changed before it comes again
        known = self._remembered.get(id(nodes))
        if known is not None and known.nodes == given:
            return known
        if self._causal:
            parts: tuple[Segment, ...] = (whole(nodes, self.tokenizer),)
            if len(parts[0].ids) >= self._room:
                raise InputError(
                    f"the context has {len(parts[0].ids)} tokens, more than the draft model's window of "
                    f"{self.backbone.window} with its instruction and query: use encoding='segmented'"
                )
        else:
            parts = tuple(segments(nodes, self.tokenizer, segment_tokens=self._segment_tokens))
        context = ContextLayout(given, parts, Words(parts, len(nodes), self._words))
        self._remembered.put(id(nodes), context)
        return context

    def _score_group(
        self,
        queries: Sequence[Query],
        context: ContextLayout,
        chosen: Sequence[frozenset[int]],
        needed: Collection[str],
        progress: Progress | None,
    ) -> list[Scores]:
        wanted = sorted(set().union(*chosen))
        room = self.query_room(context.sizes[index] for index in wanted)
        asked = [
            QueryMass(self._query_ids(query, room), context.words, len(context.nodes), self.head) for query in queries
        ]
        questions = [[*self._question, *one.ids] for one in asked]
        if self._alone:
            self._ask_alone(asked, questions)
        done, total = 0, sum(context.sizes[index] for index in wanted)
        for parts in self.reader.read(context, wanted, questions, needed=needed):
            if self._alone:
                self._attend_alone(asked, context, parts, chosen)
            else:
                self._attend_after(asked, questions, context, parts, chosen)
            done += sum(context.sizes[part.index] for part in parts)
            if progress is not None:
                progress(done, total)
        return [one.scores(context.neighbours) for one in asked]

    def _attend_alone(
        self,
        asked: Sequence[QueryMass],
        context: ContextLayout,
        parts: Sequence[ReadSegment],
        chosen: Sequence[frozenset[int]],
    ) -> None:
        device = self.backbone.device
        for here, group in groupby(zip(asked, chosen, strict=True), key=lambda pair: pair[1]):
            own = [part for part in parts if part.index in here]
            if own:
                columns = Columns.below([context.columns(part.index, device) for part in own])
                keys = joined([part.read.keys for part in own], columns.places)
                for one, _ in group:
                    one.attend(keys, columns)

    def _attend_after(
        self,
        asked: Sequence[QueryMass],
        questions: Sequence[Sequence[int]],
        context: ContextLayout,
        parts: Sequence[ReadSegment],
        chosen: Sequence[frozenset[int]],
    ) -> None:
        device = self.backbone.device
        answers = {part.index: part.asked for part in parts if part.asked}
        again = [(part.index, part.read.memory) for part in parts if part.read.memory is not None]
        for found in self.backbone.ask([memory for _, memory in again], questions):
            answers[again[found.index][0]] = tuple(zip(found.states, found.rotaries, strict=True))
        skipped = len(self._question)
        instruction, _ = self.reader.instruction
        for part in parts:
            columns = context.columns(part.index, device)
            keys = joined([part.read.keys], columns.places)
            for one, own, (states, rotary) in zip(asked, chosen, answers[part.index], strict=True):
                if part.index in own:
                    one.see(states[skipped:], at(rotary, slice(skipped, len(states))), instruction)
                    one.attend(keys, columns)

    def _query_ids(self, query: Query, room: int) -> list[int]:
        ids = list(self.tokenizer.encode(query.text).ids)
        if not ids:
            raise InputError("expected a query with at least one token, got none")
        if room < 1:
            raise InputError("a segment leaves no room for the query in the draft model's window: lower segment_tokens")
        if len(ids) > room:
            warn(f"the query has {len(ids)} tokens; its last {room} are used, which fit the draft model's window")
        return ids[-room:]

    def _ask_alone(self, asked: Sequence[QueryMass], questions: Sequence[Sequence[int]]) -> None:
        keys, memory = self.reader.instruction
        skipped = len(self._question)
        for found in self.backbone.ask([memory], questions):
            for one, states, rotary in zip(asked, found.states, found.rotaries, strict=True):
                one.see(states[skipped:], at(rotary, slice(skipped, len(states))), keys)

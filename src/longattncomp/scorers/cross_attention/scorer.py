"""(query, nodes) -> scores, by the trained cross-attention layer (LongAttnComp, arXiv 2606.01336)."""

from collections.abc import Collection, Sequence
from itertools import groupby

import torch

from longattncomp.backbone.forward import Backbone
from longattncomp.errors import InputError
from longattncomp.runtime.processors import beside_passes
from longattncomp.scorers.batch import BatchScorer
from longattncomp.scorers.cross_attention.head import CrossAttentionHead
from longattncomp.scorers.cross_attention.key_cache import KeyCache
from longattncomp.scorers.cross_attention.keys import joined
from longattncomp.scorers.cross_attention.layout import Columns, ContextLayout, Frame
from longattncomp.scorers.cross_attention.query_mass import QueryMass
from longattncomp.scorers.cross_attention.reading import ReadSegment, SegmentReader
from longattncomp.scorers.relevance import Calibration
from longattncomp.types import Node, Prepared, Progress, Query, Scores, Tokenizer

_QUERIES = 64  # that share one reading of the context; each holds a row of results as long as the context


class CrossAttentionScorer(BatchScorer):
    """Reads the context with the backbone and scores it with the head.

    The head's checkpoint says how the context is read. Segmented: the segments of each document are read one by one,
    each after the instruction, and the logits of all segments share one softmax, in which the instruction counts with
    its mean over the segments. Causal: one pass reads everything, as in the paper.
    """

    def __init__(
        self,
        backbone: Backbone,
        head: CrossAttentionHead,
        tokenizer: Tokenizer,
        *,
        prefix: Sequence[int] = (),
        words: Sequence[int] = (),
        cache: KeyCache | None = None,
    ) -> None:
        """Put a head on a backbone.

        Args:
            backbone: gives hidden states of layer L.
            head: gives queries and keys; its checkpoint says where the query stands and how the context is read.
            tokenizer: the draft model's.
            prefix: special tokens that the draft model expects first; part of the instruction.
            words: the word of each token id; tokens of one word match (see `matching.Words`).
            cache: keeps what was read, so that no text is read twice; None keeps nothing.

        Raises:
            InputError: a segment and a query do not fit the draft model's window.
        """
        config = head.config
        self.backbone = backbone
        self.head = head
        self.tokenizer = tokenizer
        self.frame = Frame(tokenizer, backbone, config, prefix=prefix, words=words)
        if config.encoding == "segmented" and (room := self.frame.room([0])) <= config.segment_tokens:
            raise InputError(
                f"segment_tokens={config.segment_tokens} leaves no room for a query in the draft model's window of "
                f"{backbone.window} tokens: train a head whose segment_tokens is under {room}"
            )
        self.reader = SegmentReader(backbone, head, self.frame.instruction, cache)
        self._alone = config.query_place == "alone"

    @property
    def calibration(self) -> Calibration | None:
        """What makes a chance of the instruction's score; None if the head has none."""
        return self.head.config.calibration

    def score_batch(
        self, queries: Sequence[Query], nodes: Sequence[Node], *, progress: Progress | None = None
    ) -> list[Scores]:
        """Give every node its share of the attention mass of each query's tokens, and read the nodes once.

        Raises:
            InputError: a causal head, and more tokens than the draft model's window has.
        """
        if not nodes:
            return [Scores((), 1.0) for _ in queries]
        return self.score_segments(queries, self.frame.context(nodes), progress=progress)

    @torch.inference_mode()
    def score_segments(
        self,
        queries: Sequence[Query],
        context: ContextLayout,
        chosen: Sequence[Collection[int]] | None = None,
        *,
        progress: Progress | None = None,
    ) -> list[Scores]:
        """Score each query as if the context had only some of its segments.

        Args:
            queries: each is scored as if it were the only one.
            context: from `frame.context`; it says how rare words are, whatever is chosen.
            chosen: for each query the indices of at least one segment; None for all. Nodes outside of them have only
                what spreads from their neighbours.
            progress: called with (tokens read, tokens in all).
        """
        everything = frozenset(range(len(context.parts)))
        own = [everything] * len(queries) if chosen is None else map(frozenset, chosen)
        asked = [(query.text, segments) for query, segments in zip(queries, own, strict=True)]
        results: list[Scores] = []
        with beside_passes(self.backbone.device), self.reader.holding(context):
            for start in range(0, len(asked), _QUERIES):
                results += self._score_group(asked[start : start + _QUERIES], context, progress)
        return results

    @torch.inference_mode()
    def prepare(self, nodes: Sequence[Node], *, progress: Progress | None = None) -> Prepared:
        """Read what the cache does not have.

        Raises:
            InputError: there is no cache, or as for `score_batch`.
        """
        if self.reader.cache is None:
            raise InputError("nothing that is read would be kept: set cache_bytes above 0, or key_store")
        if not nodes:
            return Prepared(0, 0, 0)
        context = self.frame.context(nodes)
        with beside_passes(self.backbone.device), self.reader.holding(context):
            return self.reader.prepare(context, progress=progress)

    def _score_group(
        self, asked: Sequence[tuple[str, frozenset[int]]], context: ContextLayout, progress: Progress | None
    ) -> list[Scores]:
        wanted = sorted(set().union(*(segments for _, segments in asked)))
        sizes = [context.sizes[index] for index in wanted]
        room = self.frame.room(sizes)
        masses = [
            QueryMass(self.frame.query(text, context, room), len(context.nodes), self.head, segments)
            for text, segments in asked
        ]
        questions = [mass.query.question for mass in masses]
        if self._alone:
            keys, key_values = self.reader.instruction
            for found in self.backbone.ask([key_values], questions):
                for mass, states, rotary in zip(masses, found.states, found.rotaries, strict=True):
                    mass.see(states, rotary, keys)
        done = 0
        for parts in self.reader.read(context, wanted, questions):
            if self._alone:
                self._attend_alone(masses, context, parts)
            else:
                self._attend_after(masses, context, parts)
            done += sum(context.sizes[part.index] for part in parts)
            if progress is not None:
                progress(done, sum(sizes))
        return [mass.scores(context.neighbours) for mass in masses]

    def _attend_alone(self, masses: Sequence[QueryMass], context: ContextLayout, parts: Sequence[ReadSegment]) -> None:
        for segments, group in groupby(masses, key=lambda mass: mass.segments):
            own = [part for part in parts if part.index in segments]
            if own:
                columns = Columns.below([context.columns(part.index, self.backbone.device) for part in own])
                keys = joined([part.read.keys for part in own], columns.places)
                for mass in group:
                    mass.attend(keys, columns)

    def _attend_after(self, masses: Sequence[QueryMass], context: ContextLayout, parts: Sequence[ReadSegment]) -> None:
        answers = {part.index: part.asked for part in parts if part.asked}
        again = [(part.index, part.read.key_values) for part in parts if part.read.key_values is not None]
        questions = [mass.query.question for mass in masses]
        for found in self.backbone.ask([key_values for _, key_values in again], questions):
            answers[again[found.index][0]] = tuple(zip(found.states, found.rotaries, strict=True))
        instruction, _ = self.reader.instruction
        for part in parts:
            columns = context.columns(part.index, self.backbone.device)
            keys = joined([part.read.keys], columns.places)
            for mass, (states, rotary) in zip(masses, answers[part.index], strict=True):
                if part.index in mass.segments:
                    mass.see(states, rotary, instruction)
                    mass.attend(keys, columns)

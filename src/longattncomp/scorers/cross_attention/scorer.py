"""(query, nodes) -> scores, by the trained cross-attention layer (LongAttnComp, arXiv 2606.01336)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby

import torch

from longattncomp.backbone.forward import Backbone
from longattncomp.errors import InputError
from longattncomp.scorers.cross_attention.columns import Columns, at
from longattncomp.scorers.cross_attention.head import CrossAttentionHead
from longattncomp.scorers.cross_attention.key_cache import KeyCache
from longattncomp.scorers.cross_attention.keys import joined
from longattncomp.scorers.cross_attention.layout import ContextLayout, Frame
from longattncomp.scorers.cross_attention.query_mass import QueryMass
from longattncomp.scorers.cross_attention.reading import ReadSegment, SegmentReader
from longattncomp.types import Node, Prepared, Progress, Query, Scores, Tokenizer

_ASKED = 64  # queries that one reading of the context serves; each holds a row of results as long as the context


class CrossAttentionScorer:
    """Reads the context with the backbone and scores it with the head.

    Segmented (the default): the segments of each document are read one by one, each after the
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
        cache: KeyCache | None = None,
    ) -> None:
        """Put a head on a backbone.

        Args:
            backbone: gives hidden states of layer L.
            head: gives queries and keys; its checkpoint says where the query stands and how the context is read.
            tokenizer: the draft model's.
            prefix: special tokens that the draft model expects first; part of the instruction.
            words: the word of each token id; tokens of one word match (see `matching.Words`).
            cache: of what was read, so that no text is read twice; None keeps nothing.

        Raises:
            InputError: a segment and a query do not fit the draft model's window.
        """
        self.backbone = backbone
        self.head = head
        self.tokenizer = tokenizer
        config = head.config
        self.frame = Frame(
            tokenizer,
            backbone,
            query_place=config.query_place,
            segment_tokens=config.segment_tokens,
            encoding=config.encoding,
            prefix=prefix,
            words=words,
        )
        if config.encoding == "segmented" and (room := self.frame.room([0])) <= config.segment_tokens:
            raise InputError(
                f"segment_tokens={config.segment_tokens} leaves no room for a query in the draft model's window of "
                f"{backbone.window} tokens: train a head whose segment_tokens is under {room}"
            )
        self.reader = SegmentReader(backbone, head, self.frame.instruction, cache)
        self._alone = config.query_place == "alone"

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
        """`score` for many queries, each as if the context had some of its segments only.

        Args:
            queries: as `score_batch`.
            context: from `frame.context`; what is rare in it is rare in its parts.
            chosen: for each query the indices of at least one segment, none twice; None for all. Nodes
                elsewhere have what their neighbours give them.
            progress: as `score`.
        """
        everything = frozenset(range(len(context.parts)))
        wanted = [everything if chosen is None else frozenset(chosen[index]) for index in range(len(queries))]
        results: list[Scores] = []
        with self.backbone.beside_passes(), self.reader.holding(context):
            for start in range(0, len(queries), _ASKED):
                group = slice(start, start + _ASKED)
                results += self._score_group(queries[group], context, wanted[group], progress)
        return results

    @torch.inference_mode()
    def prepare(self, nodes: Sequence[Node], *, progress: Progress | None = None) -> Prepared:
        """Read what the cache does not have.

        Args:
            nodes: as `score`.
            progress: as `score`.

        Raises:
            InputError: as `score`, or there is no cache.
        """
        if not nodes:
            self.reader.require_cache()
            return Prepared(0, 0, 0)
        context = self.frame.context(nodes)
        with self.backbone.beside_passes(), self.reader.holding(context):
            return self.reader.prepare(context, progress=progress)

    def _score_group(
        self,
        queries: Sequence[Query],
        context: ContextLayout,
        chosen: Sequence[frozenset[int]],
        progress: Progress | None,
    ) -> list[Scores]:
        wanted = sorted(set().union(*chosen))
        room = self.frame.room(context.sizes[index] for index in wanted)
        tokens = [self.frame.query(query.text, context, room) for query in queries]
        asked = [QueryMass(query, len(context.nodes), self.head) for query in tokens]
        questions = [[*self.frame.question, *query.ids] for query in tokens]
        if self._alone:
            self._ask_alone(asked, questions)
        done, total = 0, sum(context.sizes[index] for index in wanted)
        for parts in self.reader.read(context, wanted, questions):
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
        skipped = len(self.frame.question)
        instruction, _ = self.reader.instruction
        for part in parts:
            columns = context.columns(part.index, device)
            keys = joined([part.read.keys], columns.places)
            for one, own, (states, rotary) in zip(asked, chosen, answers[part.index], strict=True):
                if part.index in own:
                    one.see(states[skipped:], at(rotary, slice(skipped, len(states))), instruction)
                    one.attend(keys, columns)

    def _ask_alone(self, asked: Sequence[QueryMass], questions: Sequence[Sequence[int]]) -> None:
        keys, memory = self.reader.instruction
        skipped = len(self.frame.question)
        for found in self.backbone.ask([memory], questions):
            for one, states, rotary in zip(asked, found.states, found.rotaries, strict=True):
                one.see(states[skipped:], at(rotary, slice(skipped, len(states))), keys)

"""(query, nodes) -> scores, by the trained cross-attention layer (LongAttnComp, arXiv 2606.01336)."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longattncomp.backbone.forward import Backbone, Rotary
from longattncomp.chunking import Segment, segments, whole
from longattncomp.errors import InputError, warn
from longattncomp.scorers.columns import Columns, at
from longattncomp.scorers.head import CrossAttentionHead
from longattncomp.scorers.matching import Match, Words
from longattncomp.scorers.spreading import Neighbours
from longattncomp.scorers.streaming import log_shares, segment_mass
from longattncomp.types import ContextEncoding, Node, Progress, Query, Scores, Tokenizer

INSTRUCTION = "Read the documents below and find the passages that help to answer the question.\n\n"
"""Stands before every segment; its tokens take the mass that no node deserves."""

QUESTION = "\n\nQuestion: "
"""Stands before the query; neither scores nor is scored."""

_ASKED = 64  # queries that one reading of the context serves; each holds a row of results as long as the context


@dataclass(frozen=True, slots=True)
class Segmented:
    """A context as it is read.

    Attributes:
        nodes: in order.
        parts: the segments they lie in.
        words: which words stand in them.
    """

    nodes: Sequence[Node]
    parts: Sequence[Segment]
    words: Words


class CrossAttentionScorer:
    """Reads the context with the backbone and scores it with the head.

    Segmented (the default): segments of neighbouring nodes are read one by one, each after the
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

        Raises:
            InputError: a segment and a query do not fit the draft model's window.
        """
        self.backbone = backbone
        self.head = head
        self._tokenizer = tokenizer
        self._causal = encoding == "causal"
        self._segment_tokens = segment_tokens
        self._instruction = [*prefix, *tokenizer.encode(INSTRUCTION).ids]
        self._question = list(tokenizer.encode(QUESTION).ids)
        self._words = words
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
        context = self.segmented(nodes)
        return self.score_segments(queries, context, progress=progress)

    @torch.inference_mode()
    def score_segments(
        self,
        queries: Sequence[Query],
        context: Segmented,
        chosen: Sequence[Collection[int]] | None = None,
        *,
        progress: Progress | None = None,
    ) -> list[Scores]:
        """`score` for many queries, each as if the context had some of its segments only.

        Args:
            queries: as `score_batch`.
            context: from `segmented`; what is rare in it is rare in its parts.
            chosen: for each query the indices of at least one segment, none twice; None for all. Nodes
                elsewhere have what their neighbours give them.
            progress: as `score`.
        """
        wanted = chosen or [range(len(context.parts))] * len(queries)
        results: list[Scores] = []
        for start in range(0, len(queries), _ASKED):
            group = slice(start, start + _ASKED)
            results += self._score_group(queries[group], context, wanted[group], progress)
        return results

    def segmented(self, nodes: Sequence[Node]) -> Segmented:
        """Lay nodes out in segments.

        Raises:
            InputError: as `score`.
        """
        if self._causal:
            parts = (whole(nodes, self._tokenizer),)
        else:
            parts = tuple(segments(nodes, self._tokenizer, segment_tokens=self._segment_tokens))
        if self._causal and len(parts[0].ids) >= self._room:
            raise InputError(
                f"the context has {len(parts[0].ids)} tokens, more than the draft model's window of "
                f"{self.backbone.window} with its instruction and query: use encoding='segmented'"
            )
        return Segmented(nodes, parts, Words(parts, len(nodes), self._words))

    def _score_group(
        self,
        queries: Sequence[Query],
        context: Segmented,
        chosen: Sequence[Collection[int]],
        progress: Progress | None,
    ) -> list[Scores]:
        alone = self.head.config.query_place == "alone"
        words, nodes = context.words, context.nodes
        parts = {index: context.parts[index] for index in sorted(set().union(*chosen))}
        longest = 0 if alone else max(len(part.ids) for part in parts.values())
        asked = [_Asked(self._query_ids(query, longest), words, len(nodes), self.head) for query in queries]
        questions = [[*self._question, *one.ids] for one in asked]
        if alone:
            self._ask_alone(asked, questions)

        done = 0
        places = list(parts)
        sequences = [[*self._instruction, *part.ids] for part in parts.values()]
        for reading in self.backbone.read(sequences, [] if alone else questions):
            part = parts[places[reading.index]]
            columns = Columns.of(part, len(self._instruction), words, self.backbone.device)
            keys = self.head.keys(reading.states[columns.places], at(reading.rotary, columns.places))
            start = len(sequences[reading.index]) + len(self._question)
            for number, one in enumerate(asked):
                if places[reading.index] not in chosen[number]:
                    continue
                if not alone:
                    one.see(reading.asked[number][len(self._question) :], reading.rotary, start)
                one.attend(keys, columns)
            done += len(part.ids)
            if progress is not None:
                progress(done, sum(len(part.ids) for part in parts.values()))
        neighbours = Neighbours(nodes)
        return [one.scores(len(own), neighbours) for one, own in zip(asked, chosen, strict=True)]

    def _query_ids(self, query: Query, longest: int) -> list[int]:
        ids = list(self._tokenizer.encode(query.text).ids)
        room = self._room - longest
        if not ids:
            raise InputError("expected a query with at least one token, got none")
        if room < 1:
            raise InputError(f"a segment of {longest} tokens leaves no room for the query: lower segment_tokens")
        if len(ids) > room:
            warn(f"the query has {len(ids)} tokens; its last {room} are used, which fit the draft model's window")
        return ids[-room:]

    def _ask_alone(self, asked: Sequence[_Asked], questions: Sequence[Sequence[int]]) -> None:
        for reading in self.backbone.read([[*self._instruction, *question] for question in questions]):
            start = len(reading.states) - len(asked[reading.index].ids)
            asked[reading.index].see(reading.states[start:], reading.rotary, start)


class _Asked:
    """One query while the context streams by: what its rows found so far."""

    def __init__(self, ids: Sequence[int], words: Words, n_nodes: int, head: CrossAttentionHead) -> None:
        device = head.row_gate.device
        self.ids = ids
        self._head = head
        self._words = torch.tensor(words.of(ids), device=device)
        self._rarity = words.rarity(ids).to(device)
        # (n_heads, m, 1 + n_nodes) log-sum-exps, the instruction's first
        self._mass = torch.full((head.n_heads, len(ids), 1 + n_nodes), -torch.inf, device=device)
        self._gates: list[Tensor] = []

    def see(self, states: Tensor, rotary: Rotary, start: int) -> None:
        """Take the states (m, width) of the query's tokens, which stand at `start` and after."""
        self._queries = self._head.queries(states, at(rotary, slice(start, start + len(states))))
        self._gates.append(self._head.rows(states, self._rarity))

    def attend(self, keys: Tensor, columns: Columns) -> None:
        """Add the mass on one segment."""
        match = Match(self._words, columns.words, self._rarity)
        found = segment_mass(
            self._queries, keys, columns.units, columns.n_units, match=match, strength=self._head.match_strength
        )
        here = [0, *range(1 + columns.first, columns.first + columns.n_units)]
        self._mass[..., here] = torch.logaddexp(self._mass[..., here], found)

    def scores(self, n_segments: int, neighbours: Neighbours) -> Scores:
        """Shares of the mass, once all segments have been seen."""
        self._mass[..., 0] -= math.log(n_segments)
        weights = self._head.weights(torch.stack(self._gates).mean(0))
        found = log_shares(self._mass.cpu().double(), weights.cpu().double()).exp()  # (1 + n_nodes,)
        nodes = neighbours.spread(found[1:], self._head.spread_weights().cpu().double())
        return Scores(tuple(nodes.tolist()), float(found[0]))

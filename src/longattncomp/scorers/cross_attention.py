"""(query, nodes) -> scores, by the trained cross-attention layer (LongAttnComp, arXiv 2606.01336)."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from longattncomp.backbone.forward import Backbone, Rotary
from longattncomp.chunking import Segment, segments
from longattncomp.errors import InputError, LongAttnCompWarning
from longattncomp.scorers.head import CrossAttentionHead, logits
from longattncomp.scorers.streaming import shares, unit_logsumexp
from longattncomp.types import Node, Progress, Query, Scores, Tokenizer

INSTRUCTION = "Read the documents below and find the passages that help to answer the question.\n\n"
"""Stands before every segment; its tokens take the mass that no node deserves."""

QUESTION = "\n\nQuestion: "
"""Stands before the query; neither scores nor is scored."""

_BLOCK = 1024  # columns and rows of logits held at once


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
        encoding: Literal["segmented", "causal"] = "segmented",
        segment_tokens: int = 1024,
    ) -> None:
        """Put a head on a backbone.

        Args:
            backbone: gives hidden states of layer L.
            head: gives queries and keys; knows where the query stands.
            tokenizer: the draft model's.
            prefix: special tokens that the draft model expects first; part of the instruction.
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
        if not nodes:
            return Scores((), 1.0)
        parts = self._segments(nodes)
        alone = self.head.config.query_place == "alone"
        rows = self._query_ids(query, 0 if alone else max(len(part.ids) for part in parts))
        asked = [*self._question, *rows]
        shared = self._queries_alone(asked, len(rows)) if alone else None

        lengths = [len(part.ids) for part in parts]
        # (n_heads, m, 1 + n_nodes) log-sum-exps, the instruction's first
        mass = torch.full((self.head.n_heads, len(rows), 1 + len(nodes)), -torch.inf, device=self.backbone.device)
        done = 0
        sequences = [[*self._instruction, *part.ids, *([] if alone else asked)] for part in parts]
        for index, states, rotary in self.backbone.states(sequences):
            queries = self._rows(states, rotary, len(rows)) if shared is None else shared
            found = self._segment_mass(queries, states, rotary, parts[index])
            low, high = _range(parts[index])
            here = [0, *range(1 + low, 1 + high)]
            mass[..., here] = torch.logaddexp(mass[..., here], found)
            done += lengths[index]
            if progress is not None:
                progress(done, sum(lengths))
        mass[..., 0] -= math.log(len(parts))
        instruction, *found_shares = shares(mass).tolist()
        return Scores(tuple(found_shares), instruction)

    def _segments(self, nodes: Sequence[Node]) -> list[Segment]:
        longest = sys.maxsize if self._causal else self._segment_tokens
        parts = list(segments(nodes, self._tokenizer, segment_tokens=longest))
        if self._causal and len(parts[0].ids) >= self._room:
            raise InputError(
                f"the context has {len(parts[0].ids)} tokens, more than the draft model's window of "
                f"{self.backbone.window} with its instruction and query: use encoding='segmented'"
            )
        return parts

    def _query_ids(self, query: Query, longest: int) -> list[int]:
        ids = list(self._tokenizer.encode(query.text).ids)
        room = self._room - longest
        if not ids:
            raise InputError("expected a query with at least one token, got none")
        if room < 1:
            raise InputError(f"a segment of {longest} tokens leaves no room for the query: lower segment_tokens")
        if len(ids) > room:
            warnings.warn(
                f"the query has {len(ids)} tokens; its last {room} are used, which fit the draft model's window",
                LongAttnCompWarning,
                stacklevel=4,
            )
        return ids[-room:]

    def _queries_alone(self, asked: Sequence[int], n_rows: int) -> Tensor:
        _, states, rotary = next(self.backbone.states([[*self._instruction, *asked]]))
        return self._rows(states, rotary, n_rows)

    def _rows(self, states: Tensor, rotary: Rotary, n_rows: int) -> Tensor:
        cos, sin = rotary
        return self.head.queries(states[-n_rows:], (cos[:, -n_rows:], sin[:, -n_rows:]))  # (n_heads, m, head_dim)

    def _segment_mass(self, queries: Tensor, states: Tensor, rotary: Rotary, part: Segment) -> Tensor:
        """Log-sum-exps of the instruction and of the segment's nodes: (n_heads, m, 1 + n_units)."""
        low, high = _range(part)
        n_columns = len(self._instruction) + len(part.ids)
        units = torch.tensor(part.units, device=states.device)
        units = torch.cat([units.new_zeros(len(self._instruction)), (units - low + 1).where(units >= 0, -1)])
        keys = self.head.keys(states[:n_columns], (rotary[0][:, :n_columns], rotary[1][:, :n_columns]))
        columns = (units >= 0).nonzero().squeeze(-1)
        keys, units = keys[:, columns], units[columns]  # (n_key_heads, n, head_dim), (n,)
        rows = []
        for block in torch.split(queries, _BLOCK, dim=1):
            mass = block.new_full((*block.shape[:2], 1 + high - low), -torch.inf)
            for start in range(0, len(units), _BLOCK):
                part_logits = logits(block, keys[:, start : start + _BLOCK])  # (n_heads, m, <=_BLOCK)
                mass = torch.logaddexp(mass, unit_logsumexp(part_logits, units[start : start + _BLOCK], mass.shape[-1]))
            rows.append(mass)
        return torch.cat(rows, dim=1)


def _range(part: Segment) -> tuple[int, int]:
    """The nodes of a segment, as [low, high)."""
    units = [unit for unit in part.units if unit >= 0]
    return units[0], units[-1] + 1

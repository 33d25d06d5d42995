"""what several requests wait for -> one pass through the first layers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from longattncomp.backbone.memory import Memory, Past, length, memories
from longattncomp.backbone.processors import Processors
from longattncomp.backbone.turns import Turns

Rotary = tuple[Tensor, Tensor]
"""cos and sin of the scoring layer's rotary embedding, each (1, n_tokens, head_dim)."""

_ROUND = 64
"""Lengths are padded to a multiple: a processor's kernels are compiled anew for every shape."""

_ROUND_ASKED = 8  # the same for questions, which are short

_SPARE = 0.10
"""Most work that one pass for several requests may have more than a pass for each."""


@dataclass(frozen=True, slots=True)
class _Read:
    sequences: Sequence[Sequence[int]]
    room: int
    keep: bool

    @property
    def places(self) -> int:
        return _rounded(max(map(len, self.sequences)) + self.room, _ROUND)


@dataclass(frozen=True, slots=True)
class _Ask:
    memories: Sequence[Memory]
    questions: Sequence[Sequence[int]]

    @property
    def tokens(self) -> int:
        return _rounded(sum(map(len, self.questions)), _ROUND_ASKED)

    @property
    def seen(self) -> int:
        return max(map(length, self.memories))


class Passes:
    """The first layers of a model, through which what waits goes together."""

    def __init__(self, model: Any, tap: Any, *, window: int, read_tokens: int, asked_tokens: int) -> None:
        """Put in a line before a model.

        Args:
            model: the first layers.
            tap: stands where the scoring layer was, and has the rotary embedding of the last pass.
            window: the longest sequence, in tokens.
            read_tokens: most that are read for several requests at once, padding included.
            asked_tokens: most of all questions over all memories that are asked for several requests at once.
        """
        self._model = model
        self._tap = tap
        self._window = window
        self._sliding_window = getattr(model.config, "sliding_window", None) or sys.maxsize
        self._read_tokens = read_tokens
        self._asked_tokens = asked_tokens
        self._processors = Processors()
        self._turns: Turns[_Read | _Ask, Any] = Turns(self._run, self._fits)

    def read(
        self, sequences: Sequence[Sequence[int]], *, room: int = 0, keep: bool = False
    ) -> tuple[Tensor, Rotary, list[Memory]]:
        """Hidden states of sequences, (rows, longest, width), the rotary embedding of all places, and memories.

        Args:
            sequences: token ids, each (n,) with 1 <= n <= `window` - `room`.
            room: places after the longest, for their rotary embedding.
            keep: whether memories are wanted, one per sequence.
        """
        return cast("tuple[Tensor, Rotary, list[Memory]]", self._turns(_Read(sequences, room, keep)))

    def ask(self, read: Sequence[Memory], questions: Sequence[Sequence[int]]) -> list[list[tuple[Tensor, Rotary]]]:
        """For each memory and question its hidden states (m, width) and rotary embedding, as if it alone followed.

        Args:
            read: at least one memory.
            questions: token ids, each (m,) with m >= 1.
        """
        return cast("list[list[tuple[Tensor, Rotary]]]", self._turns(_Ask(read, questions)))

    def _fits(self, jobs: Sequence[_Read | _Ask], job: _Read | _Ask) -> bool:
        together = [*jobs, job]
        if all(isinstance(one, _Read) for one in together):
            reads = cast("list[_Read]", together)
            places = max(one.places for one in reads) * sum(len(one.sequences) for one in reads)
            apart = sum(one.places * len(one.sequences) for one in reads)
            return (
                len({one.keep for one in reads}) == 1 and places <= self._read_tokens and places <= (1 + _SPARE) * apart
            )
        if all(isinstance(one, _Ask) for one in together):
            asks = cast("list[_Ask]", together)
            rows, tokens, seen = (
                sum(len(one.memories) for one in asks),
                max(one.tokens for one in asks),
                max(one.seen for one in asks),
            )
            apart = sum(len(one.memories) * (one.tokens + one.seen) for one in asks)
            return rows * tokens <= self._asked_tokens and rows * (tokens + seen) <= (1 + _SPARE) * apart
        return False

    def _run(self, jobs: Sequence[_Read | _Ask]) -> list[Any]:
        with self._processors.shared(self._model.device):
            if isinstance(jobs[0], _Read):
                return self._read(cast("Sequence[_Read]", jobs))
            return self._ask(cast("Sequence[_Ask]", jobs))

    @torch.inference_mode()
    def _read(self, jobs: Sequence[_Read]) -> list[tuple[Tensor, Rotary, list[Memory]]]:
        # Padding stands on the right, where causal attention never looks back from, so no mask.
        sequences = [sequence for job in jobs for sequence in job.sequences]
        padded = torch.zeros(len(sequences), min(max(job.places for job in jobs), self._window), dtype=torch.long)
        for row, sequence in enumerate(sequences):
            padded[row, : len(sequence)] = torch.tensor(sequence)
        cache = DynamicCache() if jobs[0].keep else None
        states, (cos, sin) = self._forward(padded, past_key_values=cache, use_cache=cache is not None)
        kept = memories(cache, [len(sequence) for sequence in sequences]) if cache is not None else []
        rotary = cos[:1], sin[:1]
        return [(states[rows], rotary, kept[rows]) for rows in _slices([len(job.sequences) for job in jobs])]

    @torch.inference_mode()
    def _ask(self, jobs: Sequence[_Ask]) -> list[list[list[tuple[Tensor, Rotary]]]]:
        past = Past([memory for job in jobs for memory in job.memories])
        sizes = torch.tensor([length(memory) for job in jobs for memory in job.memories])  # (batch,)
        most = max(job.tokens for job in jobs)
        copies = torch.tensor([len(job.memories) for job in jobs])
        ids, places, owners = (
            torch.repeat_interleave(torch.stack(own), copies, dim=0)  # (batch, k)
            for own in zip(*(_beside(job.questions, most) for job in jobs), strict=True)
        )
        columns = torch.arange(past.get_seq_length())
        positions = sizes[:, None] + places  # (batch, k)
        own = (owners[:, :, None] == owners[:, None]) & (places[:, :, None] >= places[:, None])  # (batch, k, k)
        seen = torch.cat([(columns < sizes[:, None])[:, None, :].expand(-1, most, -1), own], dim=-1)
        seen = seen[:, None]  # (batch, 1, k, n_columns + k)
        before = torch.cat([columns.expand(len(sizes), -1), positions], dim=-1)  # (batch, n_columns + k)
        near = positions[:, None, :, None] - before[:, None, None, :] < self._sliding_window
        device = self._model.device
        states, (cos, sin) = self._forward(
            ids,
            past_key_values=past,
            use_cache=True,
            position_ids=positions.to(device),
            attention_mask=self._masks(seen.to(device), (seen & near).to(device)),
        )
        found: list[list[list[tuple[Tensor, Rotary]]]] = []
        row = 0
        for job in jobs:
            cuts = list(_slices([len(question) for question in job.questions]))
            found.append([])
            for _ in job.memories:
                found[-1].append(
                    [(states[row, cut], (cos[row : row + 1, cut], sin[row : row + 1, cut])) for cut in cuts]
                )
                row += 1
        return found

    def _masks(self, full: Tensor, sliding: Tensor) -> Any:
        kinds = set(getattr(self._model.config, "layer_types", None) or ())
        if kinds <= {"full_attention"}:  # these models take one mask for all their layers
            return full if getattr(self._model.config, "sliding_window", None) is None else sliding
        return {"full_attention": full, "sliding_attention": sliding}

    def _forward(self, ids: Tensor, **options: Any) -> tuple[Tensor, Rotary]:
        states = self._model(input_ids=ids.to(self._model.device), **options).last_hidden_state
        return states, self._tap.rotary


def _rounded(number: int, step: int) -> int:
    return -(-number // step) * step


def _slices(sizes: Sequence[int]) -> Iterator[slice]:
    start = 0
    for size in sizes:
        yield slice(start, start + size)
        start += size


def _beside(questions: Sequence[Sequence[int]], most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Token ids of questions one after the other, where each stands in its own, and whose it is; each (most,)."""
    lengths = torch.tensor([len(question) for question in questions])
    ids = torch.tensor([token for question in questions for token in question])
    places = torch.cat([torch.arange(length) for length in lengths])
    owners = torch.repeat_interleave(torch.arange(len(questions)), lengths)
    spare = (0, most - len(ids))
    return nn.functional.pad(ids, spare), nn.functional.pad(places, spare), nn.functional.pad(owners, spare, value=-1)

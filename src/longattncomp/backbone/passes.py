"""what several requests wait for -> one pass through the first layers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from longattncomp.backbone.loading import cache_argument
from longattncomp.backbone.key_values import KeyValues, PaddedCache, length, split_rows
from longattncomp.runtime.processors import Processors, threads_of_caller

Rotary = tuple[Tensor, Tensor]
"""cos and sin of the scoring layer's rotary embedding, each (1, n_tokens, head_dim)."""

_ROUND = 64
"""Lengths are padded to a multiple: a processor's kernels are compiled anew for every shape."""

_ROUND_ASKED = 4  # the same for questions, which are short

_SPARE = 0.10
"""Most work that one pass for several requests may have more than a pass for each."""

_LEAST_ASKED = 16
"""Questions of fewer tokens cost as much as of so many: what takes the time is to fetch the weights."""

_BY_LENGTH = {"dynamic", "longrope"}
"""Rotary embeddings that the longest sequence of a pass sets for all."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Sequences to read.

    Attributes:
        sequences: token ids, each (n,) with n >= 1.
        room: places after the longest whose rotary embedding is wanted too.
        keep: whether memories are wanted.
        threads: most that PyTorch has for who asks.
    """

    sequences: Sequence[Sequence[int]]
    room: int = 0
    keep: bool = False
    threads: int = field(default_factory=threads_of_caller)

    @property
    def places(self) -> int:
        return _rounded(max(map(len, self.sequences)) + self.room, _ROUND)


@dataclass(frozen=True, slots=True)
class AskRequest:
    """Questions to ask over each of some memories, as if each alone followed it.

    Attributes:
        memories: at least one.
        questions: token ids, each (m,) with m >= 1.
        threads: as `ReadRequest`.
    """

    memories: Sequence[KeyValues]
    questions: Sequence[Sequence[int]]
    threads: int = field(default_factory=threads_of_caller)

    @property
    def tokens(self) -> int:
        return _rounded(sum(map(len, self.questions)), _ROUND_ASKED)

    @property
    def seen(self) -> int:
        return max(map(length, self.memories))


ReadResult = tuple[Tensor, Rotary, list[KeyValues]]
"""Hidden states (rows, longest, width), padding included; the rotary embedding of all places; a memory for each row."""

AskResult = list[list[tuple[Tensor, Rotary]]]
"""For each memory and question its hidden states (m, width) and the rotary embedding of its tokens."""


class Passes:
    """The first layers of a model, and what goes through them at once."""

    def __init__(self, model: Any, tap: Any, *, window: int, read_tokens: int, asked_tokens: int) -> None:
        """Stand around a model.

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
        self._by_length = bool(_rope_types(getattr(model.config, "rope_parameters", None)) & _BY_LENGTH)
        self._processors = Processors()

    def fits(self, jobs: Sequence[ReadRequest | AskRequest], job: ReadRequest | AskRequest) -> bool:
        """Whether one pass for all costs at most a tenth more than one for each."""
        if self._by_length:
            return False
        together = [*jobs, job]
        if all(isinstance(one, ReadRequest) for one in together):
            reads = cast("list[ReadRequest]", together)
            sizes = [(len(one.sequences), one.places) for one in reads]
            return len({one.keep for one in reads}) == 1 and _whole(sizes) <= self._read_tokens and _little_spare(sizes)
        if all(isinstance(one, AskRequest) for one in together):
            asks = cast("list[AskRequest]", together)
            sizes = [(len(one.memories), max(one.tokens, _LEAST_ASKED)) for one in asks]
            seen = [(len(one.memories), one.seen) for one in asks]
            return _whole(sizes) <= self._asked_tokens and _little_spare(sizes) and _little_spare(seen)
        return False

    def run(self, jobs: Sequence[ReadRequest | AskRequest]) -> Sequence[ReadResult | AskResult]:
        """One pass for jobs of one kind."""
        with self._processors.shared(self._model.device, max(job.threads for job in jobs)):
            if isinstance(jobs[0], ReadRequest):
                return self._read(cast("Sequence[ReadRequest]", jobs))
            return self._ask(cast("Sequence[AskRequest]", jobs))

    @torch.inference_mode()
    def _read(self, jobs: Sequence[ReadRequest]) -> list[ReadResult]:
        # Padding stands on the right, where causal attention never looks back from, so no mask.
        sequences = [sequence for job in jobs for sequence in job.sequences]
        places = min(max(job.places for job in jobs), self._window)
        padded = torch.zeros(len(sequences), places, dtype=torch.long)  # (batch, n)
        for row, sequence in enumerate(sequences):
            padded[row, : len(sequence)] = torch.tensor(sequence)
        cache = DynamicCache() if jobs[0].keep else None
        states, (cos, sin) = self._forward(padded, cache, use_cache=cache is not None)
        kept = split_rows(cache, [len(sequence) for sequence in sequences]) if cache is not None else []
        rotary = cos[:1], sin[:1]
        return [(states[rows], rotary, kept[rows]) for rows in _slices([len(job.sequences) for job in jobs])]

    @torch.inference_mode()
    def _ask(self, jobs: Sequence[AskRequest]) -> list[AskResult]:
        past = PaddedCache([memory for job in jobs for memory in job.memories])
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
            past,
            use_cache=True,
            position_ids=positions.to(device),
            attention_mask=self._masks(seen.to(device), (seen & near).to(device)),
        )
        found: list[AskResult] = []
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
        if not kinds:  # these models take one mask for all their layers
            return full if getattr(self._model.config, "sliding_window", None) is None else sliding
        if kinds == {"full_attention"}:  # so may these, whatever window their deeper layers have
            return full
        return {"full_attention": full, "sliding_attention": sliding}

    def _forward(self, ids: Tensor, cache: DynamicCache | None, **options: Any) -> tuple[Tensor, Rotary]:
        """States (batch, n, width), and cos and sin, each (batch or 1, n, head_dim), of ids (batch, n)."""
        ids = ids.to(self._model.device)
        states = self._model(input_ids=ids, **{cache_argument(self._model): cache}, **options).last_hidden_state
        return states, self._tap.rotary


def _rope_types(parameters: Any) -> set[str]:
    """Kinds of rotary embedding, however deep a configuration has them."""
    if not isinstance(parameters, dict):
        return set()
    return {str(parameters.get("rope_type"))}.union(*map(_rope_types, parameters.values()))


def _rounded(number: int, step: int) -> int:
    return -(-number // step) * step


def _whole(sizes: Sequence[tuple[int, int]]) -> int:
    """Rows of several jobs, each as long as the longest."""
    return sum(rows for rows, _ in sizes) * max(size for _, size in sizes)


def _little_spare(sizes: Sequence[tuple[int, int]]) -> bool:
    return _whole(sizes) <= (1 + _SPARE) * sum(rows * size for rows, size in sizes)


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

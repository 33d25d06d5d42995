"""requests of several callers -> one forward pass through the first layers."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from longattncomp.backbone.key_values import KeyValues, PaddedCache, length, split_rows
from longattncomp.backbone.loading import cache_argument
from longattncomp.runtime.processors import Processors, threads_of_caller

Rotary = tuple[Tensor, Tensor]
"""cos and sin of the scoring layer's rotary embedding, each (1, n_tokens, head_dim)."""


def at(rotary: Rotary, places: Tensor | slice) -> Rotary:
    """Take the rotary embedding at some of the positions."""
    cos, sin = rotary
    return cos[:, places], sin[:, places]


_ROUND = 64
"""Lengths are padded to a multiple: kernels for processors are compiled for every shape."""

_ROUND_ASKED = 4  # the same for questions, which are short

_SPARE = 0.10
"""Largest share of extra work in one pass for several requests, compared with one pass for each."""

_LEAST_ASKED = 16
"""Questions with fewer tokens cost as much as this many: loading the weights takes most of the time."""

_BY_LENGTH = {"dynamic", "longrope"}
"""Rotary embeddings that depend on the longest sequence of a pass."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Encode sequences."""

    sequences: Sequence[Sequence[int]]  # token ids, each (n,) with n >= 1
    room: int = 0  # positions after the longest sequence whose rotary embedding is wanted too
    keep: bool = False  # whether keys and values are wanted
    threads: int = field(default_factory=threads_of_caller)  # most threads of PyTorch that the caller allows

    @property
    def places(self) -> int:
        return _rounded(max(map(len, self.sequences)) + self.room, _ROUND)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        return [(len(self.sequences), self.places)]


@dataclass(frozen=True, slots=True)
class AskRequest:
    """Encode questions after each of some contexts, as if each question alone followed the context."""

    contexts: Sequence[KeyValues]  # at least one
    questions: Sequence[Sequence[int]]  # token ids, each (m,) with m >= 1
    keep: bool = False  # whether keys and values are wanted
    threads: int = field(default_factory=threads_of_caller)

    @property
    def tokens(self) -> int:
        return _rounded(sum(map(len, self.questions)), _ROUND_ASKED)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        rows = len(self.contexts)
        return [(rows, max(self.tokens, _LEAST_ASKED)), (rows, max(map(length, self.contexts)))]


ReadResult = tuple[Tensor, Rotary, list[KeyValues]]
"""Hidden states (rows, longest, width), padding included; the rotary embedding of all positions; each row's keys and
values, if they were wanted."""

AskResult = list[list[tuple[Tensor, Rotary, KeyValues]]]
"""For each context and question the hidden states (m, width) and the rotary embedding of its tokens; the keys and
values of context and question, if they were wanted."""


class Passes:
    """The first layers of a model, which run one forward pass for several requests."""

    def __init__(self, model: Any, end: Any, *, window: int, read_tokens: int, asked_tokens: int) -> None:
        """Wrap a model.

        Args:
            model: the first layers.
            end: the module after them; its `rotary` is the rotary embedding of the last pass.
            window: the longest sequence, in tokens.
            read_tokens: most tokens of a pass that encodes sequences for several requests, padding included.
            asked_tokens: most tokens of questions, over all contexts, in a pass for several requests.
        """
        self._model = model
        self._end = end
        self._window = window
        self._sliding_window = getattr(model.config, "sliding_window", None) or sys.maxsize
        self._read_tokens = read_tokens
        self._asked_tokens = asked_tokens
        self._by_length = not turns_additively(model.config)
        self._processors = Processors()

    def fits(self, jobs: Sequence[ReadRequest | AskRequest], job: ReadRequest | AskRequest) -> bool:
        """Decide whether one pass for all requests costs at most a tenth more than one pass for each."""
        together = [*jobs, job]
        kinds = {(type(one), isinstance(one, ReadRequest) and one.keep) for one in together}
        if self._by_length or len(kinds) > 1:
            return False
        sizes = list(zip(*(one.sizes for one in together), strict=True))
        most = self._read_tokens if isinstance(job, ReadRequest) else self._asked_tokens
        little_spare = (_padded(own) <= (1 + _SPARE) * sum(rows * size for rows, size in own) for own in sizes)
        return _padded(sizes[0]) <= most and all(little_spare)

    @torch.inference_mode()
    def run(self, jobs: Sequence[ReadRequest | AskRequest]) -> Sequence[ReadResult | AskResult]:
        """Run one pass for requests of one kind."""
        with self._processors.shared(self._model.device, max(job.threads for job in jobs)):
            if isinstance(jobs[0], ReadRequest):
                return self._read(cast("Sequence[ReadRequest]", jobs))
            return self._ask(cast("Sequence[AskRequest]", jobs))

    def _read(self, jobs: Sequence[ReadRequest]) -> list[ReadResult]:
        # Padding is on the right, where causal attention does not see it, so there is no mask.
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

    def _ask(self, jobs: Sequence[AskRequest]) -> list[AskResult]:
        contexts = [context for job in jobs for context in job.contexts]
        past = PaddedCache(contexts)
        sizes = torch.tensor([length(context) for context in contexts])  # (batch,)
        most = max(job.tokens for job in jobs)
        copies = torch.tensor([len(job.contexts) for job in jobs])
        ids, places, owners = (
            torch.repeat_interleave(torch.stack(own), copies, dim=0)  # (batch, k)
            for own in zip(*(_joined(job.questions, most) for job in jobs), strict=True)
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
            attention_mask=masks(self._model.config, seen.to(device), (seen & near).to(device)),
        )
        asked = [job for job in jobs for _ in job.contexts]
        found = [
            [
                (
                    states[row, cut],
                    (cos[row : row + 1, cut], sin[row : row + 1, cut]),
                    past.after(row, cut) if job.keep else (),
                )
                for cut in _slices([len(question) for question in job.questions])
            ]
            for row, job in enumerate(asked)
        ]
        return [found[rows] for rows in _slices([len(job.contexts) for job in jobs])]

    def _forward(self, ids: Tensor, cache: DynamicCache | None, **options: Any) -> tuple[Tensor, Rotary]:
        """Return states (batch, n, width), and cos and sin (batch or 1, n, head_dim), of ids (batch, n)."""
        options |= {"input_ids": ids.to(self._model.device), cache_argument(self._model): cache}
        return self._model(**options).last_hidden_state, self._end.rotary


def masks(config: Any, full: Tensor, sliding: Tensor) -> Any:
    """Choose what a model takes as its mask, from booleans (batch, 1, m, n) without and with its sliding window."""
    kinds = set(getattr(config, "layer_types", None) or ())
    if not kinds:  # these models take one mask for all their layers
        return full if getattr(config, "sliding_window", None) is None else sliding
    if kinds == {"full_attention"}:  # these may take one mask too, even if deeper layers have a window
        return full
    return {"full_attention": full, "sliding_attention": sliding}


def turns_additively(config: Any) -> bool:
    """Whether a model's rotary embedding turns what stands at place p by p, however long the sequence is."""
    return not _rope_types(getattr(config, "rope_parameters", None)) & _BY_LENGTH


def _rope_types(parameters: Any) -> set[str]:
    """Collect the kinds of rotary embedding, however deeply a configuration nests them."""
    if not isinstance(parameters, dict):
        return set()
    return {str(parameters.get("rope_type"))}.union(*map(_rope_types, parameters.values()))


def _rounded(number: int, step: int) -> int:
    return -(-number // step) * step


def _padded(sizes: Sequence[tuple[int, int]]) -> int:
    """Count the tokens of all rows, padded to the longest; a size is the (rows, tokens of a row) of one request."""
    return sum(rows for rows, _ in sizes) * max(size for _, size in sizes)


def _slices(sizes: Sequence[int]) -> list[slice]:
    return [slice(start, end) for start, end in pairwise(accumulate(sizes, initial=0))]


def _joined(questions: Sequence[Sequence[int]], most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Join questions: token ids, positions inside their question, and the question's index or -1; each (most,)."""
    lengths = [len(question) for question in questions]
    ids = torch.tensor([token for question in questions for token in question])
    places = torch.cat([torch.arange(length) for length in lengths])
    owners = torch.repeat_interleave(torch.tensor(lengths))
    spare = (0, most - len(ids))
    return nn.functional.pad(ids, spare), nn.functional.pad(places, spare), nn.functional.pad(owners, spare, value=-1)

"""token sequences -> hidden states of layer L, in batches of like length."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import xxhash
from torch import Tensor, nn
from transformers import DynamicCache

from longattncomp.backbone.batches import length_buckets, length_packs
from longattncomp.backbone.loading import OpenedLayers, choose_device, choose_dtype, open_layers
from longattncomp.backbone.memory import Memory, Past, length, memories
from longattncomp.backbone.turns import Turns

_BATCH_TOKENS = {"cpu": 2048}  # a CPU gains nothing from more; see `make bench`
_BATCH_TOKENS_ELSEWHERE = 32768

_ASKED_TOKENS = 1024  # of all questions over all contexts that are asked at once

_ROUND = 64
"""Lengths are padded to a multiple: a processor's kernels are compiled anew for every shape."""

_ROUND_ASKED = 8  # the same for questions, which are short

Rotary = tuple[Tensor, Tensor]
"""cos and sin of the scoring layer's rotary embedding, each (1, n_tokens, head_dim)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Hidden states of layer L for one context and for the questions that follow it.

    Attributes:
        index: which of the contexts.
        states: (n, width) of the context.
        asked: one (m, width) per question, each as if it alone followed the context.
        rotary: for n + max(m) positions.
        memory: what `Backbone.ask` takes, if it was to be kept.
    """

    index: int
    states: Tensor
    asked: tuple[Tensor, ...]
    rotary: Rotary
    memory: Memory | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Hidden states of layer L for questions that follow a context.

    Attributes:
        index: which of the contexts.
        states: one (m, width) per question.
        rotaries: of the places where each question's tokens stand, each (1, m, head_dim).
    """

    index: int
    states: tuple[Tensor, ...]
    rotaries: tuple[Rotary, ...]


class Backbone:
    """The first L layers of a draft model, frozen.

    Attributes:
        layers: L.
        scoring_layer: the decoder layer with index L, in fp32, from which a head starts.
        window: the longest sequence, in tokens.
        fingerprint: tells draft models apart, whatever their quantization.
    """

    def __init__(self, opened: OpenedLayers, layers: int) -> None:
        """Take the scoring layer out of what was opened.

        Args:
            opened: layers 0 to L.
            layers: L.
        """
        model = opened.model
        self.layers = layers
        self.scoring_layer = opened.scoring_layer
        config: Any = model.config
        self.window = int(config.max_position_embeddings)
        self._sliding_window = getattr(config, "sliding_window", None) or sys.maxsize
        self.fingerprint = opened.fingerprint
        self._model = model
        self._tap = _Tap()
        model.set_submodule(f"layers.{layers}", self._tap)
        self._turns = Turns()

    @classmethod
    def open(cls, folder: Path, layers: int, *, device: str = "auto", dtype: str = "auto") -> Backbone:
        """Open the first L layers from a local folder.

        Args:
            folder: Hugging Face layout.
            layers: L.
            device: auto, cpu, cuda, mps …
            dtype: auto, float32, bfloat16 or float16.

        Raises:
            ModelError: see `loading.open_layers`.
            InputError: no such device.
        """
        where = choose_device(device)
        return cls(open_layers(folder, layers, device=where, dtype=choose_dtype(dtype, where)), layers)

    @property
    def device(self) -> torch.device:
        return next(self._model.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self._model.parameters()).dtype

    @cached_property
    def digest(self) -> str:
        """Of every weight: what one draft model reads is of no use to another, nor to another quantization of it."""
        config: Any = self._model.config
        digest = xxhash.xxh3_128(f"{config.to_json_string()} {self.layers}".encode())
        for weight in self._model.state_dict().values():
            digest.update(weight.cpu().contiguous().view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def read(
        self, contexts: Sequence[Sequence[int]], questions: Sequence[Sequence[int]] = (), *, keep: bool = False
    ) -> Iterator[Reading]:
        """Hidden states of each context, and of each question as if it alone followed that context.

        A context is read once, however many questions follow it. One batch is in memory at a time.

        Args:
            contexts: token ids, each (n,) with n >= 1.
            questions: token ids, each (m,) with m >= 1 and n + m <= `window`.
            keep: whether to hand out what `ask` takes.

        Yields:
            One `Reading` per context, in no particular order.
        """
        longest = max(map(len, questions), default=0)
        single = list(questions[0]) if len(questions) == 1 and not keep else []
        for batch in length_buckets([len(context) + longest for context in contexts], self._batch_tokens):
            sizes = [len(contexts[index]) for index in batch]
            cache = DynamicCache() if keep or len(questions) > 1 else None
            sequences = [[*contexts[index], *single] for index in batch]
            states, (cos, sin) = self._forward(sequences, longest - len(single), cache)
            kept = memories(cache, sizes) if cache is not None else []
            asked: dict[int, tuple[Tensor, ...]] = {}
            if single:
                asked = {row: (states[row, size : size + longest],) for row, size in enumerate(sizes)}
            elif questions:
                asked = {one.index: one.states for one in self.ask(kept, questions)}
            for row, index in enumerate(batch):
                size, end = sizes[row], sizes[row] + longest
                yield Reading(
                    index,
                    states[row, :size],
                    asked.get(row, ()),
                    (cos[:, :end], sin[:, :end]),
                    kept[row] if keep else None,
                )

    def ask(self, read: Sequence[Memory], questions: Sequence[Sequence[int]]) -> Iterator[Asked]:
        """Hidden states of each question as if it alone followed each context.

        Args:
            read: memories of contexts, from `read`.
            questions: as `read`, at least one.

        Yields:
            One `Asked` per context, in no particular order.
        """
        packs = list(length_packs(questions, _ASKED_TOKENS))
        rows = max(1, _ASKED_TOKENS // max(sum(map(len, pack)) for pack in packs))
        order = sorted(range(len(read)), key=lambda index: (-length(read[index]), index))
        for start in range(0, len(order), rows):
            batch = order[start : start + rows]
            past = Past([read[index] for index in batch])
            sizes = [length(read[index]) for index in batch]
            found: list[list[tuple[Tensor, Rotary]]] = [[] for _ in batch]
            for pack in packs:
                for own, answers in zip(found, self._ask(pack, sizes, past), strict=True):
                    own += answers
            for index, own in zip(batch, found, strict=True):
                states, rotaries = zip(*own, strict=True)
                yield Asked(index, states, rotaries)

    @property
    def _batch_tokens(self) -> int:
        return _BATCH_TOKENS.get(self.device.type, _BATCH_TOKENS_ELSEWHERE)

    @torch.inference_mode()
    def _forward(self, sequences: Sequence[Sequence[int]], room: int, cache: Any) -> tuple[Tensor, Rotary]:
        # Padding stands on the right, where causal attention never looks back from, so no mask.
        length = max(map(len, sequences)) + room
        padded = torch.zeros(len(sequences), min(-(-length // _ROUND) * _ROUND, self.window), dtype=torch.long)
        for row, sequence in enumerate(sequences):
            padded[row, : len(sequence)] = torch.tensor(sequence)
        states, rotary = self._run(padded, past_key_values=cache, use_cache=cache is not None)
        return states, (rotary[0][:1], rotary[1][:1])  # (batch, n, width), each (1, n, head_dim)

    @torch.inference_mode()
    def _ask(
        self, questions: Sequence[Sequence[int]], sizes: Sequence[int], past: Past
    ) -> list[list[tuple[Tensor, Rotary]]]:
        """States of questions that stand side by side after each context, none seeing another."""
        columns = torch.arange(past.get_seq_length())
        ends = torch.tensor(sizes)  # (batch,)
        lengths = torch.tensor([len(question) for question in questions])
        ids = torch.tensor([token for question in questions for token in question])  # (k,)
        places = torch.cat([torch.arange(length) for length in lengths])
        owners = torch.repeat_interleave(torch.arange(len(questions)), lengths)
        spare = -len(ids) % _ROUND_ASKED
        ids, places = nn.functional.pad(ids, (0, spare)), nn.functional.pad(places, (0, spare))
        owners = nn.functional.pad(owners, (0, spare), value=-1)
        positions = ends[:, None] + places  # (batch, k)
        own = (owners[:, None] == owners) & (places[:, None] >= places)  # (k, k)
        seen = torch.cat(
            [
                (columns < ends[:, None])[:, None, :].expand(-1, len(ids), -1),
                own.expand(len(sizes), -1, -1),
            ],
            dim=-1,
        )[:, None]  # (batch, 1, k, n_columns + k)
        before = torch.cat([columns.expand(len(sizes), -1), positions], dim=-1)  # (batch, n_columns + k)
        near = positions[:, None, :, None] - before[:, None, None, :] < self._sliding_window
        states, (cos, sin) = self._run(
            ids.expand(len(sizes), -1),
            past_key_values=past,
            use_cache=True,
            position_ids=positions.to(self.device),
            attention_mask=self._masks(seen.to(self.device), (seen & near).to(self.device)),
        )
        cuts = lengths.tolist()
        m = sum(cuts)
        return [
            [
                (one, (its_cos, its_sin))
                for one, its_cos, its_sin in zip(
                    torch.split(states[row, :m], cuts),
                    torch.split(cos[row : row + 1, :m], cuts, dim=1),
                    torch.split(sin[row : row + 1, :m], cuts, dim=1),
                    strict=True,
                )
            ]
            for row in range(len(sizes))
        ]

    def _masks(self, full: Tensor, sliding: Tensor) -> Any:
        kinds = set(getattr(self._model.config, "layer_types", None) or ())
        if kinds <= {"full_attention"}:  # these models take one mask for all their layers
            return full if getattr(self._model.config, "sliding_window", None) is None else sliding
        return {"full_attention": full, "sliding_attention": sliding}

    def _run(self, ids: Tensor, **options: Any) -> tuple[Tensor, Rotary]:
        with self._turns:
            return self._model(input_ids=ids.to(self.device), **options).last_hidden_state, self._tap.rotary


class _Tap(nn.Module):
    """Stands in for layer L: hands on what it is given and keeps its rotary embedding."""

    attention_type = "full_attention"
    rotary: Rotary

    def forward(self, hidden_states: Tensor, *_: Any, position_embeddings: Rotary, **__: Any) -> Tensor:
        self.rotary = position_embeddings
        return hidden_states

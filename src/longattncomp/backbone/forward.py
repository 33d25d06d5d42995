"""token sequences -> hidden states of layer L, in batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch
import xxhash
from torch import Tensor, nn

from longattncomp.backbone.batches import length_buckets, length_packs
from longattncomp.backbone.loading import OpenedLayers, choose_device, choose_dtype, open_layers
from longattncomp.backbone.key_values import KeyValues, length
from longattncomp.backbone.passes import AskRequest, AskResult, Passes, ReadRequest, ReadResult, Rotary
from longattncomp.runtime.processors import beside_passes
from longattncomp.runtime.turns import Turns

_BATCH_TOKENS = {"cpu": 2048}  # a CPU gains nothing from more; see `make bench`
_BATCH_TOKENS_ELSEWHERE = 32768

_ASKED_TOKENS = 1024  # of all questions over all contexts that are asked at once


@dataclass(frozen=True, slots=True)
class EncodedContext:
    """Hidden states of layer L for one context and for the questions that follow it.

    Attributes:
        index: which of the contexts.
        states: (n, width) of the context.
        asked: one (m, width) per question, each as if it alone followed the context.
        rotary: for n + max(m) positions.
        key_values: what `Backbone.ask` takes, if it was to be kept.
    """

    index: int
    states: Tensor
    asked: tuple[Tensor, ...]
    rotary: Rotary
    key_values: KeyValues | None = None


@dataclass(frozen=True, slots=True)
class EncodedQuestions:
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
        self.fingerprint = opened.fingerprint
        self._model = model
        tap = _Tap()
        model.set_submodule(f"layers.{layers}", tap)
        passes = Passes(model, tap, window=self.window, read_tokens=self._batch_tokens, asked_tokens=_ASKED_TOKENS)
        self._turns: Turns[ReadRequest | AskRequest, ReadResult | AskResult] = Turns(passes.run, passes.fits)

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
    ) -> Iterator[EncodedContext]:
        """Hidden states of each context, and of each question as if it alone followed that context.

        A context is read once, however many questions follow it. One batch is in memory at a time.

        Args:
            contexts: token ids, each (n,) with n >= 1.
            questions: token ids, each (m,) with m >= 1 and n + m <= `window`.
            keep: whether to hand out what `ask` takes.

        Yields:
            One `EncodedContext` per context, in no particular order.
        """
        longest = max(map(len, questions), default=0)
        single = list(questions[0]) if len(questions) == 1 and not keep else []
        for batch in length_buckets([len(context) + longest for context in contexts], self._batch_tokens):
            sizes = [len(contexts[index]) for index in batch]
            job = ReadRequest(
                [[*contexts[index], *single] for index in batch],
                room=longest - len(single),
                keep=keep or len(questions) > 1,
            )
            states, (cos, sin), kept = cast("ReadResult", self._turns(job))
            asked: dict[int, tuple[Tensor, ...]] = {}
            if single:
                asked = {row: (states[row, size : size + longest],) for row, size in enumerate(sizes)}
            elif questions:
                asked = {one.index: one.states for one in self.ask(kept, questions)}
            for row, index in enumerate(batch):
                size, end = sizes[row], sizes[row] + longest
                yield EncodedContext(
                    index,
                    states[row, :size],
                    asked.get(row, ()),
                    (cos[:, :end], sin[:, :end]),
                    kept[row] if keep else None,
                )

    def ask(self, read: Sequence[KeyValues], questions: Sequence[Sequence[int]]) -> Iterator[EncodedQuestions]:
        """Hidden states of each question as if it alone followed each context.

        Args:
            read: memories of contexts, from `read`.
            questions: as `read`, at least one.

        Yields:
            One `EncodedQuestions` per context, in no particular order.
        """
        packs = list(length_packs(questions, _ASKED_TOKENS))
        rows = max(1, _ASKED_TOKENS // max(sum(map(len, pack)) for pack in packs))
        order = sorted(range(len(read)), key=lambda index: (-length(read[index]), index))
        for start in range(0, len(order), rows):
            batch = order[start : start + rows]
            found: list[list[tuple[Tensor, Rotary]]] = [[] for _ in batch]
            for pack in packs:
                answered = cast("AskResult", self._turns(AskRequest([read[index] for index in batch], pack)))
                for own, answers in zip(found, answered, strict=True):
                    own += answers
            for index, own in zip(batch, found, strict=True):
                states, rotaries = zip(*own, strict=True)
                yield EncodedQuestions(index, states, rotaries)

    def beside_passes(self) -> AbstractContextManager[None]:
        """Arithmetic over what was read, see `processors.beside_passes`."""
        return beside_passes(self.device)

    @property
    def _batch_tokens(self) -> int:
        return _BATCH_TOKENS.get(self.device.type, _BATCH_TOKENS_ELSEWHERE)


class _Tap(nn.Module):
    """Stands in for layer L: hands on what it is given and keeps its rotary embedding."""

    attention_type = "full_attention"
    rotary: Rotary

    def forward(self, hidden_states: Tensor, *_: Any, position_embeddings: Rotary, **__: Any) -> Tensor:
        self.rotary = position_embeddings
        return hidden_states

"""token sequences -> hidden states of layer L, in batches of similar length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import torch
import xxhash
from torch import Tensor, nn

from longattncomp.backbone.batches import length_buckets
from longattncomp.backbone.key_values import KeyValues, length
from longattncomp.backbone.loading import OpenedLayers, choose_device, choose_dtype, open_layers
from longattncomp.backbone.lora import Adapters
from longattncomp.backbone.passes import AskRequest, AskResult, Passes, ReadRequest, ReadResult, Rotary
from longattncomp.runtime.forking import cached_property
from longattncomp.runtime.packing import packs
from longattncomp.runtime.turns import Turns

_BATCH_TOKENS = defaultdict(lambda: 32768, cpu=2048)  # a CPU gains nothing from more; see `make bench`

_ASKED_TOKENS = 1024  # most tokens of questions in one pass, summed over its contexts


@dataclass(frozen=True, slots=True)
class EncodedContext:
    """Hidden states of layer L for one context and for the questions that follow it."""

    index: int  # place among the contexts of the call
    states: Tensor  # (n, width) of the context
    asked: tuple[Tensor, ...]  # one (m, width) per question, each as if it alone followed the context
    rotary: Rotary  # for n + max(m) positions
    key_values: KeyValues | None = None  # what `Backbone.ask` takes, if the call asked for it


@dataclass(frozen=True, slots=True)
class EncodedQuestions:
    """Hidden states of layer L for questions that follow one context."""

    index: int  # place among the contexts of the call
    states: tuple[Tensor, ...]  # one (m, width) per question
    rotaries: tuple[Rotary, ...]  # one (1, m, head_dim) per question, at the positions of its tokens
    key_values: tuple[KeyValues, ...]  # one per question, of context and question together, if the call asked for them


class Backbone:
    """The first L layers of a draft model, frozen.

    Attributes:
        layers: L.
        scoring_layer: the decoder layer with index L, in fp32, from which a head starts.
        window: the longest sequence, in tokens.
        fingerprint: identifies the draft model, whatever its quantization, and the adapters in it.
        device: where the layers are.
        dtype: of their weights.
    """

    def __init__(self, opened: OpenedLayers, layers: int) -> None:
        """Wrap layers 0 to L of a model."""
        model = opened.model
        self.layers = layers
        self.scoring_layer = opened.scoring_layer
        config: Any = model.config
        self.window = int(config.max_position_embeddings)
        self.fingerprint = opened.fingerprint
        weight = next(model.parameters())
        self.device, self.dtype = weight.device, weight.dtype
        self._model = model
        end = _PassThrough()
        model.set_submodule(f"layers.{layers}", end)
        most = _BATCH_TOKENS[self.device.type]
        passes = Passes(model, end, window=self.window, read_tokens=most, asked_tokens=_ASKED_TOKENS)
        self._turns: Turns[ReadRequest | AskRequest, ReadResult | AskResult] = Turns(passes.run, passes.fits)

    @classmethod
    def open(
        cls,
        folder: Path,
        layers: int,
        *,
        device: str = "auto",
        dtype: str = "auto",
        adapters: Adapters = MappingProxyType({}),
    ) -> Backbone:
        """Open the first `layers` layers from a local folder in Hugging Face layout, with adapters merged into them.

        Raises:
            ModelError: see `loading.open_layers`.
            InputError: this machine has no such device.
        """
        where = choose_device(device)
        kind = choose_dtype(dtype, where)
        return cls(open_layers(folder, layers, device=where, dtype=kind, adapters=adapters), layers)

    @cached_property
    def digest(self) -> str:
        """Identify the draft model by every weight: states of one quantization are of no use to another."""
        config: Any = self._model.config
        digest = xxhash.xxh3_128(f"{config.to_json_string()} {self.layers}".encode())
        for weight in self._model.state_dict().values():
            digest.update(weight.cpu().contiguous().view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def read(
        self, contexts: Sequence[Sequence[int]], questions: Sequence[Sequence[int]] = (), *, keep: bool = False
    ) -> Iterator[EncodedContext]:
        """Encode each context, and each question as if it alone followed that context.

        A context is encoded once, however many questions follow it. One batch is in memory at a time.

        Args:
            contexts: token ids, each (n,) with n >= 1.
            questions: token ids, each (m,) with m >= 1 and n + m <= `window`.
            keep: whether to return the keys and values that `ask` takes.

        Yields:
            One `EncodedContext` per context, in no particular order.
        """
        longest = max(map(len, questions), default=0)
        single = list(questions[0]) if len(questions) == 1 and not keep else []
        for batch in length_buckets([len(context) + longest for context in contexts], _BATCH_TOKENS[self.device.type]):
            sizes = [len(contexts[index]) for index in batch]
            rows = [[*contexts[index], *single] for index in batch]
            job = ReadRequest(rows, room=longest - len(single), keep=keep or len(questions) > 1)
            states, (cos, sin), kept = cast("ReadResult", self._turns(job))
            asked: dict[int, tuple[Tensor, ...]] = {}
            if single:
                asked = {row: (states[row, size : size + longest],) for row, size in enumerate(sizes)}
            elif questions:
                asked = {one.index: one.states for one in self.ask(kept, questions)}
            for row, index in enumerate(batch):
                size = sizes[row]
                rotary = cos[:, : size + longest], sin[:, : size + longest]
                yield EncodedContext(index, states[row, :size], asked.get(row, ()), rotary, kept[row] if keep else None)

    def ask(
        self, contexts: Sequence[KeyValues], questions: Sequence[Sequence[int]], *, keep: bool = False
    ) -> Iterator[EncodedQuestions]:
        """Encode each question, at least one, as if it alone followed each context that `read` or `ask` has kept.

        Args:
            contexts: keys and values.
            questions: token ids, each (m,) with m >= 1.
            keep: whether to return keys and values.

        Yields:
            One `EncodedQuestions` per context, in no particular order.
        """
        parts = list(packs(questions, len, _ASKED_TOKENS))
        rows = max(1, _ASKED_TOKENS // max(sum(map(len, part)) for part in parts))
        order = sorted(range(len(contexts)), key=lambda index: (-length(contexts[index]), index))
        for start in range(0, len(order), rows):
            batch = order[start : start + rows]
            found: list[list[tuple[Tensor, Rotary, KeyValues]]] = [[] for _ in batch]
            for part in parts:
                answered = cast("AskResult", self._turns(AskRequest([contexts[index] for index in batch], part, keep)))
                for own, answers in zip(found, answered, strict=True):
                    own += answers
            for index, own in zip(batch, found, strict=True):
                states, rotaries, kept = zip(*own, strict=True)
                yield EncodedQuestions(index, states, rotaries, kept if keep else ())


class _PassThrough(nn.Module):
    """Replace layer L: return the hidden states that come in, and record their rotary embedding."""

    attention_type = "full_attention"
    rotary: Rotary

    def forward(self, hidden_states: Tensor, *_: Any, position_embeddings: Rotary, **__: Any) -> Tensor:
        self.rotary = position_embeddings
        return hidden_states

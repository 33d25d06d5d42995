"""token sequences -> hidden states of layer L, in batches of like length."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from longattncomp.backbone.loading import OpenedLayers, choose_device, choose_dtype, open_layers

PADDING = 0.10
"""Most of a batch that may be padding."""

_BATCH_TOKENS = {"cpu": 2048}  # a CPU gains nothing from more; see `make bench`
_BATCH_TOKENS_ELSEWHERE = 32768

Rotary = tuple[Tensor, Tensor]
"""cos and sin of the scoring layer's rotary embedding, each (1, n_tokens, head_dim)."""


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
        self._tap = _Tap()
        model.set_submodule(f"layers.{layers}", self._tap)
        self._lock = threading.Lock()

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

    def states(self, sequences: Sequence[Sequence[int]]) -> Iterator[tuple[int, Tensor, Rotary]]:
        """Hidden states of each sequence, read independently of all others.

        One batch is in memory at a time.

        Args:
            sequences: token ids, each (n_tokens,) with 1 <= n_tokens <= `window`.

        Yields:
            (index of the sequence, states (n_tokens, width), cos and sin of the scoring
            layer (1, n_tokens, head_dim)), in no particular order.
        """
        limit = _BATCH_TOKENS.get(self.device.type, _BATCH_TOKENS_ELSEWHERE)
        for batch in length_buckets([len(sequence) for sequence in sequences], limit):
            states, (cos, sin) = self._forward([sequences[index] for index in batch])
            for row, index in enumerate(batch):
                length = len(sequences[index])
                yield index, states[row, :length], (cos[:, :length], sin[:, :length])

    @torch.inference_mode()
    def _forward(self, sequences: Sequence[Sequence[int]]) -> tuple[Tensor, Rotary]:
        # Padding stands on the right, where causal attention never looks back from, so no mask.
        padded = nn.utils.rnn.pad_sequence([torch.tensor(sequence) for sequence in sequences], batch_first=True)
        with self._lock:
            states = self._model(input_ids=padded.to(self.device), use_cache=False).last_hidden_state
            rotary = self._tap.rotary
        return states, (rotary[0][:1], rotary[1][:1])  # (batch, n, width), each (1, n, head_dim)


class _Tap(nn.Module):
    """Stands in for layer L: hands on what it is given and keeps its rotary embedding."""

    attention_type = "full_attention"
    rotary: Rotary

    def forward(self, hidden_states: Tensor, *_: Any, position_embeddings: Rotary, **__: Any) -> Tensor:
        self.rotary = position_embeddings
        return hidden_states


def length_buckets(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Group sequences of like length.

    Args:
        lengths: tokens of each sequence.
        batch_tokens: most tokens of a batch, padding included; a longer sequence goes alone.

    Returns:
        Batches of indices, longest sequences first, each with at most `PADDING` of padding.
    """
    batches: list[list[int]] = []
    real = 0
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batches:
            padded = lengths[batches[-1][0]] * (len(batches[-1]) + 1)
            if padded <= batch_tokens and padded - real - lengths[index] <= PADDING * padded:
                batches[-1].append(index)
                real += lengths[index]
                continue
        batches.append([index])
        real = lengths[index]
    return batches

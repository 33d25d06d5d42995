"""pieces -> the keys and values of some of their tokens, which the target attends to (SAC, arXiv 2510.08907).

In the encoder every token of a piece sees all others, and a learned vector marks the anchors. Keys are kept as read at
places 0 and on, and turned to where the piece stands in a prompt: so a piece is read once for all prompts. What the
chat template puts before a context stays whole in front, where a model's attention rests when it looks for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from longattncomp.backbone.batches import stacked
from longattncomp.backbone.loading import cache_argument
from longattncomp.backbone.passes import turns_additively
from longattncomp.errors import UnsupportedModelError
from longattncomp.soft.places import anchors
from longattncomp.soft.target import Memory, Target
from longattncomp.soft.turning import turned

_ROUND = 32


class Anchors:
    """SAC: pieces of 510 tokens become keys and values at a fraction of their tokens, at the tokens' own positions."""

    piece_tokens: ClassVar[int] = 510

    def __init__(self, target: Target, encoder: Any, weights: Mapping[str, Tensor]) -> None:
        """Wrap an encoder.

        Raises:
            UnsupportedModelError: the target's layers have sliding windows, or its rotary embedding depends on lengths.
        """
        config = target.model.config
        kinds = set(getattr(config, "layer_types", None) or ())
        windowed = "sliding_attention" in kinds or (not kinds and getattr(config, "sliding_window", None) is not None)
        if windowed or not turns_additively(config):
            raise UnsupportedModelError(
                f"method='sac' needs a target whose every layer attends to all positions, with a rotary embedding that "
                f"does not depend on the length; {target.name} ({config.model_type}) has another: take method='compllm'"
            )
        self.weights: Mapping[str, Tensor] = {name: weight.to(target.device) for name, weight in weights.items()}
        self.joint = 0
        self._target = target
        self._encoder = encoder
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self._shape = config.num_hidden_layers, 2, config.num_key_value_heads, width

    @staticmethod
    def untrained(target: Target) -> dict[str, Tensor]:
        noise = torch.randn(target.model.config.hidden_size, generator=torch.Generator().manual_seed(0))
        return {"anchor": 0.02 * noise}

    def shape(self, tokens: int, ratio: int) -> tuple[int, ...]:
        layers, two, heads, width = self._shape
        return layers, two, heads, len(anchors(tokens, ratio)), width

    def positions(self, tokens: int, ratio: int) -> int:
        return tokens

    def encode(self, pieces: Sequence[Sequence[int]], ratio: int) -> list[Tensor]:
        from transformers import DynamicCache

        places = [anchors(len(piece), ratio) for piece in pieces]
        rows = []
        for piece, own in zip(pieces, places, strict=True):
            embeddings = self._target.embed(piece)
            marked = torch.zeros(len(piece), 1, device=embeddings.device)
            marked[own] = 1.0
            rows.append((embeddings.float() + marked * self.weights["anchor"].float()).to(self._target.dtype))
        padded = stacked(rows, _ROUND)
        most = padded.shape[1]
        lengths = torch.tensor([len(piece) for piece in pieces], device=padded.device)
        seen = torch.arange(most, device=padded.device) < lengths[:, None]  # (rows, columns)
        cache = DynamicCache()
        options = {cache_argument(self._encoder): cache}
        self._encoder(
            inputs_embeds=padded,
            attention_mask=seen[:, None, None].expand(-1, -1, most, -1),
            position_ids=torch.arange(most, device=padded.device)[None].expand(len(pieces), -1),
            use_cache=True,
            **options,
        )
        return [
            torch.stack(
                [torch.stack([layer.keys[row][:, own], layer.values[row][:, own]]) for layer in cache.layers]
            ).to(self._target.dtype)
            for row, own in enumerate(places)
        ]

    def memory(self, before: Memory, documents: Sequence[Sequence[tuple[int, Tensor]]]) -> Memory:
        position = before.position
        parts, offsets = [], []
        for tokens, vectors in (piece for document in documents for piece in document):
            parts.append(vectors.to(self._target.device))
            offsets.append(torch.full((vectors.shape[3],), position))
            position += tokens
        joined = torch.cat(parts, dim=3)  # (layers, 2, n_key_heads, n, head_dim)
        frequencies = self._target.model.base_model.rotary_emb.inv_freq
        keys = turned(joined[:, 0], torch.cat(offsets).to(joined.device), frequencies)
        layers = [(own[None], values[None]) for own, values in zip(keys, joined[:, 1], strict=True)]
        if before.layers:
            layers = [
                (torch.cat([first[0], then[0]], dim=2), torch.cat([first[1], then[1]], dim=2))
                for first, then in zip(before.layers, layers, strict=True)
            ]
        return Memory(tuple(layers), position)

"""pieces -> concept embeddings, which the target reads like embeddings of tokens (CompLLM, arXiv 2509.19228).

Each piece is followed by slots, and the encoder's last states h there become c = b + s W h: b sums the embeddings of
the slot's own tokens, over the root of their number so that its size stays that of an embedding. W starts at zero.
The factor s is the size of an embedding over that of a state; without it training diverges, because the last states may
be fifteen times larger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from longattncomp.soft.places import slots
from longattncomp.soft.target import Memory, Target

_SAMPLED = 4096
"""Rows of the embedding that its size is measured on."""


class Concepts:
    """CompLLM: pieces of 20 tokens become embeddings at a fraction of the positions."""

    piece_tokens: ClassVar[int] = 20

    def __init__(self, target: Target, encoder: Any, weights: Mapping[str, Tensor]) -> None:
        self.weights: Mapping[str, Tensor] = {name: weight.to(target.device) for name, weight in weights.items()}
        self._target = target
        self._encoder = encoder
        self._prefix = list(target.tokenizer.prefix)
        self._between = list(target.tokenizer.encode("\n\n").ids)
        self.joint = len(self._between)
        self._width = int(target.model.config.hidden_size)

    @staticmethod
    def untrained(target: Target) -> dict[str, Tensor]:
        width = target.model.config.hidden_size
        ids = torch.linspace(0, target.model.config.vocab_size - 1, _SAMPLED).long().tolist()
        scale = target.embed(ids).float().square().mean().sqrt() / width**0.5
        return {"readout": torch.zeros(width, width), "scale": scale.cpu()}

    def shape(self, tokens: int, ratio: int) -> tuple[int, ...]:
        return slots(tokens, ratio), self._width

    def positions(self, tokens: int, ratio: int) -> int:
        return slots(tokens, ratio)

    def encode(self, pieces: Sequence[Sequence[int]], ratio: int) -> list[Tensor]:
        embed = self._target.embed
        slot = embed([self._target.end])
        own = [embed(piece) for piece in pieces]
        counts = [slots(len(piece), ratio) for piece in pieces]
        rows = [
            torch.cat([embed(self._prefix), piece, slot.expand(count, -1)])
            for piece, count in zip(own, counts, strict=True)
        ]
        # Padding is on the right, where causal attention does not see it, so there is no mask.
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        states = self._encoder(inputs_embeds=padded, use_cache=False).last_hidden_state
        found = []
        for row, (piece, count) in enumerate(zip(own, counts, strict=True)):
            start = len(self._prefix) + len(piece)
            read = (states[row, start : start + count].float() @ self.weights["readout"].float().T).float()  # autocast
            owner = torch.arange(len(piece), device=piece.device) // ratio
            base = torch.zeros_like(read).index_add(0, owner, piece.float())
            base = base / owner.bincount(minlength=count)[:, None].sqrt()
            found.append((base + self.weights["scale"] * read).to(self._target.dtype))
        return found

    def embeddings(self, documents: Sequence[Sequence[tuple[int, Tensor]]]) -> Tensor:
        """Join the concept embeddings (n, width) of documents, with a blank line between two of them."""
        parts: list[Tensor] = []
        for document in documents:
            if parts:
                parts.append(self._target.embed(self._between))
            parts += [vectors.to(self._target.device) for _, vectors in document]
        return torch.cat(parts)

    def memory(self, before: Memory, documents: Sequence[Sequence[tuple[int, Tensor]]]) -> Memory:
        return self._target.read(before, self.embeddings(documents)[None]).memory

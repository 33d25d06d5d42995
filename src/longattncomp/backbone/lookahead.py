"""a prompt, and tokens that the whole model decodes after it -> the attention to each position of the prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from longattncomp.backbone.loading import cache_argument, end_tokens
from longattncomp.runtime.processors import OneByOne

Fold = Callable[[Tensor, Tensor], Tensor]
"""(result (n,) for the layers below, attention (n_heads, n) of the next layer) -> result (n,) for all of them."""

_TAPPED = "longattncomp_tapped_"

_PIECE = 2048
"""Tokens of a prompt in one pass: peak memory grows with the prompt's length and not with its square."""


class LookAhead:
    """A whole causal LM that reports its attention to a prompt while it decodes.

    The model's own kernel runs every pass. Fast kernels do not return attention, so it is computed again from the
    cached keys, for the last row only. All state travels with the call: threads and other users may share the model.

    Attributes:
        window: the longest sequence, in tokens.
        device: where the model is.
    """

    def __init__(self, model: Any) -> None:
        """Wrap the attention kernel of a model from `open_whole`; calls of other users are not affected.

        Eager attention is replaced by torch's own kernel.
        """
        self.window = int(model.config.max_position_embeddings)
        self.device: torch.device = model.device
        self._model = model
        self._ends = end_tokens(model)
        self._pass = OneByOne(self.device)
        _tap(model)

    def steps(
        self, prompt: Sequence[int], most: int, fold: Fold, *, progress: Callable[[int], None] | None = None
    ) -> Iterator[Tensor]:
        """Read the prompt, then decode greedily until `most` tokens or an end-of-sequence token.

        Args:
            prompt: (n,) token ids, with 1 <= n <= `window` - `most`.
            most: how many tokens are decoded.
            fold: combines the attention of all layers, starting with zeros and the first layer. Each row is a softmax
                in fp32 over the positions of the prompt that the layer sees; 0 outside of a sliding window.
            progress: called with the number of tokens just read.

        Yields:
            The result of `fold`, (n,), for the last token of the prompt and for each decoded token. An end-of-sequence
            token is not read and has no result.
        """
        from transformers import DynamicCache

        cache = DynamicCache(config=self._model.config)
        *pieces, unread = (prompt[start : start + _PIECE] for start in range(0, len(prompt), _PIECE))
        for piece in pieces:
            self._pass(partial(self._next, piece, cache, None))
            if progress is not None:
                progress(len(piece))
        for decoded in range(most + 1):
            tap = _Tap(len(prompt), len(prompt) + decoded, fold, torch.zeros(len(prompt), device=self.device))
            token = self._pass(partial(self._next, unread, cache, tap))
            if progress is not None and not decoded:
                progress(len(unread))
            yield tap.folded
            if token in self._ends:
                return
            unread = [token]

    def _next(self, ids: Sequence[int], cache: Any, tap: _Tap | None) -> int:
        """Read tokens after those already cached, tap the last one's attention, and return the likeliest next token."""
        logits = self._model(
            input_ids=torch.tensor([ids], device=self.device),
            use_cache=True,
            logits_to_keep=1,
            **{cache_argument(self._model): cache, _TAPPED: tap},
        ).logits  # (1, 1, vocabulary)
        return int(logits[0, -1].argmax())


@dataclass(slots=True)
class _Tap:
    """Computes the last row of each layer's attention."""

    prompt: int  # tokens of the prompt, n
    total: int  # tokens up to this row, its own included
    fold: Fold
    folded: Tensor  # (n,) result of `fold` for the layers so far

    def look(self, query: Tensor, key: Tensor, scaling: float, sliding_window: int | None) -> None:
        """Fold one layer's attention from queries (1, n_heads, m, head_dim) to k keys (1, n_key_heads, k, head_dim)."""
        n_heads, head_dim = query.shape[1], query.shape[3]
        first = self.total - key.shape[2]  # a sliding layer caches only its window
        low = max(first, self.total - sliding_window) if sliding_window else first
        attention = query.new_zeros(n_heads, self.prompt, dtype=torch.float32)
        if low < self.prompt:
            keys = key[0, :, low - first : self.prompt - first].float()  # (n_key_heads, seen, head_dim)
            rows = query[0, :, -1].float().view(len(keys), -1, head_dim)  # heads of a group below each other
            logits = rows @ keys.transpose(-1, -2) * scaling  # (n_key_heads, group, seen)
            attention[:, low:] = logits.softmax(dim=-1).flatten(0, 1)
        self.folded = self.fold(self.folded, attention)


def _tap(model: Any) -> None:
    from transformers import AttentionInterface, AttentionMaskInterface

    name: str = model.config._attn_implementation
    if name.startswith(_TAPPED):
        return
    base = "sdpa" if name == "eager" else name
    AttentionInterface.register(_TAPPED + base, partial(_tapped, AttentionInterface()[base]))
    AttentionMaskInterface.register(_TAPPED + base, AttentionMaskInterface()[base])
    model.set_attn_implementation(_TAPPED + base)


def _tapped(
    kernel: Callable[..., tuple[Tensor, Tensor | None]],
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **options: Any,
) -> tuple[Tensor, Tensor | None]:
    tap: _Tap | None = options.pop(_TAPPED, None)
    if tap is not None:
        tap.look(query, key, options["scaling"], options.get("sliding_window"))
    return kernel(module, query, key, value, attention_mask, **options)

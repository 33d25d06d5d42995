"""a prompt, and the tokens that the whole model decodes after it -> the attention that its positions get."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from longattncomp.backbone.loading import cache_argument
from longattncomp.runtime.processors import Processors, threads_of_caller
from longattncomp.runtime.turns import Turns

Fold = Callable[[Tensor, Tensor], Tensor]
"""(what the layers below came to (n,), attention (n_heads, n) of the next) -> what they come to together (n,)."""

_TAPPED = "longattncomp_tapped_"

_PIECE = 2048
"""Tokens of a prompt that are read at once, so that peak memory grows with its length and not with its square."""


class LookAhead:
    """A whole causal LM that shows where it looks while it goes on from a prompt.

    The model's own kernel reads. Beside it, and for one row only, attention is worked out again from
    the cached keys, because fast kernels do not hand it out. Whatever that needs travels with the call:
    nothing is kept on the model, which threads and others may share.

    Attributes:
        window: the longest sequence, in tokens.
    """

    def __init__(self, model: Any) -> None:
        """Put a tap before the model's attention kernel, which changes nothing for who calls without it.

        Args:
            model: of a supported architecture, as `open_whole` gives it; eager attention becomes torch's own kernel.
        """
        self.window = int(model.config.max_position_embeddings)
        self._model = model
        self._ends = _ends(model)
        self._turns: Turns[_Step, int] = Turns(partial(_run, model, Processors()))
        _tap(model)

    @property
    def device(self) -> torch.device:
        device: torch.device = self._model.device
        return device

    def steps(
        self, prompt: Sequence[int], most: int, fold: Fold, *, progress: Callable[[int], None] | None = None
    ) -> Iterator[Tensor]:
        """Read the prompt, then decode greedily until `most` tokens or an end-of-sequence token.

        Args:
            prompt: (n,) token ids, with 1 <= n <= `window` - `most`.
            most: how many tokens are decoded.
            fold: brings the layers' attention together, from zeros and the first layer on. Of each row the softmax, in
                fp32, is over the positions of the prompt only, and of them over those that the layer sees: what lies
                beyond a sliding window has 0.
            progress: called with the number of tokens just read.

        Yields:
            What `fold` came to, (n,), for the last token of the prompt, then for each decoded token; an end-of-sequence
            token is not read, and has none.
        """
        from transformers import DynamicCache

        cache = DynamicCache(config=self._model.config)
        *pieces, unread = (prompt[start : start + _PIECE] for start in range(0, len(prompt), _PIECE))
        for piece in pieces:
            self._turns(_Step(piece, cache, None))
            if progress is not None:
                progress(len(piece))
        for decoded in range(most + 1):
            tap = _Tap(len(prompt), len(prompt) + decoded, fold, torch.zeros(len(prompt), device=self._model.device))
            token = self._turns(_Step(unread, cache, tap))
            if progress is not None and not decoded:
                progress(len(unread))
            yield tap.folded
            if token in self._ends:
                return
            unread = [token]


@dataclass(frozen=True, slots=True)
class _Step:
    """Some tokens to read after what a cache holds, and what looks at the last of them."""

    ids: Sequence[int]
    cache: Any
    tap: _Tap | None
    threads: int = field(default_factory=threads_of_caller)


@torch.inference_mode()
def _run(model: Any, processors: Processors, steps: Sequence[_Step]) -> list[int]:
    """The most likely token after what was read."""
    (step,) = steps
    with processors.shared(model.device, step.threads):
        logits = model(
            input_ids=torch.tensor([step.ids], device=model.device),
            use_cache=True,
            logits_to_keep=1,
            **{cache_argument(model): step.cache, _TAPPED: step.tap},
        ).logits  # (1, 1, vocabulary)
    return [int(logits[0, -1].argmax())]


@dataclass(slots=True)
class _Tap:
    """Looks at the last row of each layer.

    Attributes:
        prompt: n, tokens of the prompt.
        total: tokens up to this row, its own included.
        fold: see `LookAhead.steps`.
        folded: (n,) what the layers so far came to.
    """

    prompt: int
    total: int
    fold: Fold
    folded: Tensor

    def look(self, query: Tensor, key: Tensor, scaling: float, sliding_window: int | None) -> None:
        """Fold in one layer.

        Args:
            query: (1, n_heads, m, head_dim), after the rotary embedding.
            key: (1, n_key_heads, k, head_dim) of the last k tokens, after the rotary embedding.
            scaling: of the logits.
            sliding_window: how many tokens the row sees, its own included; None for all.
        """
        n_heads, head_dim = query.shape[1], query.shape[3]
        first = self.total - key.shape[2]  # the cache of a sliding layer holds no more than its window
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


def _ends(model: Any) -> frozenset[int]:
    """End-of-sequence tokens; a configuration names none, one or several."""
    found: set[int] = set()
    for config in (model.config, model.generation_config):
        named = getattr(config, "eos_token_id", None)
        found |= {named} if isinstance(named, int) else set(named or ())
    return frozenset(found)

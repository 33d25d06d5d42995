"""Causal attention for bf16 on processors, in blocks of query rows.

PyTorch's own kernel multiplies bf16 on a processor no faster than fp32, although plain matrix
products are several times faster there (docs/experiments.md has the figures).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

NAME = "longattncomp_blocked"

_ROWS = 128


def register() -> None:
    """Make the attention known to transformers as `NAME`."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, blocked_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)


def blocked_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    **options: Any,
) -> tuple[Tensor, None]:
    """Scaled dot-product attention of each position to itself and all before it.

    Args:
        module: the attention layer, for transformers' own kernel.
        query: (batch, n_heads, n, head_dim)
        key: (batch, n_key_heads, n, head_dim)
        value: (batch, n_key_heads, n, head_dim)
        attention_mask: None for plain causal attention; with one (a sliding window), the
            kernel of transformers is used.
        scaling: of the logits.
        **options: what transformers hands to every kernel.

    Returns:
        (batch, n, n_heads, head_dim), and None in place of the weights.
    """
    if attention_mask is not None:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        masked: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **options
        )
        return masked
    batch, n_heads, n, head_dim = query.shape
    n_key_heads = key.shape[1]
    attended = query.new_empty(batch, n, n_heads, head_dim)
    future = query.new_full((_ROWS, _ROWS), -torch.inf).triu(1)
    query = query * scaling
    for start in range(0, n, _ROWS):
        end = min(start + _ROWS, n)
        rows = end - start
        block = query[:, :, start:end].reshape(batch, n_key_heads, -1, head_dim)  # heads of a group below each other
        logits = block @ key[:, :, :end].transpose(-1, -2)  # (batch, n_key_heads, group * rows, end)
        logits.view(batch, n_key_heads, -1, rows, end)[..., start:] += future[:rows, :rows]
        mixed = logits.softmax(dim=-1) @ value[:, :, :end]
        attended[:, start:end] = mixed.view(batch, n_heads, rows, head_dim).transpose(1, 2)
    return attended, None

"""Causal attention for bf16 on processors, in blocks of query rows.

PyTorch's own kernel multiplies bf16 on a processor no faster than fp32, although plain matrix
products are several times faster there (docs/experiments.md has the figures).
"""

from typing import Any

import torch
from torch import Tensor, nn

NAME = "longattncomp_blocked"

_ROWS = 128


def register() -> None:
    """Register the attention with transformers as `NAME`."""
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
    """Compute scaled dot-product attention of the last m of n positions.

    Args:
        module: the attention layer.
        query: (batch, n_heads, m, head_dim)
        key: (batch, n_key_heads, n, head_dim); `value` has the same shape.
        value: see `key`.
        attention_mask: booleans (batch, 1, m, n), True where a row sees a column; None for causal attention.
        scaling: factor of the logits.
        **options: further options of transformers' kernels.

    Returns:
        (batch, m, n_heads, head_dim), and None in place of the weights.
    """
    if attention_mask is not None and attention_mask.dtype != torch.bool:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        masked: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **options
        )
        return masked
    batch, n_heads, m, head_dim = query.shape
    n_key_heads = key.shape[1]
    attended = query.new_empty(batch, m, n_heads, head_dim)
    future = query.new_full((_ROWS, _ROWS), -torch.inf).triu(1)
    query = query * scaling
    before = key.shape[2] - m  # cached positions: transformers gives no mask for a single token after them
    hidden = None if attention_mask is None else ~attention_mask
    # Every row sees all columns before `first`, so the mask is applied from there on: most cached columns are seen.
    first = 0 if hidden is None else int(hidden.flatten(0, 2).any(0).int().argmax())
    for start in range(0, m, _ROWS):
        end = min(start + _ROWS, m)
        rows = end - start
        seen = before + end if attention_mask is None else key.shape[2]  # columns
        block = query[:, :, start:end].reshape(batch, n_key_heads, -1, head_dim)  # heads of a group below each other
        logits = block @ key[:, :, :seen].transpose(-1, -2)  # (batch, n_key_heads, group * rows, seen)
        by_row = logits.view(batch, n_key_heads, -1, rows, seen)
        if hidden is None:
            by_row[..., before + start :] += future[:rows, :rows]
        else:
            by_row[..., first:].masked_fill_(hidden[:, :, None, start:end, first:], -torch.inf)
        mixed = logits.softmax(dim=-1) @ value[:, :, :seen]
        attended[:, start:end] = mixed.view(batch, n_heads, rows, head_dim).transpose(1, 2)
    return attended, None

"""keys at some places -> the same keys further on."""

import torch
from torch import Tensor


def turned(keys: Tensor, offsets: Tensor, frequencies: Tensor) -> Tensor:
    """Turn keys by the rotary embedding: what was read at place p becomes what would be read at p + offset.

    Args:
        keys: (..., n, head_dim)
        offsets: (n,) how many places each key moves.
        frequencies: (head_dim / 2,) of the rotary embedding.

    Returns:
        the keys in their own dtype, computed in fp32.
    """
    angles = offsets.double()[:, None] * frequencies.double()  # fp32 loses the turn of a key that is far away
    cos, sin = (torch.cat([part, part], dim=-1).float() for part in (angles.cos(), angles.sin()))
    first, second = keys.float().chunk(2, dim=-1)
    return (keys.float() * cos + torch.cat([-second, first], dim=-1) * sin).to(keys.dtype)

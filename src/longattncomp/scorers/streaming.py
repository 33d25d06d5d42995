"""logits, a block at a time -> attention mass per unit, without the whole matrix."""

from __future__ import annotations

import torch
from torch import Tensor


def unit_logsumexp(logits: Tensor, units: Tensor, n_units: int) -> Tensor:
    """Log-sum-exp of each unit's columns.

    Args:
        logits: (n_heads, m, n)
        units: (n,) the unit of each column, in [0, n_units)
        n_units: how many units there are.

    Returns:
        (n_heads, m, n_units); -inf for a unit without columns.
    """
    shape = (*logits.shape[:2], n_units)
    columns = units.expand_as(logits)  # (n_heads, m, n)
    peak = logits.new_full(shape, -torch.inf).scatter_reduce(-1, columns, logits, "amax")
    mass = logits.new_zeros(shape).scatter_add(-1, columns, (logits - peak.gather(-1, columns)).exp())
    return mass.log() + peak.where(peak.isfinite(), 0.0)


def shares(units: Tensor) -> Tensor:
    """Softmax over units, mean over heads and query rows (design: `A`, then `s_node`).

    Args:
        units: (n_heads, m, n_units) log-sum-exps.

    Returns:
        (n_units,) shares of the mass, summing to 1.
    """
    return units.cpu().double().softmax(dim=-1).mean(dim=(0, 1))

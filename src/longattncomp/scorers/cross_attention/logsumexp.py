"""logits, a block at a time -> attention mass per unit, without the whole matrix."""

import torch
from torch import Tensor, nn

from longattncomp.scorers.cross_attention.head import logits
from longattncomp.scorers.cross_attention.keys import JoinedKeys
from longattncomp.scorers.cross_attention.matching import Match

_BLOCK = 1024  # columns and rows of logits in memory at once


def segment_mass(
    queries: Tensor, keys: Tensor, units: Tensor, n_units: int, *, match: Match, strength: Tensor
) -> Tensor:
    """Compute the log-sum-exp of each unit's logits in one segment, with gradients.

    Args:
        queries: (n_heads, m, head_dim)
        keys: (n_key_heads, n, head_dim)
        units: (n,) the unit of each column, in [0, n_units)
        n_units: how many units there are.
        match: the words that query and segment share.
        strength: (n_heads,) what a match adds to a logit, for each unit of rarity.

    Returns:
        (n_heads, m, n_units); -inf for a unit without columns.
    """
    rows = []
    for top in range(0, queries.shape[1], _BLOCK):
        across = slice(top, top + _BLOCK)
        mass = queries.new_full((*queries[:, across].shape[:2], n_units), -torch.inf)
        for left in range(0, len(units), _BLOCK):
            along = slice(left, left + _BLOCK)
            block = logits(queries[:, across], keys[:, along])  # (n_heads, <=_BLOCK, <=_BLOCK)
            block = block + match.logits(strength, across, along)
            mass = torch.logaddexp(mass, unit_logsumexp(block, units[along], n_units))
        rows.append(mass)
    return torch.cat(rows, dim=1)


_LOGITS = 1 << 22  # in memory at once

_NOTHING = -1e30  # a log-sum-exp of no logits

_FAINT = -60.0  # logarithm of a row's part of a block, below which its own largest logit is used


def block_mass(
    queries: Tensor, keys: JoinedKeys, units: Tensor, n_units: int, *, match: Match, strength: Tensor
) -> Tensor:
    """Do what `segment_mass` does without gradients and several times faster, for units that do not decrease.

    The largest logit of a block keeps its exponentials in range. If a row lies so far below it that digits would be
    lost, the block is computed again with the largest logit of each row.
    """
    present, counts = torch.unique_consecutive(units, return_counts=True)
    starts = counts.cumsum(0) - counts
    shared = torch.isin(match.context, match.query).nonzero().squeeze(-1)
    found = queries.new_full((*queries.shape[:2], n_units), -torch.inf)
    step = max(1, _LOGITS // (len(units) * len(queries)))
    for top in range(0, queries.shape[1], step):
        rows = slice(top, top + step)
        block = _logits(queries[:, rows], keys)
        same = match.rarity[rows] * (match.context[shared, None] == match.query[rows])  # (k, <=step)
        raised = strength.view(len(block), 1, -1, 1) * same[None, :, None]  # (n_key_heads, k, group, <=step)
        block.index_add_(1, shared, raised.flatten(2))
        peak = block.max()
        mass = _unit_sums((block - peak).exp_(), starts).log_() + peak  # (n_key_heads, n_present, group * <=step)
        if (mass.amax(dim=1) < peak + _FAINT).any():
            peak = block.amax(dim=1, keepdim=True)
            mass = _unit_sums((block - peak).exp_(), starts).log_() + peak
        found[:, rows, present] = mass.transpose(1, 2).reshape(len(queries), -1, len(present))
    return found


def _logits(queries: Tensor, keys: JoinedKeys) -> Tensor:
    """Compute the logits of `head.logits` as (n_key_heads, n, group * m)."""
    rows = queries.reshape(len(keys.values), -1, queries.shape[-1]).transpose(1, 2)
    block = torch.bmm(keys.values.float(), rows)
    return block if keys.scales is None else block.mul_(keys.scales.float()[..., None])


def _unit_sums(block: Tensor, starts: Tensor) -> Tensor:
    """Sum runs of rows, (n_key_heads, n, k) -> (n_key_heads, n_runs, k)."""
    places = torch.arange(block.shape[1], device=block.device)
    # A bag of embeddings is the fastest sum over ragged runs in torch.
    return torch.stack([nn.functional.embedding_bag(places, part, starts, mode="sum") for part in block])


def unit_logsumexp(logits: Tensor, units: Tensor, n_units: int) -> Tensor:
    """Compute log-sum-exps of each unit's columns: (n_heads, m, n) -> (n_heads, m, n_units); -inf without columns."""
    shape = (*logits.shape[:2], n_units)
    columns = units.expand_as(logits)  # (n_heads, m, n)
    peak = logits.new_full(shape, -torch.inf).scatter_reduce(-1, columns, logits.detach(), "amax")
    mass = logits.new_zeros(shape).scatter_add(-1, columns, (logits - peak.gather(-1, columns)).exp())
    return mass.log() + peak.where(peak.isfinite(), 0.0)


def log_shares(units: Tensor, weights: Tensor) -> Tensor:
    """Take the softmax of log-sum-exps (n_heads, m, n_units) over units, and the mean over heads and query rows.

    The weights (n_heads, m) of the mean are logarithms of numbers that sum to 1.

    Returns:
        (n_units,) logarithms of shares of the mass, which sum to 1; as good as none for a unit without tokens.
    """
    finite = units.clamp_min(_NOTHING)  # a log-sum-exp over infinities alone has no gradient
    return (finite.log_softmax(dim=-1) + weights[..., None]).flatten(0, 1).logsumexp(dim=0)

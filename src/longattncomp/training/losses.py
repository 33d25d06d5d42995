"""shares of the attention mass, evidence -> loss.

Every loss takes `log_shares` (1 + n_nodes,), the logarithms of shares that sum to 1, the instruction's first, and
`evidence` (n_nodes,), the characters of evidence in each node.
"""

import torch
from torch import Tensor

_CERTAIN = 1.0 - 1e-6


def document_bce(log_shares: Tensor, evidence: Tensor) -> Tensor:
    """L_doc = -1/k sum_i [ r_i log s_i + (1 - r_i) log(1 - s_i) ], r_i = 1 iff node i is relevant.

    AttnComp, arXiv 2509.17486, section 3.2; LongAttnComp, arXiv 2606.01336.
    """
    return _bce(log_shares[1:], evidence > 0).mean()


def instruction_bce(log_shares: Tensor, evidence: Tensor) -> Tensor:
    """L_ins = -[ r log s_ins + (1 - r) log(1 - s_ins) ], r = 1 iff no node is relevant."""
    return _bce(log_shares[0], ~(evidence > 0).any())


def paper_bce(log_shares: Tensor, evidence: Tensor, *, instruction_weight: float = 0.8) -> Tensor:
    """L = L_doc + lambda L_ins, lambda = 0.8 (as in both papers)."""
    return document_bce(log_shares, evidence) + instruction_weight * instruction_bce(log_shares, evidence)


def listwise(log_shares: Tensor, evidence: Tensor) -> Tensor:
    """L = -sum_i t_i log s_i, t_i = node i's share of the evidence; -log s_ins if there is none.

    This is InfoNCE (van den Oord et al., arXiv 1807.03748) with several positives: the shares are a softmax over all
    nodes of the context, so every other node is a negative.
    """
    total = evidence.sum()
    if not total:
        return -log_shares[0]
    return -(evidence / total * log_shares[1:]).where(evidence > 0, 0.0).sum()


def _bce(log_share: Tensor, relevant: Tensor) -> Tensor:
    return -torch.where(relevant, log_share, torch.log1p(-log_share.exp().clamp(max=_CERTAIN)))

"""shares of nodes -> shares of which each node gives a part to its neighbours."""

from collections.abc import Sequence

import torch
from torch import Tensor

from longattncomp.types import Node

SCALES = (64.0, 256.0, 1024.0)
"""Distances in tokens at which the influence of a node falls to 1/e."""

_NOTHING = 1e-12  # a part of a share too small to pass on


class Neighbours:
    """The distances between the nodes of each document.

    Evidence is seldom one node long: the sentence that answers stands in a paragraph that is about the question too. So
    a node gives part of its share to the nodes around it in proportion to `tokens_i exp(-|x_i - x_j| / scale)`, where x
    is the middle of a node in tokens, normalised so that the shares of a document keep their sum.

    Sums over such weights obey `f_i = u_i + exp(-(x_i - x_{i-1}) / scale) f_{i-1}` in both directions. Nothing passes
    from one document to the next. Steps of 1, 2, 4 ... nodes solve this for all nodes at once.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        """Measure the distances between nodes, which are in order."""
        documents = torch.tensor([node.document for node in nodes])
        self._tokens = torch.tensor([float(max(node.tokens, 1)) for node in nodes], dtype=torch.float64)
        middles = self._tokens.cumsum(0) - self._tokens / 2
        scales = torch.tensor(SCALES, dtype=torch.float64)[:, None]
        passed = torch.exp(-middles.diff() / scales) * (documents[1:] == documents[:-1])  # (n_scales, n - 1)
        self._steps: list[Tensor] = []  # (n_scales, n - step) what passes between nodes that are 1, 2, 4 ... apart
        step = 1
        while step < len(nodes) and bool((passed > _NOTHING).any()):
            self._steps.append(passed)
            passed = passed[:, step:] * passed[:, :-step]
            step *= 2
        self._totals = self._gathered(self._tokens.expand(len(SCALES), -1))

    def spread(self, shares: Tensor, weights: Tensor) -> Tensor:
        """Mix each node's own share with what its neighbours give.

        Args:
            shares: (n_nodes,)
            weights: (1 + n_scales,) of the node's own share and of each scale, summing to 1.

        Returns:
            (n_nodes,) with the same sum for each document.
        """
        given = self._tokens * self._gathered(shares.double() / self._totals)  # (n_scales, n_nodes)
        return (weights[0] * shares + weights[1:].double() @ given).to(shares.dtype)

    def _gathered(self, values: Tensor) -> Tensor:
        """Sum values over the nodes of a document, weighed by distance, (n_scales, n_nodes)."""
        left = right = values
        for power, passed in enumerate(self._steps):
            step = 1 << power
            left = torch.cat([left[:, :step], left[:, step:] + passed * left[:, :-step]], dim=1)
            right = torch.cat([right[:, :-step] + passed * right[:, step:], right[:, -step:]], dim=1)
        return left + right - values

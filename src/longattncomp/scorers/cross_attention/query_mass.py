"""a query and segments, one by one -> each node's share of the attention mass."""

from collections.abc import Sequence

import torch
from torch import Tensor

from longattncomp.backbone.passes import Rotary, at
from longattncomp.errors import BrokenModelError
from longattncomp.scorers.cross_attention.head import CrossAttentionHead, logits
from longattncomp.scorers.cross_attention.keys import JoinedKeys
from longattncomp.scorers.cross_attention.layout import Columns, QueryTokens
from longattncomp.scorers.cross_attention.logsumexp import block_mass, log_shares
from longattncomp.scorers.cross_attention.matching import Match
from longattncomp.scorers.cross_attention.spreading import Neighbours
from longattncomp.types import Scores

_ROWS = 64  # of a query, summed at once in double precision


class QueryMass:
    """Adds up the attention mass of one query, segment by segment.

    Attributes:
        query: its tokens.
        segments: indices of the segments that it attends to.
    """

    def __init__(self, query: QueryTokens, n_nodes: int, head: CrossAttentionHead, segments: frozenset[int]) -> None:
        self.query = query
        self.segments = segments
        self._head = head
        # (n_heads, m, 1 + n_nodes) log-sum-exps, the instruction's first
        size = (head.n_heads, len(query.ids), 1 + n_nodes)
        self._mass = torch.full(size, -torch.inf, device=head.row_gate.device)
        self._gates: list[Tensor] = []
        self._reaches: list[Tensor] = []
        self._instructions: list[Tensor] = []

    def see(self, states: Tensor, rotary: Rotary, instruction: Tensor) -> None:
        """Place the query: after a segment that it attends to next, or alone before all of them.

        Args:
            states: (k + m, width) of the question in front of the query and of the query's m tokens.
            rotary: at their positions.
            instruction: keys (n_key_heads, n, head_dim) of the instruction's tokens.
        """
        own = slice(len(states) - len(self.query.ids), len(states))
        states, rotary = states[own], at(rotary, own)
        self._queries = self._head.queries(states, rotary)
        self._gates.append(self._head.rows(states, self.query.rarity))
        self._reaches.append(self._head.reach(states))
        self._instructions.append(logits(self._queries, instruction).logsumexp(dim=-1))

    def attend(self, keys: JoinedKeys, columns: Columns) -> None:
        """Add the mass that the query puts on the nodes of segments."""
        match = Match(self.query.words, columns.words, self.query.rarity)
        found = block_mass(
            self._queries, keys, columns.units, columns.n_units, match=match, strength=self._head.match_strength
        )
        here = slice(1 + columns.first, columns.first + columns.n_units)
        self._mass[..., here] = torch.logaddexp(self._mass[..., here], found[..., 1:])

    def scores(self, neighbours: Neighbours) -> Scores:
        """Turn the mass into shares, after the last segment."""
        self._mass[..., 0] = mean_mass(self._instructions)
        found = shares(self._head, self._mass, self._gates, self._reaches, neighbours)
        if not found.isfinite().all():
            raise BrokenModelError(
                "the draft model's attention is not a number: its weights are damaged, or too large for this precision "
                "(open it with dtype='float32')"
            )
        return Scores(tuple(found[1:].tolist()), float(found[0]))


def mean_mass(masses: Sequence[Tensor]) -> Tensor:
    """Take the logarithm of the mean of the instruction's masses, given as log-sum-exps, one for each segment."""
    return torch.stack(list(masses)).logsumexp(0) - torch.tensor(float(len(masses))).log()


def shares(
    head: CrossAttentionHead, mass: Tensor, gates: Sequence[Tensor], reaches: Sequence[Tensor], neighbours: Neighbours
) -> Tensor:
    """Turn the mass of a query's rows into shares, in double precision.

    Args:
        head: weighs heads and rows, and says how far shares spread.
        mass: (n_heads, m, 1 + n_nodes) log-sum-exps, the instruction's first.
        gates: (m,) from `head.rows`, one for each place of the query.
        reaches: (n_scales,) from `head.reach`, one for each place of the query.
        neighbours: of the nodes.

    Returns:
        (1 + n_nodes,) shares that sum to 1, the instruction's first.
    """
    weights = head.weights(torch.stack(list(gates)).mean(0))
    rows = [slice(top, top + _ROWS) for top in range(0, weights.shape[1], _ROWS)]
    logs = [log_shares(mass[:, own].cpu().double(), weights[:, own].cpu().double()) for own in rows]
    found = torch.stack(logs).logsumexp(0).exp()  # (1 + n_nodes,)
    parts = head.spread_weights(torch.stack(list(reaches)).mean(0), found[1:])
    return torch.cat([found[:1], neighbours.spread(found[1:], parts.cpu().double())])

"""one query -> what its tokens attend to, while the context streams by."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from longattncomp.backbone.passes import Rotary
from longattncomp.errors import BrokenModelError
from longattncomp.scorers.cross_attention.columns import Columns
from longattncomp.scorers.cross_attention.head import CrossAttentionHead, logits
from longattncomp.scorers.cross_attention.keys import JoinedKeys
from longattncomp.scorers.cross_attention.logsumexp import block_mass, log_shares
from longattncomp.scorers.cross_attention.matching import Match, Words
from longattncomp.scorers.cross_attention.spreading import Neighbours
from longattncomp.types import Scores

_ROWS = 64  # of a query that are summed at once, in double precision


class QueryMass:
    """The attention mass of one query, added up segment by segment."""

    def __init__(self, ids: Sequence[int], words: Words, n_nodes: int, head: CrossAttentionHead) -> None:
        device = head.row_gate.device
        self.ids = ids
        self._head = head
        self._words = torch.from_numpy(words.of(ids)).to(device)
        self._rarity = words.rarity(ids).to(device)
        # (n_heads, m, 1 + n_nodes) log-sum-exps, the instruction's first
        self._mass = torch.full((head.n_heads, len(ids), 1 + n_nodes), -torch.inf, device=device)
        self._gates: list[Tensor] = []
        self._reaches: list[Tensor] = []
        self._instructions: list[Tensor] = []

    def see(self, states: Tensor, rotary: Rotary, instruction: Tensor) -> None:
        """Take the query's states, here where it stands now.

        Args:
            states: (m, width)
            rotary: of their places.
            instruction: keys (n_key_heads, n, head_dim) of the instruction's tokens.
        """
        self._queries = self._head.queries(states, rotary)
        self._gates.append(self._head.rows(states, self._rarity))
        self._reaches.append(self._head.reach(states))
        self._instructions.append(logits(self._queries, instruction).logsumexp(dim=-1))

    def attend(self, keys: JoinedKeys, columns: Columns) -> None:
        """Add the mass on the nodes of segments."""
        match = Match(self._words, columns.words, self._rarity)
        found = block_mass(
            self._queries, keys, columns.units, columns.n_units, match=match, strength=self._head.match_strength
        )
        here = slice(1 + columns.first, columns.first + columns.n_units)
        self._mass[..., here] = torch.logaddexp(self._mass[..., here], found[..., 1:])

    def scores(self, neighbours: Neighbours) -> Scores:
        """Shares of the mass, once all segments have been seen."""
        instructions = torch.stack(self._instructions)
        self._mass[..., 0] = instructions.logsumexp(0) - torch.tensor(float(len(instructions))).log()
        weights = self._head.weights(torch.stack(self._gates).mean(0))
        rows = [slice(top, top + _ROWS) for top in range(0, weights.shape[1], _ROWS)]
        shares = [log_shares(self._mass[:, own].cpu().double(), weights[:, own].cpu().double()) for own in rows]
        found = torch.stack(shares).logsumexp(0).exp()  # (1 + n_nodes,)
        if not found.isfinite().all():
            raise BrokenModelError(
                "the draft model's attention is not a number: its weights are damaged, or too large for this precision "
                "(open it with dtype='float32')"
            )
        parts = self._head.spread_weights(torch.stack(self._reaches).mean(0), found[1:])
        nodes = neighbours.spread(found[1:], parts.cpu().double())
        return Scores(tuple(nodes.tolist()), float(found[0]))

"""(head, states) -> shares -> loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from longattncomp.backbone.passes import Rotary
from longattncomp.scorers.cross_attention.columns import at
from longattncomp.scorers.cross_attention.head import LEAST_SHARE, CrossAttentionHead
from longattncomp.scorers.cross_attention.logsumexp import log_shares, segment_mass
from longattncomp.scorers.cross_attention.matching import Match
from longattncomp.training.states import Layout, StateReader, States

Loss = Callable[[Tensor, Tensor], Tensor]
"""(log shares (1 + n_nodes,), evidence (n_nodes,)) -> scalar."""


class Objective(nn.Module):
    """The loss of a head on questions whose states were read. A module, so that accelerate can spread it."""

    def __init__(self, head: CrossAttentionHead, reader: StateReader, loss: Loss) -> None:
        super().__init__()
        self.head = head
        self._reader = reader
        self._loss = loss

    def forward(self, work: Sequence[tuple[Layout, States, Sequence[int]]]) -> Tensor:
        """The sum of the losses of all questions."""
        # A process without work of its own still takes part in the exchange of gradients.
        total = sum((weight.flatten()[:0].sum() for weight in self.head.parameters()), torch.zeros(()))
        for layout, states, questions in work:
            for number, shares in zip(questions, self.log_shares(layout, states, questions), strict=True):
                total = total + self._loss(shares, layout.questions[number].evidence)
        return total

    def log_shares(self, layout: Layout, states: States, questions: Sequence[int]) -> Iterator[Tensor]:
        """Logarithms of the shares of the instruction and the nodes, (1 + n_nodes,) for each question."""
        head = self.head
        masses = question_masses(head, self._reader.rotary, layout, states, questions)
        for number, mass in zip(questions, masses, strict=True):
            rarity = layout.questions[number].rarity
            gates = torch.stack([head.rows(row[number], rarity) for row in states.asked]).mean(0)
            found = log_shares(mass, head.weights(gates)).cpu()
            reach = torch.stack([head.reach(row[number]) for row in states.asked]).mean(0)
            shares = found[1:].exp()
            nodes = layout.neighbours.spread(shares, head.spread_weights(reach, shares).cpu())
            yield torch.cat([found[:1], nodes.clamp_min(LEAST_SHARE).log()])


def question_masses(
    head: CrossAttentionHead, rotary: Rotary, layout: Layout, states: States, questions: Sequence[int]
) -> Iterator[Tensor]:
    """Log-sum-exps of the logits of the instruction and of each node.

    Args:
        head: gives queries, keys and the strength of matches.
        rotary: of the reader.
        layout: of one context.
        states: of the same.
        questions: by their place in the layout.

    Yields:
        (n_heads, m, 1 + n_nodes) per question; -inf for a node without tokens.
    """
    keys = [
        head.keys(context[columns.places], at(rotary, columns.places))
        for context, columns in zip(states.contexts, layout.columns, strict=True)
    ]
    for number in questions:
        question = layout.questions[number]
        queries = [
            head.queries(row[number], at(rotary, slice(start, start + len(row[number]))))
            for row, start in zip(states.asked, states.starts, strict=True)
        ]
        masses = [
            segment_mass(
                queries[index if len(queries) > 1 else 0],
                keys[index],
                columns.units,
                columns.n_units,
                match=Match(question.words, columns.words, question.rarity),
                strength=head.match_strength,
            )
            for index, columns in enumerate(layout.columns)
        ]
        instruction = torch.stack([mass[..., 0] for mass in masses]).logsumexp(0) - math.log(len(masses))
        n_nodes = len(question.evidence)
        nodes = instruction.new_zeros(*instruction.shape, 0)
        for columns, mass in zip(layout.columns, masses, strict=True):
            found = mass[..., 1:]
            if columns.first < nodes.shape[-1]:  # a node that the segment before began
                shared = torch.logaddexp(nodes[..., -1:], found[..., :1])
                nodes, found = nodes[..., :-1], torch.cat([shared, found[..., 1:]], dim=-1)
            missing = columns.first - nodes.shape[-1]  # nodes before it that have no token
            nodes = torch.cat([nodes, nn.functional.pad(found, (missing, 0), value=-torch.inf)], dim=-1)
        nodes = nn.functional.pad(nodes, (0, n_nodes - nodes.shape[-1]), value=-torch.inf)
        yield torch.cat([instruction[..., None], nodes], dim=-1)

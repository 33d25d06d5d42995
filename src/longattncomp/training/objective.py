"""(head, hidden states) -> shares of the nodes -> loss."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from longattncomp.backbone.passes import at
from longattncomp.scorers.cross_attention.head import LEAST_SHARE, CrossAttentionHead, logits
from longattncomp.scorers.cross_attention.logsumexp import segment_mass
from longattncomp.scorers.cross_attention.matching import Match
from longattncomp.scorers.cross_attention.query_mass import mean_mass, shares
from longattncomp.training.lora import AdaptedLayers
from longattncomp.training.states import Layout, StateReader, States

Loss = Callable[[Tensor, Tensor], Tensor]
"""(log shares (1 + n_nodes,), evidence (n_nodes,)) -> scalar."""

Work = tuple[Layout, States, Sequence[int]]
"""A context with its hidden states, and the indices of the questions to learn from."""


class Objective(nn.Module):
    """The loss of a head on questions, from their hidden states. It is a module for accelerate to distribute."""

    def __init__(
        self, head: CrossAttentionHead, reader: StateReader, loss: Loss, layers: AdaptedLayers | None = None
    ) -> None:
        """Compute a loss from what the reader reads; `layers`, if any, come between these states and the head."""
        super().__init__()
        self.head = head
        self.layers = layers
        self._reader = reader
        self._loss = loss

    def forward(self, work: Sequence[Work]) -> Tensor:
        """Sum the losses of all questions."""
        # A process without questions has to take part in the exchange of gradients as well.
        total = sum((weight.flatten()[:0].sum() for weight in self.parameters()), torch.zeros(()))
        for loss, *_ in self.losses(work):
            total = total + loss
        return total

    def losses(self, work: Sequence[Work]) -> Iterator[tuple[Tensor, Tensor, Layout, int]]:
        """Yield the loss of each question, the logarithms of its shares, its context, and its number in that."""
        for layout, read, questions in work:
            states = read if self.layers is None else self.layers(read, questions)
            for number, found in zip(questions, self.log_shares(layout, states, questions), strict=True):
                yield self._loss(found, layout.questions[number].evidence), found, layout, number

    def log_shares(self, layout: Layout, states: States, questions: Sequence[int]) -> Iterator[Tensor]:
        """Yield the logarithms of the shares, (1 + n_nodes,) for each question, the instruction's share first."""
        head = self.head
        masses = question_masses(head, self._reader, layout, states, questions)
        for number, mass in zip(questions, masses, strict=True):
            rarity = layout.questions[number].tokens.rarity
            gates = [head.rows(own, rarity) for _, own in states.asked(number)]
            reaches = [head.reach(own) for _, own in states.asked(number)]
            found = shares(head, mass, gates, reaches, layout.context.neighbours)
            yield found.clamp_min(LEAST_SHARE).log().float()


def question_masses(
    head: CrossAttentionHead, reader: StateReader, layout: Layout, states: States, questions: Sequence[int]
) -> Iterator[Tensor]:
    """Compute the log-sum-exps of the logits of the instruction and of each node, with gradients.

    Yields:
        (n_heads, m, 1 + n_nodes) per question; -inf for a node without tokens.
    """
    before = len(reader.frame.instruction)
    places = [before + columns.places for columns in layout.columns]
    keys = [
        (
            head.keys(context[:before], at(reader.rotary, slice(0, before))),
            head.keys(context[own], at(reader.rotary, own)),
        )
        for context, own in zip(states.segments, places, strict=True)
    ]
    n_nodes = len(layout.context.nodes)
    for number in questions:
        tokens = layout.questions[number].tokens
        queries = [
            head.queries(own, at(reader.rotary, slice(start, start + len(own)))) for start, own in states.asked(number)
        ]
        instructions, nodes = [], queries[0].new_zeros(*queries[0].shape[:2], 0)
        for index, (columns, (instruction, own)) in enumerate(zip(layout.columns, keys, strict=True)):
            query = queries[index if len(queries) > 1 else 0]
            instructions.append(logits(query, instruction).logsumexp(dim=-1))
            match = Match(tokens.words, columns.words, tokens.rarity)
            found = segment_mass(query, own, columns.units, columns.n_units, match=match, strength=head.match_strength)
            nodes = _appended(nodes, found[..., 1:], columns.first)
        nodes = nn.functional.pad(nodes, (0, n_nodes - nodes.shape[-1]), value=-torch.inf)
        yield torch.cat([mean_mass(instructions)[..., None], nodes], dim=-1)


def _appended(nodes: Tensor, found: Tensor, first: int) -> Tensor:
    """Append a segment's masses, from the node `first` on, to the masses (n_heads, m, k) of earlier nodes."""
    if first < nodes.shape[-1]:  # the segment before holds the beginning of this node
        shared = torch.logaddexp(nodes[..., -1:], found[..., :1])
        nodes, found = nodes[..., :-1], torch.cat([shared, found[..., 1:]], dim=-1)
    missing = first - nodes.shape[-1]  # nodes without tokens lie in no segment
    return torch.cat([nodes, nn.functional.pad(found, (missing, 0), value=-torch.inf)], dim=-1)

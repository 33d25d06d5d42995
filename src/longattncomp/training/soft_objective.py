"""(documents, questions) -> what the target makes of their vectors, and of their text -> loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from longattncomp.backbone.batches import length_buckets, stacked
from longattncomp.data.rows import Context
from longattncomp.soft.adapter import Adapter, AdapterConfig, encoder_of
from longattncomp.soft.methods import METHODS
from longattncomp.soft.pieces import pieces
from longattncomp.soft.target import Memory, Target
from longattncomp.training.lora import adapters_of, injected, set_adapters
from longattncomp.training.soft_stages import SoftStage

_BATCH_TOKENS = 4096
_ROUND = 8

Work = tuple[Context, Sequence[int], int]
"""A context, the indices of the questions to learn from, and the ratio."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Questions with their answers, as the rows of a batch.

    Attributes:
        ids: of each row.
        starts: where each answer starts; at least 1.
        ends: one past its last token.
    """

    ids: list[list[int]]
    starts: list[int]
    ends: list[int]


class SoftObjective(nn.Module):
    """The loss of an adapter on questions. It is a module for accelerate to distribute, of the trained weights only.

    The target is frozen, and gradients go through it to the vectors.
    """

    def __init__(self, stage: SoftStage, target: Target, start: Adapter, *, seed: int) -> None:
        """Start from an adapter, maybe an untrained one.

        Raises:
            InputError: the adapter has another rank.
        """
        super().__init__()
        self._stage, self._target = stage, target
        self._config = start.config
        encoder = injected(encoder_of(target), stage.rank, seed=seed).to(target.device)
        set_adapters(encoder, start.lora)
        weights = {
            name: nn.Parameter(weight.detach().clone().to(target.device)) if weight.ndim else weight
            for name, weight in start.weights.items()
        }
        self._soft = METHODS[stage.method](target, encoder, weights)
        # Not modules of this one: a checkpoint would hold the frozen layers, too.
        self._encoder = (encoder,)
        self.lora = nn.ParameterList(weight for weight in encoder.parameters() if weight.requires_grad)
        self.weights = nn.ParameterList(weight for weight in weights.values() if isinstance(weight, nn.Parameter))

    def adapter(self, trained: dict[str, object]) -> Adapter:
        """Return what was trained, in a form that can be saved."""
        config = AdapterConfig(self._stage.method, self._target.fingerprint, tuple(self._stage.ratios), trained)
        weights = {name: weight.detach().clone().cpu() for name, weight in self._soft.weights.items()}
        return Adapter(config, adapters_of(self._encoder[0]), weights)

    def forward(self, work: Sequence[Work]) -> Tensor:
        """Sum the losses of all questions."""
        # A process without questions has to take part in the exchange of gradients as well.
        total = sum((weight.flatten()[:0].sum() for weight in self.parameters()), torch.zeros((), device=self._device))
        for context, questions, ratio in work:
            total = total + self._loss(context, questions, ratio)
        return total

    @torch.no_grad()
    def nats(self, context: Context, questions: Sequence[int], other: Context, ratio: int) -> tuple[Tensor, Tensor]:
        """Measure answers after a context's own vectors and after another's: mean nats a token, (questions,) each."""
        rows = self._rows(context, questions, end=False)
        found = []
        for read in (context, other):
            states, owner, wanted = self._states(self._memory(read, ratio), rows)
            nats = nn.functional.cross_entropy(self._target.logits(states[-1]), wanted, reduction="none")
            found.append(torch.zeros(len(rows.ids), device=nats.device).index_add(0, owner, nats) / owner.bincount())
        return found[0], found[1]

    @property
    def _device(self) -> torch.device:
        return self._target.device

    def _loss(self, context: Context, questions: Sequence[int], ratio: int) -> Tensor:
        losses = self._stage.losses
        full = self._full(context) if {"states", "divergence"} & losses.keys() else None
        rows = self._rows(context, questions, end=True)
        states, owner, wanted = self._states(self._memory(context, ratio), rows)
        share = 1 / owner.bincount()[owner]  # of a token in its question
        logits = self._target.logits(states[-1])
        total = torch.zeros((), device=self._device)
        if weight := losses.get("answers"):
            found = nn.functional.cross_entropy(logits, wanted, reduction="none")
            total = total + weight * (share * found).sum()
        if full is None:
            return total
        with torch.no_grad():
            aims, _, _ = self._states(full, rows)
        if weight := losses.get("divergence"):
            log_aims = self._target.logits(aims[-1]).log_softmax(-1)
            found = nn.functional.kl_div(logits.log_softmax(-1), log_aims, reduction="none", log_target=True).sum(-1)
            total = total + weight * (share * found).sum()
        if weight := losses.get("states"):
            total = total + weight * (share * self._distance(states, aims)).sum()
        return total

    def _distance(self, states: Sequence[Tensor], aims: Sequence[Tensor]) -> Tensor:
        """Smooth L1 between states in units of the aims' spread, (tokens,), mean over layers (arXiv 2509.19228)."""
        found = []
        for state, aim in zip(states[1:], aims[1:], strict=True):  # state 0 is the same on both sides
            scale = aim.float().std()
            if self._stage.by_dimension:
                scale = aim.float().square().mean(0).sqrt().clamp_min(1e-2 * scale)
            found.append(nn.functional.smooth_l1_loss(state / scale, aim / scale, reduction="none").mean(-1))
        return torch.stack(found).mean(0)

    def _memory(self, context: Context, ratio: int) -> Memory:
        """Compress the documents of a context, with gradients, and put them into the target's memory."""
        target = self._target
        cut = [
            pieces(document.text, target.tokenizer, self._soft.piece_tokens)
            for document in context[0].documents
            if document.text
        ]
        flat = [piece for own in cut for piece in own]
        vectors: list[Tensor] = [torch.empty(0)] * len(flat)
        with torch.autocast(self._device.type, target.dtype, enabled=target.dtype != torch.float32):
            for batch in length_buckets(list(map(len, flat)), _BATCH_TOKENS):
                for index, own in zip(batch, self._soft.encode([flat[at] for at in batch], ratio), strict=True):
                    vectors[index] = own
        made = iter(vectors)
        return self._soft.memory(target.before(), [[(len(piece), next(made)) for piece in own] for own in cut])

    @torch.no_grad()
    def _full(self, context: Context) -> Memory:
        """Read the text of a context."""
        text = "\n\n".join(document.text for document in context[0].documents if document.text)
        return self._target.read(
            self._target.before(), self._target.embed(self._target.tokenizer.encode(text).ids)[None]
        ).memory

    def _rows(self, context: Context, questions: Sequence[int], *, end: bool) -> Rows:
        """Write questions and answers as the target's template has them; `end` puts the end of a turn after each."""
        form = self._target.form
        stop = [self._target.end] if end else []
        rows = Rows([], [], [])
        for number in questions:
            example = context[number]
            if not example.query:  # the text goes on; its first token has nothing before it that could predict it
                ids, start = list(self._target.tokenizer.encode(example.answers[0]).ids), 1
            else:
                asked = f"\n\n{example.query}"
                before, follow = form.around(asked)[1], form.follow(asked, example.answers[0])
                start = len(before) - follow.back
                ids = [*before[:start], *follow.ids, *stop]
            rows.ids.append(ids)
            rows.starts.append(start)
            rows.ends.append(len(ids))
        return rows

    def _states(self, memory: Memory, rows: Rows) -> tuple[list[Tensor], Tensor, Tensor]:
        """Read rows after a memory.

        Returns:
            for each layer the states (tokens, width) from which the answers' tokens are predicted; the row of each, and
            the token itself, (tokens,) each.
        """
        target = self._target
        padded = stacked([target.embed(ids) for ids in rows.ids], _ROUND)
        reading = target.read(memory, padded, last=0, states=True)
        spans = list(zip(rows.starts, rows.ends, strict=True))
        owner = torch.tensor([row for row, (start, end) in enumerate(spans) for _ in range(start, end)])
        places = torch.tensor([place for start, end in spans for place in range(start, end)])
        wanted = torch.tensor([ids[place] for ids, (start, end) in zip(rows.ids, spans, strict=True)
                               for place in range(start, end)])  # fmt: skip
        states = [state[owner, places - 1] for state in reading.states]
        return states, owner.to(self._device), wanted.to(self._device)

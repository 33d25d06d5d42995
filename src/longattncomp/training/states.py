"""contexts -> hidden states of layer L, read once and kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import diskcache
import torch
from safetensors.torch import load, save
from torch import Tensor

from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.passes import Rotary
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.chunking.nodes import chunk
from longattncomp.data.rows import Example
from longattncomp.scorers.cross_attention.columns import Columns
from longattncomp.scorers.cross_attention.layout import ContextLayout, Frame, QueryTokens
from longattncomp.types import Node, NodeBoundary, QueryPlace


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a context.

    Attributes:
        tokens: as the draft model reads it.
        evidence: (n_nodes,) characters of evidence in each node.
    """

    tokens: QueryTokens
    evidence: Tensor


@dataclass(frozen=True, slots=True)
class Layout:
    """A context and its questions, before the backbone reads them.

    Attributes:
        context: laid out in segments, as for scoring.
        questions: in order.
        contexts: per segment, the token ids that the backbone reads.
        asked: per question, the token ids that follow.
        columns: per segment.
    """

    context: ContextLayout
    questions: tuple[Question, ...]
    contexts: tuple[tuple[int, ...], ...]
    asked: tuple[tuple[int, ...], ...]
    columns: tuple[Columns, ...]


@dataclass(frozen=True, slots=True)
class States:
    """Hidden states of layer L.

    Attributes:
        contexts: per segment, (n, width).
        asked: per segment and question, (m, width) of the question's own tokens; for a query alone
            there is one row of segments only, which stands for all.
        starts: per row of `asked`, the position of the first of a question's tokens.
    """

    contexts: tuple[Tensor, ...]
    asked: tuple[tuple[Tensor, ...], ...]
    starts: tuple[int, ...]


class StateReader:
    """Reads contexts with the backbone; what was read before comes from disk.

    Attributes:
        rotary: cos and sin of the scoring layer for the longest sequence so far.
    """

    def __init__(
        self,
        backbone: Backbone,
        tokenizer: DraftTokenizer,
        *,
        query_place: QueryPlace,
        segment_tokens: int,
        node_tokens: int | Literal["document"],
        node_boundary: NodeBoundary = "near",
        folder: Path,
        most_bytes: int,
    ) -> None:
        """Prepare to read.

        Args:
            backbone: frozen.
            tokenizer: the draft model's.
            query_place: after each segment, or alone.
            segment_tokens: longest segment, in tokens.
            node_tokens: longest node, in tokens, or "document".
            node_boundary: where nodes end.
            folder: where states are kept; several processes may share it.
            most_bytes: of states on disk; contexts beyond it are read again whenever they are asked for.
        """
        self.backbone = backbone
        self._tokenizer = tokenizer
        self._alone = query_place == "alone"
        self._node_tokens = node_tokens
        self._node_boundary: NodeBoundary = node_boundary
        self.frame = Frame(
            tokenizer,
            backbone,
            query_place=query_place,
            segment_tokens=segment_tokens,
            prefix=tokenizer.prefix,
            words=tokenizer.words,
        )
        self._most_bytes = most_bytes
        self._cache = diskcache.Cache(str(folder), eviction_policy="none", size_limit=most_bytes)
        self.rotary: Rotary = self._rotary()

    def layout(self, examples: Sequence[Example]) -> Layout:
        """Cut a context into nodes and segments, and find the evidence of its questions.

        Args:
            examples: questions that share their documents.

        Raises:
            InputError: a segment leaves no room for a question.
        """
        nodes = chunk(
            examples[0].documents, self._tokenizer, node_tokens=self._node_tokens, boundary=self._node_boundary
        )
        context = self.frame.context(nodes)
        room = self.frame.room(context.sizes)
        questions = tuple(
            Question(self.frame.query(example.query, context, room), _evidence(example, nodes)) for example in examples
        )
        return Layout(
            context=context,
            questions=questions,
            contexts=tuple((*self.frame.instruction, *part.ids) for part in context.parts),
            asked=tuple((*self.frame.question, *question.tokens.ids) for question in questions),
            columns=tuple(context.columns(index, self.backbone.device) for index in range(len(context.parts))),
        )

    def states(self, layout: Layout) -> States:
        """Read a context and its questions, or find what was read before."""
        key = self._key(layout)
        stored = self._cache.get(key)
        if stored is None:
            stored = save(self._read(layout))
            if self._cache.volume() + len(stored) <= self._most_bytes:
                self._cache.set(key, stored)
        found = {name: states.to(self.backbone.device) for name, states in load(stored).items()}
        n_rows = 1 if self._alone else len(layout.contexts)
        skipped = len(self.frame.question)
        return States(
            contexts=tuple(found[f"context.{index}"] for index in range(len(layout.contexts))),
            asked=tuple(
                tuple(found[f"asked.{row}.{number}"][skipped:] for number in range(len(layout.asked)))
                for row in range(n_rows)
            ),
            starts=tuple(
                (len(self.frame.instruction) if self._alone else len(layout.contexts[row])) + skipped
                for row in range(n_rows)
            ),
        )

    def _read(self, layout: Layout) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for reading in self.backbone.read(layout.contexts, () if self._alone else layout.asked):
            found[f"context.{reading.index}"] = reading.states
            for number, states in enumerate(reading.asked):
                found[f"asked.{reading.index}.{number}"] = states
        if self._alone:
            for reading in self.backbone.read([(*self.frame.instruction, *question) for question in layout.asked]):
                found[f"asked.0.{reading.index}"] = reading.states[len(self.frame.instruction) :]
        # The arithmetic of the backbone is bf16 where it can be; half the bytes lose nothing there.
        return {name: states.to("cpu", torch.bfloat16).contiguous() for name, states in found.items()}

    def _key(self, layout: Layout) -> str:
        what = [self.backbone.digest, str(self.backbone.dtype), self._alone]
        return hashlib.sha256(json.dumps([what, layout.contexts, layout.asked]).encode()).hexdigest()

    def _rotary(self) -> Rotary:
        (reading,) = self.backbone.read([[0] * self.backbone.window])
        cos, sin = reading.rotary
        return cos.clone(), sin.clone()  # what comes out of inference mode cannot be trained through


def _evidence(example: Example, nodes: Sequence[Node]) -> Tensor:
    """Characters of evidence in each node, (n_nodes,)."""
    evidence = torch.zeros(len(nodes))
    for span in example.evidence:
        for index, node in enumerate(nodes):
            if node.document == span.document:
                evidence[index] += max(0, min(node.end, span.end) - max(node.start, span.start))
    return evidence

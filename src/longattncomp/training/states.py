"""contexts and questions -> hidden states of layer L, computed once and kept on disk."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.passes import Rotary
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.chunking.nodes import chunk
from longattncomp.data.rows import Example
from longattncomp.runtime.files import KeptFiles
from longattncomp.scorers.cross_attention.head import HeadConfig
from longattncomp.scorers.cross_attention.layout import Columns, ContextLayout, Frame, QueryTokens
from longattncomp.training.stages import Stage
from longattncomp.types import Node


@dataclass(frozen=True, slots=True)
class Question:
    """A question in tokens, with (n_nodes,) characters of evidence in each node of its context."""

    tokens: QueryTokens
    evidence: Tensor


@dataclass(frozen=True, slots=True)
class Layout:
    """A context and its questions in tokens.

    Attributes:
        context: the layout in segments, the same as for scoring.
        questions: all questions, in order.
        segment_ids: token ids of each segment, the instruction in front.
        question_ids: token ids of each question, with the text between context and question in front.
        columns: the columns of each segment.
    """

    context: ContextLayout
    questions: tuple[Question, ...]
    segment_ids: tuple[tuple[int, ...], ...]
    question_ids: tuple[tuple[int, ...], ...]
    columns: tuple[Columns, ...]


@dataclass(frozen=True, slots=True)
class States:
    """Hidden states of layer L.

    Attributes:
        segments: (n, width) for each segment.
        questions: for each segment, index of a question -> (k + m, width): the k tokens of the text between context
            and question, and the question's own. Where the query stands alone there is one row, for all segments.
        starts: position of the first of these tokens, for each row of `questions`.
        skipped: k.
    """

    segments: tuple[Tensor, ...]
    questions: tuple[Mapping[int, Tensor], ...]
    starts: tuple[int, ...]
    skipped: int

    def asked(self, question: int) -> Iterator[tuple[int, Tensor]]:
        """Yield the first position and the states (m, width) of a question's own tokens, for each row."""
        for start, row in zip(self.starts, self.questions, strict=True):
            yield start + self.skipped, row[question][self.skipped :]


class StateReader:
    """Reads contexts with the backbone, and keeps the states on disk.

    Attributes:
        backbone: the frozen layers.
        frame: lays out contexts and questions, the same as for scoring.
        rotary: cos and sin of the scoring layer for every position of the window.
    """

    def __init__(
        self,
        backbone: Backbone,
        tokenizer: DraftTokenizer,
        stage: Stage,
        *,
        folder: Path,
        most_bytes: int,
    ) -> None:
        """Open the states in a folder, which several processes and stages may share.

        The folder gets at most `most_bytes` of states; contexts beyond it are read again each time.
        """
        self.backbone = backbone
        self._tokenizer = tokenizer
        self._stage = stage
        self._alone = stage.query_place == "alone"
        # The layout does not depend on `rotary`.
        head = HeadConfig(
            backbone.fingerprint, backbone.layers, stage.query_place, rotary=False, segment_tokens=stage.segment_tokens
        )
        self.frame = Frame(tokenizer, backbone, head, prefix=tokenizer.prefix, words=tokenizer.words)
        self._most_bytes = most_bytes
        self._kept = KeptFiles(folder, most_bytes=most_bytes)
        (read,) = backbone.read([[0] * backbone.window])
        self._width = read.states.shape[1]
        cos, sin = read.rotary
        self.rotary: Rotary = (cos.clone(), sin.clone())  # no gradient passes a tensor made in inference mode

    def layout(self, examples: Sequence[Example]) -> Layout:
        """Cut the documents that all examples share into segments, and find the evidence of each question.

        Raises:
            InputError: a segment leaves no room for a question.
        """
        stage = self._stage
        documents = examples[0].documents
        nodes = chunk(documents, self._tokenizer, node_tokens=stage.node_tokens, boundary=stage.node_boundary)
        context = self.frame.context(nodes)
        room = self.frame.room(context.sizes)
        questions = tuple(
            Question(self.frame.query(example.query, context, room), _evidence(example, nodes)) for example in examples
        )
        return Layout(
            context=context,
            questions=questions,
            segment_ids=tuple((*self.frame.instruction, *part.ids) for part in context.parts),
            question_ids=tuple((*self.frame.question, *question.tokens.ids) for question in questions),
            columns=tuple(context.columns(index, self.backbone.device) for index in range(len(context.parts))),
        )

    def states(self, layout: Layout) -> States:
        """Return the states of a context and its questions, from disk if they were read before."""
        key = self._key(layout)
        kept = self._usable(self._kept.get(key), layout)
        if kept is None:
            kept = self._read(layout)
            stored = save(kept)
            if self._kept.volume() + len(stored) <= self._most_bytes:
                self._kept.put(key, stored)
        found = {name: states.to(self.backbone.device) for name, states in kept.items()}
        before = [self.frame.instruction] if self._alone else layout.segment_ids
        return States(
            segments=tuple(found[f"context.{index}"] for index in range(len(layout.segment_ids))),
            questions=tuple(
                {number: found[f"asked.{row}.{number}"] for number in range(len(layout.question_ids))}
                for row in range(len(before))
            ),
            starts=tuple(map(len, before)),
            skipped=len(self.frame.question),
        )

    def _usable(self, stored: bytes | None, layout: Layout) -> dict[str, Tensor] | None:
        """Read states from disk; None if they are not all there, or not of the shapes that `_read` gives them."""
        rows = range(1 if self._alone else len(layout.segment_ids))
        expected = {f"context.{index}": len(ids) for index, ids in enumerate(layout.segment_ids)}
        expected |= {
            f"asked.{row}.{number}": len(ids) for row in rows for number, ids in enumerate(layout.question_ids)
        }
        try:
            found = load(stored) if stored is not None else {}
        except SafetensorError:
            return None
        shapes = {name: (states.dtype, *states.shape) for name, states in found.items()}
        usable = shapes == {name: (torch.bfloat16, n, self._width) for name, n in expected.items()}
        return found if usable else None

    def _read(self, layout: Layout) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for reading in self.backbone.read(layout.segment_ids, () if self._alone else layout.question_ids):
            found[f"context.{reading.index}"] = reading.states
            for number, states in enumerate(reading.asked):
                found[f"asked.{reading.index}.{number}"] = states
        if self._alone:
            for reading in self.backbone.read([(*self.frame.instruction, *ids) for ids in layout.question_ids]):
                found[f"asked.0.{reading.index}"] = reading.states[len(self.frame.instruction) :]
        # Most backbones compute in bf16 anyway, and bf16 takes half the bytes of float32.
        return {name: states.to("cpu", torch.bfloat16).contiguous() for name, states in found.items()}

    def _key(self, layout: Layout) -> str:
        model = [self.backbone.digest, str(self.backbone.dtype), self._alone]
        return hashlib.sha256(json.dumps([model, layout.segment_ids, layout.question_ids]).encode()).hexdigest()


def _evidence(example: Example, nodes: Sequence[Node]) -> Tensor:
    """Count the characters of evidence in each node, (n_nodes,)."""
    evidence = torch.zeros(len(nodes))
    for span in example.evidence:
        for index, node in enumerate(nodes):
            if node.document == span.document:
                evidence[index] += max(0, min(node.end, span.end) - max(node.start, span.start))
    return evidence

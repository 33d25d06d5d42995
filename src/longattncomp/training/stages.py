"""What is trained on what, and how: frozen values, and the samples they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from longattncomp.data.rows import Example
from longattncomp.data.sources import SubQuestions, read_source
from longattncomp.scorers.cross_attention.head import EXTENSIONS
from longattncomp.training.samples.chats import chat_samples
from longattncomp.training.samples.code import code_samples
from longattncomp.training.samples.meetings import meeting_samples
from longattncomp.training.samples.mixing import mixed, multi_hop_samples, paragraph_samples
from longattncomp.training.samples.needles import chain_samples, needle_samples
from longattncomp.training.samples.queries import Context, SampleOptions, contexts, joined
from longattncomp.types import NodeBoundary, QueryPlace

_EVERYTHING = 10**9
_LARGE = 1_000
"""Contexts of a collection of which everything is taken, about."""
_MADE_OF = {"code": (), "chains": ("squad",), "needles": ("squad",), "chats": ("qmsum", "squad")}
"""Sources that are put together here, out of collections or of Python's own library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of training.

    Attributes:
        name: what the command line calls it.
        sources: collection -> most contexts of it; `code` is Python's own library, `chains` and `needles` are
            hidden in SQuAD, `chats` among QMSum's turns and SQuAD's paragraphs.
        samples: how they are drawn.
        joined: share of the contexts of passages that are one long document instead.
        sub_questions: whether MuSiQue's questions come with their decomposition (subq), without (nosubq) or both.
        layers: L, unless a setting says otherwise; None leaves it to the draft model's default.
        query_place: where the query stands.
        rotary: whether queries and keys carry the layer's rotary embedding.
        segment_tokens: longest segment, in tokens.
        node_tokens: longest node, in tokens, or "document" for one node per document.
        node_boundary: where nodes end.
        loss: `bce`, the papers', or `listwise`.
        instruction_weight: lambda of the bce loss.
        extensions: which of `head.EXTENSIONS` are trained; with none the head is the papers'.
        favoured_heads: query heads of SmolLM2-135M-Instruct that start with more weight, as the probe found them.
        epochs: passes over all questions.
        batch: questions in a step.
        learning_rate: of the projections, the norm and the gates.
        weight_rate: of the other extensions.
        weight_decay: of what has the learning rate.
        warm_up: share of the steps with a rising learning rate; it then falls as a cosine.
        dropout: of the head's input.
        clip: largest norm of the gradient.
        validation: share of the contexts that are only measured.
        kept: share of the head that a stage starts from in the one that it saves, a mean of both's weights, which
            keeps more of what was known before (WiSE-FT, arXiv 2109.01903, section 3).
    """

    name: str
    sources: Mapping[str, int]
    samples: SampleOptions = field(default_factory=SampleOptions)
    joined: float = 0.0
    sub_questions: SubQuestions = "without"
    layers: int | None = None
    query_place: QueryPlace = "after"
    rotary: bool = True
    segment_tokens: int = 1024
    node_tokens: int | Literal["document"] = 64
    node_boundary: NodeBoundary = "near"
    loss: Literal["bce", "listwise"] = "listwise"
    instruction_weight: float = 0.8
    extensions: tuple[str, ...] = EXTENSIONS
    favoured_heads: tuple[int, ...] = ()
    epochs: int = 3
    batch: int = 8
    learning_rate: float = 5e-4
    weight_rate: float = 5e-2
    weight_decay: float = 0.01
    warm_up: float = 0.05
    dropout: float = 0.0
    clip: float = 1.0
    validation: float = 0.05
    kept: float = 0.0


def read_contexts(stage: Stage, folder: Path | None, *, seed: int = 0) -> Iterator[Context]:
    """The contexts of a stage, its collections mixed.

    Args:
        stage: names the collections.
        folder: where the rows lie; None reads the public sets through `datasets`.
        seed: of the mixture; the samples have their own.

    Raises:
        InputError: a collection is unknown or cannot be read.
    """
    streams = {
        name: (example for context in islice(contexts(_samples(name, stage, folder)), most) for example in context)
        for name, most in stage.sources.items()
    }
    weights = {name: float(min(most, _LARGE)) for name, most in stage.sources.items()}
    yield from contexts(mixed(streams, weights=weights, seed=seed))


def collections(stage: Stage) -> set[str]:
    """The names of all collections whose rows a stage reads."""
    return {name for source in stage.sources for name in _MADE_OF.get(source, (source,))}


def _samples(name: str, stage: Stage, folder: Path | None) -> Iterator[Example]:
    if name == "code":
        return code_samples(options=stage.samples)
    if name in ("chains", "needles"):
        hidden = chain_samples if name == "chains" else needle_samples
        return hidden(read_source("squad", folder=folder), stage.samples)
    if name == "chats":
        meetings, paragraphs = (read_source(source, folder=folder) for source in _MADE_OF[name])
        return chat_samples(meetings, paragraphs, stage.samples)
    examples = read_source(name, folder=folder, sub_questions=stage.sub_questions)
    if name == "qmsum":
        return meeting_samples(examples, stage.samples)
    passages = paragraph_samples if name == "squad" else multi_hop_samples
    return joined(passages(examples, stage.samples), stage.joined, seed=stage.samples.seed)


_SAMPLES = SampleOptions(documents=40, titles=8, questions=16, native=0.8)
_MIXED = {"squad": 40, "hotpotqa": _EVERYTHING, "musique": 400, "2wiki": 400, "qmsum": 30, "code": 25}
_PAPER = SampleOptions(documents=100, needles=2, compound=0.0, native=0.0)

STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            name="1",
            sources={"squad": 40, "hotpotqa": _EVERYTHING},
            samples=_SAMPLES,
            joined=0.2,
            rotary=False,
            favoured_heads=(6,),
            epochs=1,
        ),
        Stage(
            name="2",
            sources=_MIXED | {"qmsum": 110, "code": 40, "chains": 80, "chats": 80, "needles": 60},
            samples=_SAMPLES,
            joined=0.2,
            sub_questions="both",
            rotary=False,
            epochs=3,
        ),
        Stage(
            name="3",
            sources={
                "squad": 10,
                "hotpotqa": 100,
                "musique": 140,
                "2wiki": 140,
                "qmsum": 16,
                "code": 16,
                "chains": 32,
                "chats": 60,
                "needles": 16,
            },
            samples=_SAMPLES,
            joined=0.2,
            sub_questions="both",
            rotary=False,
            node_tokens=32,
            node_boundary="sentence",
            epochs=1,
            learning_rate=2e-4,
            weight_rate=2e-2,
            kept=0.5,
        ),
        Stage(
            name="alone",
            sources=_MIXED,
            samples=_SAMPLES,
            sub_questions="both",
            layers=8,
            query_place="alone",
            rotary=False,
            epochs=3,
            learning_rate=1e-3,
        ),
        Stage(
            name="attncomp",
            sources={"hotpotqa": _EVERYTHING},
            samples=_SAMPLES,
            node_tokens="document",
            loss="bce",
            extensions=(),
            epochs=3,
        ),
        Stage(
            name="paper",
            sources={"squad": _EVERYTHING, "hotpotqa": _EVERYTHING},
            samples=_PAPER,
            layers=13,
            segment_tokens=8192,
            node_tokens=256,
            loss="bce",
            extensions=(),
            epochs=15,
            learning_rate=2e-4,
            dropout=0.1,
        ),
    )
}
"""`1`, `2` and `3` made the head that ships, `alone` and `attncomp` the others. `paper` is LongAttnComp's recipe for
Llama-3.1-8B-Instruct."""

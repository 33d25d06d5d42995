"""stage -> its samples; the stages of training as frozen values."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from longattncomp.data.rows import Context, Example, contexts
from longattncomp.data.sources import SubQuestions, read_source
from longattncomp.data.written import written_beside
from longattncomp.scorers.cross_attention.head import EXTENSIONS
from longattncomp.training.samples.bridges import bridge_samples
from longattncomp.training.samples.chats import chat_samples
from longattncomp.training.samples.code import code_samples
from longattncomp.training.samples.meetings import meeting_samples
from longattncomp.training.samples.mixing import (
    contract_samples,
    excerpt_samples,
    mixed,
    multi_hop_samples,
    paragraph_samples,
)
from longattncomp.training.samples.needles import chain_samples, needle_samples
from longattncomp.training.samples.queries import SampleOptions, joined
from longattncomp.training.samples.structure import structure_samples
from longattncomp.training.soft_stages import SoftStage
from longattncomp.types import NodeBoundary, QueryPlace

_LARGE = 1_000
"""Collections that are taken whole are drawn as often as one of so many contexts."""
_MADE_OF: Mapping[str, tuple[Callable[..., Iterator[Example]], tuple[str, ...]]] = {
    "code": (code_samples, ()),
    "bridges": (bridge_samples, ("squad",)),
    "chains": (chain_samples, ("squad",)),
    "excerpts": (excerpt_samples, ("squad",)),
    "needles": (needle_samples, ("squad",)),
    "chats": (chat_samples, ("qmsum", "squad")),
    "structure": (structure_samples, ()),
    "cuad": (contract_samples, ("cuad", "cuad-none")),
    "contractnli": (contract_samples, ("contractnli", "contractnli-none")),
}
"""Source -> what makes its samples, and the collections that they are made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of training: its samples and its recipe.

    Attributes:
        name: name of the stage on the command line.
        sources: collection -> most contexts to take from it. `code` is Python's own library; `excerpts` are a few
            sentences of a paragraph of SQuAD, `bridges` questions that take two paragraphs, `chains` and `needles`
            lines hidden between them; `chats` are made of QMSum's turns and SQuAD's paragraphs; `structure` are the
            project's own texts.
        samples: how samples are drawn.
        joined: share of the contexts of passages whose documents are joined into one.
        sub_questions: whether MuSiQue's questions come with their decomposition (subq), without it (nosubq) or both.
        layers: L, unless a setting says otherwise; None takes the default of the draft model.
        query_place: whether queries follow each segment or stand alone.
        rotary: whether queries and keys carry the rotary embedding of the layer.
        segment_tokens: longest segment, in tokens.
        node_tokens: longest node, in tokens, or "document" for one node per document.
        node_boundary: where nodes end.
        loss: `bce` (the papers' loss) or `listwise`.
        instruction_weight: lambda of the bce loss.
        extensions: the members of `head.EXTENSIONS` to train; without any, the head is the papers' head.
        adapted_layers: how many layers below the head get low-rank adapters, which are trained together with it.
        rank: of the adapters.
        favoured_heads: query heads of SmolLM2-135M-Instruct that start with more weight: the probe found them best.
        epochs: passes over all questions.
        batch: least questions in a step.
        learning_rate: learning rate of the projections, the norm and the gates.
        weight_rate: learning rate of the other extensions.
        adapter_rate: learning rate of the adapters.
        weight_decay: weight decay of the projections, the norm and the gates.
        warm_up: share of the steps in which the learning rate rises; afterwards it falls as a cosine.
        dropout: dropout of the input of the head.
        clip: largest norm of the gradient.
        validation: share of the contexts that are kept out for validation.
        kept: share of the weights before the stage in the weights that it saves, which are a mean of both. The mean
            forgets less of what was known before (WiSE-FT, arXiv 2109.01903, section 3).
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
    node_boundary: NodeBoundary = "unit"
    loss: Literal["bce", "listwise"] = "listwise"
    instruction_weight: float = 0.8
    extensions: tuple[str, ...] = EXTENSIONS
    adapted_layers: int = 0
    rank: int = 16
    favoured_heads: tuple[int, ...] = ()
    epochs: int = 3
    batch: int = 8
    learning_rate: float = 5e-4
    weight_rate: float = 5e-2
    adapter_rate: float = 4e-4
    weight_decay: float = 0.01
    warm_up: float = 0.05
    dropout: float = 0.0
    clip: float = 1.0
    validation: float = 0.05
    kept: float = 0.0


def read_contexts(stage: Stage, folder: Path | None, *, seed: int = 0) -> Iterator[Context]:
    """Read the contexts of a stage, in a random mixture of its sources.

    Without a folder of rows, it reads the public sets through `datasets`. The seed decides the mixture; `stage.samples`
    has a seed of its own.

    Raises:
        InputError: a collection is unknown or cannot be read.
    """
    streams = {
        name: (example for context in islice(contexts(_samples(name, stage, folder)), most) for example in context)
        for name, most in stage.sources.items()
    }
    weights = {name: float(min(most, _LARGE)) for name, most in stage.sources.items()}
    yield from contexts(mixed(streams, weights=weights, seed=seed))


def collections(stage: Stage | SoftStage) -> set[str]:
    """Name all collections whose rows a stage reads."""
    return {name for source in stage.sources for name in (_MADE_OF[source][1] if source in _MADE_OF else (source,))}


def _samples(name: str, stage: Stage, folder: Path | None) -> Iterator[Example]:
    if name in _MADE_OF:
        made, read = _MADE_OF[name]
        return made(*(read_source(source, folder=folder) for source in read), options=stage.samples)
    examples = read_source(name, folder=folder, sub_questions=stage.sub_questions)
    if name == "qmsum":
        return meeting_samples(examples, stage.samples)
    passages = paragraph_samples if name == "squad" else multi_hop_samples
    return joined(passages(examples, stage.samples), stage.joined, seed=stage.samples.seed)


STAGES = {stage.name: stage for stage in written_beside(__file__, tuple[Stage, ...])}
"""Name -> stage; `stages.yaml` says what each is for."""

"""stage of a soft method -> its samples; the stages as frozen values."""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

from longattncomp.data.rows import Context, Example, contexts
from longattncomp.data.sources import read_source
from longattncomp.data.written import written_beside
from longattncomp.training.samples.mixing import mixed
from longattncomp.training.samples.reading import continuation_samples, reading_samples

Loss = Literal["states", "answers", "divergence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftStage:
    """One stage of training an adapter of a soft method.

    Attributes:
        name: name of the stage on the command line.
        method: `compllm` or `sac`.
        sources: collection -> most contexts to take from it, drawn from all that it has.
        ratios: each ratio -> how often it is drawn for a batch; the first is the adapter's default.
        task: whether the target answers questions, or goes on with a text (LM, arXiv 2510.08907).
        losses: what is learned from, with its weight: `states` pulls the target's hidden states towards those that it
            has after the full text (arXiv 2509.19228), `divergence` its next tokens, `answers` is the cross entropy.
        by_dimension: whether the scale of a layer's states is taken for each dimension, instead of one for all.
        distractors: most documents of a context beside those that answer.
        retold: most sentences of each context that the target has to tell without a question.
        rank: of the adapter.
        epochs: passes over all questions.
        batch: least questions in a step.
        adapter_rate: learning rate of the adapter.
        weight_rate: learning rate of what the method has beside it.
        weight_decay: of the adapter.
        warm_up: share of the steps in which the learning rate rises; afterwards it falls as a cosine.
        clip: largest norm of the gradient.
        validation: share of the contexts that are kept out for validation.
        validation_questions: most questions of them that are asked.
        validation_steps: steps between two validations.
    """

    name: str
    method: str
    sources: Mapping[str, int]
    ratios: Mapping[int, float]
    task: Literal["answer", "continue"] = "answer"
    losses: Mapping[Loss, float]
    by_dimension: bool = False
    distractors: int = 2
    retold: int = 0
    rank: int = 16
    epochs: int = 1
    batch: int = 16
    adapter_rate: float = 5e-4
    weight_rate: float = 5e-3
    weight_decay: float = 0.01
    warm_up: float = 0.04
    clip: float = 2.0
    validation: float = 0.02
    validation_questions: int = 64
    validation_steps: int = 200


def read_readings(stage: SoftStage, folder: Path | None, *, seed: int = 0) -> Iterator[Context]:
    """Read the contexts of a stage, in a random mixture of its sources, as `stages.read_contexts` does."""
    streams = {
        name: chain.from_iterable(_drawn(contexts(_samples(name, stage, folder, seed)), most, seed))
        for name, most in stage.sources.items()
    }
    yield from contexts(mixed(streams, weights={name: float(most) for name, most in stage.sources.items()}, seed=seed))


def _samples(name: str, stage: SoftStage, folder: Path | None, seed: int) -> Iterator[Example]:
    rows = read_source(name, folder=folder)
    if stage.task == "continue":
        return continuation_samples(rows, distractors=stage.distractors, seed=seed)
    return reading_samples(rows, distractors=stage.distractors, retold=stage.retold, seed=seed)


def _drawn(found: Iterable[Context], most: int, seed: int) -> list[Context]:
    """Draw contexts from a whole collection: rows of one title follow each other in SQuAD."""
    every = list(found)
    return random.Random(f"{seed}/drawn").sample(every, min(most, len(every)))  # noqa: S311 (a sample, no secret)


SOFT_STAGES = {stage.name: stage for stage in written_beside(__file__, tuple[SoftStage, ...])}
"""Name -> stage; `soft_stages.yaml` says what each is for."""

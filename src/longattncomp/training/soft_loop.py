"""stage of a soft method -> trained adapter, by the same steps as a head's."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random

import torch
import xxhash
from accelerate import Accelerator
from accelerate.utils import set_seed

from longattncomp.data.rows import Context
from longattncomp.soft.adapter import Adapter, untrained
from longattncomp.soft.target import Target
from longattncomp.training.batches import Item, batches, split
from longattncomp.training.checkpoints import Run
from longattncomp.training.soft_objective import SoftObjective, Work
from longattncomp.training.soft_stages import SoftStage
from longattncomp.training.steps import Trained, take_steps
from longattncomp.types import Progress

ADAPTER = "adapter.safetensors"
_BETAS = (0.9, 0.95)  # arXiv 2510.08907


def train_soft(
    stage: SoftStage,
    contexts: Sequence[Context],
    target: Target,
    out: Path,
    *,
    start: Adapter | None = None,
    seed: int = 0,
    most_steps: int | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train an adapter. After a kill, the same call goes on and ends with the same adapter, but for rounding.

    It is judged by what the target reads: nats a token of the answers kept out after their own vectors, less those
    after another context's. The validation is that difference, and the lowest is the best.

    Arguments as `loop.train`, with contexts from `soft_stages.read_readings`, the target that is to read the vectors,
    which stays as it is, and maybe an adapter to go on from. The folder gets `adapter.safetensors`, as it was at the
    lowest validation.

    Raises:
        InputError: too few contexts to keep some out for validation, or `out` holds another run.
    """
    kept_out, rest = split(contexts, stage.validation, seed)
    set_seed(seed)
    accelerator = Accelerator(cpu=target.device.type == "cpu")
    start = start or untrained(stage.method, target, tuple(stage.ratios))
    objective = SoftObjective(stage, target, start, seed=seed)
    steps = [
        batch
        for epoch in range(stage.epochs)
        for batch in batches(contexts, rest, stage.batch, f"{seed}/{epoch}")
    ]  # fmt: skip
    groups = [
        {"params": list(objective.lora), "lr": stage.adapter_rate, "weight_decay": stage.weight_decay},
        {"params": list(objective.weights), "lr": stage.weight_rate, "weight_decay": 0.0},
    ]
    run = Run(accelerator, out, _identity(stage, contexts, target, start, seed))
    ratios, weights = list(stage.ratios), list(stage.ratios.values())

    def work(items: Sequence[Item]) -> list[Work]:
        (ratio,) = Random(f"{seed}/{run.step}").choices(ratios, weights)  # noqa: S311 (a sample, no secret)
        return [(contexts[item.context], item.questions, ratio) for item in items]

    def validate() -> dict[str, float]:
        right, other = _read(objective, [contexts[index] for index in kept_out], stage)
        if right - other < run.best:
            run.best = right - other
            if accelerator.is_main_process:
                reached = {"right": right, "another": other}
                trained = {**start.config.trained, stage.name: {**asdict(stage), **reached}}
                objective.adapter(trained).save(out / ADAPTER)
        return {"validation": right - other, "right": right, "another": other}

    return take_steps(
        run,
        objective,
        groups,
        steps,
        out / ADAPTER,
        warm_up=stage.warm_up,
        work=work,
        validate=validate,
        ends={*range(stage.validation_steps, len(steps), stage.validation_steps), len(steps)},
        clip=stage.clip,
        most_steps=most_steps,
        progress=progress,
        betas=_BETAS,
    )


def _read(objective: SoftObjective, kept_out: Sequence[Context], stage: SoftStage) -> tuple[float, float]:
    """Measure mean nats a token of answers after the right vectors, and after those of the next context."""
    found: list[tuple[torch.Tensor, torch.Tensor]] = []
    left = stage.validation_questions
    for index, context in enumerate(kept_out):
        if left <= 0:
            break
        questions = range(min(left, len(context)))
        left -= len(questions)
        found.append(objective.nats(context, questions, kept_out[index - 1], next(iter(stage.ratios))))
    right, other = (float(torch.cat(nats).mean()) for nats in zip(*found, strict=True))
    return right, other


def _identity(stage: SoftStage, contexts: Sequence[Context], target: Target, start: Adapter, seed: int) -> str:
    """Digest everything that the result of a run depends on."""
    about = [asdict(stage), seed, target.fingerprint, str(target.dtype), start.mark]
    digest = xxhash.xxh3_128(json.dumps(about).encode())
    for context in contexts:
        asked = [(question.query, question.answers) for question in context]
        digest.update(json.dumps([asked, [document.text for document in context[0].documents]]).encode())
    return digest.hexdigest()

"""stage -> trained head, in one process or several; a killed run goes on where it was saved."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from statistics import fmean

import torch
import xxhash
from accelerate import Accelerator
from accelerate.utils import set_seed

from longattncomp.data.rows import Context
from longattncomp.installed import require
from longattncomp.scorers.cross_attention.head import EXTENSIONS, CrossAttentionHead
from longattncomp.scorers.relevance import Calibration
from longattncomp.training import losses
from longattncomp.training.batches import Item, batches, split
from longattncomp.training.checkpoints import Run
from longattncomp.training.lora import AdaptedLayers
from longattncomp.training.objective import Objective, Work
from longattncomp.training.relevance import Measured, calibrated
from longattncomp.training.stages import Stage
from longattncomp.training.states import StateReader
from longattncomp.training.steps import Trained, take_steps
from longattncomp.types import Progress

HEAD = "head.safetensors"


def train(
    stage: Stage,
    contexts: Sequence[Context],
    head: CrossAttentionHead,
    reader: StateReader,
    out: Path,
    *,
    layers: AdaptedLayers | None = None,
    seed: int = 0,
    most_steps: int | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a head. After a kill, the same call goes on and ends with the same head, but for rounding.

    Args:
        stage: the recipe.
        contexts: the samples, from `stages.read_contexts`.
        head: the head to start from; it is changed in place.
        reader: reads contexts with the layers of the backbone that stay as they are.
        out: folder for `head.safetensors` (the lowest validation loss), `log.jsonl` and the checkpoint of the run.
        layers: those between the reader's and the head, whose adapters are trained too; changed in place.
        seed: decides the order, the split and the dropout.
        most_steps: stop this run after so many steps, ready to go on.
        progress: called with (steps done, steps in all).

    Raises:
        InputError: too few contexts to keep some out for validation, `out` holds another run, or scikit-learn is not
            installed.
    """
    require("sklearn", extra="training")  # for the calibration in the end
    kept_out, rest = split(contexts, stage.validation, seed)
    set_seed(seed)
    before = {name: weight.clone() for name, weight in head.state_dict().items()}
    accelerator = Accelerator(cpu=reader.backbone.device.type == "cpu")
    bce = partial(losses.paper_bce, instruction_weight=stage.instruction_weight)
    objective = Objective(head, reader, losses.listwise if stage.loss == "listwise" else bce, layers)
    head.dropout = stage.dropout
    epochs = [batches(contexts, rest, stage.batch, f"{seed}/{epoch}") for epoch in range(stage.epochs)]
    steps = [batch for epoch in epochs for batch in epoch]
    ends = {sum(map(len, epochs[: epoch + 1])) for epoch in range(stage.epochs)}
    layout = cache(lambda index: reader.layout(contexts[index]))

    def work(items: Sequence[Item]) -> list[Work]:
        return [(layout(item.context), reader.states(layout(item.context)), item.questions) for item in items]

    run = Run(accelerator, out, _identity(stage, contexts, objective, reader, seed))

    def validate() -> dict[str, float]:
        with _averaged(head, before, stage.kept):
            items = [Item(index, tuple(range(len(contexts[index])))) for index in kept_out]
            found, measured = _validate(objective, work, items)
            if found < run.best:
                run.best = found
                if accelerator.is_main_process:
                    _save(head, layers, out / HEAD, stage, found, calibrated(measured))
        return {"validation": found}

    return take_steps(
        run,
        objective,
        _groups(head, layers, stage),
        steps,
        out / HEAD,
        warm_up=stage.warm_up,
        work=work,
        validate=validate,
        ends=ends,
        clip=stage.clip,
        most_steps=most_steps,
        progress=progress,
    )


@contextmanager
def _averaged(head: CrossAttentionHead, before: Mapping[str, torch.Tensor], kept: float) -> Iterator[None]:
    """Replace the weights by a mean: a share `kept` of the weights before training. Restore them afterwards."""
    now = {name: weight.clone() for name, weight in head.state_dict().items()}
    then = {name: before[name].to(weight) for name, weight in now.items()}
    # Weights that did not change keep their value: the mean of two infinities (an extension that is off) is no number.
    mean = {name: weight.lerp(then[name], kept).where(weight != then[name], weight) for name, weight in now.items()}
    head.load_state_dict(mean)
    try:
        yield
    finally:
        head.load_state_dict(now)


@torch.no_grad()
def _validate(
    objective: Objective, work: Callable[[Sequence[Item]], list[Work]], items: Sequence[Item]
) -> tuple[float, list[Measured]]:
    """Return the mean loss, and what the instruction's score is to be calibrated by."""
    found: list[float] = []
    measured: list[Measured] = []
    for item in items:
        for loss, shares, layout, number in objective.losses(work([item])):
            found.append(float(loss))
            answers = bool((layout.questions[number].evidence > 0).any())
            measured.append((float(shares[0].exp()), sum(layout.context.sizes), answers))
    return fmean(found), measured


def _identity(stage: Stage, contexts: Sequence[Context], objective: Objective, reader: StateReader, seed: int) -> str:
    """Digest everything that the result of a run depends on."""
    digest = xxhash.xxh3_128(json.dumps([asdict(stage), seed, reader.backbone.digest]).encode())
    for context in contexts:
        asked = [(question.query, [asdict(span) for span in question.evidence]) for question in context]
        digest.update(json.dumps([asked, [document.text for document in context[0].documents]]).encode())
    for weight in objective.state_dict().values():
        digest.update(weight.cpu().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _groups(head: CrossAttentionHead, layers: AdaptedLayers | None, stage: Stage) -> list[dict[str, object]]:
    """Group the trained weights by their learning rate and their weight decay; freeze all others."""
    weights = set(EXTENSIONS) - {"row_gate", "spread_gate"}
    named = dict(head.named_parameters())
    for name, parameter in named.items():
        parameter.requires_grad_(name in stage.extensions or name not in EXTENSIONS)
    chosen = {name: parameter for name, parameter in named.items() if parameter.requires_grad}
    groups = (
        ([chosen[name] for name in chosen if name not in weights], stage.learning_rate, stage.weight_decay),
        ([chosen[name] for name in chosen if name in weights], stage.weight_rate, 0.0),
        ([weight for weight in layers.parameters() if weight.requires_grad] if layers else [], stage.adapter_rate, 0.0),
    )
    return [{"params": params, "lr": rate, "weight_decay": decay} for params, rate, decay in groups if params]


def _save(
    head: CrossAttentionHead,
    layers: AdaptedLayers | None,
    file: Path,
    stage: Stage,
    validation: float,
    calibration: Calibration | None,
) -> None:
    if layers is not None:
        head.adapters = layers.adapters()
        head.config = replace(head.config, backbone=layers.fingerprint)
    trained = {**head.config.trained, stage.name: {**asdict(stage), "validation_loss": validation}}
    head.config = replace(head.config, segment_tokens=stage.segment_tokens, calibration=calibration, trained=trained)
    head.save(file)

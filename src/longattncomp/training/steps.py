"""batches -> steps of the optimizer, logged, saved now and then, and shared by several processes."""

import math
import warnings
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import nn

from longattncomp.training.batches import Item
from longattncomp.training.checkpoints import Run
from longattncomp.types import Progress

_CHECKPOINT_STEPS = 50


@dataclass(frozen=True, slots=True)
class Trained:
    """The result of training.

    Attributes:
        steps: steps of the optimizer, those of earlier runs included.
        taken: steps of this run.
        complete: whether no steps are left.
        validation: lowest value of the validation, which is what the stage is judged by; None before the first.
        seconds: time that this run took.
        head: file of what was trained, as it was at that value.
    """

    steps: int
    taken: int
    complete: bool
    validation: float | None
    seconds: float
    head: Path


def take_steps(
    run: Run,
    objective: nn.Module,
    groups: list[dict[str, Any]],
    steps: Sequence[Sequence[Item]],
    file: Path,
    *,
    warm_up: float,
    work: Callable[[Sequence[Item]], Any],
    validate: Callable[[], Mapping[str, float]],
    ends: Container[int],
    clip: float,
    most_steps: int | None = None,
    progress: Progress | None = None,
    **adam: Any,
) -> Trained:
    """Go on where the run was saved, with AdamW. A step whose gradient is not a number changes nothing, with a warning.

    Args:
        run: the run, before `resume`.
        objective: takes work and sums the losses of its questions.
        groups: the trained weights with their learning rates and weight decays.
        steps: the batches of all steps.
        file: where `validate` saves what was trained.
        warm_up: share of the steps in which the learning rate rises.
        work: makes the work of some items of the batch at `run.step`.
        validate: measures, keeps the best in `run.best` and on disk, and returns what is to be logged.
        ends: numbers of steps after which it is called.
        clip: largest norm of the gradient.
        most_steps: stop this run after so many steps, ready to go on.
        progress: called with (steps done, steps in all).
        adam: further options of AdamW.
    """
    accelerator = run.accelerator
    adamw = torch.optim.AdamW(groups, **adam)
    rates = torch.optim.lr_scheduler.LambdaLR(adamw, partial(_rate, len(steps), warm_up))
    spread, optimizer, schedule = accelerator.prepare(objective, adamw, rates)
    # Several processes share one step, so the schedule must not advance once for each of them.
    schedule.split_batches = True
    started = perf_counter()
    run.resume()
    first = run.step
    for batch in steps[first:]:
        if most_steps is not None and run.step - first >= most_steps:
            run.save()
            break
        spread.train()
        mine = batch[accelerator.process_index :: accelerator.num_processes]
        loss = spread(work(mine))
        count = sum(len(item.questions) for item in batch)
        accelerator.backward(loss * accelerator.num_processes / count)  # gradients are averaged over processes
        norm = accelerator.clip_grad_norm_(spread.parameters(), clip)
        run.step += 1
        if not math.isfinite(norm):
            warnings.warn(f"step {run.step}: the gradient is not a number; the weights stay as they are", stacklevel=2)
            optimizer.zero_grad()  # the optimizer passes over weights without a gradient
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        run.log(loss=float(accelerator.reduce(loss.detach(), "sum")) / count, rate=schedule.get_last_lr()[0])
        if progress is not None:
            progress(run.step, len(steps))
        if run.step in ends:
            spread.eval()
            run.log(**validate())
        if run.step in ends or run.step % _CHECKPOINT_STEPS == 0:
            run.save()
    best = run.best if math.isfinite(run.best) else None
    return Trained(run.step, run.step - first, run.step == len(steps), best, perf_counter() - started, file)


def _rate(steps: int, warm_up: float, step: int) -> float:
    """Return the factor of the learning rate: a linear warm-up, then a cosine down to zero."""
    return min(1.0, (step + 1) / max(1.0, warm_up * steps)) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))

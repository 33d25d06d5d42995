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
from accelerate import Accelerator
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


def prepared(
    accelerator: Accelerator,
    objective: nn.Module,
    groups: list[dict[str, Any]],
    steps: int,
    warm_up: float,
    **adam: Any,
) -> tuple[Any, Any, Any]:
    """Make the optimizer (AdamW) and the schedule of so many steps, and spread all over the processes."""
    optimizer = torch.optim.AdamW(groups, **adam)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(_rate, steps, warm_up))
    objective, optimizer, schedule = accelerator.prepare(objective, optimizer, schedule)
    # Several processes share one step, so the schedule must not advance once for each of them.
    schedule.split_batches = True
    return objective, optimizer, schedule


def take_steps(
    run: Run,
    parts: tuple[Any, Any, Any],
    steps: Sequence[Sequence[Item]],
    file: Path,
    *,
    work: Callable[[Sequence[Item]], Any],
    validate: Callable[[], Mapping[str, float]],
    ends: Container[int],
    clip: float,
    most_steps: int | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Go on where the run was saved. A step whose gradient is not a number changes nothing, with a warning.

    Args:
        run: the run, before `resume`.
        parts: what `prepared` returns; the objective takes work and sums the losses of its questions.
        steps: the batches of all steps.
        file: where `validate` saves what was trained.
        work: makes the work of some items of the batch at `run.step`.
        validate: measures, keeps the best in `run.best` and on disk, and returns what is to be logged.
        ends: numbers of steps after which it is called.
        clip: largest norm of the gradient.
        most_steps: stop this run after so many steps, ready to go on.
        progress: called with (steps done, steps in all).
    """
    objective, optimizer, schedule = parts
    accelerator = run.accelerator
    started = perf_counter()
    run.resume()
    first = run.step
    for batch in steps[first:]:
        if most_steps is not None and run.step - first >= most_steps:
            run.save()
            break
        objective.train()
        mine = batch[accelerator.process_index :: accelerator.num_processes]
        loss = objective(work(mine))
        count = sum(len(item.questions) for item in batch)
        accelerator.backward(loss * accelerator.num_processes / count)  # gradients are averaged over processes
        norm = accelerator.clip_grad_norm_(objective.parameters(), clip)
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
            objective.eval()
            run.log(**validate())
        if run.step in ends or run.step % _CHECKPOINT_STEPS == 0:
            run.save()
    best = run.best if math.isfinite(run.best) else None
    return Trained(run.step, run.step - first, run.step == len(steps), best, perf_counter() - started, file)


def _rate(steps: int, warm_up: float, step: int) -> float:
    """Return the factor of the learning rate: a linear warm-up, then a cosine down to zero."""
    return min(1.0, (step + 1) / max(1.0, warm_up * steps)) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))

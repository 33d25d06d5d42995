"""stage -> trained head: the mean of the weights that its runs come to."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from longattncomp.scorers.head import CrossAttentionHead
from longattncomp.training.loop import HEAD, Trained, average, train
from longattncomp.training.queries import Context
from longattncomp.training.stages import Stage
from longattncomp.training.states import Reader
from longattncomp.types import Progress


def run_folders(stage: Stage, out: Path) -> list[Path]:
    """Where the runs of a stage leave their heads and logs."""
    return [out] if stage.runs == 1 else [out / f"run-{number}" for number in range(stage.runs)]


def train_stage(
    stage: Stage,
    contexts: Sequence[Context],
    head: CrossAttentionHead,
    reader: Reader,
    out: Path,
    *,
    seed: int = 0,
    most_steps: int | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a head in each of the stage's runs, and take the mean of their weights.

    The runs start from the same head and ask the same questions in other orders. What starts from one head stays so
    near that the mean of the weights is a head too, and errs less than each of them ("uniform soup", Wortsman et al.
    2022, arXiv 2203.05482, section 2). A stage of one run is `loop.train`.

    Args:
        stage: how.
        contexts: from `stages.read_contexts`.
        head: what each run starts from.
        reader: reads contexts, with the head's backbone.
        out: gets `head.safetensors`, and what `loop.train` leaves, for several runs in a folder for each.
        seed: as in `loop.train`.
        most_steps: stop after so many steps of this call, ready to go on.
        progress: called with (steps done, steps in all) of all runs; another order may take a few more or fewer.

    Raises:
        InputError: as in `loop.train`.
    """
    reached: list[Trained] = []
    for number, folder in enumerate(run_folders(stage, out)):
        steps = None if most_steps is None else most_steps - sum(one.taken for one in reached)
        before = sum(one.steps for one in reached)

        def count(done: int, total: int, before: int = before, left: int = stage.runs - number) -> None:
            if progress is not None:
                progress(before + done, before + total * left)

        reached.append(
            train(
                stage, contexts, deepcopy(head), reader, folder, seed=seed, run=number, most_steps=steps, progress=count
            )
        )
        if not reached[-1].complete:
            break
    last = reached[-1]
    together = replace(
        last,
        steps=sum(one.steps for one in reached),
        taken=sum(one.taken for one in reached),
        seconds=sum(one.seconds for one in reached),
    )
    if stage.runs == 1 or not last.complete:
        return together
    heads = [one.head for one in reached]
    validation = average(stage, contexts, head, reader, heads, out, seed=seed)
    return replace(together, head=out / HEAD, validation=validation)

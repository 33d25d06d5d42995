"""stage -> trained head: one loop for one process or many, which goes on where it was stopped."""

from __future__ import annotations

import json
import math
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter

import torch
import xxhash
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from longattncomp.errors import InputError
from longattncomp.scorers.cross_attention.head import EXTENSIONS, CrossAttentionHead
from longattncomp.training import losses
from longattncomp.training.objective import Loss, Objective
from longattncomp.training.samples.queries import Context
from longattncomp.training.stages import Stage
from longattncomp.training.states import Layout, StateReader, States
from longattncomp.types import Progress

LOG = "log.jsonl"
HEAD = "head.safetensors"
_STATE = "state"
_CHECKPOINT_STEPS = 50


@dataclass(frozen=True, slots=True)
class Item:
    """Some questions of one context."""

    context: int
    questions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """What training reached.

    Attributes:
        head: the best checkpoint.
        validation: its loss on the contexts kept out.
        steps: of the optimizer.
        seconds: in this run.
    """

    head: Path
    validation: float
    steps: int
    seconds: float


def train(
    stage: Stage,
    contexts: Sequence[Context],
    head: CrossAttentionHead,
    reader: StateReader,
    out: Path,
    *,
    seed: int = 0,
    most_steps: int | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a head; call it again after a kill, and it goes on to the same result, rounding apart.

    Args:
        stage: how.
        contexts: from `stages.read_contexts`.
        head: what to start from; trained in place.
        reader: reads contexts, with the head's backbone.
        out: gets `head.safetensors` (best by validation loss), `log.jsonl` and the state to go on from.
        seed: of the order, the split and the dropout.
        most_steps: stop after so many steps of this run, ready to go on.
        progress: called with (steps done, steps in all).

    Raises:
        InputError: too few contexts to keep some out for validation, or `out` holds another run.
    """
    kept_out = max(1, round(stage.validation * len(contexts)))
    if len(contexts) <= kept_out:
        raise InputError(f"expected at least {kept_out + 1} contexts to train on, got {len(contexts)}")
    started = perf_counter()
    set_seed(seed)
    before = {name: weight.clone() for name, weight in head.state_dict().items()}
    accelerator = Accelerator(cpu=reader.backbone.device.type == "cpu")
    # By what they hold, so that a stage keeps out what the stage before kept out.
    order = sorted(range(len(contexts)), key=lambda index: _place(contexts[index], seed))
    layouts = _Layouts(contexts, reader)
    objective = Objective(head, reader, _loss(stage))
    head.dropout = stage.dropout
    optimizer = torch.optim.AdamW(_groups(head, stage))
    epochs = [
        _batches(_items(contexts, order[kept_out:], stage.batch, f"{seed}/{epoch}"), stage.batch)
        for epoch in range(stage.epochs)
    ]
    batches = [batch for epoch in epochs for batch in epoch]
    ends = {sum(map(len, epochs[: epoch + 1])) for epoch in range(stage.epochs)}
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(_rate, len(batches), stage.warm_up))
    run = _Run(accelerator, out, _identity(stage, contexts, head, reader, seed), best=math.inf, step=0)
    objective, optimizer, schedule = accelerator.prepare(objective, optimizer, schedule)
    # One step of ours is one step of the schedule, however many processes share it.
    schedule.split_batches = True
    run.resume()
    first = run.step
    for batch in batches[first:]:
        if most_steps is not None and run.step - first >= most_steps:
            run.save()
            break
        objective.train()
        mine = batch[accelerator.process_index :: accelerator.num_processes]
        loss = objective([(*layouts[item.context], item.questions) for item in mine])
        count = sum(len(item.questions) for item in batch)
        accelerator.backward(loss * accelerator.num_processes / count)  # gradients are averaged over processes
        accelerator.clip_grad_norm_(objective.parameters(), stage.clip)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        run.step += 1
        mean = float(accelerator.reduce(loss.detach(), "sum")) / count
        run.log({"step": run.step, "loss": mean, "rate": schedule.get_last_lr()[0]})
        if progress is not None:
            progress(run.step, len(batches))
        if run.step in ends:
            with _mean(head, before, stage.kept):
                found = _validate(
                    objective, layouts, [Item(index, _all(contexts[index])) for index in order[:kept_out]]
                )
                if found < run.best:
                    run.best = found
                    if accelerator.is_main_process:
                        _save(head, out / HEAD, stage, found)
            run.log({"step": run.step, "validation": found})
        if run.step in ends or run.step % _CHECKPOINT_STEPS == 0:
            run.save()
    return Trained(out / HEAD, run.best, run.step, perf_counter() - started)


@dataclass(slots=True)
class _Run:
    """Where a run stands, on disk too."""

    accelerator: Accelerator
    out: Path
    identity: str
    best: float
    step: int

    def resume(self) -> None:
        state, old = self.out / _STATE, self.out / f"{_STATE}.old"
        if not state.exists() and old.exists():  # killed between the two renames of `save`
            state = old
        if (state / "run.json").is_file():
            found = json.loads((state / "run.json").read_text())
            if found.get("identity") != self.identity:
                raise InputError(
                    f"{self.out} holds another run: expected the same stage, seed, data, draft model and head to start "
                    f"from; give another folder, or remove this one to begin anew"
                )
            self.accelerator.load_state(str(state))
            self.best, self.step = found["best"], found["step"]
            if self.accelerator.is_main_process:  # what was logged after the checkpoint happens again
                lines = (self.out / LOG).read_text().splitlines(keepends=True)
                (self.out / LOG).write_text("".join(x for x in lines if json.loads(x)["step"] <= self.step))
        elif self.accelerator.is_main_process:
            self.out.mkdir(parents=True, exist_ok=True)
            (self.out / LOG).write_text("")
        self.accelerator.wait_for_everyone()

    def save(self) -> None:
        state, coming = self.out / _STATE, self.out / f"{_STATE}.coming"
        self.accelerator.save_state(str(coming))
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            stands = {"identity": self.identity, "best": self.best, "step": self.step}
            (coming / "run.json").write_text(json.dumps(stands))
            old = self.out / f"{_STATE}.old"
            shutil.rmtree(old, ignore_errors=True)
            if state.exists():
                state.rename(old)
            coming.rename(state)
        self.accelerator.wait_for_everyone()

    def log(self, line: dict[str, float]) -> None:
        if self.accelerator.is_main_process:
            with (self.out / LOG).open("a") as stream:
                stream.write(json.dumps(line) + "\n")


class _Layouts:
    """Layouts, made once, and states by context."""

    def __init__(self, contexts: Sequence[Context], reader: StateReader) -> None:
        self._contexts = contexts
        self._reader = reader
        self._made: dict[int, Layout] = {}

    def __getitem__(self, index: int) -> tuple[Layout, States]:
        if index not in self._made:
            self._made[index] = self._reader.layout(self._contexts[index])
        return self._made[index], self._reader.states(self._made[index])


@contextmanager
def _mean(head: CrossAttentionHead, before: Mapping[str, torch.Tensor], kept: float) -> Iterator[None]:
    """The head is that share of what it was before; then all its weights are back."""
    now = {name: weight.clone() for name, weight in head.state_dict().items()}
    then = {name: before[name].to(weight) for name, weight in now.items()}
    # What did not change stays, the infinity of an extension that is off too.
    mean = {name: weight.lerp(then[name], kept).where(weight != then[name], weight) for name, weight in now.items()}
    head.load_state_dict(mean)
    try:
        yield
    finally:
        head.load_state_dict(now)


def _validate(objective: nn.Module, layouts: _Layouts, items: Sequence[Item]) -> float:
    objective.eval()
    with torch.no_grad():
        total = sum(float(objective([(*layouts[item.context], item.questions)])) for item in items)
    return total / sum(len(item.questions) for item in items)


def _items(contexts: Sequence[Context], chosen: Sequence[int], batch: int, seed: str) -> list[Item]:
    rng = random.Random(seed)  # noqa: S311
    items = []
    for index in chosen:
        numbers = rng.sample(range(len(contexts[index])), len(contexts[index]))
        items += [Item(index, tuple(numbers[at : at + batch])) for at in range(0, len(numbers), batch)]
    rng.shuffle(items)
    return items


def _batches(items: Sequence[Item], batch: int) -> list[list[Item]]:
    """Neighbouring items until they hold `batch` questions."""
    batches: list[list[Item]] = []
    size = batch
    for item in items:
        if size >= batch:
            batches.append([])
            size = 0
        batches[-1].append(item)
        size += len(item.questions)
    return batches


def _identity(
    stage: Stage, contexts: Sequence[Context], head: CrossAttentionHead, reader: StateReader, seed: int
) -> str:
    """Of all that a run's result depends on."""
    digest = xxhash.xxh3_128(json.dumps([asdict(stage), seed, reader.backbone.digest]).encode())
    for context in contexts:
        asked = [(question.query, [asdict(span) for span in question.evidence]) for question in context]
        digest.update(json.dumps([asked, [document.text for document in context[0].documents]]).encode())
    for weight in head.state_dict().values():
        digest.update(weight.cpu().contiguous().numpy().data)
    return digest.hexdigest()


def _place(context: Context, seed: int) -> bytes:
    """Where a context comes in the order, whichever others there are."""
    digest = xxhash.xxh3_128(f"{seed}/split".encode())
    digest.update(json.dumps([document.text for document in context[0].documents]).encode())
    return digest.digest()


def _all(context: Context) -> tuple[int, ...]:
    return tuple(range(len(context)))


def _loss(stage: Stage) -> Loss:
    if stage.loss == "listwise":
        return losses.listwise
    return partial(losses.paper_bce, instruction_weight=stage.instruction_weight)


def _groups(head: CrossAttentionHead, stage: Stage) -> list[dict[str, object]]:
    weights = set(EXTENSIONS) - {"row_gate", "spread_gate"}
    named = dict(head.named_parameters())
    for name, parameter in named.items():
        parameter.requires_grad_(name in stage.extensions or name not in EXTENSIONS)
    chosen = {name: parameter for name, parameter in named.items() if parameter.requires_grad}
    groups = (
        ([chosen[name] for name in chosen if name not in weights], stage.learning_rate, stage.weight_decay),
        ([chosen[name] for name in chosen if name in weights], stage.weight_rate, 0.0),
    )
    return [{"params": params, "lr": rate, "weight_decay": decay} for params, rate, decay in groups if params]


def _rate(steps: int, warm_up: float, step: int) -> float:
    """Linear warm-up, then a cosine down to zero."""
    return min(1.0, (step + 1) / max(1.0, warm_up * steps)) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))


def _save(head: CrossAttentionHead, file: Path, stage: Stage, validation: float) -> None:
    trained = {**head.config.trained, stage.name: {**asdict(stage), "validation_loss": validation}}
    head.config = replace(head.config, segment_tokens=stage.segment_tokens, trained=trained)
    head.save(file)

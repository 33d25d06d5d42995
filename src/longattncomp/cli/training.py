"""stages of training -> a trained head: the command `train`."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from longattncomp import Settings
from longattncomp.cli.console import SettingsFile, exit_codes, notes, progress_bar, require_training, tables
from longattncomp.cli.samples import Data, Draft, read_samples, require_rows, stage_named
from longattncomp.errors import CacheError, HeadMismatchError, InputError

if TYPE_CHECKING:
    from longattncomp.scorers.cross_attention.head import CrossAttentionHead
    from longattncomp.training.lora import AdaptedLayers
    from longattncomp.training.soft_stages import SoftStage
    from longattncomp.training.stages import Stage
    from longattncomp.training.states import StateReader
    from longattncomp.training.steps import Trained


def train_head(
    names: Annotated[
        list[str], typer.Option("--stage", help="Stage: 1, 2, paper, compllm, sac …; several run one after the other.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for head.safetensors or adapter.safetensors, with a folder for each stage.")
    ],
    data: Data = None,
    draft: Draft = None,
    start: Annotated[Path | None, typer.Option(help="Head or adapter to start from; by default, untrained.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the mixture, the order, the split and the dropout.")] = 0,
    cache_gb: Annotated[float, typer.Option(min=0, help="Most GB (10^9 bytes) of hidden states kept on disk.")] = 20.0,
    steps: Annotated[int | None, typer.Option(min=1, help="Stop after so many; the same command goes on.")] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Train a scoring head or a soft method's adapter; after a kill, the same command goes on.

    It runs alone or under `accelerate launch`.
    """
    with exit_codes():
        from longattncomp.training.soft_stages import SoftStage

        stages = _chain(list(dict.fromkeys(names)))
        adapted = any(isinstance(stage, SoftStage) or stage.adapted_layers for stage in stages)
        require_training("matplotlib", "sklearn", *["peft"] * adapted)
        require_rows(data, stages)
        settings = Settings.load(yaml_file=settings_file, model=draft)

        from accelerate import PartialState

        from longattncomp.backbone.loading import choose_device
        from longattncomp.training import checkpoints, curves

        state = PartialState(cpu=choose_device(settings.device).type == "cpu")
        main: bool = state.is_main_process
        rows: list[dict[str, Any]] = []
        left = steps
        try:
            for stage in stages:
                if left == 0 or (rows and not rows[-1]["complete"]):
                    break
                train = _opened(stage, settings, rows[-1]["head"] if rows else start, cache_gb, seed)
                contexts = read_samples(stage, data, seed, shown=main)
                folder = out / stage.name
                with progress_bar(f"stage {stage.name}: steps", shown=main) as bar:
                    trained = train(contexts=contexts, out=folder, most_steps=left, progress=bar)
                if main and (losses := curves.read_log(folder / checkpoints.LOG)).training:
                    curves.plot(losses, folder / "loss.png", title=f"stage {stage.name}")
                sizes = {"contexts": len(contexts), "questions": sum(map(len, contexts))}
                rows.append({"stage": stage.name, **sizes, **asdict(trained)})
                state.wait_for_everyone()  # the next stage opens the head that the main process wrote
                left = None if left is None else left - trained.taken
        finally:
            state.destroy_process_group()
        if main:
            _finish(rows, out, complete=len(rows) == len(stages) and rows[-1]["complete"])


def _chain(names: Sequence[str]) -> list[Stage | SoftStage]:
    """Find stages that can follow each other.

    Raises:
        InputError: one is unknown, or does not go on with what the one before it trains.
    """
    from longattncomp.training.soft_stages import SOFT_STAGES

    soft = [SOFT_STAGES[name] for name in names if name in SOFT_STAGES]
    heads = [stage_named(name, also=SOFT_STAGES) for name in names if name not in SOFT_STAGES]
    if (heads and soft) or len({stage.method for stage in soft}) > 1:
        raise InputError(
            f"stage: expected stages that can follow each other, got {', '.join(names)}, which train different "
            "things: train them apart"
        )
    for first, then in pairwise(heads):
        for name in ("layers", "query_place", "rotary"):
            if getattr(first, name) != getattr(then, name):
                raise InputError(
                    f"stage: expected stages that can follow each other, got {first.name!r} with {name} "
                    f"{getattr(first, name)} and {then.name!r} with {name} {getattr(then, name)}: train them apart"
                )

    return [*heads, *soft]


def _opened(
    stage: Stage | SoftStage, settings: Settings, start: Path | None, cache_gb: float, seed: int
) -> Callable[..., Trained]:
    """Open what a stage trains, and return the function that trains it."""
    from longattncomp.training.soft_stages import SoftStage

    if not isinstance(stage, SoftStage):
        from longattncomp.training.loop import train

        head, layers, reader = _open(stage, settings, start, cache_gb, seed)
        return partial(train, stage, head=head, reader=reader, layers=layers, seed=seed)
    from longattncomp.soft.adapter import load_adapter
    from longattncomp.soft.target import Target
    from longattncomp.training.soft_loop import train_soft

    begun = load_adapter(start) if start else None
    if begun and begun.config.method != stage.method:
        raise HeadMismatchError(
            f"stage {stage.name!r}: expected an adapter for {stage.method} to start from, got one for "
            f"{begun.config.method} in {start}: start from another or from none"
        )
    target = Target(settings.model, model_dir=settings.model_dir, device=settings.device, dtype=settings.dtype)
    return partial(train_soft, stage, target=target, start=begun, seed=seed)


def _open(
    stage: Stage, settings: Settings, start: Path | None, cache_gb: float, seed: int
) -> tuple[CrossAttentionHead, AdaptedLayers | None, StateReader]:
    from longattncomp.backbone.forward import Backbone
    from longattncomp.backbone.locate import EMBEDDED, locate
    from longattncomp.backbone.tokenizer import DraftTokenizer
    from longattncomp.scorers.cross_attention.head import load_head, read_adapters, read_head_config, untrained_head
    from longattncomp.training.states import StateReader

    config = read_head_config(start) if start else None
    if config and (config.query_place, config.rotary) != (stage.query_place, stage.rotary):
        raise HeadMismatchError(
            f"the head in {start} has query_place={config.query_place!r} and rotary={config.rotary}, stage "
            f"{stage.name!r} trains query_place={stage.query_place!r} and rotary={stage.rotary}: start from another "
            "head or from none"
        )
    depth = settings.layers or stage.layers or (config.layers if config else None)
    draft = locate(settings.model, layers=depth, model_dir=settings.model_dir)
    options: Any = {"device": settings.device, "dtype": settings.dtype}
    adapters = read_adapters(start) if start else {}
    backbone = Backbone.open(draft.folder, draft.layers, **options, adapters=adapters)
    if start:
        head = load_head(start, backbone)
    else:
        head = untrained_head(backbone, stage.query_place)
        head.config = replace(head.config, rotary=stage.rotary)
    if stage.extensions and head.spread.isneginf().all():  # nothing was extended so far
        probed = settings.model.lower() in EMBEDDED and settings.layers is None
        head.extend(stage.extensions, favoured_heads=stage.favoured_heads if probed else ())
    layers = None
    if stage.adapted_layers:
        from longattncomp.training.lora import adapted_layers

        backbone, layers = adapted_layers(draft.folder, draft.layers, stage, adapters, **options, seed=seed)
    folder = settings.model_dir / "states"
    try:
        tokenizer = DraftTokenizer.from_folder(draft.folder)
        reader = StateReader(backbone, tokenizer, stage, folder=folder, most_bytes=int(cache_gb * 1e9))
    except OSError as error:
        raise CacheError(
            f"cannot keep states in {folder} ({error}); set LONGATTNCOMP_MODEL_DIR to a directory that can be written"
        ) from error
    return head, layers, reader


def _finish(rows: Sequence[dict[str, Any]], out: Path, *, complete: bool) -> None:
    last = rows[-1]
    head = out / Path(last["head"]).name if complete else None
    if head:
        shutil.copyfile(last["head"], head)
    headings = ("contexts", "questions", "steps", "validation loss", "seconds")
    numbers = (Column(heading, justify="right") for heading in headings)
    table = Table("stage", *numbers, title="Training", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        counts = (f"{row[name]:,}" for name in ("contexts", "questions", "steps"))
        loss = "-" if row["validation"] is None else f"{row['validation']:.4f}"
        table.add_row(row["stage"], *counts, loss, f"{row['seconds']:,.1f}")
    tables(120).print(table)
    peak = _peak_bytes()
    unfinished = f"stopped after {last['steps']:,} steps of stage {last['stage']}: the same command goes on"
    notes.print(f"peak memory {peak / 1e9:.2f} GB; " + (f"written: {head}" if head else unfinished))
    found = {"head": head and str(head), "peak_bytes": peak, "stages": rows}
    typer.echo(json.dumps(found, separators=(",", ":"), default=str))


def _peak_bytes() -> int:
    """Return the most main memory that this process had at once, in bytes."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

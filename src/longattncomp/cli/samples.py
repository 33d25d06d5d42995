"""a stage of training -> statistics of its samples: the command `samples`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from longattncomp import Settings
from longattncomp.cli.console import SettingsFile, exit_codes, progress_bar, require_training, tables
from longattncomp.errors import InputError

if TYPE_CHECKING:
    from longattncomp.data.rows import Context
    from longattncomp.training.soft_stages import SoftStage
    from longattncomp.training.stages import Stage

Data = Annotated[
    Path | None, typer.Option(help="Folder of <collection>-train.jsonl.gz; by default, public sets are read by name.")
]
Draft = Annotated[str | None, typer.Option("--draft", help="Draft model, as --model of other commands.")]


def describe_samples(
    name: Annotated[str, typer.Option("--stage", help="Stage: 1, 2, paper …")],
    data: Data = None,
    count: Annotated[int | None, typer.Option(min=1, help="Most contexts to read.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw lengths and needle positions into this file.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the mixture.")] = 0,
    draft: Draft = None,
    settings_file: SettingsFile = None,
) -> None:
    """Describe the samples of a stage in a table, one row a task; lengths are in tokens of the draft model."""
    with exit_codes():
        stage = stage_named(name)
        require_training(*["matplotlib"] * (plot is not None))
        require_rows(data, [stage])
        if plot is not None and not plot.parent.is_dir():
            raise InputError(f"expected --plot in a folder that exists, got {plot}")
        settings = Settings.load(yaml_file=settings_file, model=draft)

        from longattncomp.backbone.locate import locate
        from longattncomp.backbone.tokenizer import DraftTokenizer
        from longattncomp.training.samples import describe

        located = locate(settings.model, layers=settings.layers or stage.layers, model_dir=settings.model_dir)
        tokenizer = DraftTokenizer.from_folder(located.folder)
        contexts = read_samples(stage, data, seed, most=count)
        found = describe.describe((example for context in contexts for example in context), tokenizer.count)
        tables(160).print(describe.table(found))
        if plot is not None:
            describe.plot(found, plot)


def stage_named(name: str, *, also: Iterable[str] = ()) -> Stage:
    """Find a stage in `STAGES`; raise InputError, which also names others, if there is none of this name."""
    from longattncomp.training.stages import STAGES

    if name not in STAGES:
        raise InputError(f"stage: expected one of {', '.join([*STAGES, *also])}; got {name!r}")
    return STAGES[name]


def require_rows(data: Path | None, stages: Sequence[Stage | SoftStage]) -> None:
    """Raise InputError unless all files of the stages, or the library that reads public sets, are there."""
    from longattncomp.data.hub import NAMES
    from longattncomp.data.sources import file_name
    from longattncomp.training.stages import collections

    needed = sorted(set().union(*map(collections, stages)))
    if data is not None:
        if not data.is_dir():
            raise InputError(f"data: expected a folder with <collection>-train.jsonl.gz, found none at {data}")
        absent = [file for file in map(file_name, needed) if not (data / file).is_file()]
        if absent:
            raise InputError(f"data: expected {', '.join(absent)} in {data}, found no such file")
    elif needed:
        require_training("datasets")
        if absent := [name for name in needed if name not in NAMES]:
            raise InputError(f"data: no public set of {', '.join(absent)} can be read by name: give a folder of rows")


def read_samples(
    stage: Stage | SoftStage, data: Path | None, seed: int, *, most: int | None = None, shown: bool = True
) -> list[Context]:
    """Read the contexts of a stage, `most` at most, with a progress bar if it is to be `shown`.

    Raises:
        InputError: a collection cannot be read.
    """
    from longattncomp.training.soft_stages import SoftStage, read_readings
    from longattncomp.training.stages import read_contexts

    contexts: list[Context] = []
    with progress_bar(f"stage {stage.name}: samples", shown=shown) as advance:
        try:
            reading = (
                read_readings(stage, data, seed=seed)
                if isinstance(stage, SoftStage)
                else read_contexts(stage, data, seed=seed)
            )
            for context in islice(reading, most):
                contexts.append(context)
                advance(len(contexts), most)
        except OSError as error:  # without a network, `datasets` raises one
            raise InputError(f"cannot read the collections of stage {stage.name!r}: {error}; give --data") from error
    return contexts

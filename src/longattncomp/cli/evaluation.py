"""tasks -> how well each method keeps what they ask for: the command `eval`."""

import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from longattncomp import Compressor, Settings, __version__
from longattncomp.cli.console import Model, SettingsFile, exit_codes, notes, progress_bar, tables
from longattncomp.errors import InputError
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.measure import TargetPrompt, measure
from longattncomp.evaluation.methods import DEFAULT_METHODS, compressors
from longattncomp.evaluation.records import Records
from longattncomp.evaluation.report import plots
from longattncomp.evaluation.report import tables as report
from longattncomp.evaluation.report.html import RunDescription, page
from longattncomp.evaluation.report.summarise import summarise
from longattncomp.evaluation.report.summary import Summary
from longattncomp.evaluation.run_folder import begin
from longattncomp.evaluation.targets import target as targets
from longattncomp.evaluation.targets.spending import Prices
from longattncomp.evaluation.tasks.catalogue import TASKS, find_task, named
from longattncomp.evaluation.tasks.task import Draw, Task
from longattncomp.installed import require
from longattncomp.scorers.methods import METHODS

if TYPE_CHECKING:
    from longattncomp.evaluation.vectors import VectorReaders

_DRAWN = 25
_BUDGET = "10%"


def evaluate(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="TASK...", help="Names from --list, such as chat or niah-single@8k, or files of rows."),
    ] = None,
    budgets: Annotated[
        list[str] | None,
        typer.Option("--budget", "-b", help=f"2048 (tokens), 10% (of each context) or adaptive; default {_BUDGET}."),
    ] = None,
    methods: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            help=f"Out of {', '.join(METHODS)}, and with a local target compllm and sac; "
            f"default {', '.join(DEFAULT_METHODS)}.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help=f"Most examples of each task; default {_DRAWN} of generated ones, and all of files."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the examples, the random method and the intervals.")] = 0,
    data: Annotated[Path | None, typer.Option(help="Folder of the files that some tasks read their rows from.")] = None,
    target: Annotated[str | None, typer.Option(help="Model that answers: as --model, or openai:MODEL.")] = None,
    adapters: Annotated[
        list[Path] | None,
        typer.Option("--adapter", help="Trained adapter for compllm or sac; default what ships for the target."),
    ] = None,
    price: Annotated[tuple[float, float] | None, typer.Option(help="Prices of 1M prompt and answer tokens.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for records, report and pictures; the same command continues a stopped run."),
    ] = None,
    shown: Annotated[bool, typer.Option("--list", help="Show the tasks and exit.")] = False,
    model: Model = None,
    settings_file: SettingsFile = None,
) -> None:
    """Measure how much of what matters each method keeps: a table, then one line of JSON."""
    with exit_codes():
        if shown:
            _show_tasks()
            return
        parsed = list(dict.fromkeys(map(Budget.parse, budgets or [_BUDGET])))
        tasks = {name: find_task(name) for name in names or ()}
        if not tasks:
            raise InputError("expected at least one task or file of rows, got none: --list shows the tasks")
        if out is not None:
            require("matplotlib", extra="evaluation")
        settings = Settings.load(yaml_file=settings_file, model=model)
        reader = _target(target, settings, price)
        compressor = Compressor.from_pretrained(
            settings=settings, target_tokenizer=reader.count if reader and not settings.target_tokenizer else None
        )
        draw = Draw(examples=limit or _DRAWN, seed=seed, count=compressor.tokenizer.count, data=data)
        for task in tasks.values():
            if task.file is not None:
                draw.file(task.file)  # a missing file ends the command before anything is measured
        read = [*tasks, *map(str, adapters or ())]
        file = out and begin(out, settings=settings, reads=read, seed=seed, target=target, data=data)
        records = Records(file)
        soft, hard = _split(methods or DEFAULT_METHODS)
        vectors = _vectors(target, soft, adapters or [], settings)
        chosen = compressors(hard, compressor, seed=seed) if hard else {}
        try:
            for name, task in tasks.items():
                asked: dict[str, Any] = {key: getattr(task, key) for key in ("prompt", "together", "answer_tokens")}
                with progress_bar(name) as advance:
                    measure(
                        task.draw(draw if task.sized or limit else replace(draw, examples=sys.maxsize)),
                        chosen,
                        budgets=parsed,
                        records=records,
                        reference=compressor,
                        target_prompt=TargetPrompt(target=reader, **asked) if reader else None,
                        vectors=vectors,
                        progress=advance,
                    )
        finally:
            if spent := getattr(reader, "spent", None):
                notes.print(f"{reader.name if reader else ''}: {spent}")
        known = {**{one.task: named(one.task) for one in records}, **tasks}  # with those of earlier runs
        summary = summarise(records, known, seed=seed)
        report.render(summary, tables(120))
        if out is not None:
            _write(out, records, summary, known, settings)
        typer.echo(report.to_json(summary))


def _show_tasks() -> None:
    table = Table("task", "what it asks", "reads", box=SIMPLE_HEAD, pad_edge=False)
    for task in TASKS.values():
        table.add_row(task.name + "@32k" * task.sized, task.about, task.file or "")
    tables(120).print(table)
    notes.print(
        "A number after @ sets the length of the contexts, in tokens; files under `reads` are in the folder --data."
    )


def _target(name: str | None, settings: Settings, price: tuple[float, float] | None) -> targets.Target | None:
    if price and not (name or "").startswith(targets.ENDPOINT):
        raise InputError(
            f"expected --price with a target behind an endpoint ({targets.ENDPOINT}MODEL), got {name or 'no target'}"
        )
    if name is None:
        return None
    prices = Prices(prompt=price[0], completion=price[1]) if price else None
    return targets.open_target(
        name, model_dir=settings.model_dir, device=settings.device, dtype=settings.dtype, prices=prices
    )


def _split(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tell the soft methods from the others."""
    from longattncomp.soft.methods import METHODS as SOFT

    return [name for name in names if name in SOFT], [name for name in names if name not in SOFT]


def _vectors(
    target: str | None, methods: Sequence[str], adapters: Sequence[Path], settings: Settings
) -> "VectorReaders | None":
    if not methods:
        if adapters:
            raise InputError("expected --method compllm or sac beside --adapter: add it, or leave the adapter out")
        return None
    if target is None or target.startswith(targets.ENDPOINT):
        raise InputError(
            f"expected a local --target with --method {methods[0]}, for no endpoint reads vectors; "
            f"got {target or 'none'}: name a local model, or leave the method out"
        )
    from longattncomp.evaluation.vectors import VectorReaders

    return VectorReaders(target, methods, settings=settings, files=adapters)


def _write(out: Path, records: Records, summary: Summary, tasks: Mapping[str, Task | None], settings: Settings) -> None:
    """Write the page, its pictures and the tables in Markdown."""
    pictures = plots.draw(records, summary, out)
    (out / "report.html").write_text(page(summary, tasks, _run(settings), pictures=pictures), encoding="utf-8")
    markdown = "\n".join(report.markdown(summary, target=target) for target in summary.targets)
    (out / "report.md").write_text(markdown, encoding="utf-8")
    notes.print(f"report: {out / 'report.html'}")


def _run(settings: Settings) -> RunDescription:
    import torch
    import transformers

    processor = torch.cpu.get_capabilities().get("cpu_name") or platform.processor() or platform.machine()
    return RunDescription(
        command=shlex.join(["longattncomp", *sys.argv[1:]]),
        machine=f"{processor}, {torch.get_num_threads()} threads",
        date=f"{date.today():%Y-%m-%d}",
        versions={
            "longattncomp": __version__,
            "draft model": settings.model,
            "Python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        settings={name: str(value) for name, value in settings.model_dump(exclude_defaults=True).items()},
    )

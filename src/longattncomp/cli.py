"""The command line: text on stdout, everything else on stderr.

Exit codes: 0 done, 1 a bug of ours, 2 bad input or usage, 3 the draft model cannot be used,
4 the cache cannot be written, 5 the result cannot be written, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from longattncomp import Compressed, Compressor, Document, Settings, __version__
from longattncomp.errors import CacheError, InputError, LongAttnCompError, LongAttnCompWarning, ModelError
from longattncomp.evaluation import report
from longattncomp.evaluation.rows import read_rows
from longattncomp.evaluation.run import METHODS, Results, Row, evaluate
from longattncomp.files import read_documents

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Keep what matters to a query, verbatim and in order, inside a token budget.",
)
notes = Console(stderr=True, highlight=False, soft_wrap=True)

DEMO_QUERY = "How does a TaskGroup cancel its other tasks when one of them fails?"

Model = Annotated[str | None, typer.Option(help="Draft model: embedded name, folder, GGUF file or Hugging Face id.")]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="YAML file of settings, instead of longattncomp.yaml.")
]


@app.command()
def compress(
    query: Annotated[str, typer.Option("--query", "-q", help="What the text is read for.")],
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files and folders, in order; - or nothing reads standard input.")
    ] = None,
    budget: Annotated[int | None, typer.Option("--budget", "-b", help="Most tokens of the result.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Mass at which selection stops, in (0, 1].")] = None,
    node_tokens: Annotated[str | None, typer.Option(help="Longest node in tokens, or 'document'.")] = None,
    method: Annotated[str | None, typer.Option(help="longattncomp or bm25.")] = None,
    model: Model = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object instead of text.")] = False,
    html: Annotated[Path | None, typer.Option(help="Also write the picture of the result to this file.")] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Compress files, folders or standard input for a query."""
    with _exit_codes():
        settings = Settings.load(
            yaml_file=settings_file,
            token_budget=budget,
            top_p=top_p,
            node_tokens=node_tokens,
            method=method,
            model=model,
        )
        if html is not None and not html.parent.is_dir():
            raise InputError(f"expected --html in a folder that exists, got {html}")
        documents = _read(paths or ["-"])
        compressor = Compressor.from_pretrained(settings=settings)
        result, seconds = _compress(compressor, query, documents)
        _write(json.dumps(to_json(result)) if as_json else result.text)
        if html is not None:
            html.write_text(result.to_html(), encoding="utf-8")
        notes.print(_summary(result, seconds))


@app.command()
def demo(
    query: Annotated[str, typer.Option("--query", "-q", help="What the sources are read for.")] = DEMO_QUERY,
    budget: Annotated[int, typer.Option("--budget", "-b", help="Most tokens of the result.")] = 2048,
    html: Annotated[Path, typer.Option(help="Where the picture goes.")] = Path("demo.html"),
    model: Model = None,
) -> None:
    """Compress the sources of Python's own asyncio, about 115,000 tokens, for a question."""
    with _exit_codes():
        compressor = Compressor.from_pretrained(model, token_budget=budget)
        sources = _read([str(Path(asyncio.__file__).parent)], suffix=".py")
        documents = [replace(source, id=f"asyncio/{Path(source.id or '').name}") for source in sources]
        result, seconds = _compress(compressor, query, documents)
        _write(result.text)
        html.write_text(result.to_html(), encoding="utf-8")
        notes.print(_kept_table(result, documents))
        notes.print(_summary(result, seconds))
        notes.print(f"The whole context with the kept parts lit: {escape(str(html))}")


@app.command("eval")
def evaluate_rows(
    files: Annotated[list[Path], typer.Argument(help="Rows as JSON lines, gzipped or plain.")],
    budgets: Annotated[list[str], typer.Option("--budget", "-b", help="2048 (tokens) or 10% (of each context).")],
    methods: Annotated[list[str] | None, typer.Option("--method", help=f"Out of {', '.join(METHODS)}.")] = None,
    limit: Annotated[int | None, typer.Option(help="Most rows of each file, drawn by the seed.")] = None,
    seed: Annotated[int, typer.Option(help="Of the sample, the random method and the intervals.")] = 0,
    titles: Annotated[bool, typer.Option(help="Put each title before its document as the first line.")] = True,
    model: Model = None,
    settings_file: SettingsFile = None,
) -> None:
    """Measure how much of the evidence each method keeps: a table, then one line of JSON."""
    with _exit_codes():
        compressor = Compressor.from_pretrained(settings=Settings.load(yaml_file=settings_file, model=model))
        rows: list[Row] = []
        skipped = 0
        for file in files:
            with _progress_bar(file.name) as advance:
                results = evaluate(
                    read_rows(file, with_titles=titles),
                    compressor,
                    budgets=budgets,
                    methods=methods or METHODS,
                    limit=limit,
                    seed=seed,
                    progress=advance,
                )
            rows += results.rows
            skipped += results.skipped
        results = Results(tuple(rows), skipped)
        report.render(results, Console(highlight=False, width=None if sys.stdout.isatty() else 120))
        typer.echo(report.to_json(results))


@app.command()
def info(settings_file: SettingsFile = None) -> None:
    """Show models found, device, arithmetic and cache."""
    with _exit_codes():
        import torch
        import transformers

        from longattncomp.backbone.loading import choose_device, choose_dtype
        from longattncomp.backbone.locate import EMBEDDED, embedded_file

        settings = Settings.load(yaml_file=settings_file)
        device = choose_device(settings.device)
        rows = [
            ("longattncomp", f"{__version__}, Python {platform.python_version()}"),
            ("torch", f"{torch.__version__}, {torch.get_num_threads()} threads"),
            ("transformers", transformers.__version__),
            ("device", str(device)),
            ("dtype", str(choose_dtype(settings.dtype, device)).removeprefix("torch.")),
            ("model", settings.model),
        ]
        for name, embedded in EMBEDDED.items():
            try:
                rows.append(("embedded", f"{name}: {embedded_file(embedded)}"))
            except ModelError as error:
                rows.append(("embedded", f"{name}: {error}"))
        rows.append(("cache", str(settings.cache_dir)))
        for folder in sorted(settings.cache_dir.glob("models/*/layers-*")):
            size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
            rows.append(("converted", f"{folder.relative_to(settings.cache_dir / 'models')}, {size:.0f} MB"))
        for label, value in rows:
            typer.echo(f"{label:<14}{value}")


def to_json(result: Compressed) -> dict[str, Any]:
    """A result as JSON values: everything but the text that was left out."""
    return {
        "query": result.query.text,
        "text": result.text,
        "tokens": result.tokens,
        "original_tokens": result.original_tokens,
        "token_budget": result.token_budget,
        "instruction_score": result.instruction_score,
        "stop_reason": result.stop_reason,
        "documents": [
            {"index": document.index, "id": document.id, "spans": document.spans, "score": document.score}
            for document in result.documents
        ],
        "nodes": [
            {name: getattr(node, name) for name in ("document", "start", "end", "tokens", "score", "reason")}
            for node in result.all_nodes
        ],
    }


def _read(paths: Sequence[str], *, suffix: str = "") -> list[Document]:
    return read_documents(
        paths, suffix=suffix, skipped=lambda file: notes.print(f"skipped {escape(str(file))}: binary")
    )


def _write(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
    sys.stdout.buffer.flush()


def _compress(compressor: Compressor, query: str, documents: Sequence[Document]) -> tuple[Compressed, float]:
    started = time.perf_counter()
    with _progress_bar("reading") as advance:
        result = compressor.compress(query, documents, progress=advance)
    return result, time.perf_counter() - started


@contextmanager
def _progress_bar(label: str) -> Iterator[Any]:
    """A bar on stderr while it is a terminal; yields a function of (done, total)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _summary(result: Compressed, seconds: float) -> str:
    return (
        f"{result.original_tokens:,} tokens -> {result.tokens:,} of {result.token_budget:,} allowed, "
        f"{len(result.nodes)} of {len(result.all_nodes)} nodes, {seconds:.1f} s; stopped by {result.stop_reason}, "
        f"instruction score {result.instruction_score:.2f}"
    )


def _kept_table(result: Compressed, documents: Sequence[Document]) -> Table:
    table = Table(
        "file",
        "lines",
        "tokens",
        "score",
        box=SIMPLE_HEAD,
        pad_edge=False,
        title=f"Kept for: {escape(result.query.text)}",
        title_justify="left",
    )
    for node in result.nodes:
        text = documents[node.document].text
        first, last = text.count("\n", 0, node.start) + 1, text.count("\n", 0, node.end - 1) + 1
        table.add_row(
            escape(documents[node.document].id or ""), f"{first}-{last}", f"{node.tokens}", f"{node.score:.4f}"
        )
    return table


@contextmanager
def _exit_codes() -> Iterator[None]:
    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        notes.print(f"[yellow]warning:[/] {escape(str(message))}")

    if not notes.is_terminal:
        os.environ.setdefault("TQDM_DISABLE", "1")  # the bars of transformers, which it imports later
    with warnings.catch_warnings():
        warnings.showwarning = show
        warnings.simplefilter("always", LongAttnCompWarning)
        try:
            yield
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has enough
            raise typer.Exit(0) from None
        except LongAttnCompError as error:
            notes.print(f"[red]error:[/] {escape(str(error))}")
            code = 2 if isinstance(error, InputError) else 4 if isinstance(error, CacheError) else 3
            raise typer.Exit(code) from None
        except OSError as error:
            notes.print(f"[red]error:[/] cannot write the result: {escape(str(error))}")
            raise typer.Exit(5) from None

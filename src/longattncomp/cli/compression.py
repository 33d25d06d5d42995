"""files, folders or standard input -> compressed text: `compress` and `demo`."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from longattncomp import Compressed, Compressor, Document, Settings
from longattncomp.adapters import BudgetError, fit_budget
from longattncomp.cli.console import Model, SettingsFile, exit_codes, notes, progress_bar, write
from longattncomp.cli.documents import read_documents
from longattncomp.errors import InputError, warn
from longattncomp.evaluation.budget import Budget
from longattncomp.html.names import visible
from longattncomp.runtime.cancellation import WALKED
from longattncomp.scorers.methods import LASTING, METHODS
from longattncomp.types import Progress

_NO_LIMIT = 2**31
"""Tokens of a budget where a share of the text is asked for, however long that is, and no setting says otherwise."""

DEMO_QUERY = "How does a TaskGroup cancel its other tasks when one of them fails?"


def compress(
    query: Annotated[str, typer.Option("--query", "-q", help="What the text is read for.")],
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files and folders, in order; - or nothing reads standard input.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", "-b", help="Most tokens of the result, or a share of the text as 20%.")
    ] = None,
    min_relevance: Annotated[
        float | None, typer.Option(help="Chance that anything is relevant below which nothing is kept.")
    ] = None,
    target_tokenizer: Annotated[
        str | None, typer.Option(help="Counts the budget: a Hugging Face id, a tiktoken name or a tokenizer.json.")
    ] = None,
    top_p: Annotated[float | None, typer.Option(help="Mass at which selection stops, in (0, 1].")] = None,
    node_tokens: Annotated[str | None, typer.Option(help="Longest node in tokens, or 'document'.")] = None,
    method: Annotated[str | None, typer.Option(help=f"Out of {', '.join(METHODS)}.")] = None,
    key_store: Annotated[Path | None, typer.Option(help="Folder of the keys that `index` wrote.")] = None,
    model: Model = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object instead of text.")] = False,
    html: Annotated[Path | None, typer.Option(help="Also write the picture of the result to this file.")] = None,
    names: Annotated[bool, typer.Option(help="Whether ==> file <== stands before each of several files.")] = True,
    settings_file: SettingsFile = None,
) -> None:
    """Compress files, folders or standard input for a query."""
    with exit_codes():
        asked = _budget(budget)
        settings = Settings.load(
            yaml_file=settings_file,
            **asked,
            min_relevance=min_relevance,
            target_tokenizer=target_tokenizer,
            top_p=top_p,
            node_tokens=node_tokens,
            method=method,
            key_store=key_store,
            model=model,
        )
        if "keep_rate" in asked and "token_budget" not in settings.model_fields_set:
            settings = settings.override(token_budget=_NO_LIMIT)
        if html is not None and not html.parent.is_dir():
            raise InputError(f"expected --html in a folder that exists, got {html}")
        if key_store is not None and settings.method not in LASTING:
            able = " or ".join(LASTING)
            raise InputError(f"--key-store: {settings.method!r} keeps nothing there: add --method {able}")
        with progress_bar("opening"):
            documents = read_documents(paths or ["-"])
            compressor = Compressor.from_pretrained(settings=settings)
        result, summary = _compress(compressor, query, documents)
        several = names and [document.id for document in documents] != (paths or ["-"])[:1]
        write(json.dumps(to_json(result)) if as_json else _named(compressor, result) if several else result.text)
        if html is not None:
            html.write_text(result.to_html(), encoding="utf-8")
        notes.print(summary)


def demo(
    query: Annotated[str, typer.Option("--query", "-q", help="What the sources are read for.")] = DEMO_QUERY,
    budget: Annotated[int, typer.Option("--budget", "-b", help="Most tokens of the result.")] = 2048,
    html: Annotated[Path, typer.Option(help="Where the picture goes.")] = Path("demo.html"),
    model: Model = None,
) -> None:
    """Compress the sources of Python's own asyncio, about 115,000 tokens, for a question."""
    with exit_codes():
        compressor = Compressor.from_pretrained(model, token_budget=budget)
        sources = read_documents([str(Path(asyncio.__file__).parent)], suffix=".py")
        documents = [replace(source, id=f"asyncio/{Path(source.id or '').name}") for source in sources]
        result, summary = _compress(compressor, query, documents)
        write(result.text)
        html.write_text(result.to_html(), encoding="utf-8")
        notes.print(_kept_table(result, documents))
        notes.print(summary)
        notes.print(f"The whole context with the kept parts lit: {html}")


def to_json(result: Compressed) -> dict[str, Any]:
    """Convert a result to JSON values, without the text that was left out."""
    return {
        "query": result.query.text,
        **_fields(result, "text", "tokens", "original_tokens", "token_budget", "relevance", "stop_reason"),
        "documents": [_fields(document, "index", "id", "spans", "score") for document in result.documents],
        "nodes": [_fields(node, "document", "start", "end", "tokens", "score", "reason") for node in result.all_nodes],
    }


def _budget(text: str | None) -> dict[str, Any]:
    """Read a number of tokens, or a share of the text, as settings."""
    if text is None:
        return {}
    budget = Budget.parse(text, adaptive=False)
    if budget.share is None:
        return {"token_budget": budget.tokens}
    return {"keep_rate": budget.share}


def _named(compressor: Compressor, result: Compressed) -> str:
    """Put the name of each file before its text, inside the budget."""
    separator = compressor.settings.separator

    def shown(found: Compressed) -> str:
        return separator.join(f"==> {visible(one.id or '')} <==\n{one.text}" for one in found.documents)

    try:
        return fit_budget(compressor, result, shown, token_budget=result.token_budget)
    except BudgetError as error:
        warn(f"the names of the files are left out: {error}")
        return result.text


def _fields(item: object, *names: str) -> dict[str, Any]:
    return {name: getattr(item, name) for name in names}


def _compress(compressor: Compressor, query: str, documents: Sequence[Document]) -> tuple[Compressed, str]:
    """Return the result, and a line about it."""
    started = time.perf_counter()
    with _stages(sum(len(document.text) for document in documents)) as progress:
        result = compressor.compress(query, documents, progress=progress)
    allowed = result.original_tokens if result.token_budget == _NO_LIMIT else result.token_budget
    return result, (
        f"{result.original_tokens:,} tokens -> {result.tokens:,} of {allowed:,} allowed, "
        f"{len(result.nodes)} of {len(result.all_nodes)} nodes, {time.perf_counter() - started:.1f} s; stopped by "
        f"{result.stop_reason}" + ("" if result.relevance is None else f", relevance {result.relevance:.2f}")
    )


@contextmanager
def _stages(characters: int) -> Iterator[Progress]:
    """Show how far the stage at work has come: cutting and selecting in characters, reading in tokens."""
    stage, walked, total = "cutting", 0, 2 * characters  # which are tokenized, then searched for units

    with progress_bar(stage) as advance:

        def walk(more: int) -> None:
            nonlocal walked
            walked = min(walked + more, total)
            if stage != "reading":  # the scorer tokenizes, too
                advance(walked, total, stage)

        def read(done: int, of: int) -> None:
            nonlocal stage, walked, total
            advance(done, of, "reading")
            stage, walked, total = "reading" if done < of else "selecting", 0, characters

        token = WALKED.set(walk)
        try:
            yield read
        finally:
            WALKED.reset(token)


def _kept_table(result: Compressed, documents: Sequence[Document]) -> Table:
    table = Table(
        "file",
        "lines",
        "tokens",
        "score",
        box=SIMPLE_HEAD,
        pad_edge=False,
        title=f"Kept for: {result.query.text}",
        title_justify="left",
    )
    for node in result.nodes:
        text = documents[node.document].text
        first, last = text.count("\n", 0, node.start) + 1, text.count("\n", 0, node.end - 1) + 1
        table.add_row(documents[node.document].id or "", f"{first}-{last}", f"{node.tokens}", f"{node.score:.4f}")
    return table

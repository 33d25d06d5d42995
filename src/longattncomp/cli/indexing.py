"""files, folders or standard input -> their keys in a store: `index`."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from longattncomp import Settings
from longattncomp.cli.console import Model, SettingsFile, exit_codes, notes, progress_bar
from longattncomp.cli.documents import read_documents
from longattncomp.errors import InputError
from longattncomp.indexing import Indexer, lasting
from longattncomp.scorers.methods import LASTING


def index(
    paths: Annotated[list[str], typer.Argument(help="Files and folders; - reads standard input.")],
    key_store: Annotated[Path | None, typer.Option(help="Folder of the keys; is made.")] = None,
    suffix: Annotated[str, typer.Option(help="Of files taken from folders, such as .md.")] = "",
    method: Annotated[str | None, typer.Option(help=f"As the questions to come: {' or '.join(LASTING)}.")] = None,
    model: Model = None,
    head: Annotated[str | None, typer.Option(help="Checkpoint of a head, or untrained.")] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Read files ahead, so that later questions start at once; if it is killed, repeat the command."""
    with exit_codes():
        settings = Settings.load(yaml_file=settings_file, key_store=key_store, method=method, model=model, head=head)
        lasting(settings)
        documents = read_documents(paths, suffix=suffix)
        if not any(document.text for document in documents):
            raise InputError(f"expected files with text, got {len(documents)} files and no text in {', '.join(paths)}")
        indexer = Indexer(settings)
        started = time.perf_counter()
        with progress_bar("reading") as advance:
            found = indexer.index(documents, progress=advance)
        seconds = time.perf_counter() - started
        notes.print(
            f"{found.tokens:,} tokens in {len(documents):,} files, all ready; {found.read:,} read now, "
            f"{seconds:.1f} s; {found.nbytes / found.tokens:.0f} bytes a token in {settings.key_store}, "
            f"for {' and '.join(LASTING)}"
        )
        row = {
            "tokens": found.tokens,
            "ready": found.tokens,
            "read": found.read,
            "seconds": round(seconds, 3),
            "bytes_per_token": round(found.nbytes / found.tokens, 1),
            "key_store": str(settings.key_store),
        }
        typer.echo(json.dumps(row, separators=(",", ":")))

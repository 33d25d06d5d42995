"""Exit codes, progress bars, output and options that several commands share."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from longattncomp import installed
from longattncomp.errors import CacheError, InputError, LongAttnCompError, LongAttnCompWarning
from longattncomp.html.names import visible

_ERROR = Text("error:", "red")

require_training = partial(installed.require, extra="training")
"""Checks that the libraries of the extra `training` are installed."""


class _Console(Console):
    """A console on which a string, in a message or a table, is only text: what it would do to a terminal is escaped."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **{**options, "markup": False, "emoji": False})


notes = _Console(stderr=True, highlight=False, soft_wrap=True)

Model = Annotated[str | None, typer.Option(help="Draft model: embedded name, folder, GGUF file or Hugging Face id.")]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="YAML file of settings, instead of longattncomp.yaml.")
]


def write(text: str) -> None:
    """Write text to stdout; bytes that were not UTF-8 are written as they came."""
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
    sys.stdout.buffer.flush()


def tables(width: int) -> Console:
    """Make a console on stdout, `width` columns wide if stdout is not a terminal."""
    return _Console(highlight=False, width=None if sys.stdout.isatty() else width)


@contextmanager
def progress_bar(label: str, *, shown: bool = True) -> Iterator[Any]:
    """Show a bar on stderr if that is a terminal; yields a function of (done, total), perhaps with another label."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True, disable=not (shown and notes.is_terminal)) as bar:
        task = bar.add_task(visible(label), total=None)
        yield lambda done, total, now=label: bar.update(task, completed=done, total=total, description=visible(now))


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn errors and warnings into messages on stderr, and errors into exit codes."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        notes.print(Text("warning:", "yellow"), str(message))

    if not notes.is_terminal:
        os.environ.setdefault("TQDM_DISABLE", "1")  # for the progress bars of transformers
    with warnings.catch_warnings():
        warnings.showwarning = show
        warnings.simplefilter("always", LongAttnCompWarning)
        try:
            yield
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of the pipe has closed it
            raise typer.Exit(0) from None
        except LongAttnCompError as error:
            notes.print(_ERROR, str(error))
            code = 2 if isinstance(error, InputError) else 4 if isinstance(error, CacheError) else 3
            raise typer.Exit(code) from None
        except OSError as error:
            notes.print(_ERROR, f"cannot write the result: {error}")
            raise typer.Exit(5) from None

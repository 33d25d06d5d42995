"""The command line: text on stdout, everything else on stderr.

Exit codes: 0 done, 1 a bug of ours, 2 bad input or usage, 3 the draft model cannot be used,
4 the cache cannot be written, 5 the result cannot be written, 130 interrupted.
"""

from typing import Annotated

import typer

from longattncomp import __version__
from longattncomp.cli.compression import compress, demo
from longattncomp.cli.environment import info
from longattncomp.cli.evaluation import evaluate
from longattncomp.cli.indexing import index
from longattncomp.cli.probing import probe_heads
from longattncomp.cli.samples import describe_samples
from longattncomp.cli.training import train_head

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Keep what matters to a query, verbatim and in order, inside a token budget.",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    pass


app.command()(compress)
app.command()(index)
app.command()(demo)
app.command("eval")(evaluate)
app.command("train")(train_head)
app.command("samples")(describe_samples)
app.command("probe")(probe_heads)
app.command()(info)

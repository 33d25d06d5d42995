"""samples -> statistics, as a table and as a picture."""

import importlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.table import Column, Table

from longattncomp.data.rows import Example, contexts, positions
from longattncomp.errors import InputError
from longattncomp.html.names import visible
from longattncomp.installed import require

_BINS = 20
_BLUE = "#4c78a8"
_RED = "#d62728"


@dataclass(slots=True)
class TaskDescription:
    """Statistics of one task.

    Attributes:
        context_tokens: length of each context, in tokens.
        query_tokens: length of each query, in tokens.
        needles: number of passages of evidence -> number of queries with as many passages.
        compound: how many queries are several questions in one.
        positions: position of the middle of each passage of evidence in its context, in [0, 1].
    """

    context_tokens: list[int] = field(default_factory=list)
    query_tokens: list[int] = field(default_factory=list)
    needles: Counter[int] = field(default_factory=Counter)
    compound: int = 0
    positions: list[float] = field(default_factory=list)

    @property
    def queries(self) -> int:
        return len(self.query_tokens)

    @property
    def unanswerable(self) -> float:
        """Share of the queries for which nothing is relevant."""
        return self.needles[0] / self.queries


def describe(examples: Iterable[Example], count: Callable[[str], int]) -> dict[str, TaskDescription]:
    """Compute the statistics of samples, by task in alphabetic order.

    Samples that share a context follow each other.
    """
    found: defaultdict[str, TaskDescription] = defaultdict(TaskDescription)
    for context in contexts(examples):
        tokens = sum(count(document.text) for document in context[0].documents)
        for task in {example.task for example in context}:
            found[task].context_tokens.append(tokens)
        for example in context:
            one = found[example.task]
            one.query_tokens.append(count(example.query))
            one.needles[len(example.evidence)] += 1
            one.compound += example.id.endswith("#compound")
            one.positions += positions(example)
    return dict(sorted(found.items()))


def table(tasks: Mapping[str, TaskDescription]) -> Table:
    """Make a table with one row a task."""
    counts = ("contexts", "queries", "none relevant", "compound", "needles 1 / 2 / 3-4 / 5+")
    columns = (*counts, "context tokens", "query tokens", "front / middle / end")
    made = Table("task", *(Column(column, justify="right") for column in columns), title="training samples")
    for task, found in tasks.items():
        bands = [sum(found.needles[number] for number in band) for band in ((1,), (2,), (3, 4))]
        bands.append(found.queries - found.needles[0] - sum(bands))
        thirds = Counter(min(int(3 * position), 2) for position in found.positions)
        made.add_row(
            task,
            f"{len(found.context_tokens):,}",
            f"{found.queries:,}",
            f"{found.unanswerable:.1%}",
            f"{found.compound / found.queries:.1%}",
            " / ".join(f"{band:,}" for band in bands),
            _spread(found.context_tokens),
            _spread(found.query_tokens),
            " / ".join(f"{thirds[third] / max(1, len(found.positions)):.0%}" for third in range(3)),
        )
    return made


def plot(tasks: Mapping[str, TaskDescription], path: Path | str) -> None:
    """Draw context lengths, query lengths and needle positions, one row of panels a task.

    Raises:
        InputError: there are no samples, or matplotlib is not installed.
    """
    if not tasks:
        raise InputError("samples: expected at least one task, got none")
    require("matplotlib", extra="training")
    ticker = importlib.import_module("matplotlib.ticker")
    figure = importlib.import_module("matplotlib.figure").Figure(
        figsize=(11, 1.9 * len(tasks) + 0.8), layout="constrained"
    )
    axes = figure.subplots(len(tasks), 3, squeeze=False)
    for row, (task, found) in zip(axes, tasks.items(), strict=True):
        row[0].set_ylabel(visible(task), parse_math=False)  # a dollar in a name is a dollar
        lengths = ((found.context_tokens, "contexts"), (found.query_tokens, "queries"))
        for axis, (values, unit) in zip(row, lengths, strict=False):
            axis.hist(values, bins=_BINS, color=_BLUE)
            axis.set_title(f"{len(values):,} {unit}, median {median(values):,.0f} tokens", fontsize="medium")
            axis.locator_params(axis="x", nbins=6)
            axis.xaxis.set_major_formatter(ticker.EngFormatter(sep=""))
        row[2].hist(found.positions, bins=_BINS, range=(0, 1), color=_BLUE)
        row[2].axhline(len(found.positions) / _BINS, color=_RED, linestyle="--", linewidth=1, label="uniform")
        row[2].set_title(f"{len(found.positions):,} needles", fontsize="medium")
        row[2].set_xlim(0, 1)
    labels = ("context length, tokens", "query length, tokens", "needle position, 0 front to 1 end")
    for axis, label in zip(axes[-1], labels, strict=True):
        axis.set_xlabel(label)
    axes[0][2].legend(loc="lower right", fontsize="small")
    figure.savefig(path, dpi=120)


def _spread(values: Sequence[int]) -> str:
    return f"{min(values):,} – {median(values):,.0f} – {max(values):,}"

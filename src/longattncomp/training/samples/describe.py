"""a stream of samples -> its statistics, as a table and as a picture."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from statistics import median

from rich.table import Table

from longattncomp.data.rows import Example
from longattncomp.errors import InputError
from longattncomp.installed import require
from longattncomp.training.samples.queries import contexts

_BINS = 20
_BLUE = "#4c78a8"
_RED = "#d62728"


@dataclass(frozen=True, slots=True)
class TaskDescription:
    """Statistics of one task.

    Attributes:
        context_tokens: length of each context.
        query_tokens: length of each query.
        needles: passages of evidence -> queries that have so many.
        compound: how many queries are several questions in one.
        positions: of the middle of each passage of evidence in its context, in [0, 1], by characters.
    """

    context_tokens: tuple[int, ...]
    query_tokens: tuple[int, ...]
    needles: Mapping[int, int]
    compound: int
    positions: tuple[float, ...]

    @property
    def queries(self) -> int:
        return len(self.query_tokens)

    @property
    def unanswerable(self) -> float:
        """Share of the queries for which nothing is relevant."""
        return self.needles.get(0, 0) / self.queries


@dataclass(frozen=True, slots=True)
class Description:
    """Statistics of a stream of samples, by task in alphabetic order."""

    tasks: Mapping[str, TaskDescription]


def describe(examples: Iterable[Example], count: Callable[[str], int]) -> Description:
    """Read a stream to its end.

    Args:
        examples: samples; those that share a context follow each other.
        count: length of a text in tokens; called once for each document and query.
    """
    lengths: dict[str, list[int]] = {}
    queries: dict[str, list[int]] = {}
    needles: dict[str, Counter[int]] = {}
    positions: dict[str, list[float]] = {}
    compound: Counter[str] = Counter()
    for context in contexts(examples):
        documents = context[0].documents
        starts = list(accumulate((len(document.text) for document in documents), initial=0))
        tokens = sum(count(document.text) for document in documents)
        for task in {example.task for example in context}:
            lengths.setdefault(task, []).append(tokens)
        for example in context:
            queries.setdefault(example.task, []).append(count(example.query))
            needles.setdefault(example.task, Counter())[len(example.evidence)] += 1
            compound[example.task] += example.id.endswith("#compound")
            positions.setdefault(example.task, []).extend(
                (starts[span.document] + (span.start + span.end) / 2) / starts[-1] for span in example.evidence
            )
    return Description(
        {
            task: TaskDescription(
                tuple(lengths[task]), tuple(queries[task]), needles[task], compound[task], tuple(positions[task])
            )
            for task in sorted(queries)
        }
    )


def table(description: Description) -> Table:
    """One row a task."""
    made = Table(title="training samples")
    made.add_column("task")
    columns = ("contexts", "queries", "none relevant", "compound", "needles 1 / 2 / 3-4 / 5+")
    for column in (*columns, "context tokens", "query tokens", "front / middle / end"):
        made.add_column(column, justify="right")
    for task, found in description.tasks.items():
        bands = [sum(found.needles.get(number, 0) for number in band) for band in ((1,), (2,), (3, 4))]
        bands.append(found.queries - found.needles.get(0, 0) - sum(bands))
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


def plot(description: Description, path: Path | str) -> None:
    """Draw context lengths, query lengths and needle positions, one row of panels a task.

    Raises:
        InputError: nothing to draw, or matplotlib is not installed.
    """
    if not description.tasks:
        raise InputError("description: expected at least one task, got none")
    require("matplotlib", extra="training")
    figure_module = importlib.import_module("matplotlib.figure")
    ticker = importlib.import_module("matplotlib.ticker")
    tasks = description.tasks
    figure = figure_module.Figure(figsize=(11, 1.9 * len(tasks) + 0.8), layout="constrained")
    axes = figure.subplots(len(tasks), 3, squeeze=False)
    for row, (task, found) in zip(axes, tasks.items(), strict=True):
        row[0].set_ylabel(task)
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

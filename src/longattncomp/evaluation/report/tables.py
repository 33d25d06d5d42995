"""summary -> rich tables, one JSON line, a table in Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from longattncomp.evaluation.metrics import Estimate
from longattncomp.evaluation.report.overview import overview, written
from longattncomp.evaluation.report.summary import ANSWER_MEASURES, FEW_ROWS, KEPT_MEASURES, Measure, Row, Summary

_DIGITS = 6


def render(summary: Summary, console: Console) -> None:
    """Draw a table for each task and target, and one of the averages."""
    for _, rows in groupby(summary.rows, key=lambda row: (row.target, row.task)):
        console.print(_table(list(rows)))
    if summary.averages:
        console.print(_averages(summary))
    if any(row.few for row in summary.rows):
        console.print(f"* few rows: fewer than {FEW_ROWS} examples, whose interval says little.")
    if summary.left_out:
        console.print(Text(f"Not in the averages: {', '.join(summary.left_out)}."))
    if summary.skipped:
        plural = "s" if summary.skipped > 1 else ""
        console.print(f"No recall for {summary.skipped} example{plural} without evidence.")


def to_json(summary: Summary) -> str:
    """The same as one compact line of JSON; shares in [0, 1], likelihoods in nats, times in seconds.

    What is not there has no key.
    """
    return json.dumps(_rounded(asdict(summary)), separators=(",", ":"))


def markdown(summary: Summary, *, budget: str | None = None, target: str | None = None) -> str:
    """Methods by tasks, for docs; the best of each column is bold.

    Args:
        summary: of an evaluation.
        budget: of the columns, for the tasks that have it; None for the middle budget of each task.
        target: whose answers; None for what was kept.
    """
    seen = overview(summary, budget=budget, target=target)
    averaged = ["average"] * bool(seen.averages)
    names = [_cell(f"{column.task}, {column.budget}") + " †" * (not column.counts) for column in seen.columns]
    lines = [
        ["method", *averaged, *names],
        ["---", *["---:"] * (len(averaged) + len(names))],
        ["n", *[""] * len(averaged), *(f"{column.n}{'*' * column.few}" for column in seen.columns)],
        ["measure", *[""] * len(averaged), *(column.measure for column in seen.columns)],
    ]
    for method in seen.methods:
        line = [_cell(method)]
        if averaged:
            mean = seen.averages.get(method)
            line.append("" if mean is None else _bold(written("recall", mean), method in seen.best))
        for column in seen.columns:
            row = column.rows.get(method)
            kept = f" ({row.tokens:,.0f} tokens)" if row and column.adaptive else ""
            line.append(_bold(written(row.measure, row.score.mean), method in column.best) + kept if row else "")
        lines.append(line)
    notes = []
    if any(column.few for column in seen.columns):
        notes.append(f"\\* few rows: fewer than {FEW_ROWS} examples.")
    if not all(column.counts for column in seen.columns):
        notes.append("† not in the average.")
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), *([""] * bool(notes)), *notes]) + "\n"


def _table(rows: Sequence[Row]) -> Table:
    """One task's, a block for each budget."""
    target = rows[0].target
    there = [
        name
        for name in (KEPT_MEASURES if target is None else ANSWER_MEASURES)
        if any(getattr(row, name) for row in rows)
    ]
    gains = any(row.gain for row in rows)
    table = _titled(f"{rows[0].task}: {'evidence kept' if target is None else f'answers of {target}'}, %")
    for heading in ("budget", "method"):
        table.add_column(heading, no_wrap=True)
    for heading in (
        "n",
        *(heading for name in there for heading in [name, *["95% interval"] * (name == rows[0].measure)]),
        *["ours better"] * gains,
        "tokens",
        *["of all", "ms/row"] * (target is None),  # they are the same whoever reads
    ):
        table.add_column("nats a token" if heading == "likelihood" else heading, justify="right", no_wrap=True)
    budget = None
    for row in rows:
        first = budget != (budget := row.budget)
        if first:
            table.add_section()
        table.add_row(
            row.budget if first else "",
            Text(row.method),  # a name in brackets is no markup
            f"{row.n}{'*' if row.few else ' '}",
            *(cell for name in there for cell in _cells(name, getattr(row, name), interval=name == row.measure)),
            *_cells(row.measure, row.gain) * gains,
            f"{row.tokens:.0f}",
            *[f"{100 * row.share:.1f}%", f"{1000 * row.seconds:.1f}"] * (target is None),
        )
    return table


def _averages(summary: Summary) -> Table:
    table = _titled("Average of the tasks that count, %")
    table.add_column("read by", overflow="fold")
    for heading in ("budget", "method"):
        table.add_column(heading, no_wrap=True)
    for heading in ("tasks", "n", "mean", "95% interval", "ours better", "95% interval", "ms/row"):
        table.add_column(heading, justify="right", no_wrap=True)
    block = None
    for row in summary.averages:
        first = block != (block := (row.target, row.budget))
        if first:
            table.add_section()
        table.add_row(
            *(Text((name or "nobody") if first else "") for name in block),
            Text(row.method),
            str(row.tasks),
            str(row.n),
            *_cells("recall", row.score, interval=True),
            *_cells("recall", row.gain, interval=True),
            f"{1000 * row.seconds:.1f}",
        )
    return table


def _titled(title: str) -> Table:
    return Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)


def _cells(measure: Measure, value: Estimate | None, *, interval: bool = False) -> list[str]:
    if value is None:
        return ["", *[""] * interval]
    between = f"{written(measure, value.low)} to {written(measure, value.high)}"
    return [written(measure, value.mean), *[between] * interval]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _bold(text: str, best: bool) -> str:
    return f"**{text}**" if best else text


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else value

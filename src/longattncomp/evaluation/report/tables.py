"""summary -> rich tables, one JSON line, a table in Markdown."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from longattncomp.evaluation.metrics import Estimate
from longattncomp.evaluation.report.overview import overview, written
from longattncomp.evaluation.report.summary import ANSWER_MEASURES, FEW_ROWS, KEPT_MEASURES, Measure, Row, Summary
from longattncomp.html.names import visible
from longattncomp.html.page import environment

_DIGITS = 6


def render(summary: Summary, console: Console) -> None:
    """Print a table for each task and target, and one of the averages."""
    for _, rows in groupby(summary.rows, key=lambda row: (row.target, row.task)):
        console.print(_table(list(rows)))
    if summary.averages:
        console.print(_averages(summary))
    if any(row.few for row in summary.rows):
        console.print(f"* few rows: fewer than {FEW_ROWS} examples, whose interval says little.")
    if summary.left_out:
        console.print(_name(f"Not in the averages: {', '.join(summary.left_out)}."))
    if summary.skipped:
        plural = "s" if summary.skipped > 1 else ""
        console.print(f"No recall for {summary.skipped} example{plural} without evidence.")


def to_json(summary: Summary) -> str:
    """Write a summary as one compact line of JSON; shares in [0, 1], likelihoods in nats, times in seconds.

    A value that is None has no key.
    """
    found = asdict(summary, dict_factory=lambda items: {key: value for key, value in items if value is not None})
    rounded = json.loads(json.dumps(found), parse_float=lambda digits: round(float(digits), _DIGITS))
    return json.dumps(rounded, separators=(",", ":"))


def markdown(summary: Summary, *, target: str | None = None) -> str:
    """Write methods by tasks as a Markdown table; the best of each column is bold."""
    template = environment().overlay(autoescape=False, finalize=None).get_template("report.md")
    seen = overview(summary, target=target)
    return template.render(seen=seen, written=written, few_rows=FEW_ROWS)


def _table(rows: Sequence[Row]) -> Table:
    """Draw one task's table, with a section for each budget."""
    target, measure = rows[0].target, rows[0].measure
    possible = KEPT_MEASURES if target is None else ANSWER_MEASURES
    there = [name for name in possible if any(getattr(row, name) for row in rows)]
    gains = any(row.gain for row in rows)
    headings = [heading for name in there for heading in [name, *["95% interval"] * (name == measure)]]
    headings = ["n", *headings, *["ours better"] * gains, "tokens", *["of all", "ms/row"] * (target is None)]
    table = _empty_table(
        f"{rows[0].task}: {'evidence kept' if target is None else f'answers of {target}'}, %",
        ["budget", "method"],
        ["nats a token" if heading == "likelihood" else heading for heading in headings],
    )
    for budget, section in groupby(rows, key=lambda row: row.budget):
        table.add_section()
        for place, row in enumerate(section):
            table.add_row(
                "" if place else budget,
                _name(row.method),
                f"{row.n}{'*' if row.few else ' '}",
                *(cell for name in there for cell in _cells(name, getattr(row, name), interval=name == measure)),
                *_cells(measure, row.gain) * gains,
                f"{row.tokens:.0f}",
                *[f"{100 * row.share:.1f}%", f"{1000 * row.seconds:.1f}"] * (target is None),
            )
    return table


def _averages(summary: Summary) -> Table:
    headings = ["tasks", "n", "mean", "95% interval", "ours better", "95% interval", "ms/row"]
    table = _empty_table("Average of the tasks that count, %", ["read by", "budget", "method"], headings)
    table.columns[0].no_wrap, table.columns[0].overflow = False, "fold"
    for (target, budget), section in groupby(summary.averages, key=lambda average: (average.target, average.budget)):
        table.add_section()
        for place, average in enumerate(section):
            table.add_row(
                *(["", ""] if place else [_name(target or "nobody"), budget]),
                _name(average.method),
                str(average.tasks),
                str(average.n),
                *_cells("recall", average.score, interval=True),
                *_cells("recall", average.gain, interval=True),
                f"{1000 * average.seconds:.1f}",
            )
    return table


def _empty_table(title: str, names: Sequence[str], numbers: Sequence[str]) -> Table:
    columns = [Column(heading, no_wrap=True) for heading in names]
    columns += [Column(heading, no_wrap=True, justify="right") for heading in numbers]
    return Table(*columns, title=_name(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)


def _name(name: str) -> Text:
    return Text(visible(name))  # as text, so that a name in brackets is no markup


def _cells(measure: Measure, value: Estimate | None, *, interval: bool = False) -> list[str]:
    if value is None:
        return ["", *[""] * interval]
    between = f"{written(measure, value.low)} to {written(measure, value.high)}"
    return [written(measure, value.mean), *[between] * interval]

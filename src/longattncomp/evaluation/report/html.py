"""summary -> one HTML page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from longattncomp.evaluation.metrics import Estimate
from longattncomp.evaluation.report.overview import Column, Overview, overview, written
from longattncomp.evaluation.report.plots import Picture
from longattncomp.evaluation.report.summary import (
    ADAPTIVE,
    ANSWER_MEASURES,
    FEW_ROWS,
    FULL,
    KEPT_MEASURES,
    MEASURES,
    NONE,
    ORACLE,
    REFERENCES,
    Loss,
    Measure,
    Summary,
    losses,
)
from longattncomp.evaluation.tasks.task import Task
from longattncomp.html.page import environment
from longattncomp.scorers.methods import DEFAULT as OURS
from longattncomp.scorers.methods import METHODS

_ABOUT = {name: method.about for name, method in METHODS.items()}
_BESIDE = {
    FULL: "the whole context, beside the methods",
    NONE: "no context at all, beside the methods",
    ORACLE: "the evidence first, as much as the budget holds, beside the methods",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDescription:
    """How an evaluation was run.

    Attributes:
        command: that runs it again.
        machine: what ran it.
        date: when.
        versions: of the libraries and models that took part, by name.
        settings: those that differ from their defaults, by name.
    """

    command: str
    machine: str
    date: str
    versions: Mapping[str, str]
    settings: Mapping[str, str]


def page(
    summary: Summary,
    tasks: Mapping[str, Task | None],
    run: RunDescription,
    *,
    methods: Mapping[str, str] = _ABOUT,
    pictures: Sequence[Picture] = (),
) -> str:
    """The whole evaluation as one self-contained HTML5 page that loads nothing and runs nothing.

    Args:
        summary: of an evaluation.
        tasks: by name, as `summarise` had them.
        run: how it was run.
        methods: one line about each.
        pictures: from `plots.draw`.
    """
    names = list(dict.fromkeys(row.method for row in summary.rows))
    described = {**_BESIDE, **methods}
    return (
        environment()
        .get_template("report.html")
        .render(
            headline=_headline(summary),
            views=_views(summary),
            pictures=[(_embedded(picture), picture.about) for picture in pictures],
            losses=[_lost(one) for one in losses(summary)],
            places=len(_places(summary)),
            blocks=_blocks(summary),
            tasks={name: tasks.get(name) for name in dict.fromkeys(row.task for row in summary.rows)},
            methods={name: described.get(name, "") for name in names},
            beside=[name for name in names if name in REFERENCES],
            summary=summary,
            few=FEW_ROWS,
            run=run,
            ours=OURS,
        )
    )


def _places(summary: Summary) -> set[tuple[str, str, str | None]]:
    """Where ours could lose."""
    ours = (row for row in summary.rows if row.method == OURS and row.budget != ADAPTIVE)
    return {(row.task, row.budget, row.target) for row in ours}


@dataclass(frozen=True, slots=True)
class _Cell:
    """A number as text, with its interval; `strong` if it stands out."""

    value: str = ""
    interval: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class _View:
    """One overview as text; each column has a heading and lines under it, each line a method."""

    title: str
    folded: bool
    columns: Sequence[tuple[str, Sequence[str]]]
    lines: Sequence[tuple[str, Sequence[_Cell]]]


@dataclass(frozen=True, slots=True)
class _Block:
    """All rows of one task and target as text."""

    title: str
    note: str
    columns: Sequence[str]
    lines: Sequence[tuple[str, str, Sequence[_Cell]]]


def _views(summary: Summary) -> list[_View]:
    """Methods by tasks, for each target and budget; all but each target's first budget are folded."""
    found = []
    for target in summary.targets:
        middle = overview(summary, target=target).columns[0].budget
        budgets = dict.fromkeys(row.budget for row in summary.rows if row.target == target)
        for budget in sorted(budgets, key=lambda name: name != middle):
            seen = overview(summary, budget=budget, target=target)
            what = "What was kept" if target is None else f"Answers of {target}"
            measures = {column.measure for column in seen.columns}
            same = f", {MEASURES[seen.columns[0].measure]}" if len(measures) == 1 else ""
            found.append(
                _View(
                    title=f"{what} at a budget of {budget}{same}",
                    folded=budget != middle,
                    columns=[
                        *[("average", [f"of {sum(column.counts for column in seen.columns)} tasks"])]
                        * bool(seen.averages),
                        *((column.task, _under(column, measured=not same)) for column in seen.columns),
                    ],
                    lines=[(method, _line(seen, method)) for method in seen.methods],
                )
            )
    return found


def _under(column: Column, *, measured: bool) -> list[str]:
    return [
        *[MEASURES[column.measure]] * measured,
        f"n = {column.n}{', few rows' if column.few else ''}",
        *["not in the average"] * (not column.counts),
    ]


def _line(seen: Overview, method: str) -> list[_Cell]:
    cells = []
    if seen.averages:
        mean, whole = seen.averages.get(method), seen.intervals.get(method)
        interval = _interval("recall", whole.score) if whole else ""
        cells.append(_Cell() if mean is None else _Cell(written("recall", mean), interval, method in seen.best))
    for column in seen.columns:
        row = column.rows.get(method)
        cell = _cell(row.measure, row.score, strong=method in column.best) if row else _Cell()
        if row and column.adaptive:
            cell = replace(cell, interval=f"{cell.interval}, {row.tokens:,.0f} tokens")
        cells.append(cell)
    return cells


def _blocks(summary: Summary) -> list[_Block]:
    found = []
    for (target, task), group in groupby(summary.rows, key=lambda row: (row.target, row.task)):
        rows = list(group)
        there = [
            name
            for name in (KEPT_MEASURES if target is None else ANSWER_MEASURES)
            if any(getattr(row, name) for row in rows)
        ]
        found.append(
            _Block(
                title=task if target is None else f"{task}, read by {target}",
                note=f"fewer than {FEW_ROWS} examples" if any(row.few for row in rows) else "",
                columns=[
                    *(MEASURES[name] for name in there),
                    "ours better",
                    "n",
                    "tokens",
                    "of all, %",
                    "ms an example",
                ],
                lines=[
                    (
                        row.budget,
                        row.method,
                        [
                            *(_cell(name, getattr(row, name)) for name in there),
                            _cell(row.measure, row.gain),
                            _Cell(f"{row.n:,}", "few rows" if row.few else ""),
                            _Cell(f"{row.tokens:,.0f}"),
                            _Cell(written("recall", row.share)),
                            _Cell(f"{1000 * row.seconds:,.1f}"),
                        ],
                    )
                    for row in rows
                ],
            )
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lost:
    """A loss as text; both means and both tokens are theirs and ours."""

    task: str
    budget: str
    measure: str
    method: str
    difference: _Cell
    few: bool
    means: str
    tokens: str
    others: str


def _lost(loss: Loss) -> _Lost:
    ours, best = loss.ours, loss.best
    return _Lost(
        task=ours.task,
        budget=ours.budget,
        measure=MEASURES[ours.measure] + (f", {ours.target}" if ours.target else ""),
        method=best.method,
        difference=_cell(ours.measure, loss.behind, strong=loss.behind.high < 0),
        few=ours.few or best.few,
        means=f"{written(ours.measure, best.score.mean)} / {written(ours.measure, ours.score.mean)}",
        tokens=f"{best.tokens:,.0f} / {ours.tokens:,.0f}",
        others=", ".join(loss.others),
    )


def _cell(measure: Measure, value: Estimate | None, *, strong: bool = False) -> _Cell:
    return _Cell(written(measure, value.mean), _interval(measure, value), strong) if value else _Cell()


def _interval(measure: Measure, value: Estimate) -> str:
    return f"{written(measure, value.low)} to {written(measure, value.high)}"


def _headline(summary: Summary) -> list[tuple[str, str, str]]:
    """Our average and the best other one: a name, a number, what it is of."""
    seen = overview(summary, target=summary.targets[0])
    counted = [column for column in seen.columns if column.counts]
    means = seen.averages or {name: row.score.mean for column in counted[:1] for name, row in column.rows.items()}
    others = {name: mean for name, mean in means.items() if name not in (OURS, *REFERENCES)}
    shown = [OURS] * (OURS in means) + sorted(others, key=lambda name: -others[name])[:1]
    budgets = ", ".join(dict.fromkeys(column.budget for column in counted))
    of = f"mean of {len(counted)} tasks" if len(counted) > 1 else "".join(column.task for column in counted)
    measure = counted[0].measure if counted else "recall"
    return [(name, written(measure, means[name]), f"{MEASURES[measure]}, {of}, budget {budgets}") for name in shown]


def _embedded(picture: Picture) -> str:
    return f"data:image/png;base64,{b64encode(picture.file.read_bytes()).decode('ascii')}"

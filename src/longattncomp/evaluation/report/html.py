"""summary -> one HTML page."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from longattncomp.evaluation.report.overview import Overview, overview, written
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
    Summary,
    losses,
)
from longattncomp.evaluation.tasks.task import Task
from longattncomp.html.page import environment
from longattncomp.scorers.methods import DEFAULT as OURS
from longattncomp.scorers.methods import METHODS

_ABOUT = {
    **{name: method.about for name, method in METHODS.items()},
    FULL: "the whole context, for comparison",
    NONE: "no context at all, for comparison",
    ORACLE: "the evidence first, as much as the budget holds, for comparison",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDescription:
    """How an evaluation was run.

    Attributes:
        command: the command that repeats it.
        machine: processor and threads.
        date: date of the run.
        versions: versions of the libraries and models, by name.
        settings: settings that differ from their defaults, by name.
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
    pictures: Sequence[Picture] = (),
) -> str:
    """Render an evaluation as one self-contained HTML5 page, without scripts or external resources."""
    compared = [row for row in summary.rows if row.method == OURS and row.budget != ADAPTIVE]
    blocks = groupby(summary.rows, key=lambda row: (row.target, row.task))
    return (
        environment()
        .get_template("report.html")
        .render(
            headline=_headline(summary),
            views=list(_views(summary)),
            pictures=[(_embedded(picture), picture.about) for picture in pictures],
            losses=losses(summary),
            places=len(compared),
            blocks=[(list(rows), KEPT_MEASURES if target is None else ANSWER_MEASURES) for (target, _), rows in blocks],
            tasks={name: tasks.get(name) for name in dict.fromkeys(row.task for row in summary.rows)},
            methods={name: _ABOUT.get(name, "") for name in summary.methods},
            references=[name for name in summary.methods if name in REFERENCES],
            summary=summary,
            few=FEW_ROWS,
            run=run,
            ours=OURS,
            measures=MEASURES,
            written=written,
        )
    )


def _views(summary: Summary) -> Iterator[tuple[str, bool, Overview]]:
    """List the overviews for each target and budget with a title; only each target's middle budget is unfolded."""
    for target in summary.targets:
        middle = overview(summary, target=target).columns[0].budget
        budgets = dict.fromkeys(row.budget for row in summary.rows if row.target == target)
        for budget in sorted(budgets, key=lambda name: name != middle):
            seen = overview(summary, budget=budget, target=target)
            what = "What was kept" if target is None else f"Answers of {target}"
            measure = f", {MEASURES[seen.measure]}" if seen.measure else ""
            yield f"{what} at a budget of {budget}{measure}", budget != middle, seen


def _headline(summary: Summary) -> list[tuple[str, str, str]]:
    """Name our average and the best other one: (method, number, what the number is)."""
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

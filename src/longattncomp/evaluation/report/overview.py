"""summary -> methods by tasks, each task at one budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from longattncomp.evaluation.report.summary import ADAPTIVE, REFERENCES, Average, Measure, Row, Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One task at one budget.

    Attributes:
        task: its name.
        budget: as `Budget` writes it.
        counts: whether it is part of the average.
        rows: by method.
    """

    task: str
    budget: str
    counts: bool
    rows: Mapping[str, Row]

    @property
    def measure(self) -> Measure:
        return next(iter(self.rows.values())).measure

    @property
    def n(self) -> int:
        return max(row.n for row in self.rows.values())

    @property
    def few(self) -> bool:
        return any(row.few for row in self.rows.values())

    @property
    def best(self) -> frozenset[str]:
        """The methods with the highest mean, as it is written; those that lack examples do not compete."""
        if self.adaptive:
            return frozenset()
        whole = {method: row for method, row in self.rows.items() if row.n == self.n}
        return best({method: float(written(self.measure, row.score.mean)) for method, row in whole.items()})

    @property
    def adaptive(self) -> bool:
        """Whether each method keeps as much as it likes, so that means do not compare."""
        return self.budget == ADAPTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What all methods came to.

    Attributes:
        target: as in `Row`.
        columns: tasks that count first.
        methods: in the order of the rows.
        averages: mean over the columns that count, by method; only of methods that have them all.
        intervals: the same with their intervals, if all columns that count have one budget.
    """

    target: str | None
    columns: tuple[Column, ...]
    methods: tuple[str, ...]
    averages: Mapping[str, float]
    intervals: Mapping[str, Average]

    @property
    def best(self) -> frozenset[str]:
        """The methods with the highest average, as it is written."""
        return best({method: float(written("recall", mean)) for method, mean in self.averages.items()})


def overview(summary: Summary, *, budget: str | None = None, target: str | None = None) -> Overview:
    """Put methods beside tasks.

    Args:
        summary: of an evaluation.
        budget: of the columns, for the tasks that have it; None for the middle budget of each task.
        target: whose answers; None for what was kept.
    """
    columns = []
    for task in dict.fromkeys(row.task for row in summary.rows if row.target == target):
        own = [row for row in summary.rows if (row.task, row.target) == (task, target)]
        budgets = list(dict.fromkeys(row.budget for row in own))
        bound = [name for name in budgets if name != ADAPTIVE] or budgets
        chosen = bound[(len(bound) - 1) // 2] if budget is None else budget
        if chosen in budgets:
            rows = {row.method: row for row in own if row.budget == chosen}
            columns.append(
                Column(task=task, budget=chosen, counts=chosen != ADAPTIVE and _counts(own[0], summary), rows=rows)
            )
    columns.sort(key=lambda column: not column.counts)
    counted = [column for column in columns if column.counts]
    methods = list(dict.fromkeys(row.method for row in summary.rows))
    methods = [name for name in methods if any(name in column.rows for column in columns)]
    one = {column.budget for column in counted}
    return Overview(
        target=target,
        columns=tuple(columns),
        methods=tuple(sorted(methods, key=lambda name: name in REFERENCES)),
        averages={
            name: fmean(column.rows[name].score.mean for column in counted)
            for name in methods
            if len(counted) > 1 and all(name in column.rows for column in counted)
        },
        intervals={
            average.method: average
            for average in summary.averages
            if average.target == target and {average.budget} == one and average.tasks == len(counted)
        },
    )


def best(means: Mapping[str, float]) -> frozenset[str]:
    """Who has the highest; `full`, `none` and `oracle` do not compete."""
    competing = {method: mean for method, mean in means.items() if method not in REFERENCES}
    return frozenset(method for method, mean in competing.items() if mean == max(competing.values()))


def written(measure: Measure, value: float) -> str:
    """Shares in %, likelihoods in nats."""
    number, digits = (value, 2) if measure == "likelihood" else (100 * value, 1)
    return f"{round(number, digits) + 0.0:.{digits}f}"  # what rounds to 0 has no sign


def _counts(row: Row, summary: Summary) -> bool:
    comparable = row.measure == "recall" if row.target is None else row.measure != "likelihood"
    return comparable and row.task not in summary.left_out

"""summary -> methods by tasks, each task at one budget."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from longattncomp.evaluation.report.summary import ADAPTIVE, REFERENCES, Average, Measure, Row, Summary, comparable


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One task at one budget.

    Attributes:
        task: name of the task.
        budget: as `str(Budget)` writes it.
        counts: whether the column is part of the average.
        rows: rows by method, at least one.
    """

    task: str
    budget: str
    counts: bool
    rows: Mapping[str, Row]

    @property
    def measure(self) -> Measure:
        """The measure that the task is judged by."""
        return next(iter(self.rows.values())).measure

    @property
    def n(self) -> int:
        """Number of examples."""
        return max(row.n for row in self.rows.values())

    @property
    def few(self) -> bool:
        """Whether a row has so few examples that its interval says little."""
        return any(row.few for row in self.rows.values())

    @property
    def best(self) -> frozenset[str]:
        """The methods with the highest mean after rounding, among those that have all examples."""
        if self.adaptive:
            return frozenset()
        whole = {method: row for method, row in self.rows.items() if row.n == self.n}
        return best({method: float(written(self.measure, row.score.mean)) for method, row in whole.items()})

    @property
    def adaptive(self) -> bool:
        """Whether each method decides how much it keeps, so that means cannot be compared."""
        return self.budget == ADAPTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Methods by tasks.

    Attributes:
        columns: one a task; those that count in the average come first.
        methods: in the order of the rows, references last.
        averages: mean over the columns that count, for each method that has all of them.
        intervals: the same means with their intervals, if all columns that count have one budget.
    """

    columns: tuple[Column, ...]
    methods: tuple[str, ...]
    averages: Mapping[str, float]
    intervals: Mapping[str, Average]

    @property
    def best(self) -> frozenset[str]:
        """The methods with the highest average after rounding."""
        return best({method: float(written("recall", mean)) for method, mean in self.averages.items()})

    @property
    def measure(self) -> Measure | None:
        """The measure of all columns; None if they differ."""
        measures = {column.measure for column in self.columns}
        return measures.pop() if len(measures) == 1 else None


def overview(summary: Summary, *, budget: str | None = None, target: str | None = None) -> Overview:
    """Arrange a summary as methods by tasks.

    The budget is that of the columns, for the tasks that have it; without one, each task has its middle budget. Without
    a target, the numbers are about what was kept.
    """
    columns = []
    for task in dict.fromkeys(row.task for row in summary.rows if row.target == target):
        own = [row for row in summary.rows if (row.task, row.target) == (task, target)]
        budgets = list(dict.fromkeys(row.budget for row in own))
        bound = [name for name in budgets if name != ADAPTIVE] or budgets
        chosen = bound[(len(bound) - 1) // 2] if budget is None else budget
        if chosen in budgets:
            counts = chosen != ADAPTIVE and task not in summary.left_out and comparable(own[0].measure, target)
            rows = {row.method: row for row in own if row.budget == chosen}
            columns.append(Column(task=task, budget=chosen, counts=counts, rows=rows))
    columns.sort(key=lambda column: not column.counts)
    counted = [column for column in columns if column.counts]
    methods = [name for name in summary.methods if any(name in column.rows for column in columns)]
    one = {column.budget for column in counted}
    return Overview(
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
    """Return the methods with the highest mean; the references `full`, `none` and `oracle` do not compete."""
    competing = {method: mean for method, mean in means.items() if method not in REFERENCES}
    return frozenset(method for method, mean in competing.items() if mean == max(competing.values()))


def written(measure: Measure, value: float) -> str:
    """Format a number: shares in %, likelihoods in nats."""
    number, digits = (value, 2) if measure == "likelihood" else (100 * value, 1)
    return f"{round(number, digits) + 0.0:.{digits}f}"  # adding 0.0 turns -0.0 into 0.0

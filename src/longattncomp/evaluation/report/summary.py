"""What an evaluation found: means with their intervals, and where another method is better than ours."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from longattncomp.evaluation.metrics import Estimate
from longattncomp.scorers.methods import DEFAULT as OURS

FULL, NONE, ORACLE = REFERENCES = ("full", "none", "oracle")
"""Names of the contexts that methods are compared with: all of it, none of it, the evidence first."""
ADAPTIVE = "adaptive"
"""The budget that each method decides itself; results at it are shown and not compared."""
FEW_ROWS = 30
"""With fewer examples than these an interval says little."""

Measure = Literal["recall", "answer", "strict", "choice", "f1", "exact", "likelihood"]
KEPT_MEASURES: tuple[Measure, ...] = ("recall", "answer", "strict")
"""Measures of the kept text; a task is judged by the first that it has, unless it names one."""
ANSWER_MEASURES: tuple[Measure, ...] = ("choice", "f1", "exact", "likelihood")
"""Measures of a target's answers, likewise."""
MEASURES: Mapping[Measure, str] = {
    "recall": "evidence recall, %",
    "answer": "answers kept, %",
    "strict": "strict recall, %",
    "choice": "right option, %",
    "f1": "F1, %",
    "exact": "exact match, %",
    "likelihood": "log-likelihood, nats/token",
}
"""Names of the measures in tables and pictures."""


def comparable(measure: Measure, target: str | None) -> bool:
    """Whether means of several tasks by this measure can be averaged."""
    return measure == "recall" if target is None else measure != "likelihood"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Means of one method on one task at one budget; each of `Measure` is the mean of `Record`'s field of that name.

    Attributes:
        task: name of the task.
        budget: as `str(Budget)` writes it; `full` and `none`, which have no budget, have a row at each.
        method: name of the method, or `full`, `none` or `oracle`.
        target: the target that answered; None for what was kept, whichever target read it.
        measure: the measure that the task is judged by.
        n: number of examples that have this measure.
        gain: `longattncomp` minus this method by that measure, example by example; None for itself or if it was not
            measured.
        tokens: mean tokens kept.
        share: mean share of the context's tokens kept.
        seconds: median time to score one example, as in `Record`.
    """

    task: str
    budget: str
    method: str
    target: str | None
    measure: Measure
    n: int
    recall: Estimate | None = None
    strict: Estimate | None = None
    answer: Estimate | None = None
    likelihood: Estimate | None = None
    exact: Estimate | None = None
    f1: Estimate | None = None
    choice: Estimate | None = None
    gain: Estimate | None
    tokens: float
    share: float
    seconds: float

    @property
    def score(self) -> Estimate:
        """Mean of the measure that the task is judged by."""
        found: Estimate = getattr(self, self.measure)
        return found

    @property
    def few(self) -> bool:
        """Whether there are so few examples that the interval says little."""
        return self.n < FEW_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Average:
    """Mean over all tasks that count and have this budget; all tasks weigh the same.

    Attributes:
        budget: as in `Row`, like `method`, `target` and `seconds`.
        tasks: number of tasks.
        n: number of examples in all of them.
        score: mean of each task's own measure; the interval resamples the examples of every task.
        gain: `longattncomp` minus this method.
    """

    budget: str
    method: str
    target: str | None
    tasks: int
    n: int
    score: Estimate
    gain: Estimate | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What an evaluation found.

    Attributes:
        rows: by target, task, budget and method; those without a target first.
        averages: averages over two tasks or more.
        left_out: tasks that averages leave out.
        skipped: number of examples without evidence, which count in no recall.
    """

    rows: tuple[Row, ...]
    averages: tuple[Average, ...]
    left_out: tuple[str, ...]
    skipped: int

    @property
    def targets(self) -> tuple[str | None, ...]:
        """The targets that answered; None stands for what was kept."""
        return tuple(dict.fromkeys(row.target for row in self.rows))

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods and references in the order of the rows."""
        return tuple(dict.fromkeys(row.method for row in self.rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A task and budget at which another method is better than `longattncomp` on the examples that both have.

    Attributes:
        ours: the row of `longattncomp`.
        best: the row of the best method.
        behind: `longattncomp` minus that method, example by example.
        others: further methods that are better than `longattncomp`, best first.
    """

    ours: Row
    best: Row
    behind: Estimate
    others: tuple[str, ...]


def losses(summary: Summary) -> tuple[Loss, ...]:
    """List where `longattncomp` is not the best, largest difference first; `full` and `oracle` do not compete."""
    places: dict[tuple[str, str, str | None], list[Row]] = defaultdict(list)
    for row in summary.rows:
        if row.method not in (FULL, ORACLE) and row.budget != ADAPTIVE:
            places[row.task, row.budget, row.target].append(row)
    found = []
    for rows in places.values():
        ours = next((row for row in rows if row.method == OURS), None)
        better = [(row.gain, row) for row in rows if row.gain is not None and row.gain.mean < 0]
        if ours and better:
            (behind, best), *others = sorted(better, key=lambda pair: pair[0].mean)
            found.append(Loss(ours=ours, best=best, behind=behind, others=tuple(row.method for _, row in others)))
    # Differences in nats cannot be compared with shares, and come last.
    return tuple(sorted(found, key=lambda one: (one.ours.measure == "likelihood", one.behind.mean)))

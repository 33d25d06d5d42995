"""What an evaluation found: means with their intervals, and where ours are not the highest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from longattncomp.evaluation.metrics import Estimate
from longattncomp.scorers.methods import DEFAULT as OURS

FULL, NONE, ORACLE = REFERENCES = ("full", "none", "oracle")
"""What stands beside the methods."""
ADAPTIVE = "adaptive"
"""The budget that each method sets itself: what is kept there is shown, and compared nowhere."""
FEW_ROWS = 30
"""Of fewer examples an interval says little."""

Measure = Literal["recall", "answer", "strict", "choice", "f1", "exact", "likelihood"]
KEPT_MEASURES: tuple[Measure, ...] = ("recall", "answer", "strict")
ANSWER_MEASURES: tuple[Measure, ...] = ("choice", "f1", "exact", "likelihood")
"""Both in the order in which they judge where the task does not say."""
MEASURES: Mapping[Measure, str] = {
    "recall": "evidence recall, %",
    "answer": "answers kept, %",
    "strict": "strict recall, %",
    "choice": "right option, %",
    "f1": "F1, %",
    "exact": "exact match, %",
    "likelihood": "log-likelihood, nats/token",
}
"""As tables and pictures name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one method came to on one task at one budget.

    Attributes:
        task: the collection.
        budget: as `Budget` writes it; `full` and `none`, which have none, stand at each.
        method: the scorer's name, or `full`, `none` or `oracle`.
        target: whose answers these are; None for what was kept, whoever reads it.
        measure: what the task is judged by here, which `gain` is of.
        n: examples that have this measure.
        recall: share of the evidence's characters kept.
        strict: share of examples of which every evidence span was kept to at least 90%.
        answer: share of the accepted answers that stand in what was kept.
        likelihood: log-likelihood of the accepted answer, in nats a token.
        exact: share of examples with an accepted answer.
        f1: of the answer's words.
        choice: share of examples with the right option.
        gain: `longattncomp` less this method, example by example; None for itself or if it did not run.
        tokens: mean tokens kept.
        share: mean share of the context's tokens kept.
        seconds: median time to score one example, as `Record` has it.
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
        """Of the measure that the task is judged by."""
        found: Estimate = getattr(self, self.measure)
        return found

    @property
    def few(self) -> bool:
        return self.n < FEW_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Average:
    """The mean over all tasks that count and have this budget; each weighs the same.

    Attributes:
        budget: as in `Row`.
        method: as in `Row`.
        target: as in `Row`.
        tasks: how many.
        n: examples of all of them.
        score: of each task's measure; the interval draws every task's examples again, so that
            tasks with few of them share one interval.
        gain: `longattncomp` less this method.
        seconds: median time to score one example.
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
        averages: over two tasks or more.
        left_out: tasks that stay out of averages.
        skipped: examples without evidence, which no recall counts.
    """

    rows: tuple[Row, ...]
    averages: tuple[Average, ...]
    left_out: tuple[str, ...]
    skipped: int

    @property
    def targets(self) -> tuple[str | None, ...]:
        """Whose answers are there; None is what was kept."""
        return tuple(dict.fromkeys(row.target for row in self.rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A task and budget at which another method is better than `longattncomp` on the examples that both have.

    Attributes:
        ours: the row of `longattncomp`.
        best: the row of the best method.
        behind: `longattncomp` less that method, example by example.
        others: further methods that are better than ours, best first.
    """

    ours: Row
    best: Row
    behind: Estimate
    others: tuple[str, ...]


def losses(summary: Summary) -> tuple[Loss, ...]:
    """Where `longattncomp` is not the best, largest difference first; `full` and `oracle` do not compete."""
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
    # Nats are no shares: they come last.
    return tuple(sorted(found, key=lambda one: (one.ours.measure == "likelihood", one.behind.mean)))

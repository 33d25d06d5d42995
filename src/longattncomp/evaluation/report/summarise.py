"""records -> summary."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median

from longattncomp.errors import InputError
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.metrics import estimate, estimate_tasks
from longattncomp.evaluation.records import Record
from longattncomp.evaluation.report.summary import (
    ADAPTIVE,
    ANSWER_MEASURES,
    FULL,
    KEPT_MEASURES,
    NONE,
    REFERENCES,
    Average,
    Measure,
    Row,
    Summary,
    comparable,
)
from longattncomp.evaluation.tasks.task import Task
from longattncomp.scorers.methods import DEFAULT as OURS
from longattncomp.scorers.methods import METHODS

_Group = dict[str, Record]
"""Records of one method at one budget, by example."""
_Groups = dict[tuple[str, str], _Group]
"""Groups by budget and method."""


def summarise(records: Iterable[Record], tasks: Mapping[str, Task | None], *, seed: int = 0) -> Summary:
    """Average records.

    What was kept is counted once for each example, however many targets read it.

    Of several records with the same example, method, budget and target the last one counts. A task is None, or has no
    entry, for rows of a file. Lists of one length are resampled alike, so that methods can be compared.

    Raises:
        InputError: there is nothing to average.
    """
    given = list(records)
    names = list(dict.fromkeys(one.task for one in given))
    counted = [name for name in names if (task := tasks.get(name)) is None or task.averaged]
    rows: list[Row] = []
    averages: list[Average] = []
    for target in (None, *dict.fromkeys(one.target for one in given if one.target is not None)):
        averaged: list[tuple[Measure, _Groups]] = []
        for name in names:
            groups = _groups(given, name, target)
            measure = _judged_by(groups, tasks.get(name), target)
            if measure is None:
                continue
            groups = _having(groups, measure)
            rows += [_row(key, groups, name, target, measure, seed) for key in groups]
            if name in counted and comparable(measure, target):
                averaged.append((measure, groups))
        averages += _averages(averaged, target, seed)
    if not rows:
        raise InputError(f"expected records with a recall, an answer or a target's score, got {len(given)} without")
    examples = {(one.task, one.example) for one in given}
    return Summary(
        rows=tuple(rows),
        averages=tuple(averages),
        left_out=tuple(name for name in names if name not in counted),
        skipped=len(examples - {(one.task, one.example) for one in given if one.recall is not None}),
    )


def _groups(records: Sequence[Record], task: str, target: str | None) -> _Groups:
    """Group one task's records, budgets from small to large and methods in the order of `METHODS`."""
    own = [one for one in records if one.task == task]
    order = list(dict.fromkeys(one.example for one in own))  # the same for all methods, so that resamples are alike
    length = round(fmean(one.context_tokens for one in own))
    found: _Groups = defaultdict(dict)
    for one in own:
        bound = one.method not in (FULL, NONE)
        if bound if target is None else one.target == target:  # what `full` and `none` keep is nothing to measure
            found[one.budget if bound else "", one.method][one.example] = one
    budgets = dict.fromkeys(budget for budget, _ in found if budget)
    methods = [method for method in dict.fromkeys([*METHODS, *(name for _, name in found)]) if method not in REFERENCES]
    return {
        (budget, method): {name: group[name] for name in order if name in group}
        for budget in sorted(budgets, key=lambda budget: _size(budget, length)) or ["100%"]
        for method in (*methods, *REFERENCES)
        if (group := found.get((budget, method)) or found.get(("", method)))
    }


def _size(budget: str, length: int) -> tuple[bool, int]:
    parsed = Budget.parse(budget)
    return parsed.adaptive, parsed.of(length)


def _judged_by(groups: _Groups, task: Task | None, target: str | None) -> Measure | None:
    """Take the task's own measure if a record has it, else the first that one has."""
    possible = KEPT_MEASURES if target is None else ANSWER_MEASURES
    order = [task.metric, *possible] if task is not None and task.metric in possible else possible
    return next((name for name in order if any(_values(group, name) for group in groups.values())), None)


def _values(group: _Group, measure: Measure) -> list[float]:
    return [value for one in group.values() if (value := getattr(one, measure)) is not None]


def _having(groups: _Groups, measure: Measure) -> _Groups:
    """Leave out the records that lack a measure."""
    kept = {
        key: {name: one for name, one in group.items() if getattr(one, measure) is not None}
        for key, group in groups.items()
    }
    return {key: group for key, group in kept.items() if group}


def _gains(groups: _Groups, key: tuple[str, str], measure: Measure) -> list[float]:
    """Subtract a method from ours on the examples that both have; empty for ours itself."""
    budget, method = key
    ours = {} if method == OURS else groups.get((budget, OURS), {})
    return [getattr(ours[name], measure) - getattr(one, measure) for name, one in groups[key].items() if name in ours]


def _row(key: tuple[str, str], groups: _Groups, task: str, target: str | None, measure: Measure, seed: int) -> Row:
    group = groups[key]
    measures = {
        name: estimate(values, seed=seed)
        for name in (KEPT_MEASURES if target is None else ANSWER_MEASURES)
        if (values := _values(group, name))
    }
    gains = _gains(groups, key, measure)
    budget, method = key
    return Row(
        task=task,
        budget=budget,
        method=method,
        target=target,
        measure=measure,
        n=len(group),
        **measures,
        gain=estimate(gains, seed=seed) if gains else None,
        tokens=fmean(one.tokens for one in group.values()),
        share=fmean(one.tokens / one.context_tokens for one in group.values()),
        seconds=median(one.seconds for one in group.values()),
    )


def _averages(tasks: Sequence[tuple[Measure, _Groups]], target: str | None, seed: int) -> list[Average]:
    """Average every method that was measured on all tasks of a budget, if there are two or more."""
    found = []
    for key in dict.fromkeys(key for _, groups in tasks for key in groups if key[0] != ADAPTIVE):
        budget, method = key
        having = [(measure, groups) for measure, groups in tasks if any(other == budget for other, _ in groups)]
        if len(having) < 2 or not all(key in groups for _, groups in having):
            continue
        gains = [_gains(groups, key, measure) for measure, groups in having]
        own = [one for _, groups in having for one in groups[key].values()]
        found.append(
            Average(
                budget=budget,
                method=method,
                target=target,
                tasks=len(having),
                n=len(own),
                score=estimate_tasks([_values(groups[key], measure) for measure, groups in having], seed=seed),
                gain=estimate_tasks(gains, seed=seed) if all(gains) else None,
                seconds=median(one.seconds for one in own),
            )
        )
    return found

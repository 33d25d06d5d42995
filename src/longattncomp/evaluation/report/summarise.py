"""records -> summary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median

import numpy as np

from longattncomp.errors import InputError
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.metrics import Estimate, estimate
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
)
from longattncomp.evaluation.tasks.task import Task
from longattncomp.scorers.methods import DEFAULT as OURS
from longattncomp.scorers.methods import METHODS

_RESAMPLES = 1000
_AT_ONCE = 2**15  # numbers drawn, so that no resamples x n matrix is made

_Group = dict[str, Record]
"""What one method made of each example at one budget."""
_Groups = dict[tuple[str, str], _Group]
"""By budget and method."""


def summarise(records: Iterable[Record], tasks: Mapping[str, Task | None], *, seed: int = 0) -> Summary:
    """Average records.

    What was kept is counted once for each example, however many targets read it.

    Args:
        records: in any order; the last of one example, method, budget and target counts.
        tasks: by name; None, or no entry, for rows of a file.
        seed: of the intervals; lists of one length are drawn alike, so that methods compare.

    Raises:
        InputError: there is nothing to average.
    """
    given = list(records)
    names = list(dict.fromkeys(one.task for one in given))
    targets = (None, *dict.fromkeys(one.target for one in given if one.target is not None))
    counted = [name for name in names if (task := tasks.get(name)) is None or task.averaged]
    rows: list[Row] = []
    averages: list[Average] = []
    for target in targets:
        comparable: list[tuple[Measure, _Groups]] = []
        for name in names:
            groups = _groups(given, name, target)
            measure = _judged_by(groups, tasks.get(name), target)
            if measure is None:
                continue
            groups = _having(groups, measure)
            rows += [_row(key, group, groups, name, target, measure, seed) for key, group in groups.items()]
            if name in counted and (measure == "recall" if target is None else measure != "likelihood"):
                comparable.append((measure, groups))
        averages += _averages(comparable, target, seed)
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
    """One task's records, budgets from small to large and methods as `METHODS` orders them."""
    found: _Groups = defaultdict(dict)
    unbound: dict[str, _Group] = {FULL: {}, NONE: {}}
    order: dict[str, int] = {}  # one order of examples, so that the same draws take the same ones
    for one in records:
        if one.task == task:
            order.setdefault(one.example, len(order))
            if target not in (None, one.target):
                continue
            if one.method not in unbound:
                found[one.budget, one.method][one.example] = one
            elif target is not None:  # what is kept of all and of nothing is known
                unbound[one.method][one.example] = one
    length = round(fmean(one.context_tokens for one in records if one.task == task))
    budgets = sorted(dict.fromkeys(budget for budget, _ in found), key=lambda budget: _size(budget, length))
    for budget in budgets or ["100%"]:
        found |= {(budget, method): group for method, group in unbound.items() if group}
    methods = list(dict.fromkeys([*METHODS, *(method for _, method in found)]))
    methods = [method for method in methods if method not in REFERENCES] + list(REFERENCES)
    return {
        (budget, method): dict(sorted(found[budget, method].items(), key=lambda item: order[item[0]]))
        for budget in budgets or ["100%"]
        for method in methods
        if (budget, method) in found
    }


def _size(budget: str, length: int) -> tuple[bool, int]:
    parsed = Budget.parse(budget)
    return parsed.adaptive, parsed.of(length)


def _judged_by(groups: _Groups, task: Task | None, target: str | None) -> Measure | None:
    """The task's own measure if it is there, else the first that is."""
    there = [one for group in groups.values() for one in group.values()]
    possible = KEPT_MEASURES if target is None else ANSWER_MEASURES
    order = [task.metric, *possible] if task is not None and task.metric in possible else possible
    return next((name for name in order if any(_value(one, name) is not None for one in there)), None)


def _value(record: Record, measure: Measure) -> float | None:
    value: float | None = getattr(record, measure)
    return value


def _having(groups: _Groups, measure: Measure) -> _Groups:
    kept = {
        key: {name: one for name, one in group.items() if _value(one, measure) is not None}
        for key, group in groups.items()
    }
    return {key: group for key, group in kept.items() if group}


def _values(group: _Group, measure: Measure) -> list[float]:
    return [value for one in group.values() if (value := _value(one, measure)) is not None]


def _gains(ours: _Group | None, theirs: _Group, measure: Measure) -> list[float]:
    """Ours less theirs on the examples that both have."""
    if ours is None or ours is theirs:
        return []
    both = [name for name in theirs if name in ours]
    pairs = zip(*(_values({name: group[name] for name in both}, measure) for group in (ours, theirs)), strict=True)
    return [our - their for our, their in pairs]


def _row(
    key: tuple[str, str], group: _Group, groups: _Groups, task: str, target: str | None, measure: Measure, seed: int
) -> Row:
    budget, method = key
    measures = {
        name: estimate(values, seed=seed)
        for name in (KEPT_MEASURES if target is None else ANSWER_MEASURES)
        if (values := _values(group, name))
    }
    gains = _gains(groups.get((budget, OURS)), group, measure)
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
    """Of every method that has been through all the tasks of a budget."""
    found = []
    for budget, method in dict.fromkeys(key for _, groups in tasks for key in groups if key[0] != ADAPTIVE):
        having = [(measure, groups) for measure, groups in tasks if any(key[0] == budget for key in groups)]
        theirs = [(measure, groups[budget, method]) for measure, groups in having if (budget, method) in groups]
        if len(theirs) < max(2, len(having)):
            continue
        gains = [_gains(groups.get((budget, OURS)), groups[budget, method], measure) for measure, groups in having]
        found.append(
            Average(
                budget=budget,
                method=method,
                target=target,
                tasks=len(theirs),
                n=sum(len(group) for _, group in theirs),
                score=_over_tasks([_values(group, measure) for measure, group in theirs], seed),
                gain=_over_tasks(gains, seed) if all(gains) else None,
                seconds=median(one.seconds for _, group in theirs for one in group.values()),
            )
        )
    return found


def _over_tasks(values: Sequence[Sequence[float]], seed: int) -> Estimate:
    """The mean of the tasks' means, each task's examples drawn apart."""
    rng = np.random.default_rng(seed)
    drawn = np.zeros(_RESAMPLES)
    for own in values:
        data = np.asarray(own, dtype=np.float64)  # (n,)
        rows = max(1, _AT_ONCE // len(data))
        sizes = [min(rows, _RESAMPLES - done) for done in range(0, _RESAMPLES, rows)]
        drawn += np.concatenate([data[rng.integers(len(data), size=(size, len(data)))].mean(axis=1) for size in sizes])
    low, high = np.percentile(drawn / len(values), [2.5, 97.5])
    return Estimate(fmean(fmean(own) for own in values), float(low), float(high))

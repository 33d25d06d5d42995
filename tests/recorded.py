"""Records and tasks of an evaluation that nobody ran."""

from __future__ import annotations

from typing import Any

from longattncomp.evaluation.records import Record
from longattncomp.evaluation.tasks.task import Metric, Task


def record(
    example: str, method: str, recall: float | None, *, task: str = "farm", budget: str = "10", **rest: Any
) -> Record:
    values: dict[str, Any] = {"context_tokens": 100, "tokens": 10, "depth": 0.5, "answer": None, "seconds": 0.5}
    strict = None if recall is None else float(recall == 1)
    return Record(
        task=task, example=example, method=method, budget=budget, recall=recall, strict=strict, **(values | rest)
    )


def task(name: str, *, averaged: bool = True, metric: Metric = "recall") -> Task:
    return Task(
        name=name,
        about=f"about {name}",
        prompt="{context} {query}",
        split="dev",
        metric=metric,
        licence="MIT",
        averaged=averaged,
        make=lambda _: (),
    )

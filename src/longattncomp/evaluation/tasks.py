"""a task's name -> its examples, and what has to be known about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from longattncomp.evaluation.rows import Example

Metric = Literal["recall", "exact", "f1", "choice"]
"""What a task is judged by first; with a target the last three, without one recall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Which examples to make.

    Attributes:
        examples: how many; the first of a longer run are the same.
        context_tokens: length of a context whose length can be chosen.
        seed: another seed draws other examples.
        count: how many tokens a text has.
        data: folder of the rows, for tasks that are read from files.
    """

    examples: int
    context_tokens: int
    seed: int
    count: Callable[[str], int]
    data: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task.

    Attributes:
        name: as `longattncomp eval` takes it.
        about: one line for `longattncomp eval --list`.
        prompt: what a target is asked, with `{context}`, `{query}` and maybe `{options}`.
        split: which examples of the source these are.
        metric: what it is judged by.
        licence: of the texts.
        averaged: whether it counts in averages: tasks that need nothing but uniform sampling do not.
        draw: makes the examples.
    """

    name: str
    about: str
    prompt: str
    split: str
    metric: Metric
    licence: str
    averaged: bool = True
    draw: Callable[[Draw], Iterator[Example]]

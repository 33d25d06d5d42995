"""a task's name -> its examples, and what has to be known about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from longattncomp.data.rows import Example
from longattncomp.errors import InputError
from longattncomp.evaluation.targets.target import SHORT_ANSWER

Metric = Literal["recall", "exact", "f1", "choice"]
"""What a task is judged by first; with a target the last three, without one recall."""

CONTEXT_TOKENS = 32_768


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Which examples to make.

    Attributes:
        examples: how many at most; the first of a longer run are the same.
        context_tokens: length of a context whose length can be chosen, unless the task's name has one.
        seed: another seed draws other examples.
        count: how many tokens a text has.
        data: folder of the rows, for tasks that are read from files.

    Raises:
        InputError: no example, or no token.
    """

    examples: int
    context_tokens: int = CONTEXT_TOKENS
    seed: int = 0
    count: Callable[[str], int]
    data: Path | None = None

    def __post_init__(self) -> None:
        if self.examples < 1 or self.context_tokens < 1:
            raise InputError(
                f"expected at least one example and one token, got {self.examples} and {self.context_tokens}"
            )

    def file(self, name: str) -> Path:
        """A file of the folder of rows.

        Raises:
            InputError: there is no such folder or file.
        """
        if self.data is None:
            raise InputError(f"expected a folder that holds {name}, got none: name it, or leave the task out")
        if not (file := self.data / name).is_file():
            raise InputError(f"expected {name} in the folder {self.data}, found no such file: leave the task out")
        return file


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task.

    Attributes:
        name: as `longattncomp eval` takes it; its examples carry it as their task.
        about: one line for `longattncomp eval --list`.
        prompt: what a target is asked, with `{context}`, `{query}` and maybe `{options}`.
        split: which examples of the source these are.
        metric: what it is judged by.
        licence: of the texts.
        averaged: whether it counts in averages: tasks that need nothing but uniform sampling do not.
        together: whether a right answer names all of an example's answers, instead of one of them.
        answer_tokens: most that a target writes, in its tokens: as many as any right answer has.
        sized: whether the length of the context can be chosen, as in `niah-single@8k`.
        file: what it needs in the folder of rows; None if it needs no folder.
        draw: makes the examples.
    """

    name: str
    about: str
    prompt: str
    split: str
    metric: Metric
    licence: str
    averaged: bool = True
    together: bool = False
    answer_tokens: int = SHORT_ANSWER
    sized: bool = False
    file: str | None = None
    draw: Callable[[Draw], Iterator[Example]]

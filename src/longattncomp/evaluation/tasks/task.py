"""a task's name -> its examples, and what has to be known about them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from longattncomp.data.rows import Example
from longattncomp.errors import InputError
from longattncomp.evaluation.targets.target import SHORT_ANSWER

Metric = Literal["recall", "exact", "f1", "choice"]
"""The measure that a task is judged by: the last three need a target; without a target it is recall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Which examples of a task to make.

    Attributes:
        examples: most examples; a larger number makes the same ones first.
        context_tokens: tokens of a context whose length can be chosen.
        seed: another seed draws other examples.
        count: counts the tokens of a text.
        data: folder of the files that some tasks read rows from.

    Raises:
        InputError: `examples` or `context_tokens` is below 1.
    """

    examples: int
    context_tokens: int = 32_768
    seed: int = 0
    count: Callable[[str], int]
    data: Path | None = None

    def __post_init__(self) -> None:
        if self.examples < 1 or self.context_tokens < 1:
            raise InputError(
                f"expected at least one example and one token, got {self.examples} and {self.context_tokens}"
            )

    def file(self, name: str) -> Path:
        """Find a file in the folder of rows.

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
    """One task of the evaluation.

    Attributes:
        name: as `longattncomp eval` takes it.
        about: one line for `longattncomp eval --list`.
        prompt: what a target is asked, with `{context}`, `{query}` and maybe `{options}`.
        split: which examples of the source the task takes.
        metric: the measure that the task is judged by.
        licence: licence of the texts.
        averaged: whether the task counts in averages; False where uniform sampling is enough.
        together: whether a right answer names all of an example's answers, instead of one of them.
        answer_tokens: most tokens that a target writes, as its tokenizer counts; any right answer fits.
        sized: whether the length of the context can be chosen, as in `niah-single@8k`.
        file: name of the file in the folder of rows; None for a task that reads no file.
        make: makes the examples.
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
    make: Callable[[Draw], Iterable[Example]]

    def draw(self, options: Draw) -> Iterator[Example]:
        """Make examples that carry this task's name."""
        return (replace(example, task=self.name) for example in self.make(options))

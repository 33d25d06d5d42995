"""a target's name -> what reads a compressed context and answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from longattncomp.errors import InputError
from longattncomp.evaluation.targets.answers import chosen, exact_and_f1
from longattncomp.evaluation.targets.spending import Prices

ENDPOINT = "openai:"
"""Prefix of a target behind an OpenAI-compatible endpoint; the name of the endpoint's model follows."""
SHORT_ANSWER = 32
"""Most tokens of an answer, unless the question allows more."""
_ONE_LINE = 96  # with more tokens than this an answer may have several lines


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetQuestion:
    """One question, with what is left of its context.

    Attributes:
        prompt: the task's template filled in, ending with "Answer:" or the like.
        answers: accepted answers, maybe none.
        options: the choices of a multiple-choice question, in the order in which the prompt shows them; the right one
            is among the answers.
        answer_tokens: most tokens that a target writes.

    Raises:
        InputError: a text is blank, no option is an accepted answer, or `answer_tokens` is below 1.
    """

    prompt: str
    answers: tuple[str, ...]
    options: tuple[str, ...] = ()
    answer_tokens: int = SHORT_ANSWER

    def __post_init__(self) -> None:
        if self.answer_tokens < 1:
            raise InputError(f"expected answer_tokens of at least 1, got {self.answer_tokens}")
        if not all(text.strip() for text in (self.prompt, *self.answers, *self.options)):
            raise InputError(
                "expected a prompt, answers and options with more than blanks in them, got "
                f"prompt {self.prompt[-40:]!r}, answers {self.answers!r}, options {self.options!r}"
            )
        if self.options and not set(self.options) & set(self.answers):
            raise InputError(
                f"expected the right one of the options {self.options!r} among the answers, got {self.answers!r}"
            )

    @property
    def one_line(self) -> bool:
        """Whether the answer ends with its first line: so it is up to 96 tokens."""
        return self.answer_tokens <= _ONE_LINE


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetAnswer:
    """What a target wrote, and how good it is, as in `Record`; None for what is unknown."""

    text: str | None
    likelihood: float | None
    exact: float | None
    f1: float | None
    choice: float | None


def judged(text: str, question: TargetQuestion, likelihoods: Mapping[str, float] | None = None) -> TargetAnswer:
    """Judge an answer; the option chosen is the likeliest, or without likelihoods the one that the answer names."""
    options = question.options
    exact, f1 = exact_and_f1(text, question.answers)
    if likelihoods is None:
        place = chosen(text, options)
        option = None if place is None else options[place]
    else:
        option = max(options, key=likelihoods.__getitem__, default=None)
    return TargetAnswer(
        text=text,
        likelihood=max((likelihoods[answer] for answer in question.answers), default=None) if likelihoods else None,
        exact=exact,
        f1=f1,
        choice=float(option in question.answers) if options else None,
    )


class Target(Protocol):
    """A model that reads a compressed context and answers."""

    name: str

    def count(self, text: str) -> int:
        """Count the tokens of a text, for a budget."""

    def read(self, questions: Sequence[TargetQuestion]) -> Iterator[TargetAnswer]:
        """Answer each question, in order."""


def open_target(
    name: str, *, model_dir: Path, device: str = "auto", dtype: str = "auto", prices: Prices | None = None
) -> Target:
    """Open a target with its defaults; `Endpoint` takes more options.

    `openai:MODEL` is behind an OpenAI-compatible endpoint, with its address in `OPENAI_BASE_URL` and its key in
    `OPENAI_API_KEY`; anything else is a local model, as `open_whole` takes it. Converted models and finished answers of
    an endpoint are in `model_dir`.

    Raises:
        InputError: no such device, no key, or a library is not installed.
        ModelError: the local model cannot be found, read or used.
        CacheError: `model_dir` cannot be written.
    """
    if name.startswith(ENDPOINT):
        from longattncomp.evaluation.targets.endpoint import Endpoint

        return Endpoint(name.removeprefix(ENDPOINT), model_dir=model_dir, prices=prices)
    from longattncomp.evaluation.targets.local import LocalTarget

    return LocalTarget(name, model_dir=model_dir, device=device, dtype=dtype)

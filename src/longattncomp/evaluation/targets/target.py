"""a target's name -> what reads a compressed context and answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from longattncomp.errors import InputError
from longattncomp.evaluation.targets.spending import Prices

ENDPOINT = "openai:"
"""Starts the name of a target behind an OpenAI-compatible endpoint; the endpoint's name of the model follows."""
SHORT_ANSWER = 32
"""Tokens of the longest answer, unless the question asks for more."""
_ONE_LINE = 96
"""An answer of more tokens than these may have several lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetQuestion:
    """One question with the context that is left.

    Attributes:
        prompt: the task's template filled in, ending with "Answer:" or the like.
        answers: accepted ones, maybe none.
        options: what the question lets one choose from, in the order in which the prompt shows them, the right one
            among the answers; maybe none.
        answer_tokens: most that a target writes.
    """

    prompt: str
    answers: tuple[str, ...]
    options: tuple[str, ...] = ()
    answer_tokens: int = SHORT_ANSWER

    def __post_init__(self) -> None:
        """Refuse what cannot be measured.

        Raises:
            InputError: a text is blank, no option is right, or no token may be written.
        """
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
        """Whether the answer ends with its first line, as one of up to 96 tokens does."""
        return self.answer_tokens <= _ONE_LINE


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetAnswer:
    """What a target made of one question; None for what cannot be told.

    Attributes:
        text: what it wrote.
        likelihood: log-likelihood of the likeliest accepted answer, in nats a token.
        exact: 1 if the text is an accepted answer, else 0.
        f1: of the text's words against the nearest accepted answer.
        choice: 1 if its option is an accepted answer, else 0; None without options.
    """

    text: str | None
    likelihood: float | None
    exact: float | None
    f1: float | None
    choice: float | None


class Target(Protocol):
    """A model that reads what was kept."""

    name: str

    def count(self, text: str) -> int:
        """Tokens of a text, to count a budget with."""
        ...

    def read(self, asked: Sequence[TargetQuestion]) -> Iterator[TargetAnswer]:
        """One answer for each question, in order, as they come."""
        ...


def open_target(
    name: str, *, model_dir: Path, device: str = "auto", dtype: str = "auto", prices: Prices | None = None
) -> Target:
    """Open a target with its defaults; `Endpoint` and `LocalTarget` take more.

    Args:
        name: `openai:MODEL` for an OpenAI-compatible endpoint, which `OPENAI_BASE_URL` and
            `OPENAI_API_KEY` name; anything else for a local model, as `open_whole` takes it.
        model_dir: where converted models and an endpoint's finished answers are kept.
        device: of a local model.
        dtype: of a local model.
        prices: of an endpoint.

    Raises:
        InputError: no such device, no key, or a library is not installed.
        ModelError: the local model cannot be found, read or used.
        CacheError: the cache cannot be written.
    """
    if name.startswith(ENDPOINT):
        from longattncomp.evaluation.targets.endpoint import Endpoint

        return Endpoint(name.removeprefix(ENDPOINT), model_dir=model_dir, prices=prices)
    from longattncomp.evaluation.targets.local import LocalTarget

    return LocalTarget(name, model_dir=model_dir, device=device, dtype=dtype)

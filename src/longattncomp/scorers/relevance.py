"""(instruction's score, tokens of the context) -> the chance that the context answers."""

from dataclasses import dataclass
from math import exp, log
from typing import ClassVar, Protocol, runtime_checkable

from pydantic import ConfigDict

_EDGE = 1e-6
"""Least distance of a score from 0 and 1, whose logits are infinite."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt's scaling (1999) of the instruction's score s, beside the length of the context.

    p = 1 / (1 + exp(-(offset + share * ln((1 - s) / s) + length * ln(tokens))))

    In a short context the instruction has more of the mass, even if the context answers.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    offset: float
    share: float
    length: float

    def chance(self, instruction: float, tokens: int) -> float:
        """Return the chance, in (0, 1), that a context of so many tokens answers."""
        share, length = features(instruction, tokens)
        return 1 / (1 + exp(-(self.offset + self.share * share + self.length * length)))


@runtime_checkable
class CalibratedScorer(Protocol):
    """A scorer whose instruction's score was calibrated, or None if it was not."""

    @property
    def calibration(self) -> Calibration | None: ...


def features(instruction: float, tokens: int) -> tuple[float, float]:
    """Compute ln((1 - s) / s) and ln(tokens)."""
    score = min(max(instruction, _EDGE), 1 - _EDGE)
    return log((1 - score) / score), log(max(1, tokens))

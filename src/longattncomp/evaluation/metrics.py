"""kept spans and evidence -> numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from longattncomp.data.rows import Evidence
from longattncomp.errors import InputError
from longattncomp.types import Span, merged

Kept = Mapping[int, Sequence[Span]]
"""Kept character ranges by document index."""

_DRAWN = 1 << 15  # examples at once


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over examples with its 95% bootstrap interval."""

    mean: float
    low: float
    high: float


def evidence_recall(kept: Kept, evidence: Sequence[Evidence]) -> float:
    """Share of the evidence's characters that were kept, in [0, 1].

    Evidence that overlaps counts once; white space counts as any other character.

    Raises:
        InputError: there is no evidence, so that no share of it exists.
    """
    _require(evidence)
    found = total = 0
    for document in {span.document for span in evidence}:
        wanted = merged((span.start, span.end) for span in evidence if span.document == document)
        found += _overlap(merged(kept.get(document, ())), wanted)
        total += sum(end - start for start, end in wanted)
    return found / total


def strict_recall(kept: Kept, evidence: Sequence[Evidence]) -> float:
    """1.0 if at least 90% of every single evidence span was kept, otherwise 0.0.

    Raises:
        InputError: there is no evidence.
    """
    _require(evidence)
    for span in evidence:
        found = _overlap(merged(kept.get(span.document, ())), [(span.start, span.end)])
        if 10 * found < 9 * (span.end - span.start):  # whole numbers, so that 90% is 90%
            return 0.0
    return 1.0


def answers_kept(kept: str, whole: str, answers: Sequence[str]) -> float | None:
    """Share of the answers in the whole text that stand in what was kept, whatever their case; None if none does."""
    whole, kept = whole.casefold(), kept.casefold()
    there = [answer.casefold() for answer in answers if answer.strip() and answer.casefold() in whole]
    return sum(answer in kept for answer in there) / len(there) if there else None


def estimate(values: Sequence[float], *, seed: int = 0, resamples: int = 1000) -> Estimate:
    """The mean of `values` and the middle 95% of the means of `resamples` draws with replacement.

    The same seed draws the same examples for every list of one length.

    Raises:
        InputError: there are no values.
    """
    if not values:
        raise InputError("expected at least one value to average, got none")
    data = np.asarray(values, dtype=np.float64)  # (n,)
    rng = np.random.default_rng(seed)
    at_once = max(1, _DRAWN // len(data))  # all at once would be a resamples x n matrix
    sizes = [min(at_once, resamples - done) for done in range(0, resamples, at_once)]
    means = np.concatenate([data[rng.integers(len(data), size=(size, len(data)))].mean(axis=1) for size in sizes])
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(data.mean()), float(low), float(high))


def _overlap(left: Sequence[Span], right: Sequence[Span]) -> int:
    return sum(max(0, min(a_end, b_end) - max(a, b)) for a, a_end in left for b, b_end in right)


def _require(evidence: Sequence[Evidence]) -> None:
    if not evidence:
        raise InputError("expected at least one evidence span, got none: leave such an example out")

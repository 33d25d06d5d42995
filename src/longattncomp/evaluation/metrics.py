"""kept spans and evidence -> numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from longattncomp.data.rows import Evidence
from longattncomp.types import Span, merged

KeptSpans = Mapping[int, Sequence[Span]]
"""Kept character ranges by document index."""

_RESAMPLES = 1000
_AT_ONCE = 1 << 15  # values drawn at a time, so that no matrix of resamples x n is made


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over examples with its 95% bootstrap interval."""

    mean: float
    low: float
    high: float


def evidence_recall(kept: KeptSpans, evidence: Sequence[Evidence]) -> float:
    """Return the share of the evidence's characters that were kept, in [0, 1].

    Overlapping evidence, of which there has to be some, counts once; white space counts like any other character.
    """
    found = total = 0
    for document in {span.document for span in evidence}:
        wanted = merged((span.start, span.end) for span in evidence if span.document == document)
        found += overlap(merged(kept.get(document, ())), wanted)
        total += sum(end - start for start, end in wanted)
    return found / total


def strict_recall(kept: KeptSpans, evidence: Sequence[Evidence]) -> float:
    """Return 1.0 if at least 90% of every evidence span was kept, else 0.0."""
    found = [overlap(merged(kept.get(span.document, ())), [(span.start, span.end)]) for span in evidence]
    # Whole numbers, so that 90% is exact.
    return float(all(10 * part >= 9 * (span.end - span.start) for part, span in zip(found, evidence, strict=True)))


def answers_kept(kept: str, whole: str, answers: Sequence[str]) -> float | None:
    """Return the share of answers in the kept text among those in the whole text, case ignored; None if it has none."""
    whole, kept = whole.casefold(), kept.casefold()
    there = [answer.casefold() for answer in answers if answer.strip() and answer.casefold() in whole]
    return sum(answer in kept for answer in there) / len(there) if there else None


def estimate(values: Sequence[float], *, seed: int = 0) -> Estimate:
    """Average `values`, with an interval from 1,000 bootstrap resamples.

    The same seed draws the same examples for every list of one length.
    """
    return estimate_tasks([values], seed=seed)


def estimate_tasks(tasks: Sequence[Sequence[float]], *, seed: int = 0) -> Estimate:
    """Average the means of tasks as `estimate` does; each resample draws every task's examples again."""
    rng = np.random.default_rng(seed)
    drawn = np.zeros(_RESAMPLES)
    means = []
    for values in tasks:
        data = np.asarray(values, dtype=np.float64)  # (n,)
        means.append(float(data.mean()))
        rows = max(1, _AT_ONCE // len(data))
        sizes = [min(rows, _RESAMPLES - done) for done in range(0, _RESAMPLES, rows)]
        drawn += np.concatenate([data[rng.integers(len(data), size=(size, len(data)))].mean(axis=1) for size in sizes])
    low, high = np.percentile(drawn / len(tasks), [2.5, 97.5])
    return Estimate(fmean(means), float(low), float(high))


def overlap(left: Sequence[Span], right: Sequence[Span]) -> int:
    """Count the characters that spans of two lists share, once for each pair of spans."""
    return sum(max(0, min(a_end, b_end) - max(a, b)) for a, a_end in left for b, b_end in right)

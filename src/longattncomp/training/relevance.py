"""instruction's scores of questions with and without an answer -> their calibration."""

from collections.abc import Sequence

import torch
from torch import nn

from longattncomp.scorers.relevance import Calibration, features

Measured = tuple[float, int, bool]
"""The instruction's score, the tokens of the context, and whether it answers."""

_LEAST = 10
"""Questions with an answer, and without, from which a calibration is fitted."""
_SHRINKAGE = 1e-3


def calibrated(measured: Sequence[Measured]) -> Calibration | None:
    """Fit Platt's scaling, as if half of the questions had an answer; None if too few have one, or have none.

    The data must not have been trained on.
    """
    labels = torch.tensor([float(answers) for *_, answers in measured], dtype=torch.float64)
    counts = len(labels) - labels.sum(), labels.sum()
    if min(counts) < _LEAST:
        return None
    inputs = torch.tensor([(1.0, *features(score, tokens)) for score, tokens, _ in measured], dtype=torch.float64)
    balance = torch.where(labels > 0, 1 / counts[1], 1 / counts[0])
    weights = torch.zeros(inputs.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        wrong = nn.functional.binary_cross_entropy_with_logits(inputs @ weights, labels, balance, reduction="sum")
        loss: torch.Tensor = wrong + _SHRINKAGE * weights[1:].square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(step)  # type: ignore[no-untyped-call]
    return Calibration(*weights.detach().tolist())

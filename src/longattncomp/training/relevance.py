"""instruction's scores of questions with and without an answer -> their calibration."""

import importlib
from collections.abc import Sequence

from longattncomp.installed import require
from longattncomp.scorers.relevance import Calibration, features

Measured = tuple[float, int, bool]
"""The instruction's score, the tokens of the context, and whether it answers."""

_LEAST = 10
"""Questions with an answer, and without, from which a calibration is fitted."""
_SHRINKAGE = 1e-3


def calibrated(measured: Sequence[Measured]) -> Calibration | None:
    """Fit Platt's scaling, as if half of the questions had an answer; None if too few have one, or have none.

    The data must not have been trained on.

    Raises:
        InputError: scikit-learn is not installed.
    """
    labels = [answers for *_, answers in measured]
    if min(sum(labels), len(labels) - sum(labels)) < _LEAST:
        return None
    require("sklearn", extra="training")
    logistic = importlib.import_module("sklearn.linear_model").LogisticRegression(
        C=1 / (_SHRINKAGE * len(labels)), class_weight="balanced", solver="newton-cholesky", tol=1e-8
    )
    logistic.fit([features(score, tokens) for score, tokens, _ in measured], labels)
    return Calibration(*logistic.intercept_.tolist(), *logistic.coef_[0].tolist())

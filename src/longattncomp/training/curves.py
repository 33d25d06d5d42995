"""log of a training run -> picture of its losses."""

import importlib
import json
from dataclasses import dataclass
from pathlib import Path

from longattncomp.errors import InputError
from longattncomp.installed import require

_BLUE = "#4c78a8"
_PALE = "#c6d5e6"
_RED = "#d62728"
_SMOOTHED = 50
"""Points of the line that smooths the losses of single steps."""


@dataclass(frozen=True, slots=True)
class Curves:
    """(step, mean loss) of training and of validation."""

    training: tuple[tuple[int, float], ...]
    validation: tuple[tuple[int, float], ...]


def read_log(file: Path) -> Curves:
    """Read the log that `checkpoints.Run.log` writes.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        return Curves(
            tuple((line["step"], line["loss"]) for line in lines if "loss" in line),
            tuple((line["step"], line["validation"]) for line in lines if "validation" in line),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"expected the log of a training run at {file}, which cannot be read: {error}") from error


def plot(curves: Curves, file: Path, *, title: str = "") -> None:
    """Draw both losses over the steps, at least one.

    Raises:
        InputError: matplotlib is not installed.
    """
    require("matplotlib", extra="training")
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    axis.plot(*zip(*curves.training, strict=True), color=_PALE, linewidth=1, label="training, by step")
    axis.plot(*zip(*smooth(curves.training), strict=True), color=_BLUE, label="training, mean")
    if curves.validation:
        axis.plot(*zip(*curves.validation, strict=True), color=_RED, marker="o", label="validation")
    axis.set_xlabel("step")
    axis.set_ylabel("loss")
    axis.set_title(title)
    axis.legend()
    figure.savefig(file, dpi=120)


def smooth(points: tuple[tuple[int, float], ...]) -> tuple[tuple[int, float], ...]:
    """Replace neighbouring points by their mean loss, at the last of their steps."""
    size = max(1, len(points) // _SMOOTHED)
    groups = (points[start : start + size] for start in range(0, len(points), size))
    return tuple((group[-1][0], sum(loss for _, loss in group) / len(group)) for group in groups)

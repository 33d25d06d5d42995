"""The losses of a run, read from its log and drawn."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from longattncomp.errors import InputError
from longattncomp.training.curves import Curves, plot, read_log, smooth

CURVES = Curves(((1, 3.0), (2, 2.0)), ((2, 2.5),))


def test_both_losses_come_out_of_the_log(tmp_path: Path) -> None:
    lines = [
        {"step": 1, "loss": 3.0, "rate": 0.1},
        {"step": 2, "loss": 2.0, "rate": 0.0},
        {"step": 2, "validation": 2.5},
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read_log(tmp_path / "log.jsonl") == CURVES


@pytest.mark.parametrize("text", [None, "no json\n", '{"loss": 1}\n', "3\n"])
def test_what_is_no_log_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "log.jsonl").write_text(text)
    with pytest.raises(InputError, match=r"log\.jsonl, which cannot be read"):
        read_log(tmp_path / "log.jsonl")


@pytest.mark.parametrize("curves", [CURVES, Curves(((1, 3.0),), ())])
def test_the_picture_is_written(tmp_path: Path, curves: Curves) -> None:
    plot(curves, tmp_path / "loss.png", title="stage 1")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"pip install 'longattncomp\[training\]'"):
        plot(CURVES, tmp_path / "loss.png")


def test_smoothing_keeps_the_end_and_the_mean() -> None:
    points = tuple((step, float(step % 2)) for step in range(1, 201))
    found = smooth(points)
    assert len(found) == 50
    assert found[-1] == (200, 0.5)
    assert smooth(points[:3]) == points[:3]

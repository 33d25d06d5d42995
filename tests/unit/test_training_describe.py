"""Statistics of samples, their table and their picture."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from longattncomp.data.rows import Evidence, Example
from longattncomp.errors import InputError
from longattncomp.training.samples.describe import describe, plot, table
from longattncomp.types import Document

DOCUMENTS = (Document("a" * 30), Document("b" * 70))
OTHER = (Document("c" * 10),)
SAMPLES = [
    Example("1", "x", "four", (), DOCUMENTS, (Evidence(0, 0, 10), Evidence(1, 40, 60))),
    Example("1&2#compound", "x", "sixsix", (), DOCUMENTS, (Evidence(1, 60, 70),)),
    Example("2", "y", "two", (), DOCUMENTS, ()),
    Example("3", "x", "q", (), OTHER, ()),
]


def test_what_is_counted() -> None:
    found = describe(SAMPLES, len)
    assert list(found) == ["x", "y"]
    assert found["x"].context_tokens == [100, 10]
    assert found["y"].context_tokens == [100]
    assert found["x"].query_tokens == [4, 6, 1]
    assert dict(found["x"].needles) == {2: 1, 1: 1, 0: 1}
    assert found["x"].unanswerable == pytest.approx(1 / 3)
    assert found["x"].compound == 1
    assert found["x"].positions == pytest.approx([0.05, 0.8, 0.95])


def test_the_table_has_a_row_a_task() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table(describe(SAMPLES, len)))
    text = console.export_text()
    row = next(line for line in text.splitlines() if " x " in line)
    assert "33.3%" in row
    assert "1 / 1 / 0 / 0" in row
    assert "10 – 55 – 100" in row
    assert "33% / 0% / 67%" in row


def test_the_picture_is_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot(describe(SAMPLES, len), tmp_path / "samples.png")
    assert (tmp_path / "samples.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"pip install 'longattncomp\[training\]'"):
        plot(describe(SAMPLES, len), tmp_path / "samples.png")


def test_nothing_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one task"):
        plot({}, tmp_path / "samples.png")

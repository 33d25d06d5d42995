"""Pictures of an evaluation: which are drawn, what is in them, and that nothing is left behind."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from recorded import record

from longattncomp.errors import InputError
from longattncomp.evaluation.records import Record
from longattncomp.evaluation.report import plots
from longattncomp.evaluation.report.plots import draw
from longattncomp.evaluation.report.styles import styles
from longattncomp.evaluation.report.summarise import summarise
from longattncomp.scorers.methods import METHODS, Method

METHOD_RECALLS = {"random": 0.1, "bm25": 0.6, "longattncomp": 0.8, "my own": 0.7}


def kept(task: str, **rest: Any) -> list[Record]:
    return [
        record(str(place), method, recall, task=task, budget=budget, seconds=0.0, **({"depth": place / 3} | rest))
        for (method, recall), budget, place in product(METHOD_RECALLS.items(), ("5%", "10%"), range(4))
    ]


def names(records: list[Record], folder: Path, **options: Any) -> list[str]:
    pictures = draw(records, summarise(records, {}), folder, **options)
    for picture in pictures:
        assert picture.file.read_bytes().startswith(b"\x89PNG")
        assert picture.about
    return [picture.file.name for picture in pictures]


def test_all_pictures(tmp_path: Path) -> None:
    records = kept("niah-single", target="org/small model", f1=0.5) + kept("zoo")
    records += [record("0", "oracle", 1.0, task="zoo", budget="5%"), record("0", "bm25", 0.5, budget="adaptive")]
    assert names(records, tmp_path / "new") == [
        "recall-by-budget.png", "cost.png", "needle-depth.png", "answers-org-small-model.png",
    ]  # fmt: skip


def test_what_is_not_there_is_not_drawn(tmp_path: Path) -> None:
    assert names(kept("zoo"), tmp_path) == ["recall-by-budget.png", "cost.png"]
    assert names([record("a", "bm25", None, answer=1.0)], tmp_path) == []


def test_one_task_with_odd_names(tmp_path: Path) -> None:
    """A dollar sign would start a formula, an underscore would hide a line from the legend."""
    task = "$a_b$ $\\fra{$ \x1b[31m\n\u202e 契約"
    records = [record("a", method, 0.5, task=task, budget="7") for method in ("_mine", "$x$", "bm25")]
    assert names(records, tmp_path) == ["recall-by-budget.png", "cost.png"]


def test_lines_are_the_means_in_percent(tmp_path: Path) -> None:
    ((figure, _, _),) = plots._by_budget(summarise(kept("zoo"), {}), None, "x")
    lines = {line.get_color(): list(line.get_ydata()) for line in figure.axes[0].lines}
    looks = styles(METHOD_RECALLS)
    assert lines == {looks[name].colour: pytest.approx([100 * recall] * 2) for name, recall in METHOD_RECALLS.items()}
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["5%", "10%"]
    assert "few rows" in figure.axes[0].get_title(loc="left")
    assert figure.legends[0].get_texts()[0].get_text() == "longattncomp"


def test_heat_by_depth_and_length() -> None:
    records = [
        record("a", "longattncomp", 1.0, task="niah-single", depth=0.0, context_tokens=4000),
        record("b", "longattncomp", 0.5, task="niah-single", depth=1.0, context_tokens=8200),
        record("c", "longattncomp", 0.0, task="niah-single", depth=0.99, context_tokens=8100),
        record("c", "longattncomp", 0.0, task="zoo", depth=0.0, context_tokens=8100),
    ]
    ((figure, _, _),) = plots._heat(records, summarise(records, {}))
    panel = figure.axes[0]
    grid = panel.images[0].get_array()  # (lengths, depths)
    assert grid.shape == (2, 10)
    assert (grid[0, 0], grid[1, 9]) == (100, 25)
    assert grid.count() == 2
    assert [label.get_text() for label in panel.get_yticklabels()] == ["4k", "8k"]
    assert [text.get_text() for text in panel.texts] == ["100", "25"]


def test_no_state_is_left(tmp_path: Path) -> None:
    import matplotlib as mpl

    loaded, before = "matplotlib.pyplot" in sys.modules, mpl.rcParams.copy()
    names(kept("zoo"), tmp_path)
    assert ("matplotlib.pyplot" in sys.modules) is loaded
    assert mpl.rcParams.copy() == before


def test_without_matplotlib_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"pip install 'longattncomp\[evaluation\]'"):
        names(kept("zoo"), tmp_path)


def test_a_method_looks_the_same_everywhere() -> None:
    all_known = styles(METHODS)
    assert styles(["bm25"]) == {"bm25": all_known["bm25"]}
    looks = list(styles([*METHODS, *(f"mine {place}" for place in range(12))]).values())
    assert len({(look.colour, look.marker) for look in looks}) == len(looks)


def test_a_new_method_has_a_look_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    before = styles(METHODS)
    monkeypatch.setitem(METHODS, "toy", Method(name="toy", about="a toy", opener="toys:open_scorer"))
    after = styles(METHODS)
    assert after.pop("toy") not in before.values()
    assert after == before

"""records and their summary -> PNG pictures."""

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, log2
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from longattncomp.evaluation.records import Record
from longattncomp.evaluation.report.overview import Column, overview
from longattncomp.evaluation.report.styles import DIM, FAINT, INK, PALE, Style, styles
from longattncomp.evaluation.report.summary import ADAPTIVE, MEASURES, REFERENCES, Row, Summary
from longattncomp.html.names import visible
from longattncomp.installed import require
from longattncomp.scorers.methods import DEFAULT as OURS

_DPI = 150
_ACROSS = 3
_BINS = 10
_NEEDLES = ("niah", "needle")  # tasks whose names begin with these are drawn by depth
_LEAST_SECONDS = 1e-6

_NAME: dict[str, Any] = {"color": INK, "parse_math": False}  # a dollar in a name is a dollar
_TITLE: dict[str, Any] = {"fontsize": 9, "loc": "left", **_NAME}
_LABEL: dict[str, Any] = {"fontsize": 8, "color": DIM}
_LEGEND: dict[str, Any] = {"fontsize": 9, "labelcolor": INK, "frameon": False}


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG file, and what it shows, for readers who cannot see it."""

    file: Path
    about: str


def draw(records: Iterable[Record], summary: Summary, folder: Path) -> tuple[Picture, ...]:
    """Draw recall and answers by budget, cost against recall, and recall by needle depth, as far as there are numbers.

    Raises:
        InputError: matplotlib is not installed.
    """
    require("matplotlib", extra="evaluation")
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [*_by_budget(summary, None, "recall-by-budget"), *_cost(summary), *_heat(list(records), summary)]
    for target in filter(None, summary.targets):
        drawn += _by_budget(summary, target, f"answers-{re.sub(r'[^A-Za-z0-9.-]+', '-', target).strip('-')}")
    pictures = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a name in a script that the font lacks
        for figure, name, about in drawn:
            figure.savefig(folder / f"{name}.png", dpi=_DPI)
            pictures.append(Picture(folder / f"{name}.png", about))
    return tuple(pictures)


_Drawn = Iterator[tuple[Any, str, str]]
"""A figure, the name of its file and what it shows; empty if there is nothing to draw."""


def _by_budget(summary: Summary, target: str | None, name: str) -> _Drawn:
    """Draw a panel for each task, with a line for each method."""
    rows = [row for row in summary.rows if row.target == target and row.budget != ADAPTIVE]
    if target is None:
        rows = [row for row in rows if row.measure == "recall"]
    tasks = list(dict.fromkeys(row.task for row in rows))
    if not tasks:
        return
    what = "Evidence recall" if target is None else f"Answers of {visible(target)}"
    figure, panels = _panels(len(tasks), f"{what} by budget: higher is better")
    looks = styles(summary.methods)
    handles: dict[str, Any] = {}
    for panel, task in zip(panels, tasks, strict=True):
        own = [row for row in rows if row.task == task]
        budgets = list(dict.fromkeys(row.budget for row in own))
        for method in sorted({row.method for row in own}, key=summary.methods.index):
            line = [row for row in own if row.method == method]
            handles[method] = _line(panel, [budgets.index(row.budget) for row in line], line, looks[method])
        few = ", few rows" if any(row.few for row in own) else ""
        panel.set_title(f"{visible(task)}  (n = {max(row.n for row in own)}{few})", **_TITLE)
        panel.set_xticks(range(len(budgets)), budgets)
        panel.set_xlim(-0.25, len(budgets) - 0.75)
        if own[0].measure != "likelihood":
            panel.set_ylim(-3, 103)
        panel.set_ylabel(MEASURES[own[0].measure], **_LABEL)
    for panel in panels[(len(panels) - 1) // _ACROSS * _ACROSS :]:  # of the bottom row
        panel.set_xlabel("budget, tokens or share of the context", **_LABEL)
    names = sorted(handles, key=lambda name: (name in REFERENCES, name != OURS, summary.methods.index(name)))
    across = min(ceil(len(names) / 2), 2 * len(panels[:_ACROSS]))
    figure.legend([handles[name] for name in names], names, loc="outside lower center", ncols=across, **_LEGEND)
    yield figure, name, f"{what} by budget, a panel for each task; bands are 95% intervals"


def _line(panel: Any, places: Sequence[int], rows: Sequence[Row], look: Style) -> Any:
    ours = rows[0].method == OURS
    scale = 1 if rows[0].measure == "likelihood" else 100
    means = [scale * row.score.mean for row in rows]
    if rows[0].method in REFERENCES:  # references bound the methods, as horizontal lines
        return panel.axhline(fmean(means), color=look.colour, linestyle=look.line, linewidth=1, zorder=1)
    low, high = [scale * row.score.low for row in rows], [scale * row.score.high for row in rows]
    panel.fill_between(places, low, high, color=look.colour, alpha=0.13, linewidth=0)
    (line,) = panel.plot(
        places,
        means,
        color=look.colour,
        linestyle=look.line,
        marker=look.marker,
        markersize=5,
        linewidth=2.4 if ours else 1.4,
        zorder=4 if ours else 3,
        clip_on=False,
    )
    return line


def _cost(summary: Summary) -> _Drawn:
    """Draw a point for each method: seconds for an example against mean recall."""
    from matplotlib.ticker import EngFormatter

    seen = overview(summary)
    columns = [column for column in seen.columns if column.counts]
    methods = [name for name in seen.methods if name not in REFERENCES and all(name in one.rows for one in columns)]
    if not columns or not methods:
        return
    figure, (panel,) = _panels(1, "Recall against cost: up and to the left is better")
    looks = styles(summary.methods)
    places = {
        name: (
            max(_LEAST_SECONDS, fmean(column.rows[name].seconds for column in columns)),
            100 * fmean(column.rows[name].score.mean for column in columns),
        )
        for name in methods
    }
    seconds_written = EngFormatter(unit="s")
    for name in sorted(methods, key=lambda name: -places[name][1]):
        (seconds, recall), colour = places[name], looks[name].colour
        whole = columns[0].rows[name].score if len(columns) == 1 else getattr(seen.intervals.get(name), "score", None)
        if whole is not None:
            panel.vlines(seconds, 100 * whole.low, 100 * whole.high, color=colour, linewidth=1.2, alpha=0.5)
        label = f"{name}: {recall:.1f}%, {seconds_written(float(f'{seconds:.2g}'))}"
        panel.plot(seconds, recall, looks[name].marker, color=colour, markersize=9, label=label, clip_on=False)
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter(seconds_written)
    panel.margins(x=0.1)
    panel.set_ylim(0, 103)
    tasks = f"mean of {len(columns)} tasks" if len(columns) > 1 else visible(columns[0].task)
    panel.set_title(f"{tasks}, at {_budgets(columns)}", **_TITLE)
    panel.set_xlabel("median time to score one example; text read earlier in the run is cached", **_LABEL)
    panel.set_ylabel(MEASURES["recall"], **_LABEL)
    legend = figure.legend(loc="outside right center", labelspacing=0.9, title="best recall first", **_LEGEND)
    legend.get_title().set(**_LABEL)
    for text in legend.get_texts():
        if text.get_text().startswith(f"{OURS}:"):
            text.set_weight("bold")
    about = "Mean evidence recall against the median time to score one example, a point for each method"
    yield figure, "cost", about


def _heat(records: Sequence[Record], summary: Summary) -> _Drawn:
    """Draw recall by needle depth and context length, ours and beside it bm25's."""
    columns = [
        column
        for column in overview(summary).columns
        if column.task.startswith(_NEEDLES) and column.measure == "recall"
    ]
    chosen = {(column.task, column.budget) for column in columns}
    found: dict[tuple[str, int, int], dict[tuple[str, str], float]] = {}
    for one in records:
        if (one.task, one.budget) in chosen and one.depth is not None and one.recall is not None:
            depth = min(_BINS - 1, int(_BINS * one.depth))
            cell = found.setdefault((one.method, round(log2(one.context_tokens)), depth), {})
            cell[one.task, one.example] = one.recall
    methods = [method for method in (OURS, "bm25") if any(method == key[0] for key in found)]
    lengths = sorted({length for method, length, _ in found if method in methods})
    if not methods:
        return
    title = f"Evidence recall by depth and length, %, at {_budgets(columns)}: lighter is better"
    figure, panels = _panels(len(methods), title, height=1.1 + 0.34 * len(lengths), width=4.5)
    for panel, method in zip(panels, methods, strict=True):
        cells = [[found.get((method, length, depth)) for depth in range(_BINS)] for length in lengths]
        grid = [[100 * fmean(cell.values()) if cell else float("nan") for cell in line] for line in cells]
        picture = panel.imshow(grid, cmap="cividis", vmin=0, vmax=100, aspect="auto", extent=(0, 1, len(lengths), 0))
        for (down, across), value in np.ndenumerate(grid):
            if not np.isnan(value):  # a cell without examples
                place, colour = ((across + 0.5) / _BINS, down + 0.5), INK if value > 55 else "white"
                panel.text(*place, f"{value:.0f}", ha="center", va="center", fontsize=7, color=colour)
        panel.grid(False)
        panel.set_title(method, **_TITLE)
        panel.set_xticks([0, 0.25, 0.5, 0.75, 1])
        names = [f"{2 ** (power - 10)}k" if power >= 10 else str(2**power) for power in lengths]
        panel.set_yticks([place + 0.5 for place in range(len(lengths))], names)
    panels[0].set_ylabel("context, tokens", **_LABEL)
    figure.supxlabel("mean depth of the needles, 0 is the beginning; a blank cell has no example", **_LABEL)
    bar = figure.colorbar(picture, ax=panels, shrink=0.9, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, colors=DIM)
    yield figure, "needle-depth", f"Evidence recall by needle depth and context length: {' beside '.join(methods)}"


def _panels(count: int, title: str, *, height: float = 2.4, width: float = 3.0) -> tuple[Any, list[Any]]:
    """Create a figure with `count` panels, without matplotlib's global state."""
    from matplotlib.figure import Figure

    across = min(_ACROSS, count)
    down = ceil(count / across)
    size = (7.5, 4.2) if count == 1 else (width * across, height * down + 1.1)
    figure: Any = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, fontsize=11, weight="bold", x=0.01, ha="left", **_NAME)
    panels = list(figure.subplots(down, across, squeeze=False).flat)
    for panel in panels[count:]:
        panel.remove()
    for panel in panels[:count]:
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["left", "bottom"]].set_color(PALE)
        panel.tick_params(which="both", labelsize=8, colors=DIM, length=0)
        panel.grid(color=PALE, linewidth=0.6)
        panel.set_axisbelow(True)
        panel.set_facecolor(FAINT)
    return figure, panels[:count]


def _budgets(columns: Iterable[Column]) -> str:
    different = list(dict.fromkeys(column.budget for column in columns))
    return f"a budget of {different[0]}" if len(different) == 1 else f"budgets of {', '.join(different)}"

"""table -> rich table and one JSON line."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from longattncomp.evaluation.metrics import Estimate
from longattncomp.evaluation.run import Results

_DIGITS = 6


def render(results: Results, console: Console) -> None:
    """Draw the table, one block per task and budget."""
    table = Table(title="Evidence kept, %", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("task", "budget", "method"):
        table.add_column(heading, no_wrap=True)
    compared = any(row.gain for row in results.rows)
    for heading in ("n", "recall", "95% interval", "strict", *["ours better"] * compared, "tokens", "of all", "ms/row"):
        table.add_column(heading, justify="right", no_wrap=True)
    block = None
    for row in results.rows:
        if block != (block := (row.task, row.budget)):
            table.add_section()
        table.add_row(
            *map(Text, (row.task, row.budget, row.method)),  # a name in brackets is no markup
            str(row.n),
            *_percent(row.recall),
            _percent(row.strict)[0],
            *[_percent(row.gain)[0] if row.gain else ""] * compared,
            f"{row.tokens:.0f}",
            f"{100 * row.share:.1f}%",
            f"{1000 * row.seconds:.1f}",
        )
    console.print(table)
    if results.skipped:
        plural = "s" if results.skipped > 1 else ""
        console.print(f"Left out: {results.skipped} row{plural} without evidence.")


def to_json(results: Results) -> str:
    """The same as one compact line of JSON; shares in [0, 1], times in seconds."""
    return json.dumps(_rounded(asdict(results)), separators=(",", ":"))


def _percent(value: Estimate) -> tuple[str, str]:
    return f"{100 * value.mean:.1f}", f"{100 * value.low:.1f} to {100 * value.high:.1f}"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else value

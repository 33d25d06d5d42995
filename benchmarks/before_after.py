"""Show what is kept of a CSV and of a Python file by nodes of 32 tokens, and by whole units with lead-ins, as one SVG.

python benchmarks/before_after.py docs/before-after.svg
"""

from __future__ import annotations

import sys
from asyncio import timeouts
from dataclasses import replace
from pathlib import Path

from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from longattncomp import Compressor
from longattncomp.evaluation.tasks.records import records
from longattncomp.evaluation.tasks.task import Draw

BUDGET = 100
_WIDTH = 76


def main() -> None:
    """Compress both files both ways, and save the picture."""
    compressor = Compressor.from_pretrained(token_budget=BUDGET)
    method = replace(compressor.method, node_boundary="exact", words=False)
    settings = compressor.settings.override(lead_ins=False)
    by_tokens = Compressor(compressor.scorer, compressor.tokenizer, settings=settings, method=method)
    draw = Draw(examples=5, context_tokens=2_000, seed=7, count=compressor.tokenizer.count)
    table = next(example for example in records(draw) if example.id.startswith("csv"))
    code = Path(timeouts.__file__).read_text(encoding="utf-8")
    texts = ((table.query, table.documents[0].text), ("When does reschedule raise an error?", code))
    console = Console(record=True, width=2 * _WIDTH + 6, file=sys.stdout)
    for query, text in texts:
        console.print(Text(f"{query} ({compressor.tokenizer.count(text):,} tokens)", style="bold"))
        panels = []
        for title, engine in (("nodes of 32 tokens", by_tokens), ("whole units with lead-ins", compressor)):
            result = engine.compress(query, text)
            panels.append(Panel(Text(result.text), title=f"{title}: {result.tokens} tokens", width=_WIDTH))
        console.print(Columns(panels))
    console.save_svg(sys.argv[1], title=f"At most {BUDGET} tokens of a CSV and of a Python file")


if __name__ == "__main__":
    main()

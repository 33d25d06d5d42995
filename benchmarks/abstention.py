"""Measure whether the instruction score tells that no document answers: a table, the same in Markdown, a line of JSON.

python benchmarks/abstention.py --data FOLDER
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.metrics import roc_auc_score, roc_curve
from speed import machine

from longattncomp import Compressor, Query
from longattncomp.data.rows import Example
from longattncomp.evaluation.tasks.catalogue import find_task
from longattncomp.evaluation.tasks.task import Draw

TASKS = ("hotpotqa", "musique", "2wiki")
DRAWN = 25  # rows of each task unless --limit says otherwise


def main() -> None:
    """Print the AUC of the instruction score between rows with and without their evidence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the rows")
    parser.add_argument("--task", nargs="+", default=TASKS, help="as `longattncomp eval` takes it")
    parser.add_argument("--limit", type=int, default=DRAWN, help="rows of each task")
    parser.add_argument("--head", type=Path, help="checkpoint of a head, used instead of the default one")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.perf_counter()
    compressor = Compressor.from_pretrained(head=options.head)
    body: list[tuple[str, ...]] = []
    halves: tuple[list[tuple[bool, float]], ...] = ([], [])
    found: dict[str, Any] = {}
    for name in options.task:
        task = find_task(name)
        most = 2 * options.limit if task.sized else sys.maxsize
        draw = Draw(examples=most, seed=options.seed, count=compressor.tokenizer.count, data=options.data)
        rows = [row for row in task.draw(draw) if row.evidence]
        rng = random.Random(f"{options.seed} {name}")
        shares: dict[bool, list[float]] = {False: [], True: []}
        for row in track(rows[: options.limit], name, console=Console(stderr=True)):
            for empty, example in enumerate(with_and_without(row, rows, rng)):
                scores = compressor.scorer.score(Query(example.query), compressor.nodes(example.documents))
                shares[bool(empty)].append(scores.instruction)
        labels = [empty for empty, values in shares.items() for _ in values]
        values = [*shares[False], *shares[True]]
        for empty, own in shares.items():
            for index, value in enumerate(own):
                halves[index % 2].append((empty, value))
        auc = float(roc_auc_score(labels, values))
        found[name] = {"auc": round(auc, 4), "n": len(shares[True])} | {
            f"mean_{name}": round(fmean(shares[empty]), 4) for name, empty in (("with", False), ("without", True))
        }
        means = (f"{fmean(values):.3f}" for values in shares.values())
        body.append((name, str(len(shares[True])), *means, f"{auc:.3f}"))
    average = fmean(result["auc"] for result in found.values())
    body.append(("average", "", "", "", f"{average:.3f}"))
    chosen, judged = halves
    false, true, thresholds = roc_curve(*zip(*chosen, strict=True))
    threshold = float(thresholds[int((true - false).argmax())])
    telling = {
        "threshold": round(threshold, 3),
        "unanswerable_found": round(fmean(value >= threshold for empty, value in judged if empty), 3),
        "answerable_lost": round(fmean(value >= threshold for empty, value in judged if not empty), 3),
    }
    show(
        "Instruction score with and without the evidence",
        ("task", "n", "mean with", "mean without", "AUC"),
        body,
    )
    print(
        f"The threshold {telling['threshold']} was chosen on every other pair. On the other pairs it marks "
        f"{telling['unanswerable_found']:.1%} of the unanswerable, {telling['answerable_lost']:.1%} of the answerable."
    )
    seconds = round(time.perf_counter() - started)
    figures = {"results": found, "average_auc": round(average, 4), **telling, "seconds": seconds}
    print(json.dumps({"what": "abstention", "machine": machine(), **figures}))


def with_and_without(row: Example, rows: Sequence[Example], rng: random.Random) -> tuple[Example, Example]:
    """Return an answerable and an unanswerable version of a row.

    The unanswerable version loses the documents that hold the evidence. The answerable one loses as many others,
    so that both have about the same length. A row with too few documents keeps all of them, and its unanswerable
    version asks a question about another context.
    """
    holding = {span.document for span in row.evidence}
    others = [index for index in range(len(row.documents)) if index not in holding]
    if len(others) <= len(holding):
        foreign = rng.choice([other for other in rows if other.documents != row.documents])
        return row, replace(foreign, documents=row.documents, evidence=())
    return without(row, set(rng.sample(others, len(holding)))), without(row, holding)


def without(row: Example, left_out: set[int]) -> Example:
    """Return the row without some documents and without its evidence."""
    documents = tuple(document for index, document in enumerate(row.documents) if index not in left_out)
    return replace(row, documents=documents, evidence=())


def show(title: str, heads: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """Print a table for the terminal, and the same table in Markdown."""
    table = Table(title=title, title_justify="left")
    for index, head in enumerate(heads):
        table.add_column(head, justify="right" if index else "left")
    for cells in body:
        table.add_row(*cells)
    Console(width=140).print(table)
    for cells in (heads, ("---", *["---:"] * (len(heads) - 1)), *body):
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

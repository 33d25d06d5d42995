"""Compare the default nodes with fixed node sizes: a table, the same in Markdown, then one line of JSON.

python benchmarks/node_sizes.py --data FOLDER
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from abstention import show
from rich.console import Console
from rich.progress import track
from speed import machine

from longattncomp import Compressor, Query
from longattncomp.data.rows import Example
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.kept import whole, within
from longattncomp.evaluation.metrics import evidence_recall
from longattncomp.evaluation.tasks.catalogue import find_task
from longattncomp.evaluation.tasks.task import Draw
from longattncomp.types import NodeBoundary

TASKS = {
    "squad-dev": "4%",
    "qmsum-dev": "10%",
    "lihua-dev": "10%",
    "hotpotqa": "20%",
    "musique": "20%",
    "2wiki": "20%",
    "vt@8k": "10%",
    "code-debug@8k": "10%",
    "chat@8k": "10%",
}
"""Task -> its budget."""

CUTS: tuple[tuple[int, NodeBoundary], ...] = (
    (32, "unit"),
    (64, "unit"),
    (128, "unit"),
    (256, "unit"),
    (64, "exact"),
)
"""Longest node in tokens, and the rule for where it ends."""

_PLAIN = 0.0
"""`context_weight` of the papers' rank."""
_CACHE_BYTES = 6_000_000_000
"""Large enough for the longest context, so that each text is read once for all sizes."""

Setting = tuple[int, NodeBoundary, float]
"""`node_tokens`, `node_boundary` and `context_weight`."""


def main() -> None:
    """Print evidence recall for each kind of nodes, ranked by score alone and with the default rank."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the rows")
    parser.add_argument("--task", nargs="+", choices=list(TASKS), metavar="TASK", default=list(TASKS))
    parser.add_argument("--limit", type=int, default=10, help="most examples of each task")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    compressor = Compressor.from_pretrained(cache_bytes=_CACHE_BYTES)
    own = compressor.settings
    usual = (own.node_tokens, compressor.method.node_boundary, own.context_weight)
    ranks = (_PLAIN, own.context_weight)
    console = Console(stderr=True)
    found: dict[str, dict[Setting, float]] = {}
    for name in options.task:
        draw = Draw(examples=options.limit, seed=options.seed, count=compressor.tokenizer.count, data=options.data)
        examples = list(find_task(name).draw(draw))
        shown = track(examples, name, console=console)
        recalls = recall(shown, compressor, Budget.parse(TASKS[name]), ranks)
        found[name] = {setting: fmean(values) for setting, values in recalls.items()}
        console.print(name, found[name])
    body = [
        (f"{size} {boundary}", f"{weight:g}", *(f"{100 * of[size, boundary, weight]:.1f}" for of in found.values()))
        for weight in ranks
        for size, boundary in CUTS
    ]
    behind = {name: max(recalls.values()) - recalls[usual] for name, recalls in found.items()}
    body.append(("the default behind the best", "", *(f"{100 * value:.1f}" for value in behind.values())))
    show("Evidence recall in %", ("nodes", "context_weight", *found), body)
    results = {name: {" ".join(map(str, setting)): x for setting, x in of.items()} for name, of in found.items()}
    figures = {"limit": options.limit, "results": results, "behind": behind}
    print(json.dumps({"what": "node_sizes", "machine": machine(), **figures}))


def recall(
    examples: Iterable[Example], compressor: Compressor, budget: Budget, ranks: Sequence[float]
) -> dict[Setting, list[float]]:
    """Return the evidence recall of each example with each setting; shared documents are read once."""
    recalls: dict[Setting, list[float]] = defaultdict(list)
    for example in examples:
        query = Query(example.query)
        tokens = budget.of(whole(example, compressor).original_tokens)
        for size, boundary in CUTS:
            cut = Compressor(
                compressor.scorer,
                compressor.tokenizer,
                settings=compressor.settings.override(node_tokens=size),
                method=replace(compressor.method, node_boundary=boundary),
            )
            nodes = cut.nodes(example.documents, token_budget=tokens)
            scores = compressor.scorer.score(query, nodes)
            for weight in ranks:
                result = within(tokens, query, example, nodes, scores, cut.configured(context_weight=weight))
                kept = {document.index: document.spans for document in result.documents}
                recalls[size, boundary, weight].append(evidence_recall(kept, example.evidence))
    return recalls


if __name__ == "__main__":
    main()

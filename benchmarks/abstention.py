"""Measure whether `relevance` tells that no document answers: a table, the same in Markdown, a line of JSON.

python benchmarks/abstention.py --data FOLDER [--calibrate FILE]

Each row is asked twice: over documents with its evidence, and without. The last collection has two sentences a row.
The table is over every other row. With --calibrate, the relevance is calibrated on the rows between, and FILE is the
head with that calibration.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.metrics import roc_auc_score
from speed import machine

from longattncomp import Compressor, Document, Query
from longattncomp.data.rows import Example
from longattncomp.data.sources import sentence_ends
from longattncomp.evaluation.tasks.catalogue import find_task
from longattncomp.evaluation.tasks.task import Draw
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.scorers.relevance import Calibration
from longattncomp.training.relevance import Measured, calibrated

TASKS = ("hotpotqa", "musique", "2wiki", "contractnli-dev", "cuad-dev", "squad-dev")
FEW = "two sentences"
FEW_OF = "squad-dev"
DRAWN = 40  # rows of each task unless --limit says otherwise
LEAST = 0.5  # what the documentation recommends as `min_relevance`
BINS = 10


def main() -> None:
    """Print how well relevance tells rows with their evidence from rows without."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the rows")
    parser.add_argument("--task", nargs="+", default=(*TASKS, FEW), help="as `longattncomp eval` takes it")
    parser.add_argument("--limit", type=int, default=DRAWN, help="rows of each task")
    parser.add_argument("--head", type=Path, help="checkpoint of a head, used instead of the default one")
    parser.add_argument("--calibrate", type=Path, help="file for the head, calibrated on every other row")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.perf_counter()
    compressor = Compressor.from_pretrained(head=options.head)
    scorer = compressor.scorer
    if not isinstance(scorer, CrossAttentionScorer):
        raise SystemExit("expected the default method in the settings")
    calibration = scorer.calibration
    fitted: list[Measured] = []
    measured: dict[str, list[Measured]] = {}
    for name in options.task:
        task = find_task(FEW_OF if name == FEW else name)
        most = 2 * options.limit if task.sized else sys.maxsize
        draw = Draw(examples=most, seed=options.seed, count=compressor.tokenizer.count, data=options.data)
        rows = [row for row in task.draw(draw) if row.evidence]
        rng = random.Random(f"{options.seed} {name}")
        rng.shuffle(rows)
        pairs = few_sentences(rows, rng) if name == FEW else (with_and_without(row, rows, rng) for row in rows)
        drawn = [pair for pair, _ in zip(pairs, range(options.limit), strict=False)]
        own = [
            [share(compressor, example, answers=not without) for without, example in enumerate(pair)]
            for pair in track(drawn, name, console=Console(stderr=True))
        ]
        measured[name] = [one for pair in own[::2] for one in pair]
        fitted += [one for pair in own[1::2] for one in pair]
    measured["all"] = [one for own in list(measured.values()) for one in own]
    if options.calibrate:
        calibration = calibrated(fitted)
        head = scorer.head
        head.config = replace(head.config, calibration=calibration)
        head.save(options.calibrate)
    found = {name: judged(chances(own, calibration)) for name, own in measured.items()}
    show(
        f"Relevance with and without the evidence; {LEAST} as the least",
        (
            "collection",
            "n",
            "mean with",
            "without",
            "AUC",
            "calibration error",
            "answerable lost",
            "unanswerable found",
        ),
        [
            (
                name,
                str(one["n"]),
                *(f"{one[key]:.2f}" for key in ("with", "without")),
                *(f"{one[key]:.3f}" for key in ("auc", "error")),
                *(f"{one[key]:.0%}" for key in ("lost", "found")),
            )
            for name, one in found.items()
        ],
    )
    seconds = round(time.perf_counter() - started)
    print(json.dumps({"what": "abstention", "machine": machine(), "results": found, "seconds": seconds}))


def share(compressor: Compressor, example: Example, *, answers: bool) -> Measured:
    """Return the instruction's score over an example's documents, their tokens, and whether they answer."""
    nodes = compressor.nodes(example.documents)
    (scores,) = compressor.score([Query(example.query)], nodes)
    return scores.instruction, sum(node.tokens for node in nodes), answers


def chances(measured: Sequence[Measured], calibration: Calibration | None) -> list[tuple[bool, float]]:
    """Return whether each context answers, and its relevance."""
    return [
        (answers, calibration.chance(score, tokens) if calibration else 1 - score)
        for score, tokens, answers in measured
    ]


def judged(measured: Sequence[tuple[bool, float]]) -> dict[str, Any]:
    """Compute AUC, expected calibration error over bins of equal width, and what the least chance finds and loses."""
    labels, values = zip(*measured, strict=True)
    bins: dict[int, list[tuple[bool, float]]] = {}
    for answers, chance in measured:
        bins.setdefault(min(BINS - 1, int(chance * BINS)), []).append((answers, chance))
    error = sum(abs(sum(answers - chance for answers, chance in own)) for own in bins.values()) / len(measured)
    there, gone = ([chance for answers, chance in measured if answers == wanted] for wanted in (True, False))
    return {
        "n": len(gone),
        "with": round(fmean(there), 4),
        "without": round(fmean(gone), 4),
        "auc": round(float(roc_auc_score(labels, values)), 4),
        "error": round(error, 4),
        "lost": round(fmean(chance < LEAST for chance in there), 4),
        "found": round(fmean(chance < LEAST for chance in gone), 4),
    }


def with_and_without(row: Example, rows: Sequence[Example], rng: random.Random) -> tuple[Example, Example]:
    """Return an answerable and an unanswerable version of a row.

    The unanswerable version loses the documents that hold the evidence. The answerable one loses as many others,
    so that both have about the same length. Of a single document, the unanswerable version loses the evidence itself.
    A row of a few documents keeps all, and its unanswerable version asks a question about another context.
    """
    holding = {span.document for span in row.evidence}
    others = [index for index in range(len(row.documents)) if index not in holding]
    if len(row.documents) == 1:
        text = row.documents[0].text
        for span in sorted(row.evidence, reverse=True):
            text = text[: span.start] + text[span.end :]
        return row, replace(row, documents=(replace(row.documents[0], text=text),), evidence=())
    if len(others) <= len(holding):
        foreign = rng.choice([other for other in rows if other.documents != row.documents])
        return row, replace(foreign, documents=row.documents, evidence=())
    return without(row, set(rng.sample(others, len(holding)))), without(row, holding)


def without(row: Example, left_out: set[int]) -> Example:
    """Return the row without some documents and without its evidence."""
    documents = tuple(document for index, document in enumerate(row.documents) if index not in left_out)
    return replace(row, documents=documents, evidence=())


def few_sentences(rows: Sequence[Example], rng: random.Random) -> Iterator[tuple[Example, Example]]:
    """Yield two sentences of a row's document, one of which answers, and two of which none does."""
    for row in rows:
        (span, *_) = row.evidence
        text = row.documents[span.document].text
        cuts = [0, *sentence_ends(text)]
        parts = [text[a:b].strip() for a, b in pairwise(cuts)]
        others = [part for part in parts if part and part not in text[span.start : span.end]]
        if len(others) > 1:
            first, second = rng.sample(others, 2)
            answering = [text[span.start : span.end], first]
            rng.shuffle(answering)
            yield tuple(
                replace(row, documents=(Document(" ".join(own)),), evidence=()) for own in (answering, (first, second))
            )


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

"""Measure what documents that repeat the query do: a table, the same in Markdown, a line of JSON.

python benchmarks/echo.py --data FOLDER
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from statistics import fmean
from unittest import mock

from abstention import show, without
from rich.console import Console
from rich.progress import track
from speed import machine

from longattncomp import Compressed, Compressor, Document, pipeline
from longattncomp.data.rows import Evidence, Example, read_rows
from longattncomp.data.sources import held_back
from longattncomp.evaluation.metrics import evidence_recall
from longattncomp.scorers.methods import DEFAULT, METHODS

BUDGET = 256  # tokens
FILES = ("hotpotqa-train.jsonl.gz", "hotpotqa-more-train.jsonl.gz")

ATTACKS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "none": lambda _: (),
    "the query": lambda query: (query,),
    "in capitals": lambda query: (query.upper(),),
    "Question: the query": lambda query: (f"Question: {query}",),
    "five times": lambda query: (" ".join([query] * 5),),
    "five documents": lambda query: (query,) * 5,
    "all words but the fifth": lambda query: (" ".join(without_fifth(query)),),
    "with a few words": lambda query: (f"{query} Read on to find the answer.",),
    "as a heading": lambda query: (f"# {query}\n\nOur shop sells shoes, hats and gloves for the whole family.\n",),
}

FAQS: dict[str, str] = {
    "Q: and A:": "Q: {}\nA: {}\n\n",
    "headings": "## {}\n\n{}.\n\n",
    "bold, a sentence": "**{}**\n\nIt was {}, as far as anybody can tell from the old papers in the cellar.\n\n",
    "lines": "{}\n{}.\n\n",
    "a chat": "Alice: {}\nBob: {}, I think.\n\n",
}
FAQ_BUDGETS = (64, 128)  # tokens


def main() -> None:
    """Print recall, the copies' share and the instruction's score, with and without the discount."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the rows")
    parser.add_argument("--limit", type=int, default=30, help="questions")
    parser.add_argument("--method", choices=METHODS, default=DEFAULT)
    parser.add_argument("--attack", nargs="+", choices=ATTACKS, default=list(ATTACKS))
    options = parser.parse_args()
    started = time.perf_counter()
    compressor = Compressor.from_pretrained(method=options.method, token_budget=BUDGET)
    rows = list(islice(held_back_rows(options.data), options.limit))
    body: list[tuple[str, ...]] = []
    found: dict[str, dict[str, dict[str, float]]] = {}
    values: dict[tuple[str, bool], list[dict[str, float]]] = defaultdict(list)
    for row in track(rows, "rows", console=Console(stderr=True)):
        for name in options.attack:
            for discount in (False, True):
                with discounting(discount):
                    values[name, discount].append(measured(compressor, row, ATTACKS[name](row.query)))
    for name in options.attack:
        before, after = (
            {key: fmean(value[key] for value in values[name, discount]) for key in values[name, discount][0]}
            for discount in (False, True)
        )
        found[name] = {"without": before, "with": after}
        body.append((name, *(f"{before[key]:.3f} → {after[key]:.3f}" for key in before)))
    show(
        f"Documents that repeat the query, {options.method}, without → with the discount",
        ("attack", "recall", "copies' share", "the same, unanswerable", "instruction", "the same, unanswerable"),
        body,
    )
    faqs: dict[str, dict[str, float]] = {}
    for form in FAQS:
        faqs[form] = {
            f"{budget} {'with' if discount else 'without'}": answers_kept(compressor, rows, form, budget, discount)
            for budget in FAQ_BUDGETS
            for discount in (False, True)
        }
    show(
        "Answers of a FAQ of four questions that are kept, without → with the discount",
        ("form", *(f"{budget} tokens" for budget in FAQ_BUDGETS)),
        [
            (form, *(f"{kept[f'{budget} without']:.3f} → {kept[f'{budget} with']:.3f}" for budget in FAQ_BUDGETS))
            for form, kept in faqs.items()
        ],
    )
    seconds = round(time.perf_counter() - started)
    figures = {
        "method": options.method,
        "n": len(rows),
        "budget": BUDGET,
        "results": found,
        "faqs": faqs,
        "seconds": seconds,
    }
    print(json.dumps({"what": "echo", "machine": machine(), **figures}))


def held_back_rows(data: Path) -> Iterator[Example]:
    """Yield HotpotQA's rows that training never sees."""
    yield from filter(held_back, chain.from_iterable(read_rows(data / file) for file in FILES))


def measured(compressor: Compressor, row: Example, copies: tuple[str, ...]) -> dict[str, float]:
    """Compress an answerable and an unanswerable context with copies of the query in front."""
    added = tuple(map(Document, copies))
    answerable = compressor.compress(row.query, [*added, *row.documents])
    spans = {document.index - len(added): document.spans for document in answerable.documents}
    empty = without(row, {span.document for span in row.evidence})
    unanswerable = compressor.compress(row.query, [*added, *empty.documents])
    return {
        "recall": evidence_recall(spans, row.evidence),
        "share": share(answerable, len(added)),
        "share_unanswerable": share(unanswerable, len(added)),
        "instruction": answerable.instruction_score,
        "instruction_unanswerable": unanswerable.instruction_score,
    }


def answers_kept(compressor: Compressor, rows: Sequence[Example], form: str, budget: int, discount: bool) -> float:
    """Hide each answer beside its question in a FAQ among documents that do not answer, and say how many are kept."""
    rows = [row for row in rows if row.answers[0].lower() not in ("yes", "no")]
    kept = []
    for place, row in enumerate(rows):
        others = [rows[(place + step) % len(rows)] for step in (1, 2, 3)]
        asked = [*others[: place % 4], row, *others[place % 4 :]]
        entries = [FAQS[form].format(one.query, one.answers[0]) for one in asked]
        own = entries[place % 4]
        start = sum(map(len, entries[: place % 4])) + own.index(row.answers[0], own.index(row.query) + len(row.query))
        empty = without(row, {span.document for span in row.evidence}).documents
        with discounting(discount):
            found = compressor.compress(row.query, [Document("".join(entries)), *empty], token_budget=budget)
        spans = {document.index: document.spans for document in found.documents}
        kept.append(evidence_recall(spans, [Evidence(0, start, start + len(row.answers[0]))]))
    return fmean(kept)


def share(result: Compressed, documents: int) -> float:
    """Sum the scores of the first documents."""
    return sum(node.score for node in result.all_nodes if node.document < documents)


def without_fifth(query: str) -> list[str]:
    """List a query's words but for the fifth."""
    words = query.split()
    return words[:4] + words[5:]


@contextmanager
def discounting(on: bool) -> Iterator[None]:
    """Score with the discount, or as if no node repeated the query."""
    if on:
        yield
        return
    off = mock.Mock(side_effect=lambda _, nodes: [1.0] * len(nodes))
    with mock.patch.object(pipeline, "novelty", off):
        yield


if __name__ == "__main__":
    main()

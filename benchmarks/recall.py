"""How much evidence each method keeps, side by side: a table, the same as Markdown, then one line of JSON.

python benchmarks/recall.py --data FOLDER               every collection at its budget
python benchmarks/recall.py --data FOLDER needles       RULER-like needles in real prose
python benchmarks/recall.py --data FOLDER abstention    does the instruction's share tell that nothing answers
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from speed import machine

from longattncomp import Compressor, Query
from longattncomp.evaluation import report
from longattncomp.evaluation.needles import Chains, Needles, hide
from longattncomp.evaluation.rows import Example, read_rows
from longattncomp.evaluation.run import METHODS, OURS, Results, Row, evaluate
from longattncomp.training.sources import held_back

PEERS = ("bm25", "minilm", "rrf")
GONE = "share of the best peer's misses gone"


@dataclass(frozen=True)
class Collection:
    """One collection of development rows.

    Attributes:
        name: of its file and of its column.
        budget: of each context.
        split: whether training sees the rows that are not held back.
        drawn: most rows that are measured unless --limit says otherwise; None for all.
    """

    name: str
    budget: str
    split: bool = False
    drawn: int | None = None

    def examples(self, folder: Path) -> list[Example]:
        """Its rows, titles as first lines."""
        rows = read_rows(folder / f"{self.name}.jsonl.gz")
        return [row for row in rows if not self.split or held_back(row)]


COLLECTIONS = (
    Collection("squad-dev", "4%", drawn=40),
    Collection("qmsum-dev", "10%", drawn=60),
    Collection("lihua-dev", "10%", drawn=50),
    Collection("hotpotqa-train", "20%", split=True),
    Collection("musique-train", "20%", split=True),
    Collection("2wiki-train", "20%", split=True),
)
HIDDEN = (
    *(Needles(needles=count) for count in (1, 2, 4, 8)),
    Needles(needles=2, keys=2, distractors=8),
    Chains(hops=4, distractors=2),
)
HAYSTACK_TOKENS = 32_768
NEEDLE_BUDGET = "2048"
DRAWN = 25  # needle examples, and rows for abstention, of each kind unless --limit says otherwise


def main() -> None:
    """Measure, print, and end with one line of JSON."""
    options = parsed()
    started = time.perf_counter()
    settings = {"node_tokens": options.node_tokens, "head": options.head}
    if OURS not in options.methods:
        settings["method"] = "bm25"  # reads no backbone
    compressor = Compressor.from_pretrained(**settings)
    results = {"recall": recall, "needles": needles, "abstention": abstention}[options.what](options, compressor)
    used = compressor.settings.model_dump(mode="json", exclude={"cache_dir"}, exclude_none=True)
    seconds = round(time.perf_counter() - started)
    print(json.dumps({"what": options.what, "machine": machine(), "settings": used, "seconds": seconds, **results}))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="recall", choices=("recall", "needles", "abstention"))
    parser.add_argument("--data", type=Path, required=True, help="folder of the rows")
    parser.add_argument("--limit", type=int, help="most examples of each kind, drawn by the seed")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="collections, instead of all")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--head", type=Path, help="checkpoint of a head, instead of the default")
    parser.add_argument("--node-tokens", type=int, help="longest node, instead of the default")
    parser.add_argument(
        "--places", nargs="*", default=[], choices=("after", "alone", "cascade"), help="other places of the query too"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    names = [collection.name for collection in COLLECTIONS]
    if unknown := set(options.only or ()) - set(names):
        parser.error(f"--only: expected names out of {', '.join(names)}; got {', '.join(sorted(unknown))}")
    if options.limit is not None and options.limit < 1:
        parser.error(f"--limit: expected at least 1, got {options.limit}")
    return options


def recall(options: argparse.Namespace, compressor: Compressor) -> dict[str, Any]:
    """Every collection at its budget."""
    found: dict[str, Results] = {}
    places = {
        f"{OURS}, {place}": Compressor.from_pretrained(query_place=place, shared=True).scorer
        for place in options.places
    }
    for collection in chosen(options):
        with bar(collection.name) as advance:
            found[collection.name] = evaluate(
                collection.examples(options.data),
                compressor,
                budgets=[collection.budget],
                methods=options.methods,
                scorers=places,
                limit=options.limit or collection.drawn,
                seed=options.seed,
                progress=advance,
            )
    columns = {name: {row.method: row for row in results.rows} for name, results in found.items()}
    heads = [
        f"{name.removesuffix('-train').removesuffix('-dev')}, {only(rows).budget}" for name, rows in columns.items()
    ]
    body = [("n", *(str(only(rows).n) for rows in columns.values()), "")]
    for method in (*options.methods, *places):
        means = [rows[method].recall.mean for rows in columns.values()]
        body.append((method, *map(percent, means), percent(fmean(means))))
    gone = {name: misses_gone(rows) for name, rows in columns.items()}
    if known := [share for share in gone.values() if share is not None]:
        cells = ("-" if share is None else percent(share) for share in gone.values())
        body.append((GONE, *cells, percent(fmean(known))))
    show("Mean evidence recall, %", ("method", *heads, "average"), body)
    return {"results": {name: as_json(results) for name, results in found.items()}, "misses_gone": gone}


def needles(options: argparse.Namespace, compressor: Compressor) -> dict[str, Any]:
    """Needles and chains of assignments in real prose."""
    haystack = paragraphs(options.data / "squad-train.jsonl.gz")
    found: dict[str, Results] = {}
    for kind in HIDDEN:
        examples = hide(
            kind,
            haystack,
            compressor.tokenizer.count,
            examples=options.limit or DRAWN,
            context_tokens=HAYSTACK_TOKENS,
            seed=options.seed,
        )
        with bar(kind.task) as advance:
            found[kind.task] = evaluate(
                examples,
                compressor,
                budgets=[NEEDLE_BUDGET],
                methods=options.methods,
                seed=options.seed,
                progress=advance,
            )
    columns = [{row.method: row for row in results.rows} for results in found.values()]
    body = [
        (
            method,
            *(f"{percent(rows[method].recall.mean)} / {percent(rows[method].strict.mean)}" for rows in columns),
        )
        for method in options.methods
    ]
    title = f"Evidence recall / strict recall, %, {HAYSTACK_TOKENS} tokens at {NEEDLE_BUDGET}, n {only(columns[0]).n}"
    show(title, ("method", *found), body)
    return {"results": {name: as_json(results) for name, results in found.items()}}


def abstention(options: argparse.Namespace, compressor: Compressor) -> dict[str, Any]:
    """AUC of the instruction's share between rows with and without their evidence."""
    from sklearn.metrics import roc_auc_score, roc_curve

    body: list[tuple[str, ...]] = []
    pooled: list[tuple[bool, float]] = []
    found: dict[str, Any] = {}
    for collection in chosen(options):
        rows = [row for row in collection.examples(options.data) if row.evidence]
        rng = random.Random(f"{options.seed} {collection.name}")
        drawn = sorted(rng.sample(range(len(rows)), min(options.limit or DRAWN, len(rows))))
        shares: dict[bool, list[float]] = {False: [], True: []}
        with bar(collection.name) as advance:
            for done, index in enumerate(drawn, 1):
                for empty, example in enumerate(with_and_without(rows[index], rows, rng)):
                    scores = compressor.scorer.score(Query(example.query), compressor.nodes(example.documents))
                    shares[bool(empty)].append(scores.instruction)
                advance(done, len(drawn))
        labels = [empty for empty, values in shares.items() for _ in values]
        values = [*shares[False], *shares[True]]
        pooled += zip(labels, values, strict=True)
        auc = float(roc_auc_score(labels, values))
        found[collection.name] = {"auc": round(auc, 4), "n": len(drawn)} | {
            f"mean_{name}": round(fmean(shares[empty]), 4) for name, empty in (("with", False), ("without", True))
        }
        body.append(
            (collection.name, str(len(drawn)), *(f"{fmean(values):.3f}" for values in shares.values()), f"{auc:.3f}")
        )
    average = fmean(result["auc"] for result in found.values())
    body.append(("average", "", "", "", f"{average:.3f}"))
    false, true, thresholds = roc_curve(*zip(*pooled, strict=True))
    best = int((true - false).argmax())
    telling = {
        "threshold": round(float(thresholds[best]), 3),
        "unanswerable_found": round(float(true[best]), 3),
        "answerable_lost": round(float(false[best]), 3),
    }
    show(
        "Abstention: the instruction's share where the evidence is there and where it is not",
        ("collection", "n", "mean with", "mean without", "AUC"),
        body,
    )
    print(
        f"Instruction score of {telling['threshold']} or more: {percent(telling['unanswerable_found'])}% of what "
        f"cannot be answered, {percent(telling['answerable_lost'])}% of what can."
    )
    return {"results": found, "average_auc": round(average, 4), **telling}


def with_and_without(row: Example, rows: Sequence[Example], rng: random.Random) -> tuple[Example, Example]:
    """A row that can be answered, and the like of it that cannot.

    The documents that hold the evidence are taken out, and from the other row as many that do not,
    so that length tells nothing. Where that would leave nothing, a question about another context
    takes the row's place.
    """
    holding = {span.document for span in row.evidence}
    others = [index for index in range(len(row.documents)) if index not in holding]
    if len(others) <= len(holding):
        foreign = rng.choice([other for other in rows if other.documents != row.documents])
        return row, replace(foreign, documents=row.documents, evidence=())
    return without(row, set(rng.sample(others, len(holding)))), without(row, holding)


def without(row: Example, left_out: set[int]) -> Example:
    """The row without some documents; its evidence is not kept."""
    documents = tuple(document for index, document in enumerate(row.documents) if index not in left_out)
    return replace(row, documents=documents, evidence=())


def misses_gone(rows: Mapping[str, Row]) -> float | None:
    """What part of the evidence that the best peer misses ours finds; None if there is none, or no peer."""
    peers = [rows[name].recall.mean for name in PEERS if name in rows]
    if OURS not in rows or not peers or max(peers) == 1:
        return None
    return (rows[OURS].recall.mean - max(peers)) / (1 - max(peers))


def chosen(options: argparse.Namespace) -> list[Collection]:
    """The collections that were asked for."""
    return [collection for collection in COLLECTIONS if collection.name in (options.only or (collection.name,))]


def paragraphs(file: Path) -> list[str]:
    """The different paragraphs of SQuAD's training rows."""
    with gzip.open(file) as lines:
        return list(dict.fromkeys(json.loads(line)["paragraph"] for line in lines))


def only(rows: Mapping[str, Row]) -> Row:
    """Any method's row: they share their budget and their number of examples."""
    return next(iter(rows.values()))


def as_json(results: Results) -> Any:
    """What `longattncomp eval` prints, as values."""
    return json.loads(report.to_json(results))


def percent(share: float) -> str:
    """One digit after the point."""
    return f"{100 * share:.1f}"


def show(title: str, heads: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """The table that people read, and the one that goes into a README."""
    table = Table(title=title, title_justify="left")
    for index, head in enumerate(heads):
        table.add_column(head, justify="right" if index else "left")
    for cells in body:
        table.add_row(*cells)
    Console(width=140).print(table)
    for cells in (heads, ("---", *["---:"] * (len(heads) - 1)), *body):
        print(f"| {' | '.join(cells)} |")


@contextmanager
def bar(label: str) -> Iterator[Any]:
    """A bar on stderr; yields a function of (done, total)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


if __name__ == "__main__":
    main()

"""Count the structure cases that each method holds, by kind, and records with a key: tables, then a line of JSON.

python benchmarks/structure.py cases.jsonl [--method METHOD ...] [--records N]

A case holds where the lines that a reader needs stand in the result, whole, inside the budget. For `trimwise`, install
trimwise and set TIKTOKEN_CACHE_DIR to a folder with the file of o200k_base.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from abstention import show
from rich.console import Console
from rich.progress import track
from speed import machine

from longattncomp import Compressor
from longattncomp.evaluation.tasks.records import records
from longattncomp.evaluation.tasks.task import Draw

METHODS = ("longattncomp", "bm25", "minilm", "trimwise")
_RECORD_TOKENS, _RECORD_BUDGET = 3_000, 300
_DEFAULT_BUDGET = 16_384

Shorten = Callable[[str, Sequence[str], int | None, dict[str, Any]], str]


def main() -> None:
    """Run all cases through each method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--method", nargs="+", default=METHODS)
    parser.add_argument("--records", type=int, default=30, help="generated lists of records")
    options = parser.parse_args()
    cases = [json.loads(line) for line in options.cases.read_text(encoding="utf-8").splitlines()]
    console = Console(stderr=True)
    counter = Compressor.from_pretrained(method="bm25").tokenizer.count
    draw = Draw(examples=options.records, context_tokens=_RECORD_TOKENS, seed=3, count=counter)
    held: dict[str, dict[str, int]] = {}
    for method in options.method:
        shorten = _trimwise(counter) if method == "trimwise" else _ours(method)
        found: Counter[str] = Counter()
        for case in track(cases, method, console=console):
            text = shorten(case["query"], case["documents"], case["token_budget"], case["options"])
            found[case["kind"]] += _holds(case, text) and counter(text) <= (case["token_budget"] or _DEFAULT_BUDGET)
        for example in track(list(records(draw)), "records", console=console):
            (evidence,) = example.evidence
            whole = example.documents[0].text
            text = shorten(example.query, [whole], _RECORD_BUDGET, {})
            found["records"] += whole[evidence.start : evidence.end] in text
        held[method] = dict(found)
    sizes = Counter(case["kind"] for case in cases) | Counter({"records": options.records})
    body = [
        (kind, str(size), *(str(found.get(kind, 0)) for found in held.values())) for kind, size in sorted(sizes.items())
    ]
    totals = [sum(count for kind, count in found.items() if kind != "records") for found in held.values()]
    body.append(("all cases", str(len(cases)), *map(str, totals)))
    show("Cases that hold", ("kind", "of", *held), body)
    print(json.dumps({"what": "structure", "machine": machine(), "of": sizes, "held": held}))


def _holds(case: dict[str, Any], text: str) -> bool:
    def stands(wanted: str | list[str]) -> bool:
        return any(one in text for one in ([wanted] if isinstance(wanted, str) else wanted))

    return all(map(stands, case["must"])) and not any(map(stands, case["must_not"]))


def _ours(method: str) -> Shorten:
    compressor = Compressor.from_pretrained(method=method)

    def shorten(query: str, documents: Sequence[str], budget: int | None, options: dict[str, Any]) -> str:
        given = {"token_budget": budget} if budget else {}
        return compressor.compress(query, documents, **options, **given).text

    return shorten


def _trimwise(counter: Callable[[str], int]) -> Shorten:
    from trimwise import Trimmer

    trimmer = Trimmer()

    def shorten(query: str, documents: Sequence[str], budget: int | None, _: dict[str, Any]) -> str:
        limit = budget or _DEFAULT_BUDGET
        found = trimmer.trim_context(
            list(documents), limit, strategy="lexical", query=query, token_counter=counter, separator="\n\n"
        )
        return str(found.text)

    return shorten


if __name__ == "__main__":
    main()

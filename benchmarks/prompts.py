"""Measure evidence recall of whole prompts: documents given, one text given, the query parsed, the last 128 tokens.

python benchmarks/prompts.py --data FOLDER
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from abstention import show
from rich.console import Console
from rich.progress import track
from speed import machine

from longattncomp import Compressor
from longattncomp.data.rows import Evidence, Example
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.metrics import evidence_recall
from longattncomp.evaluation.tasks.catalogue import find_task
from longattncomp.evaluation.tasks.task import Draw

TASKS = ("hotpotqa", "musique", "2wiki", "chat@8k", "niah-multikey@8k", "code-debug@8k")
MODES = ("given", "one text", "accurate", "arbitrary")
LEAST = 256  # tokens of the smallest budget: twice the query of 128 tokens that mode="arbitrary" always keeps


def main() -> None:
    """Measure every task, print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the rows")
    parser.add_argument("--task", nargs="+", default=TASKS, help="as `longattncomp eval` takes it")
    parser.add_argument("--budget", default="20%")
    parser.add_argument("--limit", type=int, default=10, help="examples of each task")
    parser.add_argument("--method", choices=("longattncomp", "longattncomp-alone"), default="longattncomp")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.perf_counter()
    compressor = Compressor.from_pretrained(method=options.method)
    budget = Budget.parse(options.budget)
    found: dict[str, dict[str, float]] = {}
    for name in options.task:
        task = find_task(name)
        draw = Draw(examples=options.limit, seed=options.seed, count=compressor.tokenizer.count, data=options.data)
        shares: dict[str, list[float]] = {mode: [] for mode in MODES}
        for example in track(list(task.draw(draw)), name, console=Console(stderr=True)):
            prompt = as_prompt(example, task.prompt)
            most = max(LEAST, budget.of(compressor.count(prompt[0])))
            for mode in MODES:
                shares[mode].append(kept(prompt, example, mode, compressor, most))
        found[name] = {mode: fmean(values) for mode, values in shares.items()}
    means = {mode: fmean(row[mode] for row in found.values()) for mode in MODES}
    body = [(name, *(f"{100 * row[mode]:.1f}" for mode in MODES)) for name, row in {**found, "average": means}.items()]
    show(
        f"Evidence recall of whole prompts at {budget} and {LEAST} tokens at least, %, n = {options.limit}",
        ("task", *MODES),
        body,
    )
    seconds = round(time.perf_counter() - started)
    print(json.dumps({"what": "prompts", "machine": machine(), "method": options.method, "seconds": seconds, **found}))


def as_prompt(example: Example, template: str) -> tuple[str, tuple[Evidence, ...]]:
    """Return the prompt that a chain would send, and the spans of the evidence in it."""
    before, after = template.split("{context}")
    starts, text = [], before
    for document in example.documents:
        starts.append(len(text))
        text += f"{document.text}\n\n"
    evidence = tuple(
        replace(span, document=0, start=starts[span.document] + span.start, end=starts[span.document] + span.end)
        for span in example.evidence
    )
    return text.rstrip("\n") + after.replace("{query}", example.query).replace("{options}", ""), evidence


def kept(
    prompt: tuple[str, Sequence[Evidence]], example: Example, mode: Any, compressor: Compressor, most: int
) -> float:
    """Return the evidence recall of one example; the question in a prompt is kept and counts against the budget."""
    text, evidence = prompt
    if mode == "given":
        result = compressor.compress(example.query, example.documents, token_budget=most, top_p=1.0)
        evidence = example.evidence
    elif mode == "one text":
        text, evidence = as_prompt(example, "{context}")
        result = compressor.compress(example.query, text, token_budget=most, top_p=1.0)
    else:
        result = compressor.compress_prompt(text, mode=mode, token_budget=most, top_p=1.0)
    return evidence_recall({document.index: document.spans for document in result.documents}, evidence)


if __name__ == "__main__":
    main()

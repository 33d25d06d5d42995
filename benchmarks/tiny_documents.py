"""Measure what many one-line documents cost beside their text as one document: a table, then one line of JSON.

python benchmarks/tiny_documents.py

The ratio is taken within a run, on one thread. Nothing is cached between questions; "cache" keeps what it reads.
"""

from __future__ import annotations

import argparse
import json
import random
from functools import partial
from statistics import median
from typing import Any

import torch
from abstention import show
from speed import REPEATS, machine, timed

from longattncomp import Compressor

NAMES = ("Anna", "Boris", "Clara", "David", "Emma", "Farid", "Grace", "Henry")
THINGS = ("the rent", "a new key", "an old lamp", "the lease", "two chairs", "a garden gate")
QUESTION = "Who paid the lease in June?"
METHODS = ("longattncomp-alone", "longattncomp")


def main() -> None:
    """Measure both methods, with and without a cache, print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=400, help="how many documents")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="how often each is measured")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = {
        f"{method}, {'cache' if cache else 'no cache'}": measure(method, cache, options.documents, options.repeats)
        for method in METHODS
        for cache in (False, True)
    }
    body = [(name, *map(str, row.values())) for name, row in found.items()]
    show(f"{options.documents} documents of a line", ("method", *next(iter(found.values()))), body)
    print(json.dumps({"what": "tiny documents", "machine": machine(), "documents": options.documents, "found": found}))


def measure(method: str, cache: bool, documents: int, repeats: int) -> dict[str, Any]:
    """Return the median seconds for documents and for their text as one, and the median ratio.

    Args:
        method: the compressor's.
        cache: whether what is read is kept.
        documents: how many there are.
        repeats: how often both are measured, in turn and with other texts each time.
    """
    compressor = Compressor.from_pretrained(method=method, device="cpu", cache_bytes=10**9 if cache else 0)
    compressor.compress(QUESTION, lines(documents, seed=-1))  # what only the first call does
    many, one = [], []
    tokens = 0
    for seed in range(repeats):
        texts = lines(documents, seed)
        together = "\n".join(lines(documents, repeats + seed))
        many.append(timed(partial(compressor.compress, QUESTION, texts)))
        one.append(timed(partial(compressor.compress, QUESTION, together)))
        tokens = compressor.count("\n".join(texts))
    return {
        "tokens": tokens,
        "documents, s": round(median(many), 2),
        "one document, s": round(median(one), 2),
        "ratio": round(median(a / b for a, b in zip(many, one, strict=True)), 2),
    }


def lines(count: int, seed: int) -> list[str]:
    """Return short sentences, no two alike.

    Args:
        count: how many.
        seed: of the choice.
    """
    draw = random.Random(seed)
    numbers = draw.sample(range(10_000, 100_000), count)
    return [f"{draw.choice(NAMES)} paid {draw.choice(THINGS)} {number}." for number in numbers]


if __name__ == "__main__":
    main()

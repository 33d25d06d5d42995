"""Measure whether the steps that use no model take linear time: a table, the same in Markdown, then one line of JSON.

python benchmarks/linear.py

Every text is measured as prose with line ends, as one line of sentences, and as one word without an end.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from abstention import show
from speed import machine, timed

from longattncomp import Compressor, Document, Query, Settings
from longattncomp.chunking.nodes import chunk
from longattncomp.query.parsing import parse_prompt
from longattncomp.scorers.bm25 import BM25Scorer
from longattncomp.testing import ByteTokenizer

SENTENCE = "The tenant of flat 12 paid the rent for May on the 3rd, and the owner signed the lease. "
TEXTS: dict[str, Callable[[int], str]] = {
    "prose": lambda size: (f"{SENTENCE * 8}\n\n" * (size // (8 * len(SENTENCE)) + 1))[:size],
    "one line": lambda size: (SENTENCE * (size // len(SENTENCE) + 1))[:size],
    "one word": lambda size: "x" * size,
}
MEGABYTES = (0.1, 1.0, 10.0)
NODE_TOKENS = 256  # bytes, as `ByteTokenizer` counts
QUESTION = "Who signed the lease?"


def main() -> None:
    """Measure every text at every size, print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, nargs="+", default=MEGABYTES, help="sizes of the texts")
    options = parser.parse_args()
    found = {
        f"{name}, {size:g} MB": measure(text(int(size * 1e6)))
        for name, text in TEXTS.items()
        for size in options.megabytes
    }
    body = [(name, *(f"{value:.2f}" for value in row.values())) for name, row in found.items()]
    show("Seconds", ("text", *next(iter(found.values()))), body)
    print(json.dumps({"what": "linear", "machine": machine(), "seconds": found}))


def measure(text: str) -> dict[str, float]:
    """Return the seconds of each step over one text.

    Args:
        text: one document.
    """
    tokenizer, scorer, query = ByteTokenizer(), BM25Scorer(), Query(QUESTION)
    documents = [Document(text)]
    nodes = chunk(documents, tokenizer, node_tokens=NODE_TOKENS, boundary="unit")
    settings = Settings(method="bm25", node_tokens=NODE_TOKENS)
    result = Compressor(scorer, tokenizer, settings=settings).compress(query, documents)
    steps: dict[str, Callable[[], object]] = {
        "counting": lambda: tokenizer.encode(text),
        "chunking, counting included": lambda: chunk(documents, tokenizer, node_tokens=NODE_TOKENS, boundary="unit"),
        "parse_prompt": lambda: parse_prompt(f"{text}\n\nQuestion: {QUESTION}", tokenizer=tokenizer),
        "BM25": lambda: scorer.score(query, nodes),
        "to_html": result.to_html,
    }
    return {name: round(timed(work), 3) for name, work in steps.items()}


if __name__ == "__main__":
    main()

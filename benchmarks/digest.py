"""Did a change of the code change a result: digests of scores and kept spans, a table, then one line of JSON.

python benchmarks/digest.py --data FOLDER

Run it on two commits, on one core of one machine (`taskset -c 0`). Equal digests mean that every score is the same, bit
for bit, and every kept character.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from abstention import show
from rich.progress import track
from speed import machine

from longattncomp import Compressed, Compressor
from longattncomp.cli.compression import DEMO_QUERY
from longattncomp.cli.documents import read_documents
from longattncomp.evaluation.tasks.catalogue import find_task
from longattncomp.evaluation.tasks.task import Draw

TASKS = {"hotpotqa": 0.2, "musique": 0.2, "qmsum-dev": 0.1}
"""Task -> `keep_rate`."""


def main() -> None:
    """Compress the demo's sources and the first rows of each task, at the default settings and at the task's budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the rows")
    parser.add_argument("--limit", type=int, default=30, help="most rows of each task")
    options = parser.parse_args()
    compressor = Compressor.from_pretrained()
    sources = read_documents([str(Path(asyncio.__file__).parent)], suffix=".py")
    found = {"demo": digest([compressor.compress(DEMO_QUERY, sources, token_budget=2048)])}
    for name, rate in TASKS.items():
        draw = Draw(examples=options.limit, count=compressor.tokenizer.count, data=options.data)
        examples = track(list(find_task(name).draw(draw)), name)
        found[name] = digest(
            compressor.compress(example.query, example.documents, **rules)
            for example in examples
            for rules in ({}, {"keep_rate": rate, "top_p": 1.0})
        )
    show("Digests of scores and kept spans", ("rows", "digest"), list(found.items()))
    print(json.dumps({"what": "digest", "machine": machine(), "limit": options.limit, "digests": found}))


def digest(results: Iterable[Compressed]) -> str:
    """A digest of every node's score and of what was kept.

    Args:
        results: in order.
    """
    state = hashlib.sha256()
    for result in results:
        kept = [(document.index, document.spans) for document in result.documents]
        state.update(repr((result.scores, result.instruction_score, result.tokens, kept)).encode())
    return state.hexdigest()[:16]


if __name__ == "__main__":
    main()

"""What a machine that is busy with other work costs: a table, then one line of JSON.

python benchmarks/busy.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from speed import machine, sources, timed

from longattncomp import Compressor
from longattncomp.backbone.processors import Processors

REPEATS = 5
TOKENS = 4096
QUESTION = "Which of these is told of first?"
OTHERS = "import torch; torch.set_num_threads({threads}); a = torch.rand(1000, 1000)\nwhile True: a @ a"


def main() -> None:
    """Seconds for one question over unread text, beside so many busy threads of another process."""
    cores = torch.get_num_threads()
    compressor = Compressor.from_pretrained(cache_bytes=0)
    texts = sources(TOKENS)
    chosen = Processors.threads

    def ask() -> object:
        return compressor.compress(QUESTION, texts, token_budget=200)

    ways = {
        f"{cores} threads": lambda _, __: cores,
        "1 thread": lambda _, __: 1,
        "as many as processors are free": chosen,
    }
    found: dict[str, dict[int, float]] = {way: {} for way in ways}
    for busy in (0, 1, cores):
        with ExitStack() as stack:
            if busy:
                command = [sys.executable, "-c", OTHERS.format(threads=busy)]
                stack.callback(stack.enter_context(subprocess.Popen(command)).kill)
                time.sleep(3)  # until it works
            for way, threads in ways.items():
                Processors.threads = threads  # type: ignore[method-assign]
                ask()
                found[way][busy] = median(timed(ask) for _ in range(REPEATS))
    table = Table("seconds", *(f"{busy} busy" for busy in (0, 1, cores)), title=str(machine()))
    for way, row in found.items():
        table.add_row(way, *(f"{seconds:.2f}" for seconds in row.values()))
    Console(width=120).print(table)
    print(json.dumps({"what": "busy", "machine": machine(), "seconds": found}))


if __name__ == "__main__":
    main()

"""Measure a busy machine: several threads, other processes, many small calls. Prints tables, then one line of JSON.

python benchmarks/busy.py
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from speed import machine, sources, timed

from longattncomp import Compressor
from longattncomp.runtime.processors import Processors

REPEATS = 5
CHARACTERS_READ = 12_000
TOKENS_KEPT = 30_000
CONTEXTS, DOCUMENTS, CHARACTERS = 16, 4, 250
"""Size of the small contexts, each of which is smaller than one batch."""
MAIN, OTHER = "main thread", "another thread"
QUESTION = "Which of these is told of first?"
OTHERS = "import torch; torch.set_num_threads({threads}); a = torch.rand(1000, 1000)\nwhile True: a @ a"


def main() -> None:
    """Time questions over cached text in several threads, and over new text beside busy processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", nargs="+", choices=(MAIN, OTHER), help=argparse.SUPPRESS)
    if callers := parser.parse_args().threads:
        print(json.dumps(in_threads(callers)))
        return
    cores = torch.get_num_threads()
    second = {"apart": child(MAIN) | child(OTHER), "one after the other": child(MAIN, OTHER)}
    Console(width=120).print(f"a second question, seconds: {second}")
    compressor = Compressor.from_pretrained(cache_bytes=0)
    text = "".join(sources(CHARACTERS_READ))[:CHARACTERS_READ]
    chosen = Processors.threads

    def ask() -> object:
        return compressor.compress(QUESTION, text, token_budget=200)

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
                time.sleep(3)  # until the other process has started its work
            for way, threads in ways.items():
                Processors.threads = threads  # type: ignore[method-assign]
                ask()
                found[way][busy] = median(timed(ask) for _ in range(REPEATS))
    table = Table(
        "seconds",
        *(f"{busy} busy" for busy in (0, 1, cores)),
        title=", ".join(f"{key} {value}" for key, value in machine().items()),
    )
    for way, row in found.items():
        table.add_row(way, *(f"{seconds:.2f}" for seconds in row.values()))
    Console(width=120).print(table)
    Processors.threads = chosen  # type: ignore[method-assign]
    calls = at_once(compressor)
    Console(width=120).print(f"{CONTEXTS} small contexts, seconds: {calls}")
    results = {"second_question": second, "seconds": found, "calls": calls}
    print(json.dumps({"what": "busy", "machine": machine(), **results}))


def in_threads(callers: Sequence[str]) -> dict[str, float]:
    """Return the seconds of a second question in each of these threads, one thread after the other."""
    compressor = Compressor.from_pretrained()
    documents = sources(TOKENS_KEPT)

    def ask() -> float:
        compressor.prepare(documents)
        times = [timed(lambda: compressor.compress(QUESTION, documents, token_budget=2048)) for _ in range(REPEATS)]
        return round(median(times), 2)

    with ThreadPoolExecutor(1) as pool:
        return {caller: ask() if caller == MAIN else pool.submit(ask).result() for caller in callers}


def child(*callers: str) -> dict[str, float]:
    """Run `in_threads` in a new process, because PyTorch's threads live as long as their process."""
    output = subprocess.run(
        [sys.executable, __file__, "--threads", *callers], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    return found


def at_once(compressor: Compressor) -> dict[str, float]:
    """Return the seconds of the same contexts compressed one by one and as a batch, measured in turn."""
    text = "".join(sources(CONTEXTS * DOCUMENTS * CHARACTERS))
    pieces = [text[start : start + CHARACTERS] for start in range(0, CONTEXTS * DOCUMENTS * CHARACTERS, CHARACTERS)]
    contexts = [pieces[start : start + DOCUMENTS] for start in range(0, len(pieces), DOCUMENTS)]
    ways = {
        "one after the other": lambda: [compressor.compress(QUESTION, one, token_budget=100) for one in contexts],
        "compress_batch": lambda: compressor.compress_batch([QUESTION] * CONTEXTS, contexts, token_budget=100),
    }
    runs = [{way: timed(work) for way, work in ways.items()} for _ in range(REPEATS + 1)][1:]
    return {way: round(median(run[way] for run in runs), 2) for way in ways}


if __name__ == "__main__":
    main()

"""Measure what many small contexts leave in memory: a table, the same in Markdown, a line of JSON.

python benchmarks/memory.py
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import tempfile
import time
from pathlib import Path

import psutil
from abstention import show
from rich.console import Console
from rich.progress import track
from speed import machine

from longattncomp import Compressor
from longattncomp.testing import save_draft_model

CACHE_BYTES = 1_000_000
WORDS = ("lease", "the", "signed", "Ada", "Marsh", "roof", "1987", "rent", "where", "garden")


def main() -> None:
    """Print how much the process has grown after each fifth of the calls."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=5_000)
    options = parser.parse_args()
    started = time.perf_counter()
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        compressor = Compressor.from_pretrained(
            save_draft_model(Path(folder)), head="untrained", layers=2, model_dir=folder, cache_bytes=CACHE_BYTES
        )
        for number in range(200):
            ask(compressor, -1 - number)
        gc.collect()
        before = process.memory_info().rss
        grown: dict[int, float] = {}
        for number in track(range(options.calls), "calls", console=Console(stderr=True)):
            ask(compressor, number)
            if (number + 1) % (options.calls // 5) == 0:
                gc.collect()
                grown[number + 1] = round((process.memory_info().rss - before) / 1e6, 1)
    body = [(f"{calls:,}", f"{megabytes:.1f}") for calls, megabytes in grown.items()]
    show(f"Growth of the process, cache_bytes={CACHE_BYTES:,}", ("calls over distinct documents", "MB"), body)
    seconds = round(time.perf_counter() - started)
    print(json.dumps({"what": "memory", "machine": machine(), "grown_mb": grown, "seconds": seconds}))


def ask(compressor: Compressor, number: int) -> None:
    """Compress a document of about 70 words that no other call has."""
    draw = random.Random(number)
    text = f"Number {number}. " + ". ".join(" ".join(draw.choices(WORDS, k=5)) for _ in range(12))
    compressor.compress(f"Where is garden {number}?", [text], token_budget=60)


if __name__ == "__main__":
    main()

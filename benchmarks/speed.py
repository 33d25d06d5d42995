"""Measure the speed and memory of the engine on this machine: a table, then one line of JSON.

python benchmarks/speed.py
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from longattncomp import Settings

REPEATS = 3
PLAIN_TOKENS = 8192
SEGMENT = (1, 1024)
CHARACTERS = 4.4  # per token of asyncio's sources
MILLION, MILLION_CHARACTERS = 1_000_000, 2.72  # characters per token in the library's first million tokens
SHAPES = ((1, 256), (4, 256), (1, 512), (1, 1024), (2, 1024))
QUERY = "How does a TaskGroup cancel its other tasks when one of them fails?"


def main() -> None:
    """Measure everything, print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peak", nargs="+", help="measure only `peak(DTYPE, TOKENS, CACHE_BYTES)`")
    if given := parser.parse_args().peak:
        print(json.dumps(peak(given[0], *map(int, given[1:]))))
        return
    results: dict[str, Any] = {"machine": machine()}
    # This runs first, because a large parent process can count as its child's peak memory.
    peaks = {dtype: child("--peak", dtype, "100000") for dtype in ("float32", "bfloat16")}
    results["million"] = child("--peak", "bfloat16", str(MILLION), "0")
    for dtype, found in peaks.items():
        results[dtype] = speed(dtype) | {"peak": found}
    results["import_s"] = fresh("import longattncomp")
    results["first_compress_2k_s"] = fresh(
        "from longattncomp import Compressor; Compressor.from_pretrained().compress('Who cancels?', 'word ' * 2000)"
    )
    show(results)
    print(json.dumps(results))


def machine() -> dict[str, Any]:
    """Describe the machine and the date."""
    abilities = torch.cpu.get_capabilities()
    return {
        "processor": abilities.get("cpu_name", platform.processor()),
        "threads": torch.get_num_threads(),
        "avx512_bf16": bool(abilities.get("avx512_bf16")),
        "amx_bf16": bool(abilities.get("amx_bf16")),
        "torch": torch.__version__,
        "date": time.strftime("%Y-%m-%d"),
    }


def speed(dtype: str) -> dict[str, Any]:
    """Return tokens per second of a plain forward and of scoring, measured in turn, and how cost grows with length."""
    from longattncomp import Compressor, Query

    compressor = Compressor.from_pretrained(dtype=dtype, device="cpu", cache_bytes=0)
    scorer: Any = compressor.scorer
    model = scorer.backbone._model
    attention = model.config._attn_implementation
    nodes = compressor.nodes(sources(70_000))
    parts = {size: upto(nodes, size) for size in (16_000, 64_000)}
    tokens = {size: sum(node.tokens for node in part) for size, part in parts.items()}

    @torch.inference_mode()
    def plain(shape: tuple[int, int]) -> None:
        for _ in range(max(1, PLAIN_TOKENS // (shape[0] * shape[1]))):
            model(input_ids=torch.randint(0, 40_000, shape), use_cache=False)

    speeds: dict[tuple[int, int], list[float]] = {shape: [] for shape in SHAPES}
    seconds: dict[int, list[float]] = {size: [] for size in parts}
    own: list[float] = []
    for _ in range(REPEATS):
        model.set_attn_implementation("sdpa")  # the default of transformers
        for shape in SHAPES:
            speeds[shape].append(PLAIN_TOKENS / timed(lambda shape=shape: plain(shape)))
        model.set_attn_implementation(attention)
        own.append(PLAIN_TOKENS / timed(lambda: plain(SEGMENT)))
        for size, part in parts.items():
            seconds[size].append(timed(lambda part=part: scorer.score(Query(QUERY), part)))
    best = max(speeds, key=lambda shape: median(speeds[shape]))
    cost = {size: median(times) for size, times in seconds.items()}
    ours = tokens[16_000] / cost[16_000]
    return {
        "plain_best_shape": best,
        "plain_tokens_s": round(median(speeds[best])),
        "segment_sdpa_tokens_s": round(median(speeds[SEGMENT])),
        "segment_own_tokens_s": round(median(own)),
        "scoring_tokens_s": round(ours),
        "scoring_over_plain": round(ours / median(speeds[best]), 2),
        "score_16k_s": round(cost[16_000], 2),
        "score_64k_s": round(cost[64_000], 2),
        "cost_64k_over_16k": round(cost[64_000] / cost[16_000] * 4 * tokens[16_000] / tokens[64_000], 2),
    }


def peak(dtype: str, tokens: int, cache_bytes: int = Settings().cache_bytes) -> dict[str, Any]:
    """Compress about `tokens` tokens and return the seconds and the peak resident memory of this process in MB."""
    import resource

    from longattncomp import Compressor

    compressor = Compressor.from_pretrained(dtype=dtype, device="cpu", cache_bytes=cache_bytes)
    started = time.perf_counter()
    characters = MILLION_CHARACTERS if tokens == MILLION else CHARACTERS
    result = compressor.compress(QUERY, sources(tokens, characters), token_budget=2048)
    unit = 1 if platform.system() == "Darwin" else 1024
    return {
        "tokens": result.original_tokens,
        "seconds": round(time.perf_counter() - started, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6),
    }


def sources(tokens: int, characters: float = CHARACTERS) -> list[str]:
    """Return about `tokens` tokens of the standard library, one document for each file, asyncio first."""
    library = Path(json.__file__).parents[1]
    texts: dict[str, None] = {}
    left = tokens * characters
    for file in [
        *sorted(library.glob("asyncio/*.py")),
        *sorted(library.glob("[a-z]*/*.py")),
        *sorted(library.glob("*.py")),
    ]:
        if left <= 0 or "site-packages" in file.parts:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")[: int(left) + 1]
        left -= 0 if text in texts else len(text)
        texts[text] = None
    return list(texts)


def upto(nodes: list[Any], tokens: int) -> list[Any]:
    """Return the first nodes, as many as have `tokens` tokens together."""
    sizes = list(accumulate(node.tokens for node in nodes))
    return nodes[: bisect_right(sizes, tokens)]


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def fresh(code: str) -> float:
    """Return the median seconds of the code in a new interpreter, less those of an empty program."""
    runs = {
        source: [timed(lambda s=source: subprocess.run([sys.executable, "-c", s], check=True)) for _ in range(5)]
        for source in ("pass", code)
    }
    return round(median(runs[code]) - median(runs["pass"]), 2)


def child(*arguments: str) -> dict[str, Any]:
    """Run this script in a new process and return its JSON."""
    output = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True).stdout
    return dict(json.loads(output.splitlines()[-1]))


def show(results: dict[str, Any]) -> None:
    """Print the table."""
    table = Table("", "float32", "bfloat16", title=", ".join(f"{k} {v}" for k, v in results["machine"].items()))
    for label, key in (
        ("plain forward, best shape", "plain_best_shape"),
        ("plain forward, tokens/s", "plain_tokens_s"),
        ("one segment, transformers' attention, tokens/s", "segment_sdpa_tokens_s"),
        ("one segment, our attention, tokens/s", "segment_own_tokens_s"),
        ("scoring 16k, tokens/s", "scoring_tokens_s"),
        ("scoring over plain forward", "scoring_over_plain"),
        ("scoring 16k tokens, s", "score_16k_s"),
        ("scoring 64k tokens, s", "score_64k_s"),
        ("64k over 16k", "cost_64k_over_16k"),
    ):
        table.add_row(label, *(str(results[dtype][key]) for dtype in ("float32", "bfloat16")))
    for label, key in (("compressing 100k tokens, s", "seconds"), ("peak memory, MB", "peak_mb")):
        table.add_row(label, *(str(results[dtype]["peak"][key]) for dtype in ("float32", "bfloat16")))
    for label, key in (("compressing a million, tokens", "tokens"), ("seconds", "seconds"), ("peak, MB", "peak_mb")):
        table.add_row(label, "", str(results["million"][key]))
    table.add_row("import longattncomp, s", str(results["import_s"]), "")
    table.add_row("new process, first 2k tokens, s", "", str(results["first_compress_2k_s"]))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()

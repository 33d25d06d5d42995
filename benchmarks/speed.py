"""Speed and memory of the engine on this machine: a table, then one line of JSON."""

from __future__ import annotations

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
CHARACTERS = 4.4  # a token of asyncio's sources
MILLION, MILLION_CHARACTERS = 1_000_000, 2.72  # a token of the library's first million
SHAPES = ((1, 256), (4, 256), (1, 512), (1, 1024), (2, 1024))
QUERY = "How does a TaskGroup cancel its other tasks when one of them fails?"


def main() -> None:
    """Measure, print, and end with one line of JSON."""
    if sys.argv[1:2] == ["--peak"]:
        print(json.dumps(peak(sys.argv[2], *map(int, sys.argv[3:]))))
        return
    results: dict[str, Any] = {"machine": machine()}
    # First: what this process holds when it starts another may be counted as the other's peak.
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
    """What the figures were measured on."""
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
    """Tokens a second of a plain forward and of scoring, measured in turn, and the cost of length."""
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
        model.set_attn_implementation("sdpa")  # what transformers uses
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
    """Compress so many tokens in this process; its peak resident memory in MB."""
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
    """About so many tokens of the standard library, a file a document, none twice, asyncio first."""
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
    """The first nodes with so many tokens in all."""
    sizes = list(accumulate(node.tokens for node in nodes))
    return nodes[: bisect_right(sizes, tokens)]


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def fresh(code: str) -> float:
    """Median seconds of a new interpreter running the code, less those of an empty one."""
    runs = {
        source: [timed(lambda s=source: subprocess.run([sys.executable, "-c", s], check=True)) for _ in range(5)]
        for source in ("pass", code)
    }
    return round(median(runs[code]) - median(runs["pass"]), 2)


def child(*arguments: str) -> dict[str, Any]:
    """This script in a process of its own."""
    output = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True).stdout
    return dict(json.loads(output.splitlines()[-1]))


def show(results: dict[str, Any]) -> None:
    """The table that people read."""
    table = Table("", "float32", "bfloat16", title=", ".join(f"{k} {v}" for k, v in results["machine"].items()))
    for label, key in (
        ("plain forward, best shape", "plain_best_shape"),
        ("plain forward, tokens/s", "plain_tokens_s"),
        ("one segment, transformers' attention, tokens/s", "segment_sdpa_tokens_s"),
        ("one segment, the attention we run, tokens/s", "segment_own_tokens_s"),
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

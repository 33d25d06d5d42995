"""Measure the time to a local target's first token from text, from vectors and from whole keys: tables, a plot, JSON.

python benchmarks/soft_speed.py [--tokens 512 1024 ...] [--plot FILE]

Adapters are untrained, for training changes no time. `fresh` compresses and reads; `cached` reads vectors of a
store that were compressed before; `again` is the next question over the same context. Medians of three.
It takes some twenty minutes, and prints each length as soon as it is measured.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from speed import machine, sources, timed

from longattncomp.settings import Settings
from longattncomp.soft.adapter import untrained
from longattncomp.soft.context import SoftContext
from longattncomp.soft.reader import SoftReader
from longattncomp.soft.target import Memory, Target

TARGET = "smollm2-135m-instruct"
LENGTHS = (512, 1024, 2048, 4096, 7500)
COMPRESSED = 4096  # tokens whose compression is timed
RATIOS = {"compllm": 2, "sac": 5}
QUESTION = "Which of these functions waits for a future?"
REPEATS = 3


def main() -> None:
    """Measure every length, print tables, draw the plot, then print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=LENGTHS, help="lengths of the context")
    parser.add_argument("--plot", type=Path, help="file for a PNG with the seconds by length")
    options = parser.parse_args()
    settings = Settings.load()
    target = Target(TARGET, model_dir=settings.model_dir, device=settings.device, dtype=settings.dtype)
    text = "\n\n".join(sources(2 * max(*options.tokens, COMPRESSED)))
    ends = target.tokenizer.encode(text).ends
    lengths = {tokens: text[: ends[tokens - 1]] for tokens in options.tokens}
    seconds = {}
    for tokens, own in lengths.items():
        seconds[tokens] = first_tokens(target, own)
        print(json.dumps({"tokens": tokens, "seconds": seconds[tokens]}), flush=True)
    sizes = {method: compressing(target, method, text[: ends[COMPRESSED - 1]]) for method in RATIOS}
    show(seconds, sizes)
    if options.plot:
        draw(seconds, options.plot)
    results = {"machine": machine(), "seconds": seconds, "methods": sizes}
    print(json.dumps({"what": "soft_speed", **results}))


def first_tokens(target: Target, text: str) -> dict[str, float]:
    """Time the first token after a text, in every form."""
    readers = {
        (method, kind): SoftReader(target, untrained(method, target, (ratio,)), **options)
        for method, ratio in RATIOS.items()
        for kind, options in {
            "fresh": {"cache_bytes": 0},
            "cached": {"cache_bytes": 0, "store": Store()},
            "again": {},
        }.items()
    }
    plain = readers["sac", "again"]
    found = {"full text": repeated(lambda: first_token(plain, f"{text}\n\n{QUESTION}", None))}
    for (method, kind), reader in readers.items():
        found[f"{method}, {kind}"] = repeated(lambda own=reader: first_token(own, QUESTION, own.compress(text)))  # type: ignore[misc]
    ids = list(target.tokenizer.encode(text).ids)
    with torch.inference_mode():
        memory = target.read(Memory(), target.embed(ids)[None]).memory
        asked = target.embed(target.form.around(f"\n\n{QUESTION}")[1])[None]
        found["whole keys, cached"] = repeated(lambda: target.read(memory, asked))
    return found


class Store(dict[str, bytes]):
    """Vectors as another process finds them."""

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def mset(self, pairs: Sequence[tuple[str, bytes]]) -> None:
        self.update(pairs)


def first_token(reader: SoftReader, question: str, context: SoftContext | None) -> None:
    list(reader.stream(question, context, answer_tokens=1))


def compressing(target: Target, method: str, text: str) -> dict[str, float]:
    """Measure bytes a token, and tokens compressed in a second."""
    reader = SoftReader(target, untrained(method, target, (RATIOS[method],)), cache_bytes=0)
    context = reader.compress(text)
    return {
        "bytes_a_token": round(context.nbytes / context.tokens),
        "tokens_s": round(context.tokens / repeated(lambda: reader.compress(text))),
    }


def repeated(work: Callable[[], Any]) -> float:
    work()  # and warms up
    return round(median(timed(work) for _ in range(REPEATS)), 4)


def show(seconds: dict[int, dict[str, float]], sizes: dict[str, dict[str, float]]) -> None:
    """Print the tables."""
    table = Table("time to the first token, s", *(f"{tokens:,} tokens" for tokens in seconds))
    for name in next(iter(seconds.values())):
        table.add_row(name, *(f"{own[name]:.3f}" for own in seconds.values()))
    Console(width=120).print(table)
    table = Table("method", "bytes a token", "tokens compressed in a second")
    for name, own in sizes.items():
        table.add_row(f"{name} {RATIOS[name]}x", f"{own['bytes_a_token']:,}", f"{own['tokens_s']:,}")
    Console(width=120).print(table)


def draw(seconds: dict[int, dict[str, float]], file: Path) -> None:
    """Draw the seconds by the length of the context, both on logarithmic scales."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.4), layout="constrained")
    axes = figure.subplots()
    for name in next(iter(seconds.values())):
        style = "--" if "fresh" in name else ":" if "again" in name else "-"
        colour = {"compllm": "#1f6f8b", "sac": "#c8553d"}.get(
            name.partition(",")[0], "#9aa5b1" if "keys" in name else "k"
        )
        axes.plot(list(seconds), [own[name] for own in seconds.values()], style, color=colour, marker="o", label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(list(seconds), [f"{tokens:,}" for tokens in seconds])
    axes.set_xlabel("tokens of context")
    axes.set_ylabel("seconds to the first token, 2 cores")
    figure.legend(loc="outside right upper")
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    main()

"""Measure the first question over a long text and the next one, beside other tools: a table, a plot, a line of JSON.

python benchmarks/questions.py [--plot FILE]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from speed import CHARACTERS, MILLION, MILLION_CHARACTERS, QUERY, machine, sources, timed

METHODS = ("longattncomp", "longattncomp-alone", "longattncomp-cascade")
TOKENS = 100_000
BUDGET = 2048
QUESTIONS = (
    QUERY,
    "Which exceptions does wait_for raise, and when?",
    "Where is the limit on the size of a stream's buffer set?",
    "How are signals handled by the event loop on Unix?",
    "What happens to pending callbacks when a loop is closed?",
    "Which class starts a subprocess and waits for it?",
)
PEER_TOKENS = 8192  # read by slow models, whose time for TOKENS is computed from it


def main() -> None:
    """Measure every part, print tables, draw the plot, then print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", type=Path, help="file for a PNG with the seconds of the first and the next question")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="run only these parts")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        part, folder = options.child
        print(json.dumps(CHILDREN[part](Path(folder))))
        return
    results: dict[str, Any] = {"machine": machine()}
    for name in options.only or PARTS:
        results[name] = PARTS[name]()
        Console(stderr=True).print(name, results[name])
    show(results)
    if options.plot:
        draw(results, options.plot)
    print(json.dumps({"what": "questions", **results}))


def opened(method: str, **options: Any) -> Any:
    """Open a compressor and warm it up with a short text, so that one-time costs are not measured."""
    from longattncomp import Compressor

    compressor = Compressor.from_pretrained(method=method, device="cpu", **options)
    compressor.compress(QUERY, "A short text to warm up with.\n" * 100)
    return compressor


def asking(method: str) -> dict[str, Any]:
    """Time the first question over `TOKENS` tokens, then other questions over the same text."""
    documents = sources(TOKENS)
    compressor = opened(method, cache_bytes=4_000_000_000)
    first = timed(lambda: compressor.compress(QUERY, documents, token_budget=BUDGET))
    prepared = compressor.prepare(documents)  # the cascade has not read all of it with all layers yet
    compressor.compress(QUERY, documents, token_budget=BUDGET)
    later = [
        timed(lambda question=question: compressor.compress(question, documents, token_budget=BUDGET))
        for question in QUESTIONS[1:]
    ]
    return {
        "tokens": prepared.tokens,
        "first_s": round(first, 2),
        "first_tokens_s": round(prepared.tokens / first),
        "next_ms": round(1e3 * median(later), 1),
        "ratio": round(first / median(later)),
    }


def methods() -> dict[str, Any]:
    """Run `asking` for each method, each in a new process."""
    return {method: child(method) for method in METHODS}


def appending() -> dict[str, Any]:
    """Time preparing 1k tokens alone, as a new document after 100k prepared tokens, and appended to the last one."""
    documents = sources(TOKENS)
    further = "".join(sources(2 * TOKENS)[len(documents) :])
    found: dict[str, Any] = {}
    for method in METHODS[:2]:
        compressor = opened(method, cache_bytes=4_000_000_000)
        compressor.prepare(documents)

        def seconds(given: list[str], compressor: Any = compressor) -> float:
            return timed(lambda: compressor.prepare(given))

        fresh, message, longer = [], [], []
        for number in range(5):
            more = f"{further[number * 5000 :][: int(1000 * CHARACTERS)]}\n"
            fresh.append(seconds([f"1{more}"]))
            message.append(seconds([*documents, f"2{more}"]))
            longer.append(seconds([*documents[:-1], f"{documents[-1]}\n3{more}"]))
        found[method] = {
            "1k_s": round(median(fresh), 3),
            "as_message": round(median(message) / median(fresh), 2),
            "at_the_end": round(median(longer) / median(fresh), 2),
        }
    return found


def million(folder: Path) -> dict[str, Any]:
    """Time preparing a million tokens whose keys are kept on disk only, and questions over them."""
    documents = sources(MILLION, MILLION_CHARACTERS)
    compressor = opened("longattncomp-alone", cache_bytes=0, key_store=folder)
    started = time.perf_counter()
    prepared = compressor.prepare(documents)
    preparing = time.perf_counter() - started
    first = timed(lambda: compressor.compress(QUERY, documents, token_budget=BUDGET))
    later = [
        timed(lambda question=question: compressor.compress(question, documents, token_budget=BUDGET))
        for question in QUESTIONS[1:]
    ]
    return {
        "tokens": prepared.tokens,
        "prepare_s": round(preparing, 1),
        "prepare_tokens_s": round(prepared.read / preparing) if prepared.read else None,
        "first_s": round(first, 2),
        "next_s": round(median(later), 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
        "disk_bytes_a_token": round(sum(file.stat().st_blocks * 512 for file in folder.iterdir()) / prepared.tokens),
    }


def a_million() -> dict[str, Any]:
    """Run `million` in two new processes; the second one finds the keys on disk."""
    with tempfile.TemporaryDirectory() as folder:
        return {"reading": child("million", folder), "again": child("million", folder)}


def embeddings() -> dict[str, Any]:
    """Time all-MiniLM-L6-v2: embedding all nodes that BM25 would score, then one question."""
    from longattncomp import Compressor
    from longattncomp.scorers.embedding import EmbeddingScorer

    nodes = Compressor.from_pretrained(method="bm25").nodes(sources(TOKENS))
    model: Any = EmbeddingScorer()._open()[0]
    texts = [node.text for node in nodes]
    model.encode(texts[:64], batch_size=32, show_progress_bar=False)
    started = time.perf_counter()
    known = model.encode(texts, batch_size=32, show_progress_bar=False, convert_to_tensor=True)
    first = time.perf_counter() - started
    later = [
        timed(lambda question=question: known @ model.encode(question, convert_to_tensor=True, show_progress_bar=False))
        for question in QUESTIONS[1:]
    ]
    tokens = sum(node.tokens for node in nodes)
    return {
        "first_s": round(first, 2),
        "first_tokens_s": round(tokens / first),
        "next_ms": round(1e3 * median(later), 1),
    }


def whole_draft() -> dict[str, Any]:
    """Time one forward of all 30 layers over the draft model's window, as Speculative Prefill reads it."""
    from longattncomp import Settings
    from longattncomp.backbone.loading import choose_dtype, open_layers
    from longattncomp.backbone.locate import locate

    settings = Settings.load()
    layers = 29  # the scoring layer is the thirtieth
    draft = locate(settings.model, layers=layers, model_dir=settings.model_dir)
    device = torch.device("cpu")
    model: Any = open_layers(draft.folder, layers, device=device, dtype=choose_dtype("auto", device)).model
    return pace(lambda ids: model(input_ids=ids, use_cache=False), (1, PEER_TOKENS), 40_000)


def llmlingua2(name: str) -> dict[str, Any]:
    """Time LLMLingua-2's architecture with random weights of the published shape; only the speed means anything."""
    from transformers import AutoConfig, AutoModelForTokenClassification

    shapes = {
        "xlm-roberta-large": ("xlm-roberta", {
            "vocab_size": 250_002, "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
            "intermediate_size": 4096, "max_position_embeddings": 514, "type_vocab_size": 1,
        }),
        "bert-base-multilingual": ("bert", {
            "vocab_size": 119_547, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
            "intermediate_size": 3072,
        }),
    }  # fmt: skip
    family, shape = shapes[name]
    config = AutoConfig.for_model(family, num_labels=2, **shape)
    best: dict[str, Any] = {}
    for dtype in (torch.float32, torch.bfloat16):
        model: Any = AutoModelForTokenClassification.from_config(config).eval().to(dtype)
        found = pace(lambda ids, model=model: model(input_ids=ids), (8, 512), shape["vocab_size"], repeats=2)
        if found["tokens_s"] > best.get("tokens_s", 0):
            best = found | {"dtype": str(dtype).removeprefix("torch.")}
    return best


@torch.inference_mode()
def pace(
    forward: Callable[[torch.Tensor], object], shape: tuple[int, int], vocabulary: int, repeats: int = 3
) -> dict[str, Any]:
    """Return tokens per second, and the seconds that `TOKENS` tokens would take."""
    forward(torch.randint(5, vocabulary, (1, 512)))
    seconds = median(timed(lambda: forward(torch.randint(5, vocabulary, shape))) for _ in range(repeats))
    tokens = shape[0] * shape[1]
    return {"tokens_s": round(tokens / seconds), "first_s": round(TOKENS * seconds / tokens, 1)}


def peers() -> dict[str, Any]:
    """Run every other tool in a new process."""
    return {
        "all-MiniLM-L6-v2": child("minilm"),
        "LLMLingua-2, XLM-RoBERTa-large": child("lingua-large"),
        "LLMLingua-2, mBERT-base": child("lingua-base"),
        "SmolLM2, all 30 layers": child("whole"),
    }


def child(part: str, folder: str | Path = ".") -> dict[str, Any]:
    """Run a part in a new process. This process stays small, because its memory can count as the child's peak."""
    command = [sys.executable, __file__, "--child", part, str(folder)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(output.splitlines()[-1]))


def measured(work: Callable[[], dict[str, Any]]) -> Callable[[Path], dict[str, Any]]:
    """Add the peak memory of this process to the result."""
    return lambda _: work() | {"peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)}


CHILDREN: dict[str, Callable[[Path], dict[str, Any]]] = {
    **{method: measured(lambda method=method: asking(method)) for method in METHODS},
    "appending": lambda _: appending(),
    "million": million,
    "minilm": measured(embeddings),
    "lingua-large": measured(lambda: llmlingua2("xlm-roberta-large")),
    "lingua-base": measured(lambda: llmlingua2("bert-base-multilingual")),
    "whole": measured(whole_draft),
}
PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "methods": methods,
    "peers": peers,
    "appending": lambda: child("appending"),
    "million": a_million,
}


def show(results: dict[str, Any]) -> None:
    """Print the tables."""
    console = Console(width=120)
    title = ", ".join(f"{key} {value}" for key, value in results["machine"].items())
    table = Table("", "tokens/s", "first question, s", "next, ms", "first over next", "peak, MB", title=title)
    for name, found in (results.get("methods", {}) | results.get("peers", {})).items():
        cells = (found.get("first_tokens_s") or found.get("tokens_s"), found["first_s"], found.get("next_ms"))
        ratio = round(1e3 * found["first_s"] / found["next_ms"]) if "next_ms" in found else 1
        table.add_row(
            name, *("as the first" if cell is None else str(cell) for cell in cells), str(ratio), str(found["peak_mb"])
        )
    console.print(table)
    for name, found in results.get("appending", {}).items():
        console.print(
            f"{name}: 1k tokens {found['1k_s']} s; after 100k, as a message {found['as_message']} times that, "
            f"at the end of the last text {found['at_the_end']} times"
        )
    for name, found in results.get("million", {}).items():
        console.print(f"a million tokens, {name}: {found}")


def draw(results: dict[str, Any], file: Path) -> None:
    """Draw the seconds of the first and of the next question on a logarithmic scale."""
    from matplotlib.figure import Figure

    rows = {**results["methods"], **results["peers"]}
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    axes = figure.subplots()
    for offset, key, label, colour in (
        (0.2, "first_s", "first question", "#9aa5b1"),
        (-0.2, "next_s", "next question", "#1f6f8b"),
    ):
        seconds = [
            found["first_s"] if key == "first_s" else found.get("next_ms", 1e3 * found["first_s"]) / 1e3
            for found in rows.values()
        ]
        bars = axes.barh([index + offset for index in range(len(rows))], seconds, 0.38, label=label, color=colour)
        axes.bar_label(bars, [f"{float(f'{value:.2g}'):g} s" for value in seconds], padding=3)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(right=1000)
    axes.set_xlabel(f"seconds over {TOKENS:,} tokens, 2 cores")
    figure.legend(loc="outside upper center", ncols=2)
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    main()

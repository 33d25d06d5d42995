"""Measure what a local target reads of a context in every form: the fair table of docs/soft.md.

python benchmarks/soft.py --data FOLDER [--task squad-dev] [--adapter FILE ...] [--count 200] [--out rows.json]

The rows are those that no training sees: of squad-dev the paragraph with the answer, of qmsum-dev the
spans of the evidence, of other tasks all documents.
Adapters are those that ship, or those given, which `longattncomp train` made; untrained ones are measured beside them.
*read* is nats a token of the gold answer after another row's context, less those after the right one; R is its share of
what the full text gives. With --continue the second half of each context takes the answer's place, at most 128 tokens
of it, and its first half is read. Intervals are of 1,000 bootstrap resamples, paired.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from longattncomp import Compressor
from longattncomp.errors import InputError
from longattncomp.evaluation.tasks.catalogue import find_task
from longattncomp.evaluation.tasks.task import Draw
from longattncomp.settings import Settings
from longattncomp.soft.adapter import Adapter, adapter_file, load_adapter, untrained
from longattncomp.soft.methods import METHODS
from longattncomp.soft.places import anchors
from longattncomp.soft.reader import SoftReader
from longattncomp.soft.target import Memory, Target
from longattncomp.soft.turning import turned

FULL, NONE, KNOWING = "full text", "none", "(knows the question)"
CONTINUED = 128  # tokens

Read = Callable[[list[str], str], tuple[Memory, int]]
"""(documents, question) -> what the target remembers, and the bytes of it that are kept."""


@dataclass(frozen=True)
class Asked:
    """One row; without a question the answers are how the text goes on."""

    documents: list[str]
    question: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """Nats a token of one gold answer, bytes for each token of the paragraph, and whether the answer was said."""

    right: float
    another: float
    bytes: float
    contains: float | None


def rows_of(task: str, folder: Path, count: int, target: Target) -> Iterator[Asked]:
    draw = Draw(examples=count, count=target.tokenizer.count, data=folder)
    for example in islice(find_task(task).draw(draw), count):
        documents = [document.text for document in example.documents]
        if task == "squad-dev":
            documents = [documents[example.evidence[0].document]]
        elif task == "qmsum-dev":  # whole meetings do not fit a small window
            documents = [documents[span.document][span.start : span.end] for span in example.evidence]
        yield Asked(documents, example.query, example.answers)


def continued(rows: list[Asked], target: Target) -> Iterator[Asked]:
    """The first half of each context is read, and the second is predicted."""
    for row in rows:
        text = "\n\n".join(row.documents)
        ends = target.tokenizer.encode(text).ends
        half = len(ends) // 2
        middle, end = ends[half - 1], ends[min(len(ends), half + CONTINUED) - 1]
        yield Asked([text[:middle]], "", (text[middle:end],))


def as_text(
    target: Target, share: Callable[[list[int]], list[int]], documents: list[str], _: str
) -> tuple[Memory, int]:
    ids = share(list(target.tokenizer.encode("\n\n".join(documents)).ids))
    memory = target.read(target.before(), target.embed(ids)[None]).memory if ids else target.before()
    return memory, memory.nbytes - target.before().nbytes


def keys_alone(target: Target, ratio: int, documents: list[str], _: str) -> tuple[Memory, int]:
    """The keys and values of every n-th token, read alone with causal attention, where they stand in the prompt."""
    ids = list(target.tokenizer.encode("\n\n".join(documents)).ids)
    before, own = target.before(), target.read(Memory(), target.embed(ids)[None]).memory
    places = anchors(len(ids), ratio)
    offsets = torch.full((len(places),), before.position)
    frequencies = target.model.base_model.rotary_emb.inv_freq
    chosen = [(turned(keys[:, :, places], offsets, frequencies), values[:, :, places]) for keys, values in own.layers]
    layers = tuple(
        (torch.cat([first[0], then[0]], 2), torch.cat([first[1], then[1]], 2))
        for first, then in zip(before.layers, chosen, strict=True)
    )
    memory = Memory(layers, before.position + len(ids))
    return memory, memory.nbytes - before.nbytes


def as_vectors(reader: SoftReader, documents: list[str], _: str) -> tuple[Memory, int]:
    context = reader.compress(documents)
    return reader._memory(context), context.nbytes


def hard(target: Target, compressor: Compressor, ratio: int, documents: list[str], question: str) -> tuple[Memory, int]:
    kept = compressor.compress(question, documents, keep_rate=1 / ratio).documents
    return as_text(target, list, [document.text for document in kept], question)


def hard_then_soft(
    reader: SoftReader, compressor: Compressor, documents: list[str], question: str
) -> tuple[Memory, int]:
    kept = compressor.compress(question, documents, keep_rate=0.5).documents
    return as_vectors(reader, [document.text for document in kept], question)


def nats(target: Target, memory: Memory, question: str, answer: str) -> float:
    if not question:
        ids = list(target.tokenizer.encode(answer).ids)
        logits = target.read(memory, target.embed(ids[:-1])[None], last=len(ids) - 1).logits[0]
        return torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:], device=logits.device)).item()
    asked = f"\n\n{question}"
    follow = target.form.follow(asked, answer)
    before = target.form.around(asked)[1]
    ids = [*before[: len(before) - follow.back], *follow.ids]
    logits = target.read(memory, target.embed(ids[:-1])[None], last=len(follow.ids)).logits[0]
    return torch.nn.functional.cross_entropy(logits, torch.tensor(follow.ids, device=logits.device)).item()


def said(target: Target, memory: Memory, question: str) -> str:
    reading = target.read(memory, target.embed(target.form.around(f"\n\n{question}")[1])[None])
    ids: list[int] = []
    while len(ids) < 32 and (token := int(reading.logits[0, -1].argmax())) not in target.ends:
        ids.append(token)
        reading = target.read(reading.memory, target.embed([token])[None])
    return target.text(ids)


def readings(target: Target, adapters: list[Adapter], *, knowing: bool) -> dict[str, Read]:
    """All rows of the table; those of hard compression know the question."""
    found: dict[str, Read] = {
        NONE: partial(as_text, target, lambda ids: ids[:0]),
        FULL: partial(as_text, target, list),
        "whole keys and values, read alone": partial(keys_alone, target, 1),
    }
    for ratio in (2, 4, 5, 15):
        found[f"first 1/{ratio} of the text"] = partial(
            as_text, target, lambda ids, ratio=ratio: ids[: -(-len(ids) // ratio)]
        )
    found |= {f"keys of every token out of {n}": partial(keys_alone, target, n) for n in (2, 4, 5, 15)}
    starts = [untrained("compllm", target, (2, 4)), untrained("sac", target, (5, 15))]
    readers = []
    for adapter in [*starts, *adapters]:
        untouched = "" if adapter.lora else ", untrained"
        for ratio in adapter.config.ratios:
            name = f"{adapter.config.method} {ratio}x{untouched}"
            readers.append((name, SoftReader(target, adapter, ratio=ratio)))
    found |= {name: partial(as_vectors, reader) for name, reader in readers}
    if knowing:
        compressor = Compressor.from_pretrained(target.name)
        for ratio in (2, 5, 15):
            found[f"hard {ratio}x {KNOWING}"] = partial(hard, target, compressor, ratio)
        for name, reader in readers:
            if name == "compllm 2x":
                found[f"hard 2x, then compllm 2x {KNOWING}"] = partial(hard_then_soft, reader, compressor)
    return found


@torch.inference_mode()
def measured(target: Target, read: Read, rows: list[Asked], *, knowing: bool, answers: bool) -> list[Row]:
    found = []
    other, _ = read(rows[-1].documents, rows[0].question)
    for index, row in enumerate(rows):
        if knowing and index:
            other, _ = read(rows[index - 1].documents, row.question)
        memory, size = read(row.documents, row.question)
        told = said(target, memory, row.question).casefold() if answers else ""
        found.append(
            Row(
                nats(target, memory, row.question, row.answers[0]),
                nats(target, other, row.question, row.answers[0]),
                size / sum(map(target.tokenizer.count, row.documents)),
                float(any(accepted.casefold() in told for accepted in row.answers)) if answers else None,
            )
        )
        other = memory
    return found


def interval(values: np.ndarray, full: np.ndarray) -> tuple[float, float, float]:
    """R of rows' *read* values, paired with those of the full text, and its 95% interval."""
    drawn = np.random.default_rng(0).integers(len(values), size=(1000, len(values)))
    low, high = np.percentile(values[drawn].mean(1) / full[drawn].mean(1), [2.5, 97.5])
    return float(values.mean() / full.mean()), float(low), float(high)


def shipped(target: str) -> Iterator[Path]:
    for method in METHODS:
        with suppress(InputError):
            yield adapter_file(target, method)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--target", default="smollm2-135m-instruct")
    parser.add_argument("--task", default="squad-dev")
    parser.add_argument("--continue", dest="going_on", action="store_true", help="predict the text's second half")
    parser.add_argument("--adapter", type=Path, action="append", default=[])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--answers", action="store_true", help="also write answers: whether they contain the right one")
    parser.add_argument("--hard", action="store_true", help="also measure hard compression, which knows the question")
    parser.add_argument("--only", action="append", help="forms whose name contains this, beside the full text")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    settings = Settings.load()
    target = Target(options.target, model_dir=settings.model_dir, device=settings.device, dtype=settings.dtype)
    adapters = [load_adapter(file) for file in options.adapter or shipped(options.target)]
    rows = list(rows_of(options.task, options.data, options.count, target))
    if options.going_on:
        rows = list(continued(rows, target))
    table = Table(
        "", "right", "another", "read", "R", "95%", "contains", "bytes/token", title=f"{options.task}, n = {len(rows)}"
    )
    full = np.ones(len(rows))
    lines = {}
    for name, read in sorted(readings(target, adapters, knowing=options.hard).items(), key=lambda row: row[0] != FULL):
        if options.only and not any(part in name for part in options.only) and name != FULL:
            continue
        found = measured(target, read, rows, knowing=name.endswith(KNOWING), answers=options.answers)
        gains = np.array([row.another - row.right for row in found])
        full = gains if name == FULL else full
        share, low, high = interval(gains, full)
        right, another, size = (fmean(getattr(row, key) for row in found) for key in ("right", "another", "bytes"))
        contains = fmean(row.contains or 0.0 for row in found) if options.answers else None
        lines[name] = {
            "right": right, "another": another, "read": float(gains.mean()), "R": share, "low": low, "high": high,
            "contains": contains, "bytes": size,
        }  # fmt: skip
        shown = "-" if contains is None else f"{contains:.2f}"
        table.add_row(
            name, f"{right:.2f}", f"{another:.2f}", f"{gains.mean():.2f}", f"{share:.0%}", f"{low:.0%} to {high:.0%}",
            shown, f"{size:,.0f}",
        )  # fmt: skip
        Console(stderr=True).print(f"{name}: R {share:.0%}")
    Console(width=140).print(table)
    if options.out:
        options.out.write_text(
            json.dumps({"target": options.target, "task": options.task, "n": len(rows), "rows": lines}, indent=1)
        )


if __name__ == "__main__":
    main()

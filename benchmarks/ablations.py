"""Measure what each part of the head and of its training is worth: train variants on few rows, test on held-back ones.

python benchmarks/ablations.py --data FOLDER
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import fmean

import torch
from abstention import show
from rich.console import Console
from speed import machine

from longattncomp import Compressor, Scores, Settings
from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.locate import locate
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.data.rows import Context, Example, contexts
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.metrics import evidence_recall
from longattncomp.evaluation.tasks.collected import rows_of
from longattncomp.scorers.baselines import FirstTokensScorer
from longattncomp.scorers.cross_attention.head import EXTENSIONS, CrossAttentionHead, untrained_head
from longattncomp.scorers.embedding import EmbeddingScorer
from longattncomp.scorers.methods import DEFAULT, METHODS
from longattncomp.training.loop import train
from longattncomp.training.losses import listwise
from longattncomp.training.objective import Objective
from longattncomp.training.stages import STAGES, Stage, read_contexts
from longattncomp.training.states import Layout, StateReader
from longattncomp.types import Query


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One head that is trained and measured.

    Attributes:
        stage: the samples and the recipe of the training.
        own_keys: whether each query head gets its own key head, a copy of the one that it shares by default.
        taught: share of the training target that comes from all-MiniLM-L6-v2 (distillation).
        calibrated: power to which the scores for a question without content are raised before they divide the scores.
    """

    stage: Stage
    own_keys: bool = False
    taught: float = 0.0
    calibrated: float = 0.0


BASE = replace(
    STAGES["2"],
    name="base",
    sources={"squad": 8, "hotpotqa": 140, "musique": 50, "2wiki": 60, "qmsum": 5, "code": 4},
    joined=0.0,
    favoured_heads=STAGES["1"].favoured_heads,
    epochs=2,
)
MULTI_HOP = ("hotpotqa", "musique", "2wiki")
STAGES_TRIED = {
    "as it ships, trained on little": BASE,
    "no exact match": replace(BASE, extensions=tuple(set(EXTENSIONS) - {"match_strength"})),
    "no spreading": replace(BASE, extensions=tuple(set(EXTENSIONS) - {"spread", "spread_gate", "spread_breadth"})),
    "rows alike": replace(BASE, extensions=tuple(set(EXTENSIONS) - {"row_gate", "rarity"})),
    "heads alike": replace(BASE, extensions=tuple(set(EXTENSIONS) - {"head_weights"}), favoured_heads=()),
    "the papers' head": replace(BASE, extensions=(), favoured_heads=()),
    "the papers' loss (BCE)": replace(BASE, loss="bce"),
    "rotary embedding": replace(BASE, rotary=True),
    "segments of 256": replace(BASE, segment_tokens=256),
    "segments of 512": replace(BASE, segment_tokens=512),
    "two needles at most": replace(BASE, samples=replace(BASE.samples, needles=2)),
    "multi-hop rows only": replace(BASE, sources={name: BASE.sources[name] for name in MULTI_HOP}),
    "12 layers": replace(BASE, layers=12, favoured_heads=(4,)),
    "8 layers": replace(BASE, layers=8, favoured_heads=(0,)),
    "the query alone, 8 layers": replace(STAGES["alone"], sources=BASE.sources, epochs=BASE.epochs),
}
VARIANTS = {name: Variant(stage=stage) for name, stage in STAGES_TRIED.items()} | {
    "key heads of its own": Variant(stage=BASE, own_keys=True),
    "taught by MiniLM": Variant(stage=BASE, taught=0.3),
    "calibrated": Variant(stage=BASE, calibrated=1.0),
}
CONTENT_FREE = "N/A"
TEACHER = EmbeddingScorer()
MEASURED = {
    "squad-dev": ("4%", 8),
    "qmsum-dev": ("10%", 6),
    "hotpotqa-train": ("20%", 120),
    "musique-train": ("20%", 60),
    "2wiki-train": ("20%", 100),
}
"""Budget and number of contexts of each collection."""


def main() -> None:
    """Train and measure every variant, print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the rows")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), metavar="VARIANT")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    for name, variant in VARIANTS.items():
        if options.only and name not in options.only:
            continue
        started = time.perf_counter()
        rows[name] = measure(variant, options.data, options.seed)
        Console(stderr=True).print(name, rows[name], f"{time.perf_counter() - started:.0f} s")
    heads = ("variant", *(name.rpartition("-")[0] for name in MEASURED), "average")
    body = [
        (name, *(f"{100 * value:.1f}" for value in found.values()), f"{100 * fmean(found.values()):.1f}")
        for name, found in rows.items()
    ]
    show("Mean evidence recall on held-back rows, %", heads, body)
    print(json.dumps({"what": "ablations", "machine": machine(), "results": rows}))


def measure(variant: Variant, data: Path, seed: int) -> dict[str, float]:
    """Train one variant and return its evidence recall for each collection."""
    stage = variant.stage
    settings = Settings.load()
    draft = locate(settings.model, layers=stage.layers, model_dir=settings.model_dir)
    backbone = Backbone.open(draft.folder, draft.layers)
    tokenizer = DraftTokenizer.from_folder(draft.folder)
    head = untrained_head(backbone, stage.query_place)
    head.config = replace(head.config, rotary=stage.rotary, segment_tokens=stage.segment_tokens)
    head.extend(stage.extensions, favoured_heads=stage.favoured_heads)
    if variant.own_keys:
        own_keys(head)
    folder = settings.model_dir / "states"
    reader = TaughtReader(backbone, tokenizer, stage, folder=folder, most_bytes=20_000_000_000)
    reader.part = variant.taught
    with tempfile.TemporaryDirectory() as out:
        train(stage, list(read_contexts(stage, data, seed=seed)), head, reader, Path(out), seed=seed)
    compressor = Compressor(
        FirstTokensScorer(),
        tokenizer,
        settings=settings.override(node_tokens=stage.node_tokens),
        method=replace(METHODS[DEFAULT], node_boundary=stage.node_boundary),
    )
    reader.part = 0.0
    objective = Objective(head.eval(), reader, listwise)
    found = {}
    for name, (budget, most) in MEASURED.items():
        rows = rows_of(data / f"{name}.jsonl.gz", split=name.endswith("-train"))
        found[name] = fmean(
            share
            for context in islice(contexts(rows), most)
            for share in kept(context, objective, reader, compressor, Budget.parse(budget), variant.calibrated)
        )
    return found


def own_keys(head: CrossAttentionHead) -> None:
    """Give every query head a copy of the key head that it shares."""
    shared = head.k_proj.get_parameter("weight").detach().view(-1, head.head_dim, head.row_gate.numel())
    copies = head.n_heads // len(shared)
    head.k_proj = torch.nn.Linear(head.row_gate.numel(), head.n_heads * head.head_dim, bias=False)
    with torch.no_grad():
        head.k_proj.weight.copy_(shared.repeat_interleave(copies, dim=0).flatten(0, 1))


class TaughtReader(StateReader):
    """Mixes the similarities of all-MiniLM-L6-v2 into the training target of each question that has evidence."""

    part = 0.0
    warmth = 0.05
    """Temperature of the softmax over similarities, which are scaled so that the best is 1."""

    def layout(self, examples: Sequence[Example]) -> Layout:
        layout = super().layout(examples)
        if not self.part:
            return layout
        questions = []
        for example, question in zip(examples, layout.questions, strict=True):
            evidence = question.evidence
            if evidence.any():
                likeness = torch.tensor(TEACHER.score(Query(example.query), layout.context.nodes).nodes)
                opinion = (likeness / likeness.max() / self.warmth).softmax(0)
                evidence = (1 - self.part) * evidence / evidence.sum() + self.part * opinion
            questions.append(replace(question, evidence=evidence))
        return replace(layout, questions=tuple(questions))


def kept(
    context: Context,
    objective: Objective,
    reader: StateReader,
    compressor: Compressor,
    budget: Budget,
    calibrated: float,
) -> list[float]:
    """Return the evidence recall of each question of one context."""
    asked = [*context, replace(context[0], query=CONTENT_FREE, evidence=())] if calibrated else context
    layout = reader.layout(asked)
    states = reader.states(layout)
    nodes = compressor.nodes(context[0].documents)
    tokens = budget.of(sum(node.tokens for node in nodes))
    with torch.no_grad():
        shares = torch.stack(list(objective.log_shares(layout, states, range(len(asked)))))
    if calibrated:
        shares = (shares - calibrated * shares[-1]).log_softmax(1)
    return [
        recall(example, compressor, found.exp().tolist(), tokens)
        for example, found in zip(context, shares, strict=False)
    ]


def recall(example: Example, compressor: Compressor, shares: list[float], tokens: int) -> float:
    """Return the evidence recall of one question at a budget of `tokens`."""
    nodes = compressor.nodes(example.documents)
    scores = Scores(tuple(shares[1:]), shares[0])
    result = compressor.assemble(Query(example.query), example.documents, nodes, scores, token_budget=tokens, top_p=1.0)
    return evidence_recall({document.index: document.spans for document in result.documents}, example.evidence)


if __name__ == "__main__":
    main()

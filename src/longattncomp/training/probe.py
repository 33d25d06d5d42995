"""(draft model, questions) -> how well each attention head of a layer finds the evidence, before any training."""

import importlib
import json
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import torch
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text
from torch import Tensor

from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.data.rows import Context, Example, contexts
from longattncomp.errors import InputError
from longattncomp.installed import require
from longattncomp.scorers.cross_attention.head import CrossAttentionHead, untrained_head
from longattncomp.scorers.cross_attention.logsumexp import log_shares
from longattncomp.training.objective import question_masses
from longattncomp.training.stages import Stage
from longattncomp.training.states import Layout, StateReader
from longattncomp.types import Progress, QueryPlace

CUTOFF = 10
"""k of nDCG@k."""

MARKED = 6
"""Heads that the table marks."""
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Depth:
    """How well the untrained heads of layer L+1 find the evidence.

    Attributes:
        layers: L.
        questions: number of questions.
        heads: mean nDCG@10 of the nodes with evidence for each query head, in [0, 1].
        together: the same for the mean of all heads, which is the papers' score.
    """

    layers: int
    questions: int
    heads: tuple[float, ...]
    together: float


def draw(examples: Iterable[Example], *, limit: int | None = None, seed: int = 0) -> list[Context]:
    """Draw questions that have evidence, grouped by context.

    Raises:
        InputError: the limit is below 1, or no question has evidence.
    """
    usable = [example for example in examples if example.evidence]
    if not usable or (limit is not None and limit < 1):
        raise InputError(
            f"expected at least one question with evidence and a limit of at least 1, got {len(usable)} questions "
            f"with evidence, limit {limit}"
        )
    chosen = random.Random(seed).sample(range(len(usable)), min(len(usable), limit or len(usable)))  # noqa: S311
    return list(contexts(usable[index] for index in sorted(chosen)))


def probe(
    backbone: Backbone,
    tokenizer: DraftTokenizer,
    questions: Sequence[Context],
    *,
    query_place: QueryPlace = "after",
    node_tokens: int = 64,
    segment_tokens: int = 2048,
    progress: Progress | None = None,
) -> Depth:
    """Rank the nodes of each context by the share that each head gives them.

    Queries follow each segment, with the rotary embedding, or stand alone, without it.

    Raises:
        InputError: every context is a single node, or scikit-learn is not installed.
    """
    require("sklearn", extra="training")
    ndcg = partial(importlib.import_module("sklearn.metrics").ndcg_score, k=CUTOFF)
    head = untrained_head(backbone, query_place)
    sizes = Stage(
        name="probe", sources={}, query_place=query_place, node_tokens=node_tokens, segment_tokens=segment_tokens
    )
    found: list[list[float]] = []
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        reader = StateReader(backbone, tokenizer, sizes, folder=Path(folder), most_bytes=0)
        for done, context in enumerate(questions, 1):
            layout = reader.layout(context)
            relevant = [(question.evidence > 0).numpy() for question in layout.questions]
            if len(relevant[0]) > 1:
                for truth, shares in zip(relevant, head_shares(head, reader, layout), strict=True):
                    scores = torch.cat([shares, shares.logsumexp(0, keepdim=True)])[:, 1:].numpy()
                    found.append([ndcg([truth], [row]) for row in scores])
            if progress is not None:
                progress(done, len(questions))
    if not found:
        raise InputError(f"node_tokens: expected contexts of more than one node, got {node_tokens}; make it smaller")
    *heads, together = (fmean(values) for values in zip(*found, strict=True))
    return Depth(backbone.layers, len(found), tuple(heads), together)


@torch.inference_mode()
def head_shares(head: CrossAttentionHead, reader: StateReader, layout: Layout) -> Iterator[Tensor]:
    """Compute the shares of each head; every row of the query has the same weight.

    Yields:
        (n_heads, 1 + n_nodes) logarithms of shares for each question, the instruction's first; the shares of a head
        sum to 1.
    """
    questions = range(len(layout.questions))
    for found in question_masses(head, reader, layout, reader.states(layout), questions):
        mass = found.double()
        rows = mass.new_full((1, mass.shape[1]), -math.log(mass.shape[1]))
        yield torch.stack([log_shares(one[None], rows) for one in mass]).cpu()


def best(depths: Sequence[Depth]) -> list[tuple[int, int]]:
    """Return (L, head) of the heads that find most, the best first."""
    ranked = [(-value, depth.layers, head) for depth in depths for head, value in enumerate(depth.heads)]
    return [(layers, head) for _, layers, head in sorted(ranked)[:MARKED]]


def table(depths: Sequence[Depth]) -> Table:
    """Make a table with one column a depth and one row a head; the best heads are marked."""
    marked = set(best(depths))
    columns = (Column(f"L = {depth.layers}", justify="right") for depth in depths)
    title = f"nDCG@{CUTOFF} of the nodes with evidence, untrained heads"
    made = Table("head", *columns, title=title, box=SIMPLE_HEAD, title_justify="left")
    for head in range(len(depths[0].heads)):
        cells = (
            Text(f"{depth.heads[head]:.3f}*", "bold") if (depth.layers, head) in marked else f"{depth.heads[head]:.3f} "
            for depth in depths
        )
        made.add_row(str(head), *cells)
    made.add_section()
    made.add_row("all, their mean", *(f"{depth.together:.3f} " for depth in depths))
    return made


def to_json(depths: Sequence[Depth], **more: object) -> str:
    """Write the depths and `more` as one compact line of JSON."""
    rows = [
        asdict(depth)
        | {"heads": [round(value, _DIGITS) for value in depth.heads], "together": round(depth.together, _DIGITS)}
        for depth in depths
    ]
    return json.dumps({**more, "best": best(depths), "depths": rows}, separators=(",", ":"))

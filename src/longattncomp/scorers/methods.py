"""a method's name -> what it is, its own defaults, and the function that opens its scorer.

This table is the only place that lists the methods. To add one, write a class with a `score` method, a function
that opens it, and one entry here; settings, command line, evaluation, plots and the contract test follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from longattncomp.types import NodeBoundary

DEFAULT = "longattncomp"
"""The method that is used unless the settings name another."""

_CROSS_ATTENTION = "longattncomp.scorers.cross_attention.opening"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to score nodes.

    Attributes:
        name: what `method=` takes.
        about: one line for help texts and reports.
        opener: "module:function". The function takes (settings, store) and returns the scorer, and the tokenizer that
            measures its nodes or None for the draft model's.
        heads: names of the checkpoints it opens, each a file `<name>.safetensors`; empty for a method without a head.
        defaults: settings whose default is another one for this method.
        node_boundary: where nodes end, see `chunking.nodes.chunk`.
        min_score: score below which a node is left out (AttnComp's epsilon).
        surroundings: part of the mass around a node that counts for its rank, see `selection.SelectionRule`.
        ignores: settings that this method has no use for.
        paragraphs: whether long paragraphs of a prompt are scored as if each were a document.
        as_published: whether an evaluation gives it the defaults above whatever the settings say.
    """

    name: str
    about: str
    opener: str
    heads: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    node_boundary: NodeBoundary = "sentence"
    min_score: float = 0.0
    surroundings: float = 0.0
    ignores: tuple[str, ...] = ()
    paragraphs: bool = False
    as_published: bool = False


def _peer(name: str, about: str, opener: str, *, surroundings: float = 0.0) -> Method:
    """A method without the draft model. Peers find more of passages in nodes of 64 tokens, ranked by score alone."""
    return Method(
        name=name,
        about=about,
        opener=f"longattncomp.scorers.{opener}",
        defaults={"node_tokens": 64, "context_weight": 0.0},
        node_boundary="near",
        surroundings=surroundings,
        ignores=("head", "layers", "key_store"),
    )


_ALL = (
    Method(
        name=DEFAULT,
        about="one trained cross-attention layer on 15 layers of the draft model; the query follows the context",
        opener=f"{_CROSS_ATTENTION}:open_one",
        heads=("after",),
        paragraphs=True,
    ),
    Method(
        name="longattncomp-alone",
        about="longattncomp with a query that does not see the context, which makes the next question cheap",
        opener=f"{_CROSS_ATTENTION}:open_one",
        heads=("alone",),
        defaults={"node_tokens": 64},
        node_boundary="near",
        paragraphs=True,
    ),
    Method(
        name="longattncomp-cascade",
        about="longattncomp that reads all text with 8 layers and the best part with 15",
        opener=f"{_CROSS_ATTENTION}:open_cascade",
        heads=("alone", "after"),
        paragraphs=True,
    ),
    Method(
        name="attncomp",
        about="AttnComp: whole documents, and a head without our extensions",
        opener=f"{_CROSS_ATTENTION}:open_one",
        heads=("attncomp",),
        defaults={"node_tokens": "document", "context_weight": 0.0},
        min_score=0.01,
        as_published=True,
    ),
    Method(
        name="speculative",
        about="Speculative Prefill: the attention of the whole draft model, nothing trained",
        opener="longattncomp.scorers.speculative:open_scorer",
        defaults={"node_tokens": 32, "top_p": 1.0, "context_weight": 0.0},
        node_boundary="exact",
        ignores=("head", "layers", "key_store"),
        as_published=True,
    ),
    _peer("bm25", "words in common, rare ones first (Okapi BM25)", "bm25:open_scorer"),
    _peer(
        "bm25-near", "bm25 in which the text around a node counts for its rank", "bm25:open_scorer", surroundings=0.5
    ),
    _peer("minilm", "likeness of embeddings (all-MiniLM-L6-v2)", "embedding:open_scorer"),
    _peer("rrf", "bm25 and minilm, fused by rank; embeddings that minilm made before are used", "fusion:open_scorer"),
    _peer("random", "any piece is as good as any other", "baselines:open_random"),
    _peer("first", "the first tokens", "baselines:open_first"),
    _peer("last", "the last tokens", "baselines:open_last"),
)

METHODS: dict[str, Method] = {method.name: method for method in _ALL}
"""All methods by name, in the order in which they are shown."""

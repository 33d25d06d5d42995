"""a method's name -> what it is, its own defaults, and the function that opens its scorer.

This table is the only place that lists the methods. To add one, write a class with a `score` method and a function that
opens it, and add one entry here: settings, command line, evaluation and plots read this table. The contract test
(tests/contract/test_scorers.py) wants an entry in its list, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from longattncomp.types import NodeBoundary

DEFAULT = "longattncomp"
"""The method of settings that name none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to score nodes.

    Attributes:
        name: what `method=` takes.
        about: one line for help texts and reports.
        opener: "module:function". The function takes (settings, store); it returns the scorer, and the tokenizer that
            counts the tokens of nodes or None for the draft model's.
        heads: names of the checkpoints that the method opens, each a file `<name>.safetensors`.
        defaults: settings whose default differs for this method.
        node_boundary: where nodes end, see `chunking.nodes.chunk`.
        min_score: score below which a node is left out (AttnComp's epsilon).
        surroundings: part of the mass around a node that counts for its rank, see `selection.SelectionRule`.
        words: whether the words of the query count for a node's rank, too (see `scorers.wording`).
        ignores: settings that the method does not use.
        paragraphs: whether long paragraphs of a prompt are scored as if each were a document.
        as_published: whether scores stay those of its paper, copies of the query included, and an evaluation uses
            `defaults` whatever the settings say.
    """

    name: str
    about: str
    opener: str
    heads: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    node_boundary: NodeBoundary = "unit"
    min_score: float = 0.0
    surroundings: float = 0.0
    words: bool = False
    ignores: tuple[str, ...] = ()
    paragraphs: bool = False
    as_published: bool = False


_CROSS_ATTENTION = "longattncomp.scorers.cross_attention.opening"
_WITHOUT_HEAD = ("head", "layers", "key_store")

_peer = partial(
    Method,
    defaults={"node_tokens": 64, "context_weight": 0.0},
    ignores=_WITHOUT_HEAD,
)
"""A method without the draft model, which finds more evidence in nodes of 64 tokens that are ranked by score alone."""

METHODS = {
    method.name: method
    for method in (
        Method(
            name=DEFAULT,
            about="one trained cross-attention layer on 15 layers of the draft model; the query follows the context",
            opener=f"{_CROSS_ATTENTION}:open_one",
            heads=("after",),
            words=True,
            paragraphs=True,
        ),
        Method(
            name="longattncomp-alone",
            about="longattncomp with a query that does not see the context, so that the next question costs little",
            opener=f"{_CROSS_ATTENTION}:open_one",
            heads=("alone",),
            words=True,
            defaults={"node_tokens": 64},
            paragraphs=True,
        ),
        Method(
            name="longattncomp-cascade",
            about="longattncomp that reads all text with 8 layers and the best quarter with 15",
            opener=f"{_CROSS_ATTENTION}:open_cascade",
            heads=("alone", "after"),
            words=True,
            paragraphs=True,
        ),
        Method(
            name="attncomp",
            about="AttnComp: whole documents, and the head of its paper",
            opener=f"{_CROSS_ATTENTION}:open_one",
            heads=("attncomp",),
            defaults={"node_tokens": "document", "context_weight": 0.0, "top_p": 0.95},
            min_score=0.01,
            as_published=True,
        ),
        Method(
            name="speculative",
            about="Speculative Prefill: the attention of the whole draft model, without training",
            opener="longattncomp.scorers.speculative:open_scorer",
            defaults={"node_tokens": 32, "top_p": 1.0, "context_weight": 0.0},
            node_boundary="exact",
            ignores=_WITHOUT_HEAD,
            as_published=True,
        ),
        _peer(
            name="bm25",
            about="words that query and node share, weighed by how rare they are (Okapi BM25)",
            opener="longattncomp.scorers.bm25:open_scorer",
        ),
        _peer(
            name="bm25-near",
            about="bm25, with the text around a node counting for its rank",
            opener="longattncomp.scorers.bm25:open_scorer",
            surroundings=0.5,
        ),
        _peer(
            name="minilm",
            about="cosine of embeddings (all-MiniLM-L6-v2)",
            opener="longattncomp.scorers.embedding:open_scorer",
        ),
        _peer(name="rrf", about="bm25 and minilm, fused by rank", opener="longattncomp.scorers.fusion:open_scorer"),
        _peer(name="random", about="random shares", opener="longattncomp.scorers.baselines:open_scorer"),
        _peer(name="first", about="the first tokens", opener="longattncomp.scorers.baselines:open_scorer"),
        _peer(name="last", about="the last tokens", opener="longattncomp.scorers.baselines:open_scorer"),
    )
}
"""All methods by name, in the order in which they are shown."""

LASTING = tuple(name for name, method in METHODS.items() if "alone" in method.heads)
"""Methods whose keys outlive the process, in a key store."""

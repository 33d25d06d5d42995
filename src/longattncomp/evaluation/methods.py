"""a method's name -> a compressor that scores with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from longattncomp.compressor import Compressor
from longattncomp.errors import InputError
from longattncomp.scorers.baseline import HeadScorer, RandomScorer, TailScorer
from longattncomp.scorers.embedding import EmbeddingScorer
from longattncomp.scorers.fusion import FusionScorer
from longattncomp.scorers.lexical import BM25Scorer
from longattncomp.settings import OWN_DEFAULTS, Settings
from longattncomp.types import Scorer

OURS = "longattncomp"
METHODS: Mapping[str, str] = {
    "random": "any piece is as good as any other",
    "head": "the first tokens",
    "tail": "the last tokens",
    "bm25": "words in common, rare ones first (Okapi BM25)",
    "minilm": "likeness of embeddings (all-MiniLM-L6-v2)",
    "rrf": "bm25 and minilm, fused by rank; its time is without the embeddings if minilm made them before",
    "bm25-near": "bm25 with surroundings: what stands around a piece counts for its rank",
    "speculative": "Speculative Prefill: the whole draft model's own attention, nothing trained",
    "attncomp": "AttnComp: whole documents, a head without our extensions",
    "alone": "longattncomp with the query alone, which makes the next question cheap",
    "cascade": "longattncomp that reads all text with 8 layers and the best part with 15",
    OURS: "one trained cross-attention layer on 15 layers of the draft model",
}
"""What can be compared, and what each of them is."""

DEFAULT_METHODS = ("random", "head", "tail", "bm25", OURS)
"""Those that need no extra; `minilm` and `rrf` come with `longattncomp[peers]`."""

_NEAR = 0.5
"""`surroundings` of `bm25-near`: as much as finds most for BM25. Likeness of embeddings, which
hardly differs from node to node, only loses by them."""
_PLACES = ("alone", "cascade")
_SYSTEMS = ("speculative", "attncomp")
_SHARED = ("model", "device", "dtype", "cache_dir", "cache_bytes", "gap_mark", "separator")
"""All that a system has of the settings; the rest is as it was made."""


def compressors(
    names: Sequence[str], compressor: Compressor, *, scorers: Mapping[str, Scorer] | None = None, seed: int = 0
) -> dict[str, Compressor]:
    """Open methods by their names.

    `speculative` and `attncomp` have the nodes and the rank of their papers. The peers get nodes as `method="bm25"` has
    them, in which they find more of passages than in ours, unless the settings say otherwise; they rank by their scores
    alone, `bm25-near` by its surroundings as well.

    Args:
        names: out of `METHODS` and `scorers`.
        compressor: the method `longattncomp`, and what the others share their settings and counts with.
        scorers: more methods by name.
        seed: of the random method.

    Raises:
        InputError: no such name, or the compressor has another method.
        ModelError: a method's model cannot be opened.
    """
    if compressor.settings.method != OURS:
        raise InputError(f"expected method={OURS!r} in the settings, got {compressor.settings.method!r}: leave it out")
    chosen = compressor.settings.model_fields_set
    compressor = compressor.configured(keep_rate=1.0)  # budgets are the measurement's
    known = {**METHODS, **dict.fromkeys(scorers or {}, "")}
    if not names or any(name not in known for name in names):
        raise InputError(f"expected methods out of {', '.join(known)}; got {', '.join(names) or 'none'}")

    @cache  # rrf asks the same minilm, which knows the nodes' embeddings
    def scorer(name: str) -> Scorer:
        if scorers and name in scorers:
            return scorers[name]
        match name:
            case "random":
                return RandomScorer(seed)
            case "head":
                return HeadScorer()
            case "tail":
                return TailScorer()
            case "bm25":
                return BM25Scorer()
            case "minilm":
                return EmbeddingScorer(cache_dir=compressor.settings.cache_dir)
            case _:
                return FusionScorer((scorer("bm25"), scorer("minilm")))

    def opened(name: str) -> Compressor:
        if name in (*_PLACES, *_SYSTEMS):
            given = compressor.settings
            if name in _PLACES:
                settings = given.override(query_place=name)
            else:
                settings = Settings.model_validate(
                    {"method": name, **{shared: getattr(given, shared) for shared in _SHARED}}
                )
            return Compressor.from_pretrained(settings=settings, shared=True, target_tokenizer=compressor.target)
        if name == OURS:
            return compressor
        bare = name.removesuffix("-near")
        cut = {name: value for name, value in OWN_DEFAULTS["bm25"].items() if name not in chosen}
        plain = compressor.configured(**cut | {"surroundings": 0.0 if bare == name else _NEAR, "context_weight": 0.0})
        return plain.scored_by(scorer(bare))

    return {name: opened(name) for name in dict.fromkeys(names)}

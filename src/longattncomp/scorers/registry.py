"""settings -> the scorer they name, and the tokenizer that its nodes are measured with."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from longattncomp.backbone.locate import EMBEDDED, DraftModel, locate
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.errors import HeadMismatchError, InputError
from longattncomp.settings import Settings
from longattncomp.types import Scorer

_OPENED_BY = (
    "method", "model", "head", "layers", "device", "dtype", "encoding", "query_place", "segment_tokens", "cache_dir",
)  # fmt: skip
"""The settings that `build` looks at."""

_opened: dict[tuple[Any, ...], tuple[Scorer, DraftTokenizer]] = {}
_opening = threading.Lock()


def shared(settings: Settings) -> tuple[Scorer, DraftTokenizer]:
    """As `build`, opened once in this process however many threads ask; raises what `build` raises."""
    key = tuple(getattr(settings, name) for name in _OPENED_BY)
    with _opening:
        if key not in _opened:
            _opened[key] = build(settings)
        return _opened[key]


def build(settings: Settings) -> tuple[Scorer, DraftTokenizer]:
    """Open what the settings name.

    Raises:
        ModelError: the draft model or head cannot be found, read or used.
        CacheError: the cache directory cannot be written.
        InputError: a setting that this draft model cannot have.
    """
    if settings.method == "bm25":
        if settings.head:
            raise InputError("method='bm25' has no head: leave head out")
        from longattncomp.scorers.lexical import BM25Scorer

        return BM25Scorer(), DraftTokenizer.from_folder(_locate(settings, None).folder)

    from longattncomp.backbone.forward import Backbone
    from longattncomp.scorers.cross_attention import CrossAttentionScorer
    from longattncomp.scorers.head import load_head, read_head_config, untrained_head

    file = head_file(settings)
    trained = read_head_config(file) if file else None
    draft = _locate(settings, trained.layers if trained else None)
    backbone = Backbone.open(draft.folder, draft.layers, device=settings.device, dtype=settings.dtype)
    if file:
        head = load_head(file, backbone)
        if settings.query_place not in (None, head.config.query_place):
            raise HeadMismatchError(
                f"the head in {file} was made for query_place={head.config.query_place!r}, the settings say "
                f"{settings.query_place!r}: leave query_place out"
            )
    else:
        head = untrained_head(backbone, settings.query_place or "after")
    tokenizer = DraftTokenizer.from_folder(draft.folder)
    scorer = CrossAttentionScorer(
        backbone,
        head,
        tokenizer,
        prefix=tokenizer.prefix,
        words=tokenizer.words,
        encoding=settings.encoding,
        segment_tokens=settings.segment_tokens,
    )
    return scorer, tokenizer


def head_file(settings: Settings) -> Path | None:
    """The checkpoint that the settings name, else the one in this package for their draft model, if there is one.

    Another depth than the default's, or another place of the query, has no checkpoint here.
    """
    if settings.head is not None or settings.layers is not None:
        return settings.head if isinstance(settings.head, Path) else None
    model = settings.model.lower()
    file = Path(__file__).parent / "heads" / f"{model}.{settings.query_place or 'after'}.safetensors"
    return file if model in EMBEDDED and file.is_file() else None


def _locate(settings: Settings, layers: int | None) -> DraftModel:
    return locate(settings.model, layers=settings.layers or layers, cache_dir=settings.cache_dir)

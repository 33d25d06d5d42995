"""settings -> the scorer they name, and the tokenizer that its nodes are measured with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from longattncomp.backbone.locate import EMBEDDED, DraftModel, locate
from longattncomp.backbone.stores import ByteStore, LMDBStore
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.errors import HeadMismatchError, InputError, warn
from longattncomp.forking import Lock
from longattncomp.settings import Settings
from longattncomp.types import Scorer

if TYPE_CHECKING:
    from longattncomp.scorers.cascade import CascadeScorer
    from longattncomp.scorers.cross_attention import CrossAttentionScorer
    from longattncomp.scorers.key_cache import KeyCache

_OPENED_BY = (
    "method", "model", "head", "layers", "device", "dtype", "encoding", "query_place", "segment_tokens", "feedback",
    "cache_dir", "cache_bytes", "key_store",
)  # fmt: skip
"""The settings that `build` looks at."""

_opened: dict[tuple[Any, ...], tuple[tuple[Scorer, DraftTokenizer], ByteStore | None]] = {}
_opening = Lock()


def shared(settings: Settings, store: ByteStore | None = None) -> tuple[Scorer, DraftTokenizer]:
    """As `build`, opened once in this process however many threads ask; raises what `build` raises."""
    key = (*(getattr(settings, name) for name in _OPENED_BY), id(store))
    with _opening:
        if key not in _opened:
            _opened[key] = build(settings, store), store  # which keeps the store's id its own
        return _opened[key][0]


def build(settings: Settings, store: ByteStore | None = None) -> tuple[Scorer, DraftTokenizer]:
    """Open what the settings name.

    Args:
        settings: all of them.
        store: where keys are kept between processes, instead of a folder.

    Raises:
        ModelError: the draft model or head cannot be found, read or used.
        CacheError: the cache directory cannot be written.
        InputError: a setting that this draft model cannot have.
    """
    if settings.method in ("bm25", "speculative"):
        _require_no_head(settings, store)
    if settings.method == "bm25":
        from longattncomp.scorers.lexical import BM25Scorer

        return BM25Scorer(), DraftTokenizer.from_folder(_locate(settings, None).folder)
    if settings.method == "speculative":
        from longattncomp.backbone.processors import one_thread
        from longattncomp.backbone.whole import open_whole
        from longattncomp.scorers.speculative import SpeculativePrefillScorer

        with one_thread():
            model, tokenizer = open_whole(
                settings.model, cache_dir=settings.cache_dir, device=settings.device, dtype=settings.dtype
            )
        return SpeculativePrefillScorer(model, tokenizer), tokenizer
    if settings.method == "attncomp" and settings.query_place not in (None, "after"):
        raise InputError(f"method='attncomp' reads the query after the text, got query_place={settings.query_place!r}")

    first, tokenizer = _first(settings, store)
    if not settings.feedback:
        return first, tokenizer
    from longattncomp.scorers.feedback import FeedbackScorer

    return FeedbackScorer(first, settings.feedback), tokenizer


def _first(settings: Settings, store: ByteStore | None) -> tuple[CrossAttentionScorer | CascadeScorer, DraftTokenizer]:
    cache = _cache(settings, store)
    if settings.query_place == "cascade":
        from longattncomp.scorers.cascade import CascadeScorer

        _require_pair(settings)
        alone, after = (settings.model_copy(update={"query_place": place}) for place in ("alone", "after"))
        scorer, tokenizer = _cross_attention(after, cache)
        return CascadeScorer(_cross_attention(alone, cache)[0], scorer), tokenizer
    scorer, tokenizer = _cross_attention(settings, cache)
    if scorer.head.config.query_place == "after" and (store or settings.key_store) is not None:
        warn(
            "with the query after the text, what is read stays in memory: set query_place to alone or cascade, which "
            "a key store serves"
        )
    return scorer, tokenizer


def _cache(settings: Settings, store: ByteStore | None) -> KeyCache | None:
    from longattncomp.scorers.key_cache import KeyCache

    if store is None and settings.key_store is not None:
        store = LMDBStore(settings.key_store)
    return KeyCache(settings.cache_bytes, store) if settings.cache_bytes or store is not None else None


def _cross_attention(settings: Settings, cache: KeyCache | None) -> tuple[CrossAttentionScorer, DraftTokenizer]:
    from longattncomp.backbone.forward import Backbone
    from longattncomp.backbone.processors import one_thread
    from longattncomp.scorers.cross_attention import CrossAttentionScorer
    from longattncomp.scorers.head import load_head, read_head_config, untrained_head

    file = head_file(settings)
    trained = read_head_config(file) if file else None
    draft = _locate(settings, trained.layers if trained else None)
    if file is None and settings.head is None and settings.model.lower() in EMBEDDED:
        warn(
            f"no head was trained for layers={settings.layers}; layer L+1 scores untrained, which finds less than BM25"
        )
    with one_thread():
        backbone = Backbone.open(draft.folder, draft.layers, device=settings.device, dtype=settings.dtype)
        if file:
            head = load_head(file, backbone)
        else:
            head = untrained_head(backbone, "alone" if settings.query_place == "alone" else "after")
    if file and settings.query_place not in (None, head.config.query_place):
        raise HeadMismatchError(
            f"the head in {file} was made for query_place={head.config.query_place!r}, the settings say "
            f"{settings.query_place!r}: leave query_place out"
        )
    tokenizer = DraftTokenizer.from_folder(draft.folder)
    scorer = CrossAttentionScorer(
        backbone,
        head,
        tokenizer,
        prefix=tokenizer.prefix,
        words=tokenizer.words,
        encoding=settings.encoding,
        segment_tokens=settings.segment_tokens,
        cache=cache,
    )
    return scorer, tokenizer


def head_file(settings: Settings) -> Path | None:
    """The checkpoint that the settings name, else the one in this package for their draft model, if there is one.

    A folder holds a head for each place of the query, `after.safetensors` and `alone.safetensors`, and
    `attncomp.safetensors`. Another depth than the default's has no checkpoint here.
    """
    from longattncomp.scorers.head import read_head_config

    place = "attncomp" if settings.method == "attncomp" else settings.query_place or "after"
    if settings.head is not None:
        given = settings.head if isinstance(settings.head, Path) else None
        return given / f"{place}.safetensors" if given and given.is_dir() else given
    model = settings.model.lower()
    file = Path(__file__).parent / "heads" / model / f"{place}.safetensors"
    if model not in EMBEDDED or not file.is_file():
        return None
    return file if settings.layers in (None, read_head_config(file).layers) else None


def _require_no_head(settings: Settings, store: ByteStore | None) -> None:
    if settings.head:
        raise InputError(f"method={settings.method!r} has no head: leave head out")
    names = ("query_place", "layers", "feedback", "key_store")
    idle = [name for name in names if getattr(settings, name) != Settings.model_fields[name].default]
    if idle or store is not None:
        warn(f"method={settings.method!r} has no use for {', '.join(idle + ['store'] * (store is not None))}")


def _require_pair(settings: Settings) -> None:
    if settings.encoding == "causal":
        raise InputError("query_place='cascade' chooses among segments: leave encoding='causal' out")
    missing = [
        place for place in ("alone", "after") if not head_file(settings.model_copy(update={"query_place": place}))
    ]
    if missing or (isinstance(settings.head, Path) and not settings.head.is_dir()):
        raise InputError(
            "query_place='cascade' takes two trained heads: leave head and layers out, or give head=FOLDER with "
            f"alone.safetensors and after.safetensors; got head={settings.head}, layers={settings.layers}"
        )


def _locate(settings: Settings, layers: int | None) -> DraftModel:
    return locate(settings.model, layers=settings.layers or layers, cache_dir=settings.cache_dir)

"""settings -> a cross-attention scorer with its head, key cache and store."""

from pathlib import Path

from longattncomp.backbone.config import read_config
from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.locate import EMBEDDED, locate
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.errors import HeadMismatchError, InputError, warn
from longattncomp.runtime.processors import one_thread
from longattncomp.runtime.stores import ByteStore, LMDBStore
from longattncomp.scorers.cross_attention.cascade import CascadeScorer
from longattncomp.scorers.cross_attention.head import (
    head_width,
    load_head,
    read_adapters,
    read_head_config,
    untrained_head,
)
from longattncomp.scorers.cross_attention.key_cache import KeyCache
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.scorers.methods import METHODS
from longattncomp.settings import Settings
from longattncomp.types import QueryPlace, Tokenizer

_HEADS = Path(__file__).parent / "heads"


def open_one(settings: Settings, store: ByteStore | None) -> tuple[CrossAttentionScorer, Tokenizer]:
    """Open a scorer with one head; arguments and errors are those of `scorers.opening.build`."""
    (head,) = METHODS[settings.method].heads
    scorer = _open(settings, head, _find_head(settings, head), _cache(settings, store))
    if scorer.head.config.query_place == "after" and (store or settings.key_store) is not None:
        warn(
            "with the query after the text, what is read stays in memory: set method to longattncomp-alone or "
            "longattncomp-cascade to use a key store"
        )
    return scorer, scorer.tokenizer


def open_cascade(settings: Settings, store: ByteStore | None) -> tuple[CascadeScorer, Tokenizer]:
    """Open a cascade of two heads with one key cache; arguments and errors are those of `scorers.opening.build`."""
    heads = METHODS[settings.method].heads
    files = [_find_head(settings, head) for head in heads]
    if not all(files) or (isinstance(settings.head, Path) and not settings.head.is_dir()):
        raise InputError(
            f"method={settings.method!r} takes two trained heads: leave head and layers out, or give head=FOLDER with "
            f"{' and '.join(f'{head}.safetensors' for head in heads)}; got head={settings.head}, "
            f"layers={settings.layers}"
        )
    cache = _cache(settings, store)
    alone, after = (_open(settings, head, file, cache) for head, file in zip(heads, files, strict=True))
    first, second = alone.head.config, after.head.config
    if {first.encoding, second.encoding} != {"segmented"} or first.segment_tokens != second.segment_tokens:
        raise HeadMismatchError(
            "a cascade takes two heads for segments of one length, got "
            f"alone.safetensors for {first.encoding} text and {first.segment_tokens} tokens, after.safetensors for "
            f"{second.encoding} text and {second.segment_tokens} tokens: train both with the same segment_tokens"
        )
    return CascadeScorer(alone, after), after.tokenizer


def head_file(settings: Settings, head: str) -> Path | None:
    """Find the checkpoint of one of `Method.heads`: the settings' own, else the one that ships for their draft model.

    The setting `head` may be a file, or a folder of `<name>.safetensors`.

    Returns:
        None if there is none, as for `layers` other than those of the head that ships.
    """
    if settings.head is not None:
        given = settings.head if isinstance(settings.head, Path) else None
        return given / f"{head}.safetensors" if given and given.is_dir() else given
    model = settings.model.lower()
    file = _HEADS / model / f"{head}.safetensors"
    if model not in EMBEDDED or not file.is_file():
        return None
    return file if settings.layers in (None, read_head_config(file).layers) else None


def _find_head(settings: Settings, head: str) -> Path | None:
    """Do what `head_file` does; by another name, such as a folder or a GGUF file, the same weights find their head."""
    if settings.head is not None or settings.model.lower() in EMBEDDED:
        return head_file(settings, head)
    draft = locate(settings.model, layers=settings.layers, model_dir=settings.model_dir)
    width = read_config(draft.folder).get("hidden_size")
    for file in sorted(_HEADS.glob(f"*/{head}.safetensors")):
        config = read_head_config(file)
        if width != head_width(file) or settings.layers not in (None, config.layers):
            continue
        draft = locate(settings.model, layers=config.layers, model_dir=settings.model_dir)
        backbone = Backbone.open(draft.folder, draft.layers, device="cpu", adapters=read_adapters(file))
        if backbone.fingerprint == config.backbone:
            return file
    return None


def _cache(settings: Settings, store: ByteStore | None) -> KeyCache | None:
    if store is None and settings.key_store is not None:
        store = LMDBStore(settings.key_store)
    if not settings.cache_bytes and store is None:
        return None
    return KeyCache(settings.cache_bytes, store, store_key=settings.store_key)


def _open(settings: Settings, head_name: str, file: Path | None, cache: KeyCache | None) -> CrossAttentionScorer:
    place: QueryPlace = "alone" if head_name == "alone" else "after"
    layers = settings.layers or (read_head_config(file).layers if file else None)
    draft = locate(settings.model, layers=layers, model_dir=settings.model_dir)
    if file is None and settings.head is None:
        which = (
            f"layers={settings.layers}" if settings.model.lower() in EMBEDDED else f"the weights of {settings.model}"
        )
        warn(
            f"no head was trained for {which}: layer L+1 scores untrained, which finds less than BM25. Train one with "
            "`longattncomp train`, set method to bm25, or set head to untrained if that is what you want"
        )
    with one_thread():
        adapters = read_adapters(file) if file else {}
        backbone = Backbone.open(
            draft.folder, draft.layers, device=settings.device, dtype=settings.dtype, adapters=adapters
        )
        head = load_head(file, backbone) if file else untrained_head(backbone, place)
    if head.config.query_place != place:
        fitting = [method.name for method in METHODS.values() if method.heads == (head.config.query_place,)]
        raise HeadMismatchError(
            f"the head in {file} was made with query_place={head.config.query_place!r}, method={settings.method!r} "
            f"takes one with {place!r}: set method to {' or '.join(fitting)}"
        )
    tokenizer = DraftTokenizer.from_folder(draft.folder)
    return CrossAttentionScorer(backbone, head, tokenizer, prefix=tokenizer.prefix, words=tokenizer.words, cache=cache)

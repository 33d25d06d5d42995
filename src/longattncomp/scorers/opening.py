"""settings -> the scorer of their method, and the tokenizer that counts the tokens of nodes."""

from pkgutil import resolve_name
from typing import Any

from longattncomp.backbone.locate import tokenizer_folder
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.errors import InputError, warn
from longattncomp.runtime.forking import Lock
from longattncomp.runtime.stores import ByteStore
from longattncomp.scorers.methods import METHODS
from longattncomp.settings import PER_CALL, Settings
from longattncomp.types import Scorer, Tokenizer

_OPENED_BY = sorted(Settings.model_fields.keys() - PER_CALL - {"target_tokenizer"})
"""The settings that an opener uses."""

_opened: dict[tuple[Any, ...], tuple[tuple[Scorer, Tokenizer], ByteStore | None]] = {}
_opening = Lock()


def shared(settings: Settings, store: ByteStore | None = None) -> tuple[Scorer, Tokenizer]:
    """Do what `build` does once for the same settings in this process, however many threads call."""
    key = (*(getattr(settings, name) for name in _OPENED_BY), id(store))
    with _opening:
        if key not in _opened:
            _opened[key] = build(settings, store), store  # holding the store keeps its id from being reused
        return _opened[key][0]


def build(settings: Settings, store: ByteStore | None = None) -> tuple[Scorer, Tokenizer]:
    """Open the scorer and the tokenizer that the settings name.

    A store keeps keys between processes, instead of the folder `key_store`.

    Raises:
        ModelError: the draft model or head cannot be found, read or used.
        CacheError: the model folder cannot be written.
        InputError: the method cannot have a setting that is given.
    """
    scorer, tokenizer = open_scorer(settings, store)
    if tokenizer is None:
        folder = tokenizer_folder(settings.model, layers=settings.layers, model_dir=settings.model_dir)
        tokenizer = DraftTokenizer.from_folder(folder)
    return scorer, tokenizer


def open_scorer(settings: Settings, store: ByteStore | None = None) -> tuple[Scorer, Tokenizer | None]:
    """Open the scorer, and its tokenizer if it has one of its own; arguments and errors are those of `build`."""
    method = METHODS[settings.method]
    if settings.head and "head" in method.ignores:
        raise InputError(f"method={method.name!r} has no head: leave head out")
    fields = Settings.model_fields
    idle = [name for name in method.ignores if getattr(settings, name) != fields[name].default]
    if store is not None and "key_store" in method.ignores:
        idle.append("store")
    if idle:
        warn(f"method={method.name!r} has no use for {', '.join(idle)}")
    found: tuple[Scorer, Tokenizer | None] = resolve_name(method.opener)(settings, store)
    return found

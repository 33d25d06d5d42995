"""texts -> their keys in a store, before any question, in this process or on many machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longattncomp.compressor import Compressor
from longattncomp.errors import CacheError, InputError
from longattncomp.installed import require
from longattncomp.runtime.packing import packs
from longattncomp.scorers.methods import LASTING
from longattncomp.settings import Settings
from longattncomp.types import Document, Progress

if TYPE_CHECKING:
    from ray.data import Dataset

    from longattncomp.runtime.stores import ByteStore

_AHEAD = "longattncomp-alone"
"""The method that reads texts before any question."""

_GROUP = 1_000_000
"""Characters of texts that are laid out together, so that the layout of a large corpus fits into memory."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """How much of some texts a store holds.

    Attributes:
        tokens: tokens of the texts, all of them in the store.
        read: tokens that this call read.
        nbytes: bytes of their keys.
    """

    tokens: int = 0
    read: int = 0
    nbytes: int = 0

    def __add__(self, other: Indexed) -> Indexed:
        return Indexed(self.tokens + other.tokens, self.read + other.read, self.nbytes + other.nbytes)


class Indexer:
    """Reads texts with a draft model and writes their keys into a store."""

    def __init__(self, settings: Settings, store: ByteStore | None = None) -> None:
        """Open the draft model and the store.

        Args:
            settings: those of the later questions; the default method is `longattncomp-alone` here.
            store: used instead of the folder `key_store`.

        Raises:
            InputError: these settings keep nothing beyond the process.
            ModelError: the draft model or its head cannot be used.
            CacheError: the store cannot be opened.
        """
        ahead = lasting(settings, has_store=store is not None)
        if store is None:
            from longattncomp.runtime.stores import LMDBStore

            store = LMDBStore(ahead.key_store or "")
        self._store = _Measured(store)
        self._compressor = Compressor.from_pretrained(settings=ahead, store=self._store)

    def index(self, texts: Sequence[str | Document], *, progress: Progress | None = None) -> Indexed:
        """Read the texts that the store does not have; keys are written every few thousand tokens.

        Args:
            texts: empty ones are left out.
            progress: called with (characters done, characters in all).

        Raises:
            InputError: one is not a text.
            CacheError: the store did not accept the keys.
        """
        given = [text for text in texts if _length(text)]
        done, total = 0, sum(map(_length, given))
        found = Indexed()
        for group in packs(given, _length, _GROUP):
            size, before = sum(map(_length, group)), self._store.nbytes

            def advance(ready: int, tokens: int, done: int = done, size: int = size) -> None:
                if progress is not None:
                    progress(done + size * ready // tokens, total)

            prepared = self._compressor.prepare(group, progress=advance)
            if prepared.ready < prepared.tokens:
                kept = found.tokens + prepared.ready
                raise CacheError(
                    f"the key store took {kept:,} tokens and no more: free space there, or name another; what it has "
                    "is not read again"
                )
            found += Indexed(prepared.tokens, prepared.read, self._store.nbytes - before)
            done += size
        return found


def lasting(settings: Settings, *, has_store: bool = False) -> Settings:
    """Turn settings of later questions into those for indexing: keys alone, nothing kept in memory.

    `has_store` says whether the caller has a store besides the setting `key_store`.

    Raises:
        InputError: these settings keep nothing beyond the process.
    """
    chosen = settings.method if "method" in settings.model_fields_set else _AHEAD
    if chosen not in LASTING:
        raise InputError(f"method: expected {' or '.join(LASTING)}, got {chosen!r}, which keeps nothing to read later")
    if settings.key_store is None and not has_store:
        raise InputError(
            "key_store: expected a folder for what is read, got none: give --key-store FOLDER on the command line, "
            "key_store elsewhere"
        )
    return settings.override(method=_AHEAD, cache_bytes=0)


def index_dataset(
    dataset: Dataset,
    *,
    text: str = "text",
    store: Callable[[], ByteStore] | None = None,
    workers: tuple[int, int | None] = (1, None),
    batch_size: int = 256,
    num_cpus: float | None = None,
    num_gpus: float | None = None,
    settings: Settings | None = None,
    **options: Any,
) -> Indexed:
    """Index a Ray dataset of texts; each worker opens a draft model of its own.

    Texts whose keys are stored already are not read again, so a call that was killed can be repeated.

    Args:
        dataset: one text a row; null and empty ones are left out.
        text: the column of the texts.
        store: called in each worker; makes a store that all workers and the later questions can reach. Otherwise the
            folder `key_store` is used, which processes of one machine can share.
        workers: fewest and most workers; None for as many as the cluster has room for.
        batch_size: rows that a worker takes at once.
        num_cpus: processors of each worker, which has as many threads.
        num_gpus: GPUs of each worker.
        settings: used instead of reading the environment, `.env` and YAML.
        **options: any setting by name, see `Settings`; paths are those on the workers' machines.

    Raises:
        InputError: Ray is not installed, or as `Indexer`.
        Exception: what a worker raised, as Ray hands it on.
    """
    require("ray", "pandas", "pyarrow", extra="ray")
    from ray.data import ActorPoolStrategy

    resolved = settings.override(**options) if settings else Settings.load(**options)
    lasting(resolved, has_store=store is not None)
    counted = dataset.select_columns([text]).map_batches(
        _Worker,
        fn_constructor_kwargs={"settings": _absolute(resolved), "store": store, "text": text},
        compute=ActorPoolStrategy(min_size=workers[0], max_size=workers[1]),
        batch_size=batch_size,
        num_cpus=num_cpus,
        num_gpus=num_gpus,
    )
    return sum((Indexed(**row) for row in counted.iter_rows()), Indexed())


class _Worker:
    def __init__(self, settings: Settings, store: Callable[[], ByteStore] | None, text: str) -> None:
        self._indexer = Indexer(settings, store() if store else None)
        self._text = text

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[int]]:
        found = self._indexer.index(list(batch[self._text]))
        return {"tokens": [found.tokens], "read": [found.read], "nbytes": [found.nbytes]}


class _Measured:
    """A store that counts the bytes of the values that it reads and writes."""

    def __init__(self, store: ByteStore) -> None:
        self._store = store
        self.nbytes = 0

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        values = self._store.mget(keys)
        self.nbytes += sum(len(value) for value in values if value is not None)
        return values

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        self._store.mset(key_value_pairs)
        self.nbytes += sum(len(value) for _, value in key_value_pairs)


def _length(text: str | Document | None) -> int:
    found = text.text if isinstance(text, Document) else "" if text is None else text
    if not isinstance(found, str):
        raise InputError(f"expected each text as a string or a Document of one, got {type(found).__name__}")
    return len(found)


def _absolute(settings: Settings) -> Settings:
    """Make paths absolute, because a worker may have another working directory."""
    paths = {
        name: path.absolute()
        for name in ("key_store", "head", "model_dir")
        if isinstance(path := getattr(settings, name), Path)
    }
    model = Path(settings.model).expanduser()
    return settings.override(**paths, model=str(model.absolute()) if model.exists() else None)

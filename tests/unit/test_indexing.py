"""Texts read ahead into a store, in this process and by the workers of Ray."""

from __future__ import annotations

import pickle
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import lmdb
import pytest

from longattncomp import Compressor, Document, LongAttnCompWarning, Settings, indexing
from longattncomp.errors import CacheError, InputError
from longattncomp.indexing import Indexed, Indexer, index_dataset, lasting
from longattncomp.runtime.stores import LMDBStore

TEXTS = [
    "".join(f"Letter {number}, line {line}: Ada signed in May. " for line in range(5 + number)) for number in range(12)
]
TOKENS = sum(map(len, TEXTS))  # the toy model reads bytes
KEY_BYTES = 2 * (8 + 2)  # of a token: two heads, eight numbers and a scale each


class Memory(dict[str, bytes]):
    """The smallest store there is."""

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        self.update(key_value_pairs)


class Full(Memory):
    """Takes one writing only."""

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        if self:
            raise OSError("no space left")
        super().mset(key_value_pairs)


@pytest.fixture
def settings(toy_folder: Path) -> Settings:
    return Settings.load(model=str(toy_folder), layers=2, dtype="float32", device="cpu", node_tokens=32)


def test_what_is_there_is_not_read_again(settings: Settings) -> None:
    store = Memory()
    seen: list[tuple[int, int]] = []
    first = Indexer(settings, store).index(TEXTS, progress=lambda *at: seen.append(at))
    assert (first.tokens, first.read) == (TOKENS, TOKENS)
    assert first.nbytes == sum(map(len, store.values()))
    assert first.nbytes / TOKENS == pytest.approx(KEY_BYTES, rel=0.2), "headers are small"
    assert seen[-1] == (TOKENS, TOKENS)
    assert seen == sorted(seen)
    again = Indexer(settings, store).index([Document(TEXTS[3]), "New.", *TEXTS])
    assert (again.tokens, again.read) == (TOKENS + len(TEXTS[3]) + 4, 4)


def test_questions_need_no_more_reading(settings: Settings) -> None:
    """Whatever the company, the length of nodes and the budget, and as `prepare` itself would have it."""
    store = Memory()
    Indexer(settings, store).index(TEXTS)
    asked = Compressor.from_pretrained(
        settings=settings.override(method="longattncomp-alone", node_tokens=64, token_budget=40), store=store
    )
    assert asked.prepare([TEXTS[7], TEXTS[2]]).read == 0
    plain = Memory()
    Compressor.from_pretrained(settings=settings.override(method="longattncomp-alone"), store=plain).prepare(TEXTS)
    assert plain == store


def test_groups_of_texts_make_no_difference(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = Memory(), Memory()
    Indexer(settings, whole).index(TEXTS)
    monkeypatch.setattr(indexing, "_GROUP", 700)
    seen: list[tuple[int, int]] = []
    found = Indexer(settings, parts).index(TEXTS, progress=lambda *at: seen.append(at))
    assert found.read == TOKENS
    assert len(seen) > 4
    assert seen[-1] == (TOKENS, TOKENS)
    assert parts.keys() == whole.keys()


def test_empty_texts_are_left_out(settings: Settings) -> None:
    texts: list[Any] = ["", None, Document("")]
    assert Indexer(settings, Memory()).index(texts) == Indexed()
    assert Indexer(settings, Memory()).index([*texts, "One."]).tokens == 4


def test_what_is_no_text_is_refused(settings: Settings) -> None:
    texts: list[Any] = ["One.", 2]
    with pytest.raises(InputError, match="as a string or a Document of one, got int"):
        Indexer(settings, Memory()).index(texts)


def test_a_store_that_is_full_is_an_error(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "_GROUP", 700)
    indexer = Indexer(settings, Full())
    with (
        pytest.warns(LongAttnCompWarning),
        pytest.raises(CacheError, match=r"took [\d,]+ tokens and no more: free space there"),
    ):
        indexer.index(TEXTS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "longattncomp", "key_store": "keys"}, "longattncomp-alone or longattncomp-cascade, got 'longattn"),
        ({"method": "bm25", "key_store": "keys"}, "longattncomp-alone or longattncomp-cascade, got 'bm25'"),
        ({}, "give --key-store FOLDER"),
    ],
)
def test_settings_that_keep_nothing_are_refused(settings: Settings, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        lasting(settings.override(**options))


@pytest.mark.parametrize("method", [None, "longattncomp-alone", "longattncomp-cascade"])
def test_keys_are_those_of_a_query_alone(settings: Settings, method: str | None) -> None:
    ahead = lasting(settings.override(method=method), has_store=True)
    assert (ahead.method, ahead.cache_bytes) == ("longattncomp-alone", 0)


def test_ray_is_named_where_it_is_missing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'longattncomp\[ray\]'"):
        index_dataset(object(), settings=settings, key_store="keys")


@dataclass(frozen=True)
class Rows:
    """What `index_dataset` asks of a dataset of Ray, in this process."""

    columns: dict[str, list[Any]]

    def select_columns(self, names: list[str]) -> Rows:
        return Rows({name: self.columns[name] for name in names})

    def map_batches(
        self, worker: Any, *, fn_constructor_kwargs: dict[str, Any], compute: Any, batch_size: int, **resources: Any
    ) -> Rows:
        workers = [worker(**pickle.loads(pickle.dumps(fn_constructor_kwargs))) for _ in range(compute["max_size"])]
        (rows,) = {len(column) for column in self.columns.values()}
        counted: dict[str, list[Any]] = {}
        for number, start in enumerate(range(0, rows, batch_size)):
            batch = {name: column[start : start + batch_size] for name, column in self.columns.items()}
            for name, column in workers[number % len(workers)](batch).items():
                counted.setdefault(name, []).extend(column)
        return Rows(counted)

    def iter_rows(self) -> Iterator[dict[str, Any]]:
        return (dict(zip(self.columns, row, strict=True)) for row in zip(*self.columns.values(), strict=True))


@pytest.fixture
def _no_ray_but_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = ModuleType("ray")
    data = ModuleType("ray.data")
    ray.__spec__ = ModuleSpec("ray", None)
    data.ActorPoolStrategy = dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.data", data)


@pytest.mark.usefixtures("_no_ray_but_its_names")
def test_workers_share_the_folder(settings: Settings, tmp_path: Path) -> None:
    """In this process; `test_workers_write_what_prepare_writes` has Ray's own workers."""
    plain = Memory()
    alone = Compressor.from_pretrained(settings=settings.override(method="longattncomp-alone"), store=plain)
    for text in TEXTS:
        alone.prepare(text)
    bodies = [*TEXTS, TEXTS[0], "", None]
    dataset: Any = Rows({"body": bodies, "number": list(range(len(bodies)))})

    def index() -> Indexed:
        return index_dataset(
            dataset, text="body", workers=(2, 2), batch_size=2, settings=settings, key_store=tmp_path / "keys"
        )

    first = index()
    assert (first.tokens, first.read) == (TOKENS + len(TEXTS[0]), TOKENS)
    assert LMDBStore(tmp_path / "keys").mget(list(plain)) == list(plain.values())
    again = index()
    assert (again.tokens, again.read, again.nbytes) == (first.tokens, 0, first.nbytes)


@pytest.mark.usefixtures("_no_ray_but_its_names")
def test_each_worker_makes_its_store(settings: Settings, tmp_path: Path) -> None:
    """In this process; `test_workers_take_a_store_of_ones_own` has Ray's own workers."""
    dataset: Any = Rows({"text": TEXTS})
    found = index_dataset(
        dataset, store=partial(LMDBStore, tmp_path / "own"), workers=(2, 2), batch_size=5, settings=settings
    )
    assert found.read == TOKENS
    asked = Compressor.from_pretrained(
        settings=settings.override(method="longattncomp-alone"), store=LMDBStore(tmp_path / "own")
    )
    assert asked.prepare(TEXTS).read == 0


# With Ray.


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """Ray with room for two workers."""
    found = pytest.importorskip("ray", reason="Ray is not installed: pip install 'longattncomp[ray]'")
    with (
        # In /tmp itself: the path of a socket has to be short.
        tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # else they stand back behind whatever else the machine does
        found.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=100_000_000,
            _temp_dir=folder,
        )
        yield found
        found.shutdown()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray sets what it deprecates
def test_workers_write_what_prepare_writes(ray: Any, settings: Settings, tmp_path: Path) -> None:
    plain = Memory()
    alone = Compressor.from_pretrained(settings=settings.override(method="longattncomp-alone"), store=plain)
    for text in TEXTS:
        alone.prepare(text)
    rows = [{"body": text, "number": number} for number, text in enumerate([*TEXTS, TEXTS[0], "", None])]
    dataset = ray.data.from_items(rows, override_num_blocks=4)

    def index() -> Indexed:
        return index_dataset(
            dataset, text="body", workers=(2, 2), batch_size=1, settings=settings, key_store=tmp_path / "keys"
        )

    first = index()
    assert first.tokens == TOKENS + len(TEXTS[0])
    assert TOKENS <= first.read <= first.tokens, "the text that stands there twice may be read by two at once"
    assert entries(tmp_path / "keys") == plain
    again = index()
    assert (again.tokens, again.read, again.nbytes) == (first.tokens, 0, first.nbytes)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray sets what it deprecates
def test_workers_take_a_store_of_ones_own(ray: Any, settings: Settings, tmp_path: Path) -> None:
    dataset = ray.data.from_items([{"text": text} for text in TEXTS])
    found = index_dataset(dataset, store=partial(LMDBStore, tmp_path / "own"), workers=(1, 1), settings=settings)
    assert found.read == TOKENS
    asked = Compressor.from_pretrained(
        settings=settings.override(method="longattncomp-alone"), store=LMDBStore(tmp_path / "own")
    )
    assert asked.prepare(TEXTS).read == 0


def entries(folder: Path) -> dict[str, bytes]:
    """All that a folder holds, read without our own code."""
    with lmdb.open(str(folder), readonly=True) as environment, environment.begin() as transaction:
        return {key.decode(): value for key, value in transaction.cursor()}


def test_a_secret_of_the_store(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = settings.override(key_store=tmp_path / "keys", store_key="ours", method="longattncomp-alone")
    Indexer(ours).index(TEXTS)

    monkeypatch.setenv("LONGATTNCOMP_STORE_KEY", "ours")
    again = Settings.load(**{name: value for name, value in ours if name != "store_key"})
    assert Indexer(again).index(TEXTS).read == 0
    assert "ours" not in repr(again)

    with pytest.warns(LongAttnCompWarning, match="without this store_key"):
        assert Indexer(ours.override(store_key="theirs")).index(TEXTS).read == TOKENS


def test_components_with_another_secret_share_no_scorer(settings: Settings, tmp_path: Path) -> None:
    one, other = (
        Compressor.from_pretrained(
            settings=settings.override(method="longattncomp-alone", key_store=tmp_path / "keys", store_key=secret),
            shared=True,
        )
        for secret in ("ours", "theirs")
    )
    expected = one.compress("Who signed?", TEXTS, token_budget=100).text

    with pytest.warns(LongAttnCompWarning, match="without this store_key"):
        assert other.compress("Who signed?", TEXTS, token_budget=100).text == expected


def test_a_store_that_became_another_program_s_costs_a_warning(settings: Settings, tmp_path: Path) -> None:
    chosen = settings.override(method="longattncomp-alone", key_store=tmp_path / "keys", cache_bytes=0)
    compressor = Compressor.from_pretrained(settings=chosen)
    expected = compressor.compress("Who signed?", TEXTS, token_budget=100).text
    shutil.rmtree(tmp_path / "keys")
    with lmdb.open(str(tmp_path / "keys")) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"theirs", b"value")

    with pytest.warns(LongAttnCompWarning, match="longattncomp did not make"):
        assert compressor.compress("Who signed?", TEXTS, token_budget=100).text == expected

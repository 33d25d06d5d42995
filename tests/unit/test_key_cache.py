"""What was read, in memory and in a store: what counts as kept, and stores that fail or lie."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from heads import DictStore
from pydantic import SecretStr

from longattncomp.errors import LongAttnCompWarning
from longattncomp.runtime.checked import entry_name
from longattncomp.runtime.stores import LMDBStore
from longattncomp.scorers.cross_attention.key_cache import CachedSegment, KeyCache
from longattncomp.scorers.cross_attention.keys import Keys

PLENTY = 10**9


def read(seed: int, n: int = 10, *, key_values: bool = False) -> CachedSegment:
    generator = torch.Generator().manual_seed(seed)
    keys = Keys.of(torch.randn(2, n, 8, generator=generator))
    return CachedSegment(keys, ((torch.zeros(2, n, 8), torch.zeros(2, n, 8)),) if key_values else None)


NAMES = [entry_name("model", [number]) for number in range(6)]
READS = {one: read(number, n=10 + number) for number, one in enumerate(NAMES)}
SHAPES = {one: (10 + number, 2, 8) for number, one in enumerate(NAMES)}


def same(found: CachedSegment, expected: CachedSegment) -> bool:
    assert isinstance(found.keys, Keys)
    assert isinstance(expected.keys, Keys)
    return torch.equal(found.keys.values, expected.keys.values) and torch.equal(found.keys.scales, expected.keys.scales)


def assert_all(found: dict[str, CachedSegment], names: Sequence[str] = NAMES) -> None:
    assert found.keys() == set(names)
    assert all(same(one, READS[key]) for key, one in found.items())


@pytest.fixture
def store() -> DictStore:
    return DictStore()


# --- names --------------------------------------------------------------------------------------


def test_a_name_tells_models_and_texts_apart() -> None:
    texts = [[], [0], [1], [0, 0], [1, 2], [2, 1], [258], [1, 1], [2**30], [1] * 1000]
    names = [entry_name(model, ids) for model in ("", "a", "b", "ab", "x" * 64) for ids in texts]

    assert len(set(names)) == len(names)
    assert {len(one) for one in names} == {32}
    assert entry_name("a", (1, 2)) == entry_name("a", [1, 2])


def test_names_last() -> None:
    """Stores of other processes and machines hold them."""
    assert entry_name("0123456789abcdef", [1, 2, 300]) == "7bc73b28fb853f7f941825289765b2bb"


# --- memory and store -----------------------------------------------------------------------------


def test_what_is_put_is_got_in_any_order(store: DictStore) -> None:
    for cache in (KeyCache(PLENTY), KeyCache(PLENTY, store), KeyCache(0, store)):
        assert cache.put(READS)

        assert_all(cache.get(dict(reversed(SHAPES.items())) | {"missing": (1, 2, 8)}, with_key_values=False))


def test_another_cache_on_the_store_has_it(store: DictStore) -> None:
    KeyCache(0, store).put(READS)
    later = KeyCache(PLENTY, store)

    assert_all(later.get(SHAPES, with_key_values=False))
    store.asked.clear()
    assert_all(later.get(SHAPES, with_key_values=False))

    assert store.asked == []  # what came out of the store stays in memory


def test_neither_room_nor_store_keeps_nothing() -> None:
    cache = KeyCache(READS[NAMES[0]].nbytes)

    with cache.holding(NAMES):
        assert not cache.put(READS)

    assert_all(cache.get(SHAPES, with_key_values=False), NAMES[:1])


def test_the_memory_is_bounded_in_bytes() -> None:
    most = sum(one.nbytes for one in READS.values()) - 1
    cache = KeyCache(most)
    for _ in range(3):
        cache.put(READS)
        assert cache._recent.used <= most
    assert read(0, key_values=True).nbytes == 2 * 10 * (8 + 2) + 2 * 2 * 10 * 8 * 4


def test_memories_stay_in_this_process(store: DictStore) -> None:
    cache = KeyCache(PLENTY, store)

    assert cache.put({"a": read(0, key_values=True)})

    assert store.values == {}
    assert cache.get({"a": (10, 2, 8)}, with_key_values=True)["a"].key_values is not None
    assert KeyCache(0, store).put({"a": read(0, key_values=True)}) is False


def test_keys_alone_are_nothing_to_who_needs_the_memory(store: DictStore) -> None:
    cache = KeyCache(PLENTY, store)
    cache.put({"a": read(0), "b": read(1, key_values=True)})

    assert cache.get(dict.fromkeys("ab", (10, 2, 8)), with_key_values=True).keys() == {"b"}
    assert store.asked == []
    assert cache.get(dict.fromkeys("ab", (10, 2, 8)), with_key_values=False).keys() == {"a", "b"}


def test_exact_keys_are_not_stored(store: DictStore) -> None:
    KeyCache(PLENTY, store).put({"a": CachedSegment(torch.zeros(2, 3, 8))})

    assert store.values == {}


# --- stores that fail -----------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("odd"), KeyError("x"), RuntimeError("bug")], ids=repr)
def test_a_store_that_raises_costs_a_warning(store: DictStore, error: Exception) -> None:
    cache = KeyCache(PLENTY, store)
    store.fails = error

    with pytest.warns(LongAttnCompWarning, match="cannot write the key store"):
        assert cache.put(READS)
    with pytest.warns(LongAttnCompWarning, match="cannot read the key store"):
        assert_all(cache.get(SHAPES | {"missing": (1, 2, 8)}, with_key_values=False))

    with pytest.warns(LongAttnCompWarning, match="kept in memory as far as it has room"):
        assert not KeyCache(0, store).put(READS)

    store.fails = None
    assert cache.put(READS)
    assert_all(KeyCache(0, store).get(SHAPES, with_key_values=False))


def test_ctrl_c_is_no_failure_of_the_store(store: DictStore) -> None:
    store.fails = KeyboardInterrupt()  # type: ignore[assignment]

    with pytest.raises(KeyboardInterrupt):
        KeyCache(PLENTY, store).get(SHAPES, with_key_values=False)


def test_a_store_that_gives_too_few_values(store: DictStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "mget", lambda _: [None])

    with pytest.warns(LongAttnCompWarning, match="cannot read the key store"):
        assert KeyCache(PLENTY, store).get(SHAPES, with_key_values=False) == {}


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda data: data[:10],
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: bytes(len(data)),
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data.decode("latin-1"),
    ],
    ids=["empty", "ten bytes", "one less", "one more", "zeros", "one bit", "text"],
)
def test_damaged_values_are_missing(store: DictStore, damage: Callable[[bytes], bytes]) -> None:
    KeyCache(0, store).put(READS)
    for one in NAMES[1:4]:
        store.values[one] = damage(store.values[one])

    with pytest.warns(LongAttnCompWarning, match="3 entries of the key store are damaged"):
        assert_all(KeyCache(PLENTY, store).get(SHAPES, with_key_values=False), [NAMES[0], *NAMES[4:]])


def test_values_under_each_other_s_names_are_damaged(store: DictStore) -> None:
    """Else a text would be scored with the keys of another."""
    KeyCache(0, store).put(READS)
    first, second = NAMES[:2]
    store.values[first], store.values[second] = store.values[second], store.values[first]

    with pytest.warns(LongAttnCompWarning, match="2 entries"):
        assert_all(KeyCache(PLENTY, store).get(SHAPES, with_key_values=False), NAMES[2:])


@pytest.mark.parametrize("shape", [(11, 2, 8), (10, 1, 8), (10, 2, 16), (10, 4, 4), (5, 4, 8), (1, 2, 8)], ids=str)
def test_keys_of_another_shape_are_damaged(store: DictStore, shape: tuple[int, int, int]) -> None:
    """Whoever can write the store can make the checksum; the wrong keys would be scored."""
    n, heads, width = shape
    KeyCache(0, store).put(READS)
    store.values[NAMES[0]] = Keys.of(torch.ones(heads, n, width)).to_bytes(NAMES[0])

    with pytest.warns(LongAttnCompWarning, match="1 entries of the key store are damaged"):
        assert_all(KeyCache(PLENTY, store).get(SHAPES, with_key_values=False), NAMES[1:])


@pytest.mark.parametrize(("written", "read"), [("", "mine"), ("theirs", "mine"), ("mine", ""), ("mine", "mine ")])
def test_entries_of_another_store_key_do_not_count(written: str, read: str, store: DictStore) -> None:
    theirs, ours = (SecretStr(key) if key else None for key in (written, read))
    KeyCache(0, store, store_key=theirs).put(READS)
    assert_all(KeyCache(0, store, store_key=theirs).get(SHAPES, with_key_values=False))

    with pytest.warns(LongAttnCompWarning, match="6 entries .* without this store_key"):
        assert KeyCache(PLENTY, store, store_key=ours).get(SHAPES, with_key_values=False) == {}


FLIPS = """
    import os, random, sys, warnings
    from pathlib import Path
    import torch
    from longattncomp.runtime.stores import LMDBStore
    from longattncomp.errors import CacheError
    from longattncomp.scorers.cross_attention.key_cache import KeyCache
    folder, good = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes()
    store = LMDBStore(Path(sys.argv[2]).parent)
    names = [f"{number:032x}" for number in range(30)]
    shapes = {name: (int.from_bytes(data[4:8], "little"), 2, 8) for name, data in zip(names, store.mget(names))}
    expected = KeyCache(0, store).get(shapes, with_key_values=False)
    assert len(expected) == 30
    for seed in range(int(sys.argv[3])):
        rng = random.Random(seed)
        damaged = bytearray(good)
        for _ in range(rng.choice([1, 3, 30, 300])):
            damaged[rng.randrange(8192 if seed % 4 == 0 else len(damaged))] ^= 1 << rng.randrange(8)
        (folder / str(seed)).mkdir(parents=True)
        (folder / str(seed) / "longattncomp-keys").touch()
        (folder / str(seed) / "data.mdb").write_bytes(damaged)
        sys.stdout.flush()
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            ends = ["whole", "less", "unusable", "wrong"]
            print("killed" if os.WIFSIGNALED(status) else ends[os.WEXITSTATUS(status)])
            continue
        end = 3
        try:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                store = LMDBStore(folder / str(seed))
                found = KeyCache(0, store).get(shapes, with_key_values=False)
                store.mset([("new", b"value")])
            for name, read in found.items():
                assert torch.equal(read.keys.values, expected[name].keys.values)
                assert torch.equal(read.keys.scales, expected[name].keys.scales)
            end = 0 if len(found) == 30 else 1
        except CacheError as error:
            assert str(folder / str(seed)) in str(error)
            end = 2
        finally:
            os._exit(end)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="forks")
@pytest.mark.parametrize("files", [16, pytest.param(400, marks=pytest.mark.long)])
def test_flipped_bits_in_the_file_give_right_keys_or_none(files: int, tmp_path: Path) -> None:
    """LMDB has no checksums, so what comes out of it is checked here.

    A damaged length may send LMDB beyond the end of its file, which kills the process. So few bits matter that this is
    rare, and files do not change by themselves.
    """
    generator = torch.Generator().manual_seed(0)
    rng = random.Random(0)
    reads = {
        f"{number:032x}": CachedSegment(Keys.of(torch.randn(2, rng.randrange(20, 300), 8, generator=generator)))
        for number in range(30)
    }
    KeyCache(0, LMDBStore(tmp_path / "keys")).put(reads)
    script = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(FLIPS)]

    done = subprocess.run(
        [*script, str(tmp_path / "flips"), str(tmp_path / "keys" / "data.mdb"), str(files)],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    ends = done.stdout.split("\n")[:-1]
    assert len(ends) == files
    assert ends.count("wrong") == 0, done.stderr
    assert ends.count("less") > files / 4  # the damage is seen
    assert ends.count("killed") <= 1 + 3 * files / 100
    assert ends.count("unusable") <= 1 + 3 * files / 100  # as if another version had written it

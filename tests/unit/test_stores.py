"""The folder of keys: killed, deleted, cut short, damaged, full, forked, shared."""

from __future__ import annotations

import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from longattncomp.errors import CacheError, InputError, LongAttnCompWarning
from longattncomp.runtime import stores
from longattncomp.runtime.stores import LMDBStore

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals, forks and limits of POSIX")
EMPTY = "deleted or damaged; it starts empty"
RECORDS = {f"{number:032x}": random.Random(number).randbytes(500 + 300 * number) for number in range(40)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def filled(folder: Path) -> LMDBStore:
    store = LMDBStore(folder)
    store.mset(list(RECORDS.items()))
    return store


def assert_usable(store: LMDBStore) -> None:
    store.mset([("new", b"value" * 1000)])
    assert store.mget(["new"]) == [b"value" * 1000]


def child(script: str, *arguments: object) -> list[str]:
    """A command that runs a script with the store's module only, which starts in a quarter of a second."""
    return [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), *map(str, arguments)]


def run(script: str, *arguments: object) -> str:
    done = subprocess.run(child(script, *arguments), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- what it promises ---------------------------------------------------------------------------


def test_what_is_set_is_got(filled: LMDBStore) -> None:
    names = ["missing", *RECORDS]

    assert filled.mget(names) == [None, *RECORDS.values()]
    assert filled.mget([]) == []
    filled.mset([])


def test_the_last_value_counts(filled: LMDBStore) -> None:
    name = next(iter(RECORDS))

    filled.mset([(name, b"other"), ("x", b""), ("y", b"1"), ("y", b"2")])

    assert filled.mget([name, "x", "y"]) == [b"other", b"", b"2"]


def test_it_lasts(filled: LMDBStore, folder: Path) -> None:
    script = """
        import sys
        from longattncomp.runtime.stores import LMDBStore
        values = LMDBStore(sys.argv[1]).mget(sys.argv[2:])
        assert "torch" not in sys.modules
        print([None if value is None else value.hex() for value in values])
    """
    names = list(RECORDS)[:3]

    assert run(script, folder, *names, "missing") == f"{[RECORDS[name].hex() for name in names] + [None]}\n"


def test_two_objects_on_one_folder_are_one_store(
    filled: LMDBStore, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    others = [LMDBStore(folder), LMDBStore(str(tmp_path / "link")), LMDBStore("keys"), LMDBStore("./x/../keys")]

    for number, other in enumerate(others):
        other.mset([(f"by {number}", bytes([number]))])
        assert other.mget(list(RECORDS)) == list(RECORDS.values())

    assert filled.mget([f"by {number}" for number in range(4)]) == [bytes([number]) for number in range(4)]


def test_two_folders_are_two_stores(filled: LMDBStore, tmp_path: Path) -> None:
    assert LMDBStore(tmp_path / "other").mget(list(RECORDS)) == [None] * len(RECORDS)


def test_threads(filled: LMDBStore) -> None:
    def work(own: int) -> bool:
        for step in range(30):
            filled.mset([(f"{own} {step}", bytes([own, step]) * 100)])
            if filled.mget([f"{own} {step}", *list(RECORDS)[:3]]) != [
                bytes([own, step]) * 100,
                *list(RECORDS.values())[:3],
            ]:
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


# --- where it cannot be -------------------------------------------------------------------------


def test_threads_while_the_file_is_mapped_anew(filled: LMDBStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_MOST_READ", 5000)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: filled.mget(list(RECORDS)), range(50)))

    assert all(values == list(RECORDS.values()) for values in found)
    assert_usable(filled)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory by kind is Linux's")
def test_what_was_read_does_not_fill_memory(folder: Path) -> None:
    script = """
        import re, sys
        from pathlib import Path
        from longattncomp.runtime import stores

        def mapped():
            return int(re.search(r"RssFile:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1000

        stores._MOST_READ = int(sys.argv[2])
        store = stores.LMDBStore(sys.argv[1])
        store.mset([(f"{n}", bytes([n]) * 1_000_000) for n in range(60)])
        before = mapped()
        most = 0
        for n in range(60):
            assert store.mget([f"{n}"]) == [bytes([n]) * 1_000_000]
            most = max(most, mapped())
        print(most - before)
    """
    assert float(run(script, folder, 1 << 40)) > 50
    assert float(run(script, folder, 10_000_000)) < 25


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")

    with pytest.raises(CacheError, match=f"cannot use the store in {file}"):
        LMDBStore(file)
    with pytest.raises(CacheError, match="name another folder"):
        LMDBStore(file / "below")

    assert file.read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(CacheError, match=str(tmp_path)):
            LMDBStore(tmp_path / "keys")
    finally:
        tmp_path.chmod(0o700)


@POSIX
def test_a_full_disk(tmp_path: Path) -> None:
    """A file that may not grow stands in for it; what was there stays."""
    script = """
        import resource, sys
        from longattncomp.runtime.stores import LMDBStore
        from longattncomp.errors import CacheError
        store = LMDBStore(sys.argv[1])
        store.mset([(f"{number}", bytes([number]) * 3000) for number in range(40)])
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        try:
            store.mset([("small", b"1"), ("large", b"2" * 1_000_000)])
        except CacheError as error:
            print(error)
        values = store.mget(["3", "39", "small", "large"])
        assert values == [bytes([3]) * 3000, bytes([39]) * 3000, None, None]
        store.mset([("3", b"shorter")])
        assert store.mget(["3", "4"]) == [b"shorter", bytes([4]) * 3000]
    """

    printed = run(script, tmp_path / "keys")

    assert f"cannot use the store in {tmp_path / 'keys'}" in printed
    assert "free space there" in printed


# --- other processes ----------------------------------------------------------------------------

WRITER = """
    import os, sys
    from longattncomp.runtime.stores import LMDBStore
    store = LMDBStore(sys.argv[1])
    own = sys.argv[2]
    print("open", flush=True)
    for number in range(int(sys.argv[3])):
        name = f"{own}-{number}"
        store.mset([(name + "-a", name.encode() * 300), (name + "-b", name.encode() * 500)])
        print("written", flush=True)
"""


def pairs(store: LMDBStore, own: object, most: int) -> int:
    """How many pairs of a writer's are there; every one whole, both of it or none."""
    names = [f"{own}-{number}" for number in range(most)]
    values = store.mget([f"{name}-{part}" for part in "ab" for name in names])  # in one look: writers go on between two
    firsts, seconds = values[:most], values[most:]
    for name, first, second in zip(names, firsts, seconds, strict=True):
        assert (first, second) in ((None, None), (name.encode() * 300, name.encode() * 500)), name
    there = [first is not None for first in firsts]
    assert there == sorted(there, reverse=True)  # none is lost that was written before one that is there
    return sum(there)


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("kills", [8, pytest.param(100, marks=pytest.mark.long)])
def test_killed_while_it_writes(kills: int, folder: Path) -> None:
    rng = random.Random(0)
    opened = LMDBStore(folder)
    counts = []
    most = 400
    for number in range(kills):
        with subprocess.Popen(child(WRITER, folder, number, most), stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            announced = rng.randrange(20)
            assert [writer.stdout.readline() for _ in range(1 + announced)] == [b"open\n", *[b"written\n"] * announced]
            time.sleep(rng.uniform(0, 0.001))  # so that it is killed at any place between two writes
            writer.send_signal(signal.SIGKILL)
        assert writer.returncode == -signal.SIGKILL

        seen = pairs(opened, number, most)
        assert_usable(opened)
        # The next writer, whoever it is, makes visible what was written and not yet announced.
        counts.append(pairs(opened, number, most))
        assert announced <= seen
        assert counts[-1] - seen in (0, 1)

    assert max(counts) < most
    assert [pairs(opened, number, most) for number in range(kills)] == counts


@POSIX
@pytest.mark.slow
def test_three_processes_write_one_store(folder: Path) -> None:
    store = LMDBStore(folder)
    with ExitStack() as started:
        writers = [
            started.enter_context(subprocess.Popen(child(WRITER, folder, number, 60), stdout=subprocess.PIPE))
            for number in range(2)
        ]
        for number in range(60):
            name = f"mine-{number}"
            store.mset([(f"{name}-a", name.encode() * 300), (f"{name}-b", name.encode() * 500)])
            for writer in range(2):
                pairs(store, writer, 60)
        for process in writers:
            printed, _ = process.communicate(timeout=60)
            assert (process.returncode, printed) == (0, b"open\n" + b"written\n" * 60)

    assert [pairs(store, own, 60) for own in (0, 1, "mine")] == [60, 60, 60]


@POSIX
def test_after_a_fork(tmp_path: Path) -> None:
    """In a process of its own, with a thread that is in the store and does not come along."""
    script = """
        import os, sys, threading, time
        from longattncomp.runtime.stores import LMDBStore
        store = LMDBStore(sys.argv[1])
        store.mset([("before", b"1")])
        held = threading.Event()
        def hold():
            with store._folder._lock:
                held.set()
                time.sleep(1)
        threading.Thread(target=hold).start()
        held.wait()
        child = os.fork()
        if not child:
            assert store.mget(["before"]) == [b"1"]
            store.mset([("child", b"2")])
            assert LMDBStore(sys.argv[1]).mget(["before", "child"]) == [b"1", b"2"]
            os._exit(0)
        store.mset([("parent", b"3")])
        _, status = os.waitpid(child, 0)
        assert status == 0, status
        assert store.mget(["before", "child", "parent"]) == [b"1", b"2", b"3"]
        print("fine")
    """

    assert run(script, tmp_path / "keys") == "fine\n"


@POSIX
@pytest.mark.slow
def test_processes_find_each_other_again_after_the_folder_was_deleted(folder: Path) -> None:
    """The first to notice makes a new file; the second takes that one, or they would delete each other's for ever."""
    script = """
        import sys
        from longattncomp.runtime.stores import LMDBStore
        store = LMDBStore(sys.argv[1])
        for line in sys.stdin:
            word, name = line.split()
            if word == "set":
                store.mset([(name, name.encode())])
            print(store.mget([name])[0] == name.encode(), flush=True)
    """
    store = LMDBStore(folder)
    command = child(script, folder)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None

        def there(word: str, name: str) -> bool:
            other.stdin.write(f"{word} {name}\n")
            other.stdin.flush()
            return other.stdout.readline() == "True\n"

        store.mset([("first", b"first")])
        assert there("get", "first")
        shutil.rmtree(folder)

        with pytest.warns(LongAttnCompWarning, match=EMPTY):
            store.mset([("second", b"second")])

        assert there("get", "second")
        assert there("set", "third")
        assert store.mget(["first", "second", "third"]) == [None, b"second", b"third"]
        assert there("get", "second")


# --- damage -------------------------------------------------------------------------------------


def test_the_folder_deleted_under_an_open_store(filled: LMDBStore, folder: Path) -> None:
    shutil.rmtree(folder)

    with pytest.warns(LongAttnCompWarning, match=EMPTY):
        assert filled.mget(list(RECORDS)) == [None] * len(RECORDS)

    assert_usable(filled)
    assert (folder / "data.mdb").is_file()
    shutil.rmtree(folder)

    with pytest.warns(LongAttnCompWarning, match=EMPTY):
        assert_usable(filled)

    assert LMDBStore(folder).mget(["new", next(iter(RECORDS))]) == [b"value" * 1000, None]


def test_the_folder_replaced_by_another_store(filled: LMDBStore, folder: Path, tmp_path: Path) -> None:
    run(WRITER, tmp_path / "other", "theirs", 3)
    shutil.rmtree(folder)
    (tmp_path / "other").rename(folder)

    assert filled.mget([next(iter(RECORDS)), "theirs-0-a"]) == [None, b"theirs-0" * 300]
    assert_usable(filled)


TRUNCATE = """
    import os, sys, warnings
    from pathlib import Path
    from longattncomp.runtime.stores import LMDBStore
    folder, share, more, when = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    names, file = [f"{number}" for number in range(50)], folder / "data.mdb"
    if when != "again":
        LMDBStore(folder).mset([(name, name.encode() * 1000) for name in names])
        os.truncate(file, int(file.stat().st_size * share) + more)
    if when == "reopened":  # by a process that did not see the file whole
        os.execv(sys.executable, [sys.executable, "-c", sys.argv[5], *sys.argv[1:4], "again", sys.argv[5]])
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        store = LMDBStore(folder)
        values = store.mget(names)
    assert values == [None] * 50, values
    if when == "open" or (share, more) != (0, 0):  # LMDB itself makes a new store of a file without a byte
        assert ["it starts empty" in str(one.message) for one in warned] == [True], warned
    store.mset([("new", b"value")])
    assert store.mget(["new", "1"]) == [b"value", None]
    print("fine")
"""


@POSIX
@pytest.mark.parametrize("when", ["open", "reopened"])
@pytest.mark.parametrize(
    ("share", "more"),
    [(0, 0), (0, 1), (0, 100), (0, 4096), (0, 8191), (0, 8192), (0.5, 0), (0.9, 0), (1, -4096)],
)
def test_the_file_cut_short(share: float, more: int, when: str, tmp_path: Path) -> None:
    """In a process of its own: to read a mapped file beyond its end is a bus error, not an exception."""
    assert run(TRUNCATE, tmp_path / "keys", share, more, when, textwrap.dedent(TRUNCATE)) == "fine\n"


def test_what_was_damaged_is_kept_beside(filled: LMDBStore, folder: Path) -> None:
    for number in (1, 2):
        os.truncate(folder / "data.mdb", 9000)
        left = (folder / "data.mdb").read_bytes()

        with pytest.warns(LongAttnCompWarning, match=f"{EMPTY}.*data.mdb.damaged-{number}"):
            assert_usable(filled)

        assert (folder / f"data.mdb.damaged-{number}").read_bytes() == left


# --- what is not ours -----------------------------------------------------------------------------


def foreign(folder: Path) -> None:
    import lmdb

    with lmdb.open(str(folder), map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"theirs", b"value")


def write(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


FOREIGN: dict[str, Callable[[Path], object]] = {
    "something else": write("data.mdb", b"something else entirely\n" * 1000),
    "an empty file": write("data.mdb", b""),
    "a lock alone": write("lock.mdb", b"held"),
    "another program's LMDB": foreign,
    "a folder": lambda folder: (folder / "data.mdb").mkdir(),
}


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_what_is_not_ours_is_refused_and_stays(make: Callable[[Path], object], folder: Path) -> None:
    folder.mkdir()
    make(folder)
    before = {path: path.is_file() and path.read_bytes() for path in folder.iterdir()}

    for _ in range(2):
        with pytest.raises(InputError, match=f"got {folder}, whose .*name another folder"):
            LMDBStore(folder)

    assert {path: path.is_file() and path.read_bytes() for path in folder.iterdir()} == before


def test_a_store_that_became_another_program_s_is_refused(filled: LMDBStore, folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    foreign(folder)
    before = (folder / "data.mdb").read_bytes()

    for use in (lambda: filled.mget(["x"]), lambda: filled.mset([("x", b"y")])):
        with pytest.raises(InputError, match=str(folder)):
            use()

    assert (folder / "data.mdb").read_bytes() == before


@POSIX
def test_a_store_is_private(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        assert_usable(LMDBStore(tmp_path / "above" / "keys"))
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "above" / "keys").stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "above" / "keys").iterdir()}
    assert modes == dict.fromkeys(("data.mdb", "lock.mdb", "longattncomp-keys"), 0o600)


# --- what can be read and not written ---------------------------------------------------------------

FILL = """
    import sys
    from longattncomp.runtime.stores import LMDBStore
    LMDBStore(sys.argv[1]).mset([(f"{number}", bytes([number]) * 3000) for number in range(40)])
"""


@pytest.fixture
def for_everyone() -> Iterator[Path]:
    """A store in a folder that every user can reach."""
    if not hasattr(os, "geteuid"):
        pytest.skip("no users here")
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        run(FILL, Path(name) / "keys")
        yield Path(name) / "keys"
        os.seteuid(user)
        (Path(name) / "keys").chmod(0o700)


def only_readable(folder: Path, *, lock: bool) -> None:
    """Make a store as an administrator leaves it for everyone; root may write anyway, and becomes nobody."""
    if not lock:
        (folder / "lock.mdb").unlink()
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    if os.geteuid() == 0:
        os.seteuid(65534)


@POSIX
@pytest.mark.parametrize("lock", [True, False])
def test_a_store_that_cannot_be_written_is_read(lock: bool, for_everyone: Path) -> None:
    only_readable(for_everyone, lock=lock)
    before = {path.name: path.stat().st_size for path in for_everyone.iterdir()}

    store = LMDBStore(for_everyone)

    assert store.mget(["3", "39", "x"]) == [bytes([3]) * 3000, bytes([39]) * 3000, None]
    with pytest.raises(CacheError, match=f"cannot use the store in {for_everyone}"):
        store.mset([("x", b"1")])
    assert store.mget(["4"]) == [bytes([4]) * 3000]
    assert {path.name: path.stat().st_size for path in for_everyone.iterdir()} == before


@POSIX
def test_a_damaged_store_that_cannot_be_written_stays(for_everyone: Path) -> None:
    os.truncate(for_everyone / "data.mdb", 9000)
    only_readable(for_everyone, lock=True)

    with pytest.raises(CacheError, match="damaged"):
        LMDBStore(for_everyone)

    assert (for_everyone / "data.mdb").stat().st_size == 9000


def test_a_read_only_file_system(filled: LMDBStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lmdb

    filled._folder._close()
    genuine = lmdb.open

    def refuse(path: str, **options: Any) -> Any:
        if not options.get("readonly") or options.get("lock", True):
            raise lmdb.Error(f"{path}: Read-only file system")
        return genuine(path, **options)

    monkeypatch.setattr(lmdb, "open", refuse)

    assert filled.mget(list(RECORDS)) == list(RECORDS.values())
    with pytest.raises(CacheError):
        filled.mset([("x", b"1")])


@POSIX
def test_a_reader_that_was_killed_keeps_no_pages(filled: LMDBStore, folder: Path) -> None:
    reading = """
        import lmdb, sys, time
        environment = lmdb.open(sys.argv[1])
        with environment.begin() as transaction:
            transaction.get(b"x")
            print("open", flush=True)
            time.sleep(60)
    """
    opening = """
        import sys
        from longattncomp.runtime.stores import LMDBStore
        store = LMDBStore(sys.argv[1])
        store.mget(["x"])
        print(store._folder._environment.readers())
    """
    with subprocess.Popen(child(reading, folder), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        assert str(process.pid) in run(opening, folder)
        process.kill()

    assert str(process.pid) not in run(opening, folder)


def test_another_process_that_writes_while_the_size_is_looked_at(tmp_path: Path) -> None:
    store = LMDBStore(tmp_path)
    store.mset([("before", b"1")])
    genuine = store._folder._environment
    writing = (
        "from longattncomp.runtime.stores import LMDBStore; import sys; "
        "LMDBStore(sys.argv[1]).mset([(f'meanwhile {n}', bytes(9000)) for n in range(50)])"
    )

    class Interrupted:
        def info(self) -> dict[str, int]:
            subprocess.run([sys.executable, "-c", writing, str(tmp_path)], check=True)
            found: dict[str, int] = genuine.info()
            return found

        def __getattr__(self, name: str) -> object:
            return getattr(genuine, name)

    store._folder._environment = Interrupted()
    assert store.mget(["before", "meanwhile 49"]) == [b"1", bytes(9000)]  # and no warning, which would be an error

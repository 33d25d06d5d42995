"""The directory of converted and fetched models: kills, full disks and other processes."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from draft_models import IDS, find, leftovers, states

from longattncomp.backbone.model_cache import ModelCache, file_fingerprint
from longattncomp.errors import BrokenModelError, CacheError

pytestmark = pytest.mark.filterwarnings("ignore:fetching")


def build_file(target: Path) -> None:
    (target / "weights").write_text("whole")


def refuse(target: Path) -> None:
    pytest.fail(f"built again: {target}")


def test_a_build_is_kept(tmp_path: Path) -> None:
    folder = ModelCache(tmp_path / "not yet" / "there").get("key", 3, build_file)

    assert (folder / "weights").read_text() == "whole"
    assert ModelCache(tmp_path / "not yet" / "there").get("key", 3, refuse) == folder


def test_a_deeper_entry_serves_a_shallower_request(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    nine = cache.get("key", 9, build_file)
    assert cache.get("key", 5, refuse) == nine

    shutil.rmtree(nine)
    five = cache.get("key", 5, build_file)
    ten = cache.get("key", 10, build_file)

    assert cache.get("key", 3, refuse) == cache.get("key", 5, refuse) == five
    assert cache.get("key", 6, refuse) == cache.get("key", 10, refuse) == ten
    assert cache.find("key", 11) is None
    assert cache.find("key") in (five, ten)
    assert cache.find("other") is None
    assert cache.get("other", 3, build_file) not in (five, ten)


@pytest.mark.parametrize("error", [BrokenModelError("bad"), ValueError("bad"), KeyboardInterrupt()], ids=repr)
def test_a_build_that_fails_leaves_nothing(error: BaseException, tmp_path: Path) -> None:
    def build(target: Path) -> None:
        build_file(target)
        raise error

    with pytest.raises(type(error)):
        ModelCache(tmp_path).get("key", 3, build)

    assert leftovers(tmp_path) == []
    assert (ModelCache(tmp_path).get("key", 3, build_file) / "weights").is_file()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO])
def test_a_disk_that_fails_names_the_directory(code: int, tmp_path: Path) -> None:
    def build(target: Path) -> None:
        build_file(target)
        raise OSError(code, os.strerror(code), str(target / "weights"))

    with pytest.raises(CacheError) as caught:
        ModelCache(tmp_path).get("key", 3, build)

    assert caught.value.errno == code
    for word in (str(tmp_path), "LONGATTNCOMP_MODEL_DIR", os.strerror(code)):
        assert word in str(caught.value)
    assert leftovers(tmp_path) == []


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may grow past 20 kB, pytest's own log among them: so for as short as can be."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("kind", ["gguf", "hub"])
def test_a_full_disk(kind: str, gguf_file: Path, hub: dict[str, int], tmp_path: Path) -> None:
    with full_disk(), pytest.raises(CacheError, match="LONGATTNCOMP_MODEL_DIR"):
        find(gguf_file if kind == "gguf" else "owner/toy", tmp_path / "cache", layers=2)

    assert leftovers(tmp_path / "cache") == []


def test_a_disk_that_is_full_at_the_tokenizer(
    hub: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.is_relative_to(tmp_path / "cache"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return genuine(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)

    with pytest.raises(CacheError, match="LONGATTNCOMP_MODEL_DIR"):
        find("owner/toy", tmp_path / "cache", layers=2)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize(
    ("mask", "folder", "file"), [(0o022, 0o755, 0o644), (0o077, 0o700, 0o600), (0o002, 0o775, 0o664)]
)
@pytest.mark.parametrize("kind", ["gguf", "hub"])
def test_files_are_as_readable_as_the_umask_says(
    kind: str, mask: int, folder: int, file: int, gguf_file: Path, hub: dict[str, int], tmp_path: Path
) -> None:
    """safetensors writes files that only their user can read."""
    before = os.umask(mask)
    try:
        found = find(gguf_file if kind == "gguf" else "owner/toy", tmp_path / "cache", layers=1).folder
    finally:
        os.umask(before)

    assert stat.S_IMODE(found.stat().st_mode) == folder
    assert {stat.S_IMODE(path.stat().st_mode) for path in found.iterdir()} == {file}


@pytest.mark.parametrize("where", ["a file", "below a file", "/proc", "/proc/longattncomp", "/dev/null/cache"])
def test_a_directory_that_cannot_be_written(where: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    places = {"a file": tmp_path / "file", "below a file": tmp_path / "file" / "cache"}
    directory = places.get(where) or Path(where)

    with pytest.raises(CacheError) as caught:
        ModelCache(directory).get("key", 3, refuse)

    for word in (str(directory), "LONGATTNCOMP_MODEL_DIR"):
        assert word in str(caught.value)
    assert (tmp_path / "file").read_text() == "kept"


@pytest.fixture
def not_root() -> Iterator[None]:
    """Root writes anywhere, so be nobody for the time of the test."""
    if not hasattr(os, "geteuid"):
        pytest.skip("no users here")
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


def test_a_read_only_directory(not_root: None) -> None:
    with pytest.raises(CacheError, match="LONGATTNCOMP_MODEL_DIR") as caught:
        ModelCache(Path("/")).get("key", 3, refuse)

    assert caught.value.errno in (errno.EACCES, errno.EROFS)


def test_a_read_only_directory_is_enough_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ModelCache(tmp_path).get("key", 3, build_file)

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", read_only)

    assert ModelCache(tmp_path).get("key", 2, refuse) == found


BUILDER = """
import os, sys, time
from pathlib import Path
from longattncomp.backbone.model_cache import ModelCache

directory, mode = Path(sys.argv[1]), sys.argv[2]


def build(target):
    (target / "weights").write_text("half")
    with (directory / "builds").open("a") as stream:
        stream.write(f"{os.getpid()}\\n")
    if mode == "hang":
        print("building", flush=True)
        time.sleep(60)
    time.sleep(0.3)
    (target / "weights").write_text("whole")

print("ready", flush=True)
sys.stdin.readline()
print(ModelCache(directory).get("key", 3, build), flush=True)
"""


def builder(directory: Path, mode: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", BUILDER, str(directory), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_processes_at_once_build_once(tmp_path: Path) -> None:
    processes = [builder(tmp_path, "work") for _ in range(3)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    found = [process.communicate(timeout=30)[0].strip() for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(set(found)) == 1
    assert (Path(found[0]) / "weights").read_text() == "whole"
    assert len((tmp_path / "builds").read_text().splitlines()) == 1


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_build_that_was_killed_is_done_again(tmp_path: Path) -> None:
    process = builder(tmp_path, "hang")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline() == "building\n"
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (half,) = tmp_path.rglob(".building-*")
    assert (half / "weights").read_text() == "half"
    assert ModelCache(tmp_path).find("key") is None

    folder = ModelCache(tmp_path).get("key", 3, build_file)  # the lock died with the process

    assert (folder / "weights").read_text() == "whole"
    assert list(tmp_path.rglob(".building-*")) == []


def test_what_was_left_half_written_is_removed(gguf_file: Path, tmp_path: Path) -> None:
    found = find(gguf_file, tmp_path)
    abandoned = found.folder.parent / ".building-abandoned"
    found.folder.rename(abandoned)
    (abandoned / "model.safetensors").write_bytes(b"half")

    again = find(gguf_file, tmp_path)

    assert again == found
    assert not abandoned.exists()
    assert states(again.folder, 1).shape == (len(IDS), 32)


def test_fingerprints_of_files(tmp_path: Path) -> None:
    contents = [b"", b"a", b"b", b"ab", b"a" * 3_000_000, b"a" * 3_000_001, b"b" + b"a" * 2_999_999]
    contents.append(b"a" * 2_999_999 + b"b")
    found = []
    for index, content in enumerate(contents):
        (tmp_path / f"{index}").write_bytes(content)
        found.append(file_fingerprint(tmp_path / f"{index}"))

    assert len(set(found)) == len(contents)
    (tmp_path / "copy").write_bytes(contents[4])
    assert file_fingerprint(tmp_path / "copy") == found[4]

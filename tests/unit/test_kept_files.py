"""What lies in folders that others may write to is never run."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from longattncomp.errors import InputError
from longattncomp.runtime.files import KeptFiles, read_regular

PLENTY = 10**6  # bytes


def test_bytes_come_back_in_another_process_too(tmp_path: Path) -> None:
    KeptFiles(tmp_path / "a" / "b", most_bytes=PLENTY).put("one", b"\0\xff")
    kept = KeptFiles(tmp_path / "a" / "b", most_bytes=PLENTY)
    assert (kept.get("one"), kept.get("two")) == (b"\0\xff", None)
    kept.put("one", b"")
    assert (kept.get("one"), kept.volume()) == (b"", 0)
    kept.put("two", b"123")
    assert kept.volume() == 3
    assert {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "a" / "b").iterdir()} == {
        "one": 0o600,
        "two": 0o600,
    }


def test_what_lies_there_is_bytes_or_nothing(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path / "kept", most_bytes=PLENTY)
    folder = tmp_path / "kept"
    (folder / "pickle").write_bytes(pickle.dumps([1]))
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("pipe")
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    with (folder / "large").open("wb") as file:
        file.truncate(1 << 40)  # takes no room on disk
    assert kept.get("pickle") == pickle.dumps([1])
    assert [kept.get(name) for name in ("pipe", "link", "folder", "loop", "large")] == [None] * 5


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path / "kept", most_bytes=PLENTY)
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "kept" / "name").symlink_to(tmp_path / "mine")
    kept.put("name", b"theirs")
    assert (kept.get("name"), (tmp_path / "mine").read_text()) == (b"theirs", "mine")


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path / "kept", most_bytes=PLENTY)
    (tmp_path / "kept" / "name").mkdir()
    with pytest.raises(OSError, match="name"):
        kept.put("name", b"value")
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["name"]
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        KeptFiles(tmp_path / "file", most_bytes=PLENTY)


def test_readers_see_all_of_a_value_or_none(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path, most_bytes=PLENTY)
    values = [bytes([number]) * 10_000 for number in range(8)]

    def work(number: int) -> bytes | None:
        kept.put("name", values[number % 8])
        return kept.get("name")

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(work, range(200))) <= set(values)


def test_a_regular_file_is_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link", most_bytes=5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_regular(tmp_path / "link", most_bytes=4)
    with pytest.raises(OSError, match="no regular file"):
        read_regular(Path("/dev/zero"), most_bytes=4)


class Trap:
    """Leaves a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.write_text, (Path("sprung"), "!")


def test_the_checkpoint_of_a_training_run_is_not_run(tmp_path: Path) -> None:
    from accelerate import Accelerator
    from torch.nn import Linear
    from torch.optim import SGD
    from torch.optim.lr_scheduler import LambdaLR

    from longattncomp.training.checkpoints import Run

    accelerator = Accelerator(cpu=True)
    model = Linear(1, 1)
    optimizer = SGD(model.parameters(), lr=1.0)
    accelerator.prepare(model, optimizer, LambdaLR(optimizer, lambda _: 1.0))
    run = Run(accelerator, tmp_path, "identity")
    run.resume()
    run.save()
    run.resume()
    planted = [*(tmp_path / "state").glob("*.bin"), *(tmp_path / "state").glob("*.pkl")]
    assert len(planted) == 3
    for file in planted:
        kept = file.read_bytes()
        file.write_bytes(pickle.dumps(Trap(), protocol=2))
        with suppress(InputError):
            run.resume()
        file.write_bytes(kept)
    assert not Path("sprung").exists()

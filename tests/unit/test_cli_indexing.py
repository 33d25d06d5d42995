"""`index` on the command line, on the toy model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from longattncomp.backbone.forward import Backbone
from longattncomp.cli import app

Run = Callable[..., Result]


@pytest.fixture
def environment(toy_folder: Path) -> dict[str, str]:
    values = {
        "MODEL": toy_folder,
        "LAYERS": 2,
        "HEAD": "untrained",
        "DTYPE": "float32",
        "DEVICE": "cpu",
        "NODE_TOKENS": 32,
    }
    return {f"LONGATTNCOMP_{name}": str(value) for name, value in values.items()}


@pytest.fixture
def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def invoke(*arguments: object, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)

    return invoke


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with 20 texts of about 1,100 tokens, and what is no text."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(20):
        text = "".join(f"Ada signed lease {number}-{line} in May.\n" for line in range(30))
        (folder / f"{number}.txt").write_text(text)
    (folder / "notes.md").write_text("Nobody else was there.\n")
    (folder / "empty.txt").write_text("")
    (folder / "picture.bin").write_bytes(b"\0\1")
    return folder


def last_line(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def size(folder: Path, suffix: str = "") -> int:
    return sum(file.stat().st_size for file in folder.glob(f"*{suffix}") if file.suffix != ".bin")


def test_the_second_time_nothing_is_read(run: Run, files: Path, tmp_path: Path) -> None:
    store = tmp_path / "some" / "keys"
    result = run("index", files, "--key-store", store)
    first = last_line(result)
    assert first["tokens"] == first["ready"] == first["read"] == size(files)
    assert 20 <= first["bytes_per_token"] < 24  # two key heads of eight numbers and a scale
    assert first["key_store"] == str(store)
    assert "picture.bin: binary" in result.stderr
    assert f"{size(files):,} tokens in 22 files, all ready; {size(files):,} read now" in result.stderr
    assert result.stderr.count("\n") == 2
    (files / "0.txt").write_text("All is new here.")
    second = last_line(run("index", files, "--key-store", store))
    assert (second["tokens"], second["read"]) == (size(files), len("All is new here."))
    third = last_line(run("index", files, "--key-store", store, "--method", "longattncomp-cascade"))
    assert (third["ready"], third["read"]) == (size(files), 0)
    assert third["bytes_per_token"] == second["bytes_per_token"]


def test_files_of_one_suffix(run: Run, files: Path, tmp_path: Path) -> None:
    found = last_line(run("index", files, "--suffix", ".md", "--key-store", tmp_path / "keys"))
    assert found["tokens"] == size(files, ".md")


def test_standard_input_and_the_settings_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(f"key_store: {tmp_path / 'keys'}\nmethod: longattncomp-alone\n")
    found = last_line(run("index", "-", "--settings", tmp_path / "s.yaml", stdin=b"Ada signed."))
    assert (found["tokens"], found["key_store"]) == (11, str(tmp_path / "keys"))
    assert (tmp_path / "keys" / "data.mdb").is_file()


@pytest.mark.slow
def test_after_a_kill_the_same_command_goes_on(
    run: Run, environment: dict[str, str], files: Path, tmp_path: Path
) -> None:
    script = (
        "import os, signal\n"
        "from longattncomp.runtime.stores import LMDBStore\n"
        "from longattncomp.cli import app\n"
        "write, written = LMDBStore.mset, []\n"
        "def mset(self, pairs):\n"
        "    if len(written) == 2:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    write(self, pairs)\n"
        "    written.append(pairs)\n"
        "LMDBStore.mset = mset\n"
        "app()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "index", files, "--key-store", tmp_path / "keys"],
        env=os.environ | environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-3000:]
    assert done.stdout == ""
    found = last_line(run("index", files, "--key-store", tmp_path / "keys"))
    assert found["ready"] == found["tokens"] == size(files)
    assert 0 < found["read"] <= size(files) - 2 * 8192, "what was written before the kill is not read again"


def test_compress_reads_nothing_more(run: Run, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last_line(run("index", files, "--key-store", tmp_path / "keys"))
    monkeypatch.setenv("LONGATTNCOMP_METHOD", "longattncomp-alone")
    letters = byte_of_token()
    texts: list[bytes] = []
    read = Backbone.read

    def spy(self: Backbone, contexts: Any, *arguments: Any, **options: Any) -> Any:
        texts.extend(bytes(letters[token] for token in context) for context in contexts)
        return read(self, contexts, *arguments, **options)

    monkeypatch.setattr(Backbone, "read", spy)
    for store, reads in ((tmp_path / "keys", False), (tmp_path / "others", True)):
        monkeypatch.setenv("LONGATTNCOMP_KEY_STORE", str(store))
        texts.clear()
        result = run("compress", files / "1.txt", files / "2.txt", "--query", "Which lease?", "--budget", 200)
        assert result.exit_code == 0, result.output
        assert b"lease" in result.stdout_bytes
        assert any(b"Ada" in text for text in texts) is reads


def byte_of_token() -> list[int]:
    """The toy's tokens are the letters of byte-level BPE, sorted."""
    from tokenizers import pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    plain = [byte for byte in range(256) if chr(byte) in letters]
    others = [byte for byte in range(256) if byte not in plain]
    by_letter = {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}
    return [by_letter[letter] for letter in letters]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["FILES"], 2, "give --key-store FOLDER"),
        (
            ["FILES", "--method", "longattncomp", "--key-store", "keys"],
            2,
            "or longattncomp-cascade, got 'longattncomp'",
        ),
        (["FILES", "--method", "telepathy", "--key-store", "keys"], 2, "telepathy"),
        (["FILES", "--settings", "AFTER", "--key-store", "keys"], 2, "or longattncomp-cascade, got 'longatt"),
        (["FILES", "--settings", "BM25", "--key-store", "keys"], 2, "or longattncomp-cascade, got 'bm25'"),
        (["FILES", "--settings", "nope.yaml"], 2, "nope.yaml"),
        (["no-such-file", "--key-store", "keys"], 2, "found nothing at no-such-file"),
        (["FILES", "--suffix", ".rst", "--key-store", "keys"], 2, "got 0 files"),
        (["FILES/empty.txt", "--key-store", "keys"], 2, "no text in"),
        (["FILES", "--key-store", "keys", "--model", "no-such-model"], 3, "no draft model 'no-such-model'"),
        (["FILES", "--key-store", "keys", "--head", "no-such-head"], 3, "no-such-head"),
        (["FILES", "--key-store", "FILES/1.txt/keys"], 4, "name another folder"),
        (["--key-store", "keys"], 2, "paths"),
    ],
)
def test_failures_have_a_message_and_a_code(
    run: Run, files: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    places = {"FILES": files, "AFTER": tmp_path / "after.yaml", "BM25": tmp_path / "bm25.yaml"}
    (tmp_path / "after.yaml").write_text("method: longattncomp\n")
    (tmp_path / "bm25.yaml").write_text("method: bm25\n")
    for name, place in places.items():
        arguments = [argument.replace(name, str(place)) for argument in arguments]
    result = run("index", *arguments)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert result.stdout == ""


def test_a_store_that_takes_no_more_has_its_code(
    run: Run, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from longattncomp.runtime.stores import LMDBStore

    def full(self: LMDBStore, pairs: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(LMDBStore, "mset", full)
    result = run("index", files, "--key-store", tmp_path / "keys")
    assert result.exit_code == 4
    assert "no space left" in result.stderr
    assert "the key store took 0 tokens and no more" in result.stderr
    assert result.stdout == ""

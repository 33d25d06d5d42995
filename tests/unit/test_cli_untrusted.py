"""The command line over folders, names and text that mean harm."""

from __future__ import annotations

import io
import json
import os
import socket
import warnings
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from rich.table import Table
from typer.testing import CliRunner

from longattncomp.cli import app, console
from longattncomp.cli.documents import read_documents
from longattncomp.data.rows import Evidence, Example
from longattncomp.errors import InputError, LongAttnCompWarning
from longattncomp.html.names import visible
from longattncomp.training.samples.describe import describe, plot, table
from longattncomp.types import Document

# What a name may hold, and how it is shown.
NAMES = {
    "[red]x[b].md": "[red]x[b].md",
    "[bold]:smile:.md": "[bold]:smile:.md",
    "\\[dim].md": "\\[dim].md",
    "\x1b[31mred.md": "\\x1b[31mred.md",
    "\x1b]0;title\x07.md": "\\x1b]0;title\\x07.md",
    "\x9b31m.md": "\\x9b31m.md",
    "fdp.\u202excod.md": "fdp.\\u202excod.md",
    "\u2066a\u2069.md": "\\u2066a\\u2069.md",
    "a\nerror: b\r.md": "a\\nerror: b\\r.md",
    "a\u2028b\x7f.md": "a\\u2028b\\x7f.md",
    "\udcff.md": "\\udcff.md",
    "契約 é 👍.md": "契約 é 👍.md",
}
CLOSING = "[/b]"  # as markup, it ends what was never opened


@pytest.fixture
def run(toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in {"MODEL": str(toy_folder), "LAYERS": "2", "DTYPE": "float32"}.items():
        monkeypatch.setenv(f"LONGATTNCOMP_{name}", value)

    def invoke(*arguments: object, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)

    return invoke


def found(folder: Path, **options: str) -> list[str]:
    return [
        Path(document.id or "").relative_to(folder).as_posix() for document in read_documents([str(folder)], **options)
    ]


def test_links_that_leave_the_folder_are_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "in", tmp_path / "in-truth-outside"
    (folder / "sub").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.md").write_text("secret")
    (folder / "sub" / "a.md").write_text("a")
    for name, target in {
        "absolute.md": str(outside / "secret.md"),
        "relative.md": "../in-truth-outside/secret.md",
        "through.md": "absolute.md",
        "folder": "../in-truth-outside",
        "dangling.md": "../nowhere",
        "alias.md": "sub/a.md",
        "sub/up.md": "../alias.md",
    }.items():
        (folder / name).symlink_to(target)
    with pytest.warns(LongAttnCompWarning) as warned:
        assert found(folder) == ["alias.md", "sub/a.md", "sub/up.md"]
    names = [
        f"skipped {folder / name}:" for name in ("absolute.md", "dangling.md", "folder", "relative.md", "through.md")
    ]
    assert [str(one.message).split(" a link out of")[0] for one in warned] == names
    (tmp_path / "link").symlink_to(folder)
    with pytest.warns(LongAttnCompWarning):
        assert found(tmp_path / "link") == ["alias.md", "sub/a.md", "sub/up.md"]  # the user named the link
    assert [one.text for one in read_documents([str(folder / "absolute.md")])] == ["secret"]


def test_loops_and_deep_folders_end(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("a")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "self").symlink_to("self")
    with pytest.warns(LongAttnCompWarning) as warned:
        assert found(tmp_path) == ["a.md"]
    assert [Path(str(one.message).split(": ")[0]).name for one in warned] == ["loop", "self"]
    (tmp_path / "loop").unlink()
    (tmp_path / "self").unlink()
    deep = tmp_path
    for _ in range(1000):  # more than Python's stack holds
        deep /= "d"
        deep.mkdir()
    (deep / "b.md").write_text("b")
    try:
        assert [document.text for document in read_documents([str(tmp_path)])] == ["a", "b"]
    finally:
        (deep / "b.md").unlink()
        while deep != tmp_path:  # which neither pytest nor shutil could
            deep.rmdir()
            deep = deep.parent


def test_only_regular_files_are_read(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("in/a.md").write_text("Ada signed.")
    os.mkfifo("in/pipe.md")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("in/socket.md")
    result = run("compress", "in", "-q", "who?", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["text"] == "Ada signed."
    for name in ("pipe", "socket"):
        assert f"warning: skipped in/{name}.md: a pipe, socket or device" in result.stderr
    with pytest.warns(LongAttnCompWarning):
        assert found(tmp_path, suffix=".md") == ["in/a.md"]
    assert found(tmp_path, suffix=".m[d]") == []


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to("self")
    for name, message in (("n" * 300, "File name too long"), ("self", "Too many levels of symbolic links")):
        with pytest.raises(InputError, match=f"cannot read .*{message}"):
            read_documents([str(tmp_path / name)])


@pytest.mark.parametrize(("name", "shown"), NAMES.items(), ids=range(len(NAMES)))
def test_names_are_shown_as_they_are(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, shown: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("Ada signed.")
    Path(name).write_bytes(b"\0binary")
    Path("link" + name).symlink_to("/")
    folder = run("compress", ".", "-q", "who?")
    assert folder.exit_code == 0
    assert f"skipped {shown}: binary\n" in folder.stderr
    assert f"warning: skipped link{shown}: a link out of .\n" in folder.stderr
    missing = run("compress", f"no{name}", "-q", "who?")
    assert missing.exit_code == 2
    assert missing.stderr == f"error: expected a file, a folder or -, found nothing at no{shown}\n"
    for result in (folder, missing):
        assert [one for one in result.stderr if not one.isprintable() and one != "\n"] == []


def test_user_text_is_no_markup(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    row = {
        "id": "1",
        "task": CLOSING,
        "query": "pigs",
        "answers": ["six"],
        "documents": [{"id": "d", "text": "six pigs"}],
    }
    Path("[b]$\\fra{$.jsonl").write_text(json.dumps(row))
    Path("res[").mkdir()
    result = run("eval", "[b]$\\fra{$.jsonl", "--method", "bm25", "--out", f"res{CLOSING}")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("[b]$\\fra{$.jsonl: evidence kept, %")
    assert f"report: res{CLOSING}/report.html" in result.stderr
    assert "| method | [b]$\\fra{$.jsonl, 10% † |" in Path(f"res{CLOSING}", "report.md").read_text()
    for arguments in (
        ["eval", CLOSING],
        ["compress", "-q", "x", "--html", f"no{CLOSING}/x"],
        ["info", "--settings", CLOSING],
    ):
        refused = run(*arguments, stdin=b"x")
        assert refused.exit_code == 2
        assert CLOSING in refused.stderr
    keys = tmp_path / f"keys{CLOSING}:smile:"
    indexed = run("index", "-", "--key-store", keys, stdin=b"Ada signed. " * 40)
    assert indexed.exit_code == 0, indexed.stderr
    assert f"bytes a token in {keys}," in indexed.stderr


def test_info_escapes_what_it_found(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "\x1b[31m\n" / "models" / "toy\u202e" / "layers-2").mkdir(parents=True)
    monkeypatch.setenv("LONGATTNCOMP_MODEL_DIR", str(tmp_path / "\x1b[31m\n"))
    result = run("info")
    assert result.exit_code == 0
    assert f"model folder  {tmp_path}/\\x1b[31m\\n\n" in result.stdout
    assert "converted     toy\\u202e/layers-2, 0 MB\n" in result.stdout


def test_consoles_and_bars_show_text_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = console._Console(file=io.StringIO(), width=200, force_terminal=True)
    monkeypatch.setattr(console, "notes", screen)
    text = f"{CLOSING}[red]:smile:\x1b[2J\u202e"
    made = Table(text, title=text)
    made.add_row(text)
    screen.print(made)
    with console.progress_bar(text) as advance:
        advance(1, 2)
    with console.exit_codes():
        warnings.warn(text, LongAttnCompWarning, stacklevel=1)
    drawn = screen.file.getvalue()  # type: ignore[attr-defined]
    assert drawn.count(f"{CLOSING}[red]:smile:\\x1b[2J\\u202e") >= 5
    assert "\x1b[2J" not in drawn
    assert "\u202e" not in drawn


def test_tasks_of_rows_are_shown_as_they_are(tmp_path: Path) -> None:
    rows = [Example("1", f"{CLOSING}$\\fra{{$\n", "q", (), (Document("a"),), (Evidence(0, 0, 1),))]
    described = describe(rows, len)
    screen = console._Console(file=io.StringIO(), width=200)
    screen.print(table(described))
    assert f"{CLOSING}$\\fra{{$\\n" in screen.file.getvalue()  # type: ignore[attr-defined]
    plot(described, tmp_path / "samples.png")


def test_printable_names_stay() -> None:
    assert visible("契約 – é\\n (1) 👍") == "契約 – é\\n (1) 👍"
    assert visible("".join(map(chr, range(0x3000)))).isprintable()

"""Files of settings that came with someone else's files: what they may set, and what they cannot do."""

from __future__ import annotations

import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest

from longattncomp import Settings
from longattncomp.errors import InputError, LongAttnCompWarning
from longattncomp.settings import _HARMLESS

REFUSED = dict.fromkeys(("model", "head", "key_store", "store_key", "model_dir", "target_tokenizer"), "evil")
HARMLESS = {"method": "bm25", "top_p": "0.5", "node_tokens": "7", "layers": "3", "cache_bytes": "5", "gap_mark": "<>"}


def write_yaml(values: dict[str, str], file: str = "longattncomp.yaml") -> None:
    Path(file).write_text("".join(f"{name}: {value}\n" for name, value in values.items()))


def write_dotenv(values: dict[str, str]) -> None:
    Path(".env").write_text("".join(f"LONGATTNCOMP_{name.upper()}={value}\n" for name, value in values.items()))


@pytest.mark.parametrize(("write", "file"), [(write_yaml, "longattncomp.yaml"), (write_dotenv, ".env")])
def test_the_working_directory_names_no_model_code_or_path(
    write: Callable[[dict[str, str]], None], file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(REFUSED | HARMLESS)
    with pytest.warns(LongAttnCompWarning) as caught:
        assert Settings.load() == Settings(**HARMLESS)
    (warning,) = caught
    said = str(warning.message)
    assert all(word in said for word in (*REFUSED, str(Path(file).absolute()), "LONGATTNCOMP_TRUST_DIRECTORY=1"))
    assert not any(name in said.split(" in ")[0] for name in HARMLESS)
    assert len(said) < 1000
    monkeypatch.setenv("LONGATTNCOMP_TRUST_DIRECTORY", "1")
    assert Settings.load() == Settings(**HARMLESS, **REFUSED)


def test_every_setting_is_harmless_or_refused_on_purpose() -> None:
    """A new setting is refused until somebody has thought about it."""
    assert Settings.model_fields.keys() - _HARMLESS == REFUSED.keys()


@pytest.mark.parametrize("value", ["1", "true"])
def test_the_working_directory_does_not_trust_itself(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dotenv({"trust_directory": value, "model": "evil"})
    with pytest.warns(LongAttnCompWarning, match=r"trust_directory, model in .*\.env"):
        assert Settings.load() == Settings()
    monkeypatch.setenv("LONGATTNCOMP_TRUST_DIRECTORY", "0")
    with pytest.warns(LongAttnCompWarning, match="trust_directory, model"):
        assert Settings.load() == Settings()


def test_what_the_user_says_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_yaml(REFUSED, "named.yaml")
    assert Settings.load(yaml_file="named.yaml") == Settings(**REFUSED)
    assert Settings.load(**REFUSED) == Settings(**REFUSED)
    monkeypatch.setattr(platformdirs, "user_config_path", lambda _: tmp_path)
    write_yaml(REFUSED | {"top_p": "0.5"}, str(tmp_path / "longattncomp.yaml"))
    assert Settings.load() == Settings(**REFUSED, top_p=0.5)
    write_yaml({"top_p": "0.25"})
    assert Settings.load() == Settings(**REFUSED, top_p=0.25)
    for name, value in REFUSED.items():
        monkeypatch.setenv(f"LONGATTNCOMP_{name.upper()}", f"{value}2")
    assert Settings.load(top_p=1) == Settings(**dict.fromkeys(REFUSED, "evil2"), top_p=1)


def test_a_user_without_a_home_has_no_file_in_the_working_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_config_path", lambda name: Path("~/.config") / name)
    Path("~/.config/longattncomp").mkdir(parents=True)
    write_yaml(REFUSED, "~/.config/longattncomp/longattncomp.yaml")
    assert Settings.load() == Settings()


def test_the_environment_s_secrets_stay_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "sk-1")
    write_dotenv({"gap_mark": "${SECRET}"})
    assert "sk-1" not in Settings.load().gap_mark
    monkeypatch.setenv("LONGATTNCOMP_TRUST_DIRECTORY", "1")
    assert Settings.load().gap_mark == "sk-1"


def test_no_message_shows_the_store_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for content in ("store_key: 314159\n", "store_key: 314159: 2\n", "store_key: [314159\n", "store_key: 'a\\314159"):
        Path("named.yaml").write_text(content)
        with pytest.raises(InputError) as caught:
            Settings.load(yaml_file="named.yaml")
        assert "314159" not in "".join(traceback.format_exception(caught.value))


# Files that are none.


def fifo(file: Path) -> None:
    os.mkfifo(file)


def link_to_a_fifo(file: Path) -> None:
    os.mkfifo("pipe")
    file.symlink_to("pipe")


def device(file: Path) -> None:
    file.symlink_to("/dev/zero")


def loop(file: Path) -> None:
    file.symlink_to(file)


def large(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(1 << 40)  # takes no room on disk


def latin_1(file: Path) -> None:
    file.write_bytes("top_p: 0.5 # Zoë\nLONGATTNCOMP_TOP_P=0.5\n".encode("latin-1"))


def utf_16(file: Path) -> None:
    file.write_bytes("top_p: 0.5\n".encode("utf-16"))


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes")
@pytest.mark.parametrize("make", [fifo, link_to_a_fifo, device, loop, large, latin_1, utf_16])
@pytest.mark.parametrize("name", [".env", "longattncomp.yaml"])
def test_a_file_that_is_none_is_ignored_with_a_warning(make: Callable[[Path], None], name: str) -> None:
    make(Path(name))
    with pytest.warns(LongAttnCompWarning, match=rf"ignored: {re.escape(str(Path(name).absolute()))} \(\w") as caught:
        assert Settings.load(layers=2) == Settings(layers=2)
    assert len(caught) == 1
    with pytest.raises(InputError, match=f"{name}"):
        Settings.load(yaml_file=name)


def test_folders_and_links_to_files(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").mkdir()  # a virtual environment of this name is common
    Path("mounted").write_text("\ufefftop_p: 0.5\n", encoding="utf-8")
    Path("longattncomp.yaml").symlink_to("mounted")
    assert Settings.load() == Settings(top_p=0.5)


def test_another_program_s_variables_are_not_read(caplog: pytest.LogCaptureFixture) -> None:
    Path(".env").write_text("'\n= $(rm) \"\nexport\nA=${B}\n" * 300)
    assert Settings.load() == Settings()
    assert caplog.records == []


# YAML that is small and makes much.


def aliases() -> str:
    lines = [f" - &{name} [{','.join(['*' + before] * 9)}]" for before, name in zip("abcdef", "bcdefg", strict=True)]
    return "\n".join(["top_p:", " - &a [x,x,x,x,x,x,x,x,x]", *lines])


def merges() -> str:
    lines = [
        f"{name}: &{name} {{<<: [{','.join(['*' + before] * 9)}]}}"
        for before, name in zip("abcdefg", "bcdefgh", strict=True)
    ]
    return "\n".join(["a: &a {x: 1}", *lines])


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize(
    "content",
    [
        aliases(),
        merges(),
        "top_p: &a [*a]",
        "top_p: " + "[" * 20000,
        "top_p: " + "{a: " * 3000,
        "- " * 8000,
        "top_p: 0x" + "f" * 16000,
        "top_p: 1" + ":59" * 5000,
        "top_p: !!python/object/apply:os.system [exit]",
        "top_p: !" + "x" * 16000,
        "top_p: !!bool x",
        "top_p: !!float ''",
        "top_p: !!timestamp x",
        "top_p: 2001-99-99",
        "top_p: [" + "x, " * 1500 + "]",
        "k" * 1000 + ": 1",
        "\n".join(f"name{number}: 1" for number in range(500)),
    ],
)
def test_hostile_yaml_is_one_short_error(content: str, named: bool) -> None:
    Path("longattncomp.yaml").write_text(content)
    with warnings.catch_warnings(), pytest.raises(InputError) as caught:
        Settings.load(yaml_file="longattncomp.yaml" if named else None)
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize(
    "value", ["'" * 10000, '"' * 10000, "x" + " " * 5000 + "x", "${A" * 4000, "\\" * 16000, "x" * 16000]
)
def test_hostile_dotenv_is_one_short_error(value: str) -> None:
    Path(".env").write_text(f"LONGATTNCOMP_TOP_P=x{value}\n")
    with pytest.raises(InputError, match=r"^top_p in the file \.env: ") as caught:
        Settings.load()
    assert len(str(caught.value)) < 1500

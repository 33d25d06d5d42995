"""Which folder a draft model's name stands for, and what is said of a name or folder that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from draft_models import find, gpt2

from longattncomp.backbone.config import default_layers
from longattncomp.backbone.locate import EMBEDDED, DraftModel
from longattncomp.errors import BrokenModelError, ModelNotFoundError, UnsupportedModelError


@pytest.mark.parametrize("name", ["nope", "a/b/c", "./not/here", "/not/here", "smollm2-135m-instruct ", "C:\\models"])
def test_an_unknown_name_says_what_is_expected(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        find(name, tmp_path / "cache")

    for word in (repr(name), *EMBEDDED, "folder", "config.json", ".gguf", "Hugging Face id"):
        assert word in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_a_folder_is_used_where_it_lies(toy_folder: Path, tmp_path: Path) -> None:
    found = find(toy_folder, tmp_path / "cache", layers=3)

    assert found == DraftModel(toy_folder, 3)
    assert not (tmp_path / "cache").exists()


def test_home_is_expanded(toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(toy_folder.parent))

    assert find(f"~/{toy_folder.name}", tmp_path).folder == toy_folder


@pytest.mark.parametrize(("total", "expected"), [(2, 1), (3, 1), (4, 2), (30, 12), (32, 13), (80, 32)])
def test_default_depth_is_the_paper_s_share(total: int, expected: int) -> None:
    assert default_layers(total) == expected


def test_no_depth_means_the_default(toy_folder: Path, tmp_path: Path) -> None:
    assert find(toy_folder, tmp_path, layers=None).layers == 2


def test_a_folder_without_config(tmp_path: Path) -> None:
    with pytest.raises(BrokenModelError, match=r"config\.json") as caught:
        find(tmp_path, tmp_path / "cache")

    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    "config", [b"", b"{", b"\xff\xfe", b"[1]", b'"llama"', b"{}", b'{"num_hidden_layers": "four"}'], ids=repr
)
def test_a_broken_config(config: bytes, copied: Path, tmp_path: Path) -> None:
    (copied / "config.json").write_bytes(config)

    with pytest.raises(BrokenModelError, match=r"config\.json"):
        find(copied, tmp_path / "cache")


@pytest.mark.parametrize("layers", [4, 5, 40])
def test_too_few_layers(layers: int, toy_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BrokenModelError, match=rf"4 layers.*layers={layers}.*{layers + 1}"):
        find(toy_folder, tmp_path / "cache", layers=layers)


def test_an_unsupported_architecture_is_told_before_its_layers(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="gpt2"):
        find(gpt2(tmp_path), tmp_path / "cache")

"""Fixtures of the tests that find, convert, fetch and open draft models."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from draft_models import counted, gpt2, write_gguf


@pytest.fixture
def copied(toy_folder: Path, tmp_path: Path) -> Path:
    """The toy Llama's folder, to be broken."""
    return Path(shutil.copytree(toy_folder, tmp_path / "copied"))


@pytest.fixture(scope="session")
def gguf_file(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "Toy Llama.F16.gguf", toy_folder)


@pytest.fixture
def hub(toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A hub that holds owner/toy, an HF cache that holds nothing; gives the bytes read."""
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def nothing_local(name: str, *, local_files_only: bool) -> str:
        assert local_files_only
        raise LocalEntryNotFoundError(name)

    shutil.copytree(toy_folder, tmp_path / "hub" / "owner" / "toy")
    gpt2(tmp_path / "hub" / "owner" / "gpt2")
    filesystem, read = counted(tmp_path / "hub")
    monkeypatch.setattr(huggingface_hub, "HfFileSystem", lambda: filesystem)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", nothing_local)
    return read

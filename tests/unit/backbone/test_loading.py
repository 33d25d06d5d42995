"""Opening the first layers of a model folder, and what goes wrong there."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from draft_models import drop_weights, gpt2, only_pickle, open_cpu, rewrite, sharded, states
from safetensors.torch import load_file, save_file

from longattncomp.backbone.config import SUPPORTED
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

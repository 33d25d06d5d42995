"""A scoring head's checkpoint: what is saved comes back, and nothing else is taken for it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from longattncomp.backbone.forward import Backbone
from longattncomp.errors import BrokenModelError, HeadMismatchError
from longattncomp.scorers.cross_attention.head import (
    CrossAttentionHead,
    HeadConfig,
    load_head,
    read_head_config,
    untrained_head,
)
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.scorers.relevance import CalibratedScorer, Calibration
from longattncomp.testing import ByteTokenizer, save_draft_model
from longattncomp.types import Node, Query, Scores

Place = Literal["after", "alone"]
EXTENSIONS = {"head_weights", "row_gate", "rarity", "match_strength", "spread", "spread_gate", "spread_breadth"}
TEXT = "Ms. Ivory signed the lease on 3 May. The rent is due on Fridays. "
NODES = [Node(index, 0, len(TEXT) - index, TEXT[index:], len(TEXT) - index) for index in range(5)]


def opened(folder: Path, layers: int = 2, dtype: str = "float32") -> Backbone:
    return Backbone.open(folder, layers, device="cpu", dtype=dtype)


@pytest.fixture(scope="module")
def backbone(toy_folder: Path) -> Backbone:
    return opened(toy_folder)


def trained(backbone: Backbone, place: Place = "after", *, rotary: bool | None = None) -> CrossAttentionHead:
    """A head that is no longer the draft model's own layer."""
    rotary = place == "after" if rotary is None else rotary
    head = CrossAttentionHead(
        backbone.scoring_layer,
        HeadConfig(backbone.fingerprint, backbone.layers, place, rotary=rotary, segment_tokens=128),
    )
    head.extend()
    generator = torch.Generator().manual_seed(1)
    for weight in head.parameters():
        spread = 0.3 * weight.data.std(correction=0) + 0.01
        weight.data += spread * torch.randn(weight.shape, generator=generator)
    return head


def scores(backbone: Backbone, head: CrossAttentionHead) -> Scores:
    scorer = CrossAttentionScorer(backbone, head, ByteTokenizer())
    return scorer.score(Query("Who signed the lease?"), NODES)


@pytest.fixture
def checkpoint(backbone: Backbone, tmp_path: Path) -> Path:
    trained(backbone).save(tmp_path / "head.safetensors")
    return tmp_path / "head.safetensors"


def test_the_calibration_is_saved(backbone: Backbone, tmp_path: Path) -> None:
    head = trained(backbone)
    head.config = replace(head.config, calibration=Calibration(0.5, 1.25, -0.1))
    head.save(tmp_path / "head.safetensors")
    found = load_head(tmp_path / "head.safetensors", backbone)
    scorer = CrossAttentionScorer(backbone, found, ByteTokenizer())
    assert isinstance(scorer, CalibratedScorer)
    assert scorer.calibration == Calibration(0.5, 1.25, -0.1)


@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.parametrize("place", ["after", "alone"])
def test_what_is_saved_scores_the_same(place: Place, rotary: bool, backbone: Backbone, tmp_path: Path) -> None:
    head = trained(backbone, place, rotary=rotary)
    expected = scores(backbone, head)
    assert expected != scores(backbone, untrained_head(backbone, place))

    head.save(tmp_path / "head.safetensors")
    found = load_head(tmp_path / "head.safetensors", backbone)

    assert found.config == head.config == HeadConfig(backbone.fingerprint, 2, place, rotary, segment_tokens=128)
    assert read_head_config(tmp_path / "head.safetensors") == head.config
    assert scores(backbone, found) == expected
    assert not any(weight.requires_grad for weight in found.parameters())
    assert scores(backbone, untrained_head(backbone, place)) != expected  # the backbone's own layer is as it was


@pytest.mark.parametrize("family", ["gemma3_text", "qwen2", "qwen3"])
def test_norms_and_biases_are_saved_too(family: str, tmp_path: Path) -> None:
    backbone = opened(save_draft_model(tmp_path, family))
    head = trained(backbone)
    parts = {name.split(".")[0] for name in head.state_dict()}
    norms = set() if family == "qwen2" else {"q_norm", "k_norm"}
    assert parts == {"norm", "q_proj", "k_proj"} | norms | EXTENSIONS
    assert ("q_proj.bias" in head.state_dict()) == (family == "qwen2")

    head.save(tmp_path / "head.safetensors")

    assert scores(backbone, load_head(tmp_path / "head.safetensors", backbone)) == scores(backbone, head)


def test_an_untrained_head_is_the_next_layer(toy_folder: Path, backbone: Backbone) -> None:
    head = untrained_head(backbone, "after")

    weights = load_file(toy_folder / "model.safetensors")
    names = {"norm": "input_layernorm", "q_proj": "self_attn.q_proj", "k_proj": "self_attn.k_proj"}
    assert {name for name, _ in head.named_parameters()} == {f"{name}.weight" for name in names} | EXTENSIONS
    assert not any(head.get_parameter(name).any() for name in EXTENSIONS - {"spread"})
    assert head.spread_weights(torch.zeros(3), torch.ones(4)).tolist() == [1, 0, 0, 0]
    for name, original in names.items():
        assert torch.equal(head.get_parameter(f"{name}.weight"), weights[f"model.layers.2.{original}.weight"])
    assert head.config == HeadConfig(backbone.fingerprint, 2, "after", rotary=True)
    assert untrained_head(backbone, "alone").config.rotary is False


def test_extending_switches_on_what_the_paper_does_not_have(backbone: Backbone) -> None:
    head = untrained_head(backbone, "after")
    expected = scores(backbone, head)

    head.extend(favoured_heads=[2])

    assert head.head_weights.softmax(0).argmax() == 2
    kept, *given = head.spread_weights(torch.zeros(3), torch.ones(4)).tolist()
    assert 0.5 < kept < 1
    assert kept + sum(given) == pytest.approx(1)
    assert (head.match_strength > 0).all()
    assert scores(backbone, head).nodes != pytest.approx(expected.nodes, abs=1e-4)


def test_a_head_fits_its_model_in_any_precision(checkpoint: Path, toy_folder: Path, backbone: Backbone) -> None:
    half = opened(toy_folder, dtype="bfloat16")

    head = load_head(checkpoint, half)

    assert all(weight.dtype == torch.float32 for weight in head.parameters())
    found, expected = scores(half, head), scores(backbone, load_head(checkpoint, backbone))
    assert found.nodes == pytest.approx(expected.nodes, abs=0.02)


def test_another_draft_model_is_refused(checkpoint: Path, backbone: Backbone, tmp_path: Path) -> None:
    other = opened(save_draft_model(tmp_path / "other", seed=1))
    assert other.fingerprint != backbone.fingerprint

    with pytest.raises(HeadMismatchError) as caught:
        load_head(checkpoint, other)

    for word in (backbone.fingerprint, other.fingerprint, str(checkpoint)):
        assert word in str(caught.value)


@pytest.mark.parametrize("layers", [1, 3])
def test_another_depth_is_refused(layers: int, checkpoint: Path, toy_folder: Path) -> None:
    with pytest.raises(HeadMismatchError) as caught:
        load_head(checkpoint, opened(toy_folder, layers))

    for word in ("L=2", f"L={layers}"):
        assert word in str(caught.value)


def weights_of(file: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    with safe_open(file, framework="pt") as stream:
        return load_file(file), dict(stream.metadata())


def with_config(text: str) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        weights, metadata = weights_of(file)
        save_file(weights, file, metadata=metadata | {"config": text})

    return damage


def without(key: str) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        weights, metadata = weights_of(file)
        del metadata[key]
        save_file(weights, file, metadata=metadata)

    return damage


def other_format(file: Path) -> None:
    weights, metadata = weights_of(file)
    save_file(weights, file, metadata=metadata | {"format": "pt"})


def no_metadata(file: Path) -> None:
    save_file(weights_of(file)[0], file)


def unknown_field(file: Path) -> None:
    config = json.loads(weights_of(file)[1]["config"])
    with_config(json.dumps(config | {"colour": "red"}))(file)


def odd(field: str) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        config = json.loads(weights_of(file)[1]["config"])
        assert field in config
        with_config(json.dumps(config | {field: "sideways"}))(file)

    return damage


def truncated(share: float) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        data = file.read_bytes()
        file.write_bytes(data[: int(len(data) * share)])

    return damage


NO_CHECKPOINT: dict[str, Callable[[Path], Any]] = {
    "missing": Path.unlink,
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "empty": truncated(0),
    "text": lambda file: file.write_text("weights"),
    "random bytes": lambda file: file.write_bytes(random.Random(0).randbytes(4000)),
    "cut in the header": truncated(0.01),
    "cut in half": truncated(0.5),
    "one byte short": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "no metadata": no_metadata,
    "another format": other_format,
    "no format": without("format"),
    "no config": without("config"),
    "config is no JSON": with_config("{"),
    "config is a list": with_config("[1, 2]"),
    "config is empty": with_config("{}"),
    "config of another version": unknown_field,
    "odd place of the query": odd("query_place"),
    "odd encoding": odd("encoding"),
    "odd depth": odd("layers"),
    "odd segments": odd("segment_tokens"),
    "odd training": odd("trained"),
    "config is deep": with_config("[" * 100_000),
}


@pytest.mark.parametrize("damage", NO_CHECKPOINT.values(), ids=NO_CHECKPOINT)
def test_what_is_no_checkpoint(damage: Callable[[Path], Any], checkpoint: Path, backbone: Backbone) -> None:
    damage(checkpoint)

    for read in (read_head_config, lambda file: load_head(file, backbone)):
        with pytest.raises(BrokenModelError) as caught:
            read(checkpoint)
        assert str(checkpoint) in str(caught.value)


def test_a_draft_model_is_no_head(toy_folder: Path, backbone: Backbone) -> None:
    with pytest.raises(BrokenModelError, match="longattncomp-head-1"):
        load_head(toy_folder / "model.safetensors", backbone)


@pytest.mark.parametrize("name", ["norm.weight", "q_proj.weight", "k_proj.weight", *sorted(EXTENSIONS)])
@pytest.mark.parametrize("damage", ["lacks", "misshapes"])
def test_a_head_with_a_hole(name: str, damage: str, checkpoint: Path, backbone: Backbone) -> None:
    weights, metadata = weights_of(checkpoint)
    if damage == "lacks":
        del weights[name]
    else:
        weights[name] = weights[name].new_ones(3, 3)
    save_file(weights, checkpoint, metadata=metadata)

    with pytest.raises(BrokenModelError, match=name.replace(".", r"\.")):
        load_head(checkpoint, backbone)

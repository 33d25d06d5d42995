"""Low-rank adapters of the draft model: merged at opening, kept in a head's checkpoint, and trained in parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from naive import LAYERS, MIXED, Place, Toy
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.lora import Adapters
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.data.rows import Evidence, Example
from longattncomp.errors import BrokenModelError, HeadMismatchError, InputError
from longattncomp.scorers.cross_attention.head import load_head, read_adapters, untrained_head
from longattncomp.testing import save_draft_model
from longattncomp.training import lora
from longattncomp.training.lora import AdaptedLayers, adapted_layers
from longattncomp.training.stages import Stage
from longattncomp.training.states import StateReader, States
from longattncomp.types import Document

STAGE = Stage(name="toy", sources={}, rotary=False, adapted_layers=1, rank=4, segment_tokens=128, node_tokens=32)
TEXTS = ("The lease was signed in 1997. " * 3, "Rent is paid monthly. " * 9, "No.")
QUESTIONS = ("Who signed the lease?", "When?", "What is paid, and how often is it paid?")


def opened(folder: Path, adapters: Adapters, layers: int = LAYERS) -> Backbone:
    return Backbone.open(folder, layers, device="cpu", dtype="float32", adapters=adapters)


def divided(
    folder: Path, start: Adapters, stage: Stage = STAGE, layers: int = LAYERS
) -> tuple[Backbone, AdaptedLayers]:
    return adapted_layers(folder, layers, stage, start, device="cpu", dtype="float32", seed=0)


def trained(folder: Path, *, layer: int = 1, seed: int = 1) -> dict[str, tuple[Tensor, Tensor]]:
    """Adapters as training would leave them: B is no longer zero."""
    generator = torch.Generator().manual_seed(seed)
    _, layers = divided(folder, {}, layers=layer + 1)
    return {name: (a, torch.randn(b.shape, generator=generator) * 0.1) for name, (a, b) in layers.adapters().items()}


def reader(backbone: Backbone, folder: Path, stage: Stage, kept: Path) -> StateReader:
    return StateReader(backbone, DraftTokenizer.from_folder(folder), stage, folder=kept, most_bytes=0)


def asked() -> list[Example]:
    documents = tuple(Document(text, id=str(number)) for number, text in enumerate(TEXTS))
    return [Example(str(n), "toy", query, (), documents, (Evidence(0, 0, 9),)) for n, query in enumerate(QUESTIONS)]


def exact(read: StateReader) -> States:
    """What `read.states` gives, without its rounding to bf16."""
    layout = read.layout(asked())
    rounded = read.states(layout)
    segments = {one.index: one.states.clone() for one in read.backbone.read(layout.segment_ids)}
    if len(rounded.questions) < len(segments):  # the queries stand alone
        before = layout.segment_ids[0][: rounded.starts[0]]
        alone = read.backbone.read([(*before, *ids) for ids in layout.question_ids])
        rows = [{one.index: one.states[len(before) :].clone() for one in alone}]
    else:
        after = {one.index: one.asked for one in read.backbone.read(layout.segment_ids, layout.question_ids)}
        rows = [{n: states.clone() for n, states in enumerate(after[row])} for row in range(len(segments))]
    return replace(rounded, segments=tuple(segments[index] for index in range(len(segments))), questions=tuple(rows))


@pytest.mark.parametrize("again", [False, True], ids=["kept", "computed again"])
@pytest.mark.parametrize("place", ["after", "alone"])
@pytest.mark.parametrize("variant", ["llama", "qwen3", "mistral", MIXED])
def test_layers_that_are_trained_compute_what_the_merged_model_computes(
    variant: str, place: Place, again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lora, "_MOST_TOKENS", 0 if again else 10**6)
    monkeypatch.setattr(lora, "_BATCH_TOKENS", 300)  # several batches, of rows of unequal length
    Toy.of(variant, tmp_path)
    adapters = trained(tmp_path)
    stage = replace(STAGE, query_place=place)
    lower, layers = divided(tmp_path, adapters, stage)
    own = reader(lower, tmp_path, stage, tmp_path / "lower")
    merged = reader(opened(tmp_path, adapters), tmp_path, stage, tmp_path / "merged")

    found = layers(exact(own), [2, 0])
    expected = exact(merged)

    for ours, theirs in zip(found.segments, expected.segments, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    for number in (2, 0):
        for (start, ours), (place_of, theirs) in zip(found.asked(number), expected.asked(number), strict=True):
            assert start == place_of
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    sum(states.sum() for states in found.segments).backward()  # type: ignore[union-attr]
    slopes = [weight.grad for weight in layers.parameters() if weight.requires_grad]
    assert slopes
    assert all(slope is not None and slope.abs().sum() > 0 for slope in slopes)


def test_a_head_opens_with_the_adapters_of_its_checkpoint(toy_folder: Path, tmp_path: Path) -> None:
    adapters = trained(toy_folder)
    backbone = opened(toy_folder, adapters)
    head = untrained_head(backbone, "after")
    head.adapters = adapters
    head.save(tmp_path / "head.safetensors")

    read = read_adapters(tmp_path / "head.safetensors")
    found = load_head(tmp_path / "head.safetensors", opened(toy_folder, read))

    assert found.state_dict().keys() == head.state_dict().keys()
    assert found.adapters.keys() == adapters.keys()
    for name, pair in found.adapters.items():
        for ours, theirs in zip(pair, adapters[name], strict=True):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    "other", [lambda _: {}, lambda folder: trained(folder, seed=2)], ids=["no adapters", "other adapters"]
)
def test_a_head_is_refused_by_a_model_without_its_adapters(
    other: Callable[[Path], Any], toy_folder: Path, tmp_path: Path
) -> None:
    adapters = trained(toy_folder)
    head = untrained_head(opened(toy_folder, adapters), "after")
    head.adapters = adapters
    head.save(tmp_path / "head.safetensors")

    with pytest.raises(HeadMismatchError, match="made for draft model"):
        load_head(tmp_path / "head.safetensors", opened(toy_folder, other(toy_folder)))


def test_adapters_change_fingerprint_digest_and_states(toy_folder: Path) -> None:
    plain, adapted = opened(toy_folder, {}), opened(toy_folder, trained(toy_folder))

    assert adapted.fingerprint.startswith(f"{plain.fingerprint}+")
    assert adapted.digest != plain.digest
    (before,), (after,) = plain.read([list(range(3, 40))]), adapted.read([list(range(3, 40))])
    assert not torch.allclose(before.states, after.states, atol=1e-3)


def test_adapters_of_another_model_are_refused(toy_folder: Path) -> None:
    for name in ("layers.1.self_attn.other_proj", "layers.9.self_attn.q_proj", "layers.1.mlp.down_proj"):
        pair = torch.zeros(4, 7), torch.zeros(9, 4)
        with pytest.raises(HeadMismatchError, match=rf"adapter of {name} was made for a weight of shape \(9, 7\)"):
            opened(toy_folder, {name: pair})


@pytest.mark.parametrize("part", [{"a": torch.zeros(4, 16)}, {"a": torch.zeros(4), "b": torch.zeros(16, 4)}])
def test_what_are_no_adapters(part: dict[str, Tensor], toy_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "head.safetensors"
    head = untrained_head(opened(toy_folder, {}), "after")
    head.save(file)
    with safe_open(file, framework="pt") as stream:
        metadata = stream.metadata()
    broken = {f"adapters.layers.1.self_attn.q_proj.{name}": weight for name, weight in part.items()}
    save_file({**head.state_dict(), **broken}, file, metadata=metadata)

    for read in (read_adapters, lambda path: load_head(path, opened(toy_folder, {}))):
        with pytest.raises(BrokenModelError, match=r"head\.safetensors"):
            read(file)


def test_adapters_below_those_that_are_trained_stay(toy_folder: Path) -> None:
    start = {**trained(toy_folder), **trained(toy_folder, layer=2)}

    _, layers = divided(toy_folder, start, layers=3)

    found = layers.adapters()
    assert found.keys() == start.keys()
    for name, pair in start.items():
        for ours, theirs in zip(found[name], pair, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_a_stage_must_leave_a_layer_and_take_the_rank_it_starts_from(tmp_path: Path) -> None:
    folder = save_draft_model(tmp_path)
    with pytest.raises(InputError, match="adapted_layers below 2"):
        divided(folder, {}, replace(STAGE, adapted_layers=2))
    with pytest.raises(InputError, match="without rotary embedding"):
        divided(folder, {}, replace(STAGE, rotary=True))
    with pytest.raises(InputError, match="train with its rank"):
        divided(folder, trained(folder), replace(STAGE, rank=8))

"""The truncated backbone against the whole model, as transformers runs it."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from longattncomp.backbone.attention import blocked_attention
from longattncomp.backbone.batches import length_buckets
from longattncomp.backbone.config import SUPPORTED, read_config, total_layers
from longattncomp.backbone.forward import Backbone
from longattncomp.testing import save_draft_model

MIXED = "gemma3_text, every second layer full"  # the toy's four layers would all slide
VARIANTS = (*SUPPORTED, MIXED)

# 100, 96, 93, 91: near enough for one batch, with padding. 200, 150: over the window of 64.
LENGTHS = (91, 1, 200, 96, 33, 2, 100, 150, 65, 93, 64, 7)
SEQUENCES = [random.Random(length).choices(range(256), k=length) for length in LENGTHS]

Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made: dict[str, Path] = {}

    def of(variant: str) -> Path:
        if variant not in made:
            made[variant] = save_draft_model(tmp_path_factory.mktemp("toy"), variant.partition(",")[0])
            if variant == MIXED:
                file = made[variant] / "config.json"
                types = ["sliding_attention", "full_attention"] * 2
                file.write_text(json.dumps(json.loads(file.read_text()) | {"layer_types": types}))
        return made[variant]

    return of


@pytest.fixture(scope="module")
def truth(folder: Folder) -> Callable[[str], list[tuple[Tensor, ...]]]:
    """All hidden states of every sequence, read one by one by the whole model."""
    known: dict[str, list[tuple[Tensor, ...]]] = {}

    def of(variant: str) -> list[tuple[Tensor, ...]]:
        if variant not in known:
            model = whole(folder(variant))
            with torch.inference_mode():
                runs = [model(torch.tensor([ids]), output_hidden_states=True) for ids in SEQUENCES]
            known[variant] = [tuple(states[0] for states in run.hidden_states) for run in runs]
        return known[variant]

    return of


def whole(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def states_of(backbone: Backbone, sequences: list[list[int]]) -> list[Tensor]:
    found = {reading.index: reading.states for reading in backbone.read(sequences)}
    assert sorted(found) == list(range(len(sequences)))
    return [found[index] for index in range(len(sequences))]


def assert_near(found: Tensor, expected: Tensor, tolerance: float) -> None:
    """Equal to `tolerance` as a share of the largest state."""
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= tolerance * float(expected.abs().max())


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("variant", VARIANTS)
def test_states_are_those_of_the_whole_model(
    variant: str, layers: int, folder: Folder, truth: Callable[[str], list[tuple[Tensor, ...]]]
) -> None:
    backbone = Backbone.open(folder(variant), layers, device="cpu", dtype="float32")

    found = states_of(backbone, SEQUENCES)

    for states, expected in zip(found, truth(variant), strict=True):
        assert_near(states, expected[layers], 1e-4)


@pytest.mark.parametrize("variant", [MIXED, "mistral"])
def test_the_sliding_window_matters_to_the_test_above(
    variant: str, folder: Folder, truth: Callable[[str], list[tuple[Tensor, ...]]], tmp_path: Path
) -> None:
    for file in folder(variant).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"sliding_window": 2048}))
    backbone = Backbone.open(tmp_path, 2, device="cpu", dtype="float32")

    found = states_of(backbone, SEQUENCES)

    for states, expected, length in zip(found, truth(variant), LENGTHS, strict=True):
        if length <= 64:
            assert_near(states, expected[2], 1e-4)
        if length >= 150:
            with pytest.raises(AssertionError):
                assert_near(states, expected[2], 1e-3)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_batch_gives_what_single_sequences_give(variant: str, folder: Folder) -> None:
    backbone = Backbone.open(folder(variant), 2, device="cpu", dtype="float32")
    shapes: list[tuple[int, int]] = []
    hook = backbone._model.register_forward_pre_hook(
        lambda _module, _args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    order = random.Random(1).sample(range(len(SEQUENCES)), len(SEQUENCES))

    forward = states_of(backbone, SEQUENCES)
    shuffled = states_of(backbone, [SEQUENCES[index] for index in order])
    hook.remove()

    assert (4, 128) in shapes  # there was a batch with padding
    for index, ids in enumerate(SEQUENCES):
        (alone,) = states_of(backbone, [ids])
        assert_near(forward[index], alone, 1e-5)
        assert_near(shuffled[order.index(index)], alone, 1e-5)


QUESTIONS = [random.Random(length).choices(range(256), k=length) for length in (9, 1, 70, 30)]


@pytest.mark.parametrize("questions", [QUESTIONS[:1], QUESTIONS[:2], QUESTIONS, QUESTIONS * 5], ids=len)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_question_sees_its_context_and_no_other_question(
    variant: str, questions: list[list[int]], folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longattncomp.backbone.forward._ASKED_TOKENS", 100)  # so that there are several packs
    backbone = Backbone.open(folder(variant), 3, device="cpu", dtype="float32")

    readings = list(backbone.read(SEQUENCES, questions))

    assert sorted(reading.index for reading in readings) == list(range(len(SEQUENCES)))
    for reading in readings:
        context = SEQUENCES[reading.index]
        (expected,) = states_of(backbone, [context])
        assert_near(reading.states, expected, 1e-4)
        assert reading.rotary[0].shape == (1, len(context) + max(map(len, questions)), 8)
        alone = {asked: states_of(backbone, [[*context, *asked]])[0] for asked in set(map(tuple, questions))}
        for question, found in zip(questions, reading.asked, strict=True):
            assert_near(found, alone[tuple(question)][len(context) :], 1e-4)


def test_rotary_is_as_long_as_its_sequence(folder: Folder) -> None:
    backbone = Backbone.open(folder("llama"), 2, device="cpu", dtype="float32")

    for reading in backbone.read(SEQUENCES):
        index, (cos, sin) = reading.index, reading.rotary
        assert cos.shape == sin.shape == (1, LENGTHS[index], 8)
        assert reading.states.shape == (LENGTHS[index], 32)
        angle = torch.arange(LENGTHS[index])[:, None] * 10000 ** (-torch.arange(0, 8, 2) / 8)
        torch.testing.assert_close(cos[0, :, :4], angle.cos(), rtol=0, atol=1e-5)
        torch.testing.assert_close(sin[0, :, 4:], angle.sin(), rtol=0, atol=1e-5)


def test_threads_share_a_backbone(folder: Folder) -> None:
    backbone = Backbone.open(folder("llama"), 2, device="cpu", dtype="float32")
    expected = [states_of(backbone, [ids])[0] for ids in SEQUENCES]

    def read(ids: list[int]) -> tuple[Tensor, int]:
        (reading,) = backbone.read([ids])
        return reading.states, reading.rotary[0].shape[1]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read, SEQUENCES * 4))

    for (states, rotary_length), ids, reference in zip(found, SEQUENCES * 4, expected * 4, strict=True):
        assert_near(states, reference, 1e-5)
        assert rotary_length == len(ids)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("variant", SUPPORTED)
def test_layers_above_are_not_in_memory(variant: str, layers: int, folder: Folder) -> None:
    sizes = {name: weight.numel() for name, weight in whole(folder(variant)).model.named_parameters()}
    embedding = sizes["embed_tokens.weight"]
    below = sum(size for name, size in sizes.items() if name.startswith(tuple(f"layers.{n}." for n in range(layers))))
    scoring = sum(size for name, size in sizes.items() if name.startswith(f"layers.{layers}."))

    backbone = Backbone.open(folder(variant), layers, device="cpu", dtype="float32")

    assert sum(weight.numel() for weight in backbone.scoring_layer.parameters()) == scoring
    modules = [value for value in vars(backbone).values() if isinstance(value, nn.Module)]
    held = {id(weight): weight.numel() for module in modules for weight in module.parameters()}
    assert sum(held.values()) == embedding + below + scoring
    assert not any(weight.requires_grad for module in modules for weight in module.parameters())


def test_weights_above_are_not_needed(folder: Folder, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder("llama") / "model.safetensors")
    above = ("model.layers.2.", "model.layers.3.")
    kept = {name: weight for name, weight in weights.items() if not name.startswith(above)}
    assert len(kept) == len(weights) - 2 * 9
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_bytes((folder("llama") / "config.json").read_bytes())

    cut = Backbone.open(tmp_path, 1, device="cpu", dtype="float32")

    uncut = Backbone.open(folder("llama"), 1, device="cpu", dtype="float32")
    assert torch.equal(states_of(cut, SEQUENCES[:1])[0], states_of(uncut, SEQUENCES[:1])[0])


def test_fingerprints_tell_models_and_depths_apart_but_not_dtypes(folder: Folder, tmp_path: Path) -> None:
    other = save_draft_model(tmp_path, "llama", seed=1)

    def of(path: Path, layers: int, dtype: str = "float32") -> str:
        return Backbone.open(path, layers, device="cpu", dtype=dtype).fingerprint

    found = [of(folder("llama"), 1), of(folder("llama"), 2), of(other, 2), of(folder("qwen3"), 2)]

    assert len(set(found)) == len(found)
    assert of(folder("llama"), 2) == of(folder("llama"), 2, "bfloat16") == found[1]


@pytest.mark.parametrize("m", [None, 1, 130])
@pytest.mark.parametrize("n", [1, 127, 128, 129, 300])
@pytest.mark.parametrize("n_key_heads", [1, 2, 6])
def test_blocked_attention_is_attention(n: int, n_key_heads: int, m: int | None) -> None:
    """Of all positions, or of the last m, whose predecessors were read before."""
    torch.manual_seed(n)
    query, key, value = (torch.randn(2, heads, n, 8) for heads in (6, n_key_heads, n_key_heads))
    last = slice(-min(m or n, n), None)

    found, _ = blocked_attention(nn.Identity(), query[:, :, last], key, value, None, scaling=0.5)

    for row in range(2):
        for head in range(6):
            shared = head // (6 // n_key_heads)
            logits = 0.5 * query[row, head] @ key[row, shared].T
            logits = logits.masked_fill(torch.ones(n, n).triu(1).bool(), -torch.inf)
            expected = logits.softmax(dim=-1) @ value[row, shared]
            torch.testing.assert_close(found[row, :, head], expected[last], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("hidden", ["nothing", "first column", "ends", "any", "end of one row"])
@pytest.mark.parametrize(("m", "n"), [(1, 5), (4, 300), (130, 300), (300, 300)])
def test_blocked_attention_to_what_a_mask_shows(m: int, n: int, hidden: str) -> None:
    torch.manual_seed(n + m)
    query, key, value = torch.randn(2, 6, m, 8), torch.randn(2, 3, n, 8), torch.randn(2, 3, n, 8)
    mask = torch.ones(2, 1, m, n, dtype=torch.bool)
    if hidden == "first column":
        mask[..., 0] = False
    elif hidden == "ends":
        mask[0, ..., n // 2 :] = False
        mask[1, ..., n - 1 :] = False
    elif hidden == "any":
        mask = torch.rand(mask.shape) < 0.7
        mask[..., n // 2] = True  # nobody sees nothing
    elif hidden == "end of one row":
        mask[1, 0, -1, -1] = False

    found, _ = blocked_attention(nn.Identity(), query, key, value, mask, scaling=0.5)

    shared = [heads.repeat_interleave(2, dim=1) for heads in (key, value)]
    expected = nn.functional.scaled_dot_product_attention(query, *shared, attn_mask=mask, scale=0.5)
    torch.testing.assert_close(found, expected.transpose(1, 2), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_blocked_attention_inside_the_model(
    variant: str, folder: Folder, truth: Callable[[str], list[tuple[Tensor, ...]]]
) -> None:
    from longattncomp.backbone import attention

    backbone = Backbone.open(folder(variant), 2, device="cpu", dtype="float32")
    attention.register()
    backbone._model.set_attn_implementation(attention.NAME)

    for states, expected in zip(states_of(backbone, SEQUENCES), truth(variant), strict=True):
        assert_near(states, expected[2], 1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_half_precision_is_near(variant: str, folder: Folder, truth: Callable[[str], list[tuple[Tensor, ...]]]) -> None:
    backbone = Backbone.open(folder(variant), 2, device="cpu", dtype="bfloat16")
    assert backbone.dtype == torch.bfloat16

    for states, expected in zip(states_of(backbone, SEQUENCES), truth(variant), strict=True):
        error = (states.float() - expected[2]).norm() / expected[2].norm()
        assert float(error) < 0.05


@given(st.lists(st.integers(1, 3000), max_size=60), st.integers(1, 5000))
def test_buckets_hold_every_index_once_and_little_padding(lengths: list[int], batch_tokens: int) -> None:
    batches = length_buckets(lengths, batch_tokens)

    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        held = [lengths[index] for index in batch]
        padded = max(held) * len(held)
        assert padded - sum(held) <= 0.10 * padded
        assert len(batch) == 1 or padded <= batch_tokens


@given(st.integers(1, 300), st.integers(1, 100), st.integers(1, 3000))
def test_buckets_of_equal_lengths_are_full(length: int, count: int, batch_tokens: int) -> None:
    batches = length_buckets([length] * count, batch_tokens)

    assert len(batches) == math.ceil(count / max(1, batch_tokens // length))


@pytest.mark.long
@pytest.mark.model
def test_the_embedded_model_is_the_full_one_cut() -> None:
    from transformers import AutoModelForCausalLM, GgufConfig

    from longattncomp.backbone.locate import EMBEDDED, locate, package_file
    from longattncomp.backbone.tokenizer import DraftTokenizer
    from longattncomp.settings import Settings

    name = "smollm2-135m-instruct"
    draft = locate(name, layers=None, model_dir=Settings.load().model_dir)
    tokenizer = DraftTokenizer.from_folder(draft.folder)
    text = "The lease was signed by Ms. Ōe (大江) on 3 May 1997; `def rent(month: int) -> float: ...`\n\n"
    sequences = [list(tokenizer.encode(text * times).ids) for times in (1, 20, 19, 3)]
    backbone = Backbone.open(draft.folder, draft.layers, device="cpu", dtype="float32")

    found = states_of(backbone, sequences)

    file = package_file(EMBEDDED[name].gguf_package, EMBEDDED[name].gguf)
    assert file is not None
    model = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    ).eval()
    for weight in model.parameters():  # not model.to(): that would round the rotary frequencies too
        weight.data = weight.data.bfloat16().float()
    assert total_layers(read_config(draft.folder)) == model.config.num_hidden_layers == 30
    with torch.inference_mode():
        for ids, states in zip(sequences, found, strict=True):
            run = model(torch.tensor([ids]), output_hidden_states=True)
            assert_near(states, run.hidden_states[draft.layers][0], 1e-4)

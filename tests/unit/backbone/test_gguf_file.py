"""Converting a GGUF file to a folder in Hugging Face layout."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from draft_models import IDS, TEXT, find, leftovers, states, write_gguf
from safetensors.torch import load_file

from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.backbone.whole import open_whole
from longattncomp.errors import BrokenModelError, ModelNotFoundError, UnsupportedModelError
from longattncomp.testing import save_draft_model


def test_a_gguf_file_becomes_the_model_it_was_written_from(toy_folder: Path, gguf_file: Path, tmp_path: Path) -> None:
    found = find(gguf_file, tmp_path, layers=2)

    assert (found.name, found.layers, found.total_layers) == (str(gguf_file), 2, 4)
    assert found.folder.is_relative_to(tmp_path)
    original = load_file(toy_folder / "model.safetensors")
    converted = load_file(found.folder / "model.safetensors")
    prefix = "" if "embed_tokens.weight" in converted else "model."
    for name, weight in converted.items():
        expected = original[f"model.{name.removeprefix(prefix)}"]
        expected = expected.half() if expected.ndim == 2 else expected
        assert torch.equal(weight, expected.bfloat16()), name
    below = [name for name in original if not name.startswith("model.layers.3.")]
    assert len(converted) == len(below)

    expected = states(toy_folder, 2)
    assert float((states(found.folder, 2) - expected).abs().max()) < 1e-2 * float(expected.abs().max())
    ours, theirs = DraftTokenizer.from_folder(found.folder), DraftTokenizer.from_folder(toy_folder)
    assert ours.encode(TEXT) == theirs.encode(TEXT)


def test_a_gguf_file_whose_output_layer_is_its_embedding_is_decoded_with(
    toy_folder: Path, gguf_file: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"model_dir": tmp_path, "device": "cpu", "dtype": "float32"}
    (whole, _), (original, _) = open_whole(str(gguf_file), **options), open_whole(str(toy_folder), **options)
    found, expected = whole(torch.tensor([IDS])).logits, original(torch.tensor([IDS])).logits
    assert float((found - expected).abs().max()) < 2e-2 * float(expected.abs().max())


def test_a_gguf_file_with_an_output_layer_of_its_own_is_only_read_with(toy_folder: Path, tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "Untied.gguf", toy_folder, untied=True)
    with pytest.raises(UnsupportedModelError, match=r"output layer of its own.* folder or id instead"):
        open_whole(str(file), model_dir=tmp_path / "cache", device="cpu")
    assert not (tmp_path / "cache").exists(), "nothing was converted in vain"
    assert find(file, tmp_path / "cache", layers=2).total_layers == 4


def test_a_gguf_file_is_converted_once(gguf_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from longattncomp.backbone import gguf_file as module

    found = find(gguf_file, tmp_path, layers=2)
    monkeypatch.setattr(module, "convert", lambda *_: pytest.fail("converted again"))

    assert find(gguf_file, tmp_path, layers=2) == found
    assert find(gguf_file, tmp_path, layers=None) == found
    shallower = find(gguf_file, tmp_path, layers=1)
    assert (shallower.folder, shallower.layers, shallower.total_layers) == (found.folder, 1, 4)


def test_another_file_of_the_same_name_is_converted_anew(gguf_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / gguf_file.name
    other.parent.mkdir()
    write_gguf(other, save_draft_model(tmp_path / "seed 1", seed=1))

    folders = [find(file, tmp_path / "cache").folder for file in (gguf_file, other)]

    assert folders[0] != folders[1]
    assert not torch.equal(states(folders[0], 1), states(folders[1], 1))


def test_a_missing_gguf_file(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"absent\.GGUF"):
        find(tmp_path / "absent.GGUF", tmp_path / "cache")


BROKEN = {
    "empty": lambda _: b"",
    "two bytes": lambda _: b"GG",
    "random": lambda _: random.Random(0).randbytes(5000),
    "text": lambda _: b"<html>404</html>" * 100,
    "magic only": lambda whole: whole[:4],
    "magic, then random": lambda whole: whole[:8] + random.Random(1).randbytes(3000),
    "no fields": lambda whole: whole[:24],
    "half of the fields": lambda whole: whole[:900],
    "no tensors": lambda whole: whole[:7000],
    "half": lambda whole: whole[: len(whole) // 2],
    "one byte short": lambda whole: whole[:-1],
}


@pytest.mark.parametrize("layers", [None, 1])
@pytest.mark.parametrize("damage", BROKEN.values(), ids=BROKEN)
def test_a_broken_gguf_file(
    damage: Callable[[bytes], bytes], layers: int | None, gguf_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(damage(gguf_file.read_bytes()))

    with pytest.raises(BrokenModelError, match=r"broken\.gguf"):
        find(file, tmp_path / "cache", layers=layers)

    assert leftovers(tmp_path / "cache") == []


def test_too_few_layers_in_a_gguf_file(gguf_file: Path, tmp_path: Path) -> None:
    with pytest.raises(BrokenModelError, match="4 layers"):
        find(gguf_file, tmp_path / "cache", layers=4)

    assert leftovers(tmp_path / "cache") == []


def test_a_gguf_file_that_lacks_a_tensor(toy_folder: Path, tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "hole.gguf", toy_folder, lacks="blk.1.attn_k.weight")

    with pytest.raises(BrokenModelError, match="k_proj"):
        find(file, tmp_path / "cache", layers=2)


@pytest.mark.parametrize(
    "architecture",
    [
        "gpt2",
        "mamba",
        "llama9",
    ],
)
def test_an_unsupported_gguf_file(architecture: str, tmp_path: Path) -> None:
    import gguf

    file = tmp_path / "other.gguf"
    writer = gguf.GGUFWriter(str(file), architecture)
    writer.add_block_count(3)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    with pytest.raises(UnsupportedModelError, match=architecture):
        find(file, tmp_path / "cache")

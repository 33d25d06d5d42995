"""GGUF file -> folder in Hugging Face layout with the first layers, through transformers."""

import json
from pathlib import Path
from typing import Any

from longattncomp.backbone.config import cut_config, require_layers
from longattncomp.errors import BrokenModelError, UnsupportedModelError

_ARCHITECTURES = ("gemma3", "llama", "qwen2", "qwen3")
"""GGUF's names for `config.SUPPORTED`; a Mistral has the architecture llama there."""


def gguf_layers(file: Path) -> int:
    """Count the layers of the file's model.

    Raises:
        BrokenModelError: the header cannot be read.
        UnsupportedModelError: the architecture is not supported.
    """
    from gguf import GGUFReader

    try:
        fields = GGUFReader(file).fields
        architecture = fields["general.architecture"].contents()
        if architecture not in _ARCHITECTURES:
            raise UnsupportedModelError(
                f"GGUF models of type {architecture!r} are not supported; supported are {', '.join(_ARCHITECTURES)}"
            )
        return int(fields[f"{architecture}.block_count"].contents())
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise BrokenModelError(f"cannot read {file} as GGUF: {error}") from error


def require_tied(file: Path) -> None:
    """Raise UnsupportedModelError for an output layer that is not the embedding; `convert` does not keep it."""
    from gguf import GGUFReader

    gguf_layers(file)  # raises where the file cannot be read
    if any(tensor.name == "output.weight" for tensor in GGUFReader(file).tensors):
        raise UnsupportedModelError(
            f"{file} has an output layer of its own, which is not converted from GGUF: the model cannot be decoded "
            "with; give its Hugging Face folder or id instead"
        )


def convert(file: Path, layers: int, target: Path) -> None:
    """Write the first `layers` layers, the embedding and the tokenizer into an empty folder, in bf16; no output layer.

    Raises:
        BrokenModelError: the file cannot be read, or has too few layers.
        UnsupportedModelError: the architecture is not supported.
    """
    import torch
    import transformers
    from transformers import AutoModel, AutoTokenizer

    from longattncomp.backbone.loading import quiet_transformers, require_weights, shallow_config

    total = gguf_layers(file)
    require_layers(layers - 1, total, str(file))
    source: dict[str, Any] = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    # Newer transformers keep GGUF weights packed unless told otherwise; older versions always unpack them.
    packing = getattr(transformers, "GgufConfig", None)
    unpacked = {"quantization_config": packing(dequantize=True)} if packing else {}
    with quiet_transformers():
        try:
            config = shallow_config(layers, **source)
            options = {"dtype": torch.bfloat16, "local_files_only": True, "output_loading_info": True, **unpacked}
            model, info = AutoModel.from_pretrained(**source, config=config, **options)
            tokenizer = AutoTokenizer.from_pretrained(**source, local_files_only=True)
        except (OSError, ValueError, TypeError, KeyError, IndexError, RuntimeError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk failed, not the file
            raise BrokenModelError(f"cannot read {file} as GGUF: {error}") from error
        require_weights(info, file)
        model.save_pretrained(target)
        tokenizer.save_pretrained(target)
    config_file = target / "config.json"
    whole = json.loads(config_file.read_text(encoding="utf-8")) | {"num_hidden_layers": total}
    config_file.write_text(json.dumps(cut_config(whole, layers), indent=2), encoding="utf-8")

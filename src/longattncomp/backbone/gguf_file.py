"""GGUF file -> folder in Hugging Face layout with the first layers, through transformers."""

import json
from pathlib import Path
from typing import Any

from longattncomp.backbone.config import MOST_LAYERS, cut_config, require_layers
from longattncomp.backbone.gguf_header import Header, read_header
from longattncomp.errors import BrokenModelError, ModelError, UnsupportedModelError

_ARCHITECTURES = ("gemma3", "llama", "qwen2", "qwen3")
"""GGUF's names for `config.SUPPORTED`; a Mistral has the architecture llama there."""


def gguf_layers(file: Path) -> int:
    """Count the layers of the file's model.

    Raises:
        BrokenModelError: the header cannot be read.
        UnsupportedModelError: the architecture is not supported.
    """
    return _layers(read_header(file), file)


def _layers(header: Header, file: Path) -> int:
    architecture = header.fields.get("general.architecture")
    if not isinstance(architecture, str):
        raise BrokenModelError(f"cannot read {file} as GGUF: it names no general.architecture")
    if architecture not in _ARCHITECTURES:
        raise UnsupportedModelError(
            f"GGUF models of type {architecture[:100]!r} are not supported; supported are {', '.join(_ARCHITECTURES)}"
        )
    layers = header.fields.get(f"{architecture}.block_count")
    if not isinstance(layers, int) or not 0 < layers <= MOST_LAYERS:
        raise BrokenModelError(f"expected 1 to {MOST_LAYERS} layers in {file}, got {str(layers)[:100]}")
    return layers


def require_tied(file: Path) -> None:
    """Raise UnsupportedModelError for an output layer that is not the embedding; `convert` does not keep it."""
    header = read_header(file)
    _layers(header, file)
    if "output.weight" in header.tensors:
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
    from longattncomp.backbone.weight_files import require_fitting

    header = read_header(file)
    total = _layers(header, file)
    require_layers(layers - 1, total, str(file))
    source: dict[str, Any] = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    here = {"local_files_only": True, "trust_remote_code": False}
    # Newer transformers keep GGUF weights packed unless told otherwise; older versions always unpack them.
    packing = getattr(transformers, "GgufConfig", None)
    unpacked = {"quantization_config": packing(dequantize=True)} if packing else {}
    with quiet_transformers():
        try:
            config = shallow_config(layers, **source)
            require_fitting(AutoModel, config, 2 * sum(header.tensors.values()), file)  # it counts rotary tables, too
            options = {"dtype": torch.bfloat16, "output_loading_info": True, **here, **unpacked}
            model, info = AutoModel.from_pretrained(**source, config=config, **options)
            tokenizer = AutoTokenizer.from_pretrained(**source, **here)
        except ModelError:
            raise
        except Exception as error:  # transformers raises anything over a file that is not as it expects
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk failed, not the file
            raise BrokenModelError(f"cannot read {file} as GGUF: {error}") from error
        require_weights(info, file)
        model.save_pretrained(target)
        tokenizer.save_pretrained(target)
    config_file = target / "config.json"
    whole = json.loads(config_file.read_text(encoding="utf-8")) | {"num_hidden_layers": total}
    config_file.write_text(json.dumps(cut_config(whole, layers), indent=2), encoding="utf-8")

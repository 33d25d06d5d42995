"""GGUF file -> folder in Hugging Face layout with the first layers, through transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from longattncomp.errors import BrokenModelError


def total_layers(file: Path) -> int:
    """How many layers the file's model has.

    Raises:
        BrokenModelError: the header cannot be read.
    """
    from gguf import GGUFReader

    try:
        fields = GGUFReader(file).fields
        architecture = fields["general.architecture"].contents()
        return int(fields[f"{architecture}.block_count"].contents())
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise BrokenModelError(f"cannot read {file} as GGUF: {error}") from error


def convert(file: Path, layers: int, target: Path) -> None:
    """Write the first `layers` layers, the embedding and the tokenizer, dequantized, in bf16.

    Args:
        file: the GGUF file.
        layers: how many layers to keep.
        target: an empty folder.

    Raises:
        BrokenModelError: the file cannot be read.
        UnsupportedModelError: its architecture is not supported.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    from longattncomp.backbone.loading import quiet_transformers, require_supported, shallow_config
    from longattncomp.backbone.locate import TOTAL_LAYERS

    total = total_layers(file)
    source: dict[str, Any] = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    with quiet_transformers():
        try:
            config = shallow_config(layers, **source)
            require_supported(config.model_type)
            model = AutoModel.from_pretrained(
                **source, config=config, dtype=torch.bfloat16, local_files_only=True, **_dequantize()
            )
            tokenizer = AutoTokenizer.from_pretrained(**source, local_files_only=True)
        except (OSError, ValueError, KeyError, IndexError, RuntimeError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's fault, not the file's
            raise BrokenModelError(f"cannot read {file} as GGUF: {error}") from error
        setattr(model.config, TOTAL_LAYERS, total)
        model.save_pretrained(target)
        tokenizer.save_pretrained(target)


def _dequantize() -> dict[str, Any]:
    """Newer transformers keep GGUF weights packed unless told otherwise; older always unpack."""
    import transformers

    config = getattr(transformers, "GgufConfig", None)
    return {"quantization_config": config(dequantize=True)} if config else {}

"""a model's name -> the whole causal LM, all layers and the output layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from longattncomp.backbone.gguf_file import require_tied
from longattncomp.backbone.loading import choose_attention, choose_device, choose_dtype, opening, require_weights
from longattncomp.backbone.locate import locate
from longattncomp.backbone.tokenizer import DraftTokenizer


def open_whole(name: str, *, model_dir: Path, device: str = "auto", dtype: str = "auto") -> tuple[Any, DraftTokenizer]:
    """Open a causal LM to decode with: Speculative Prefill's draft model, or a local target.

    Args:
        name: an embedded model's name, a folder, a GGUF file whose output layer is its embedding, or a
            Hugging Face id.
        model_dir: where converted and fetched models are kept.
        device: auto, cpu, cuda, mps …
        dtype: auto, float32, bfloat16 or float16.

    Returns:
        The model as transformers opens it, frozen, and its tokenizer.

    Raises:
        ModelError: the model cannot be found, read or used; so it is with a GGUF file that has an output
            layer of its own.
        CacheError: the cache cannot be written.
        InputError: no such device.
    """
    from transformers import AutoModelForCausalLM

    where = choose_device(device)
    wanted = choose_dtype(dtype, where)
    file = Path(name).expanduser()
    if file.suffix.lower() == ".gguf" and file.is_file():
        require_tied(file)  # before all of its layers are converted
    folder = locate(name, layers="all", model_dir=model_dir).folder
    with opening(folder):
        model, info = AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=wanted, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    require_weights(info, folder)
    choose_attention(model, where, wanted)
    return model.eval().requires_grad_(False).to(where), DraftTokenizer.from_folder(folder)

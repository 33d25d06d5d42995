"""a model's name -> the whole causal LM, with all layers and the output layer."""

from pathlib import Path
from typing import Any

from longattncomp.backbone.gguf_file import require_tied
from longattncomp.backbone.loading import choose_attention, choose_device, choose_dtype, load
from longattncomp.backbone.locate import locate
from longattncomp.backbone.tokenizer import DraftTokenizer


def open_whole(name: str, *, model_dir: Path, device: str = "auto", dtype: str = "auto") -> tuple[Any, DraftTokenizer]:
    """Open a causal LM to decode with: Speculative Prefill's draft model, or a local target.

    The name is an embedded model's, a folder, a Hugging Face id, or a GGUF file whose output layer is its embedding;
    device and dtype are as in the settings. Converted and fetched models are kept in `model_dir`.

    Returns:
        The model as transformers opens it, frozen, and its tokenizer.

    Raises:
        ModelError: the model cannot be found, read or used, or is a GGUF file with an output layer of its own.
        CacheError: `model_dir` cannot be written.
        InputError: this machine has no such device.
    """
    from transformers import AutoModelForCausalLM

    where = choose_device(device)
    wanted = choose_dtype(dtype, where)
    file = Path(name).expanduser()
    if file.suffix.lower() == ".gguf" and file.is_file():
        require_tied(file)  # before all of its layers are converted
    folder = locate(name, layers="all", model_dir=model_dir).folder
    model = load(AutoModelForCausalLM, folder, dtype=wanted)
    choose_attention(model, where, wanted)
    return model.eval().requires_grad_(False).to(where), DraftTokenizer.from_folder(folder)

"""folder -> the first L layers of a causal LM, and layer L+1 for the head."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from longattncomp.backbone import attention
from longattncomp.backbone.config import read_config, require_supported
from longattncomp.errors import BrokenModelError, InputError
from longattncomp.runtime.forking import Lock

_QUIET = Lock()  # transformers' verbosity is one for the whole process


@dataclass(frozen=True, slots=True)
class OpenedLayers:
    """Layers 0 to L of a draft model.

    Attributes:
        model: without its last norm; the caller has to take layer L out of it.
        scoring_layer: the decoder layer with index L, in fp32.
        fingerprint: see `fingerprint`.
    """

    model: nn.Module
    scoring_layer: nn.Module
    fingerprint: str


def open_layers(folder: Path, layers: int, *, device: torch.device, dtype: torch.dtype) -> OpenedLayers:
    """Open layers 0 to L of a model; weights above are not read.

    Args:
        folder: Hugging Face layout with safetensors.
        layers: L.
        device: where both go.
        dtype: of the model; the scoring layer is always float32.

    Raises:
        UnsupportedModelError: another architecture.
        BrokenModelError: weights are missing or cannot be read.
    """
    from transformers import AutoModel

    read_config(folder)
    with opening(folder):
        config = shallow_config(layers + 1, pretrained_model_name_or_path=str(folder))
        model, info = AutoModel.from_pretrained(
            str(folder),
            config=config,
            dtype="auto",
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    require_weights(info, folder)
    choose_attention(model, device, dtype)
    model.norm = nn.Identity()
    model.eval().requires_grad_(False)
    mark = fingerprint(model, layers)
    scoring_layer = copy.deepcopy(model.layers[layers]).float().to(device)
    for parameter in model.parameters():  # buffers stay: rotary frequencies need their precision
        parameter.data = parameter.data.to(dtype)
    return OpenedLayers(model.to(device), scoring_layer, mark)


@contextmanager
def opening(folder: Path) -> Iterator[None]:
    """What transformers says of weights that it cannot read, as an error of ours; nothing else of what it says.

    Raises:
        BrokenModelError: the weights cannot be read.
    """
    with quiet_transformers():
        try:
            yield
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise BrokenModelError(
                f"cannot open the model in {folder}: {error}; if that is the model cache, delete the folder"
            ) from error


def require_weights(info: Mapping[str, Any], folder: Path) -> None:
    """Refuse a model that was opened with some weights left at random.

    Raises:
        BrokenModelError: the files lack weights.
    """
    if info["missing_keys"]:
        raise BrokenModelError(f"the model in {folder} lacks weights: {', '.join(sorted(info['missing_keys']))}")


def choose_attention(model: Any, device: torch.device, dtype: torch.dtype) -> None:
    """Our own kernel where PyTorch's is slow, see `attention`."""
    if device.type == "cpu" and dtype == torch.bfloat16:
        attention.register()
        model.set_attn_implementation(attention.NAME)


def shallow_config(layers: int, **source: Any) -> Any:
    """The model's own configuration, cut to its first `layers` layers.

    Raises:
        UnsupportedModelError: another architecture.
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(**source, local_files_only=True, trust_remote_code=False)
    require_supported(config.model_type)
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]
    return config


def choose_device(name: str) -> torch.device:
    """`auto` is cuda, else mps, else cpu; any other name is taken as it is.

    Raises:
        InputError: no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"expected a device that is here (auto, cpu, cuda, mps), got {name!r}: {error}") from error
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """`auto` is bf16 where the hardware multiplies it natively, else fp32."""
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        abilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        native = any(abilities.get(flag) for flag in ("amx_bf16", "avx512_bf16", "bf16"))
    else:
        native = False
    return torch.bfloat16 if native else torch.float32


def fingerprint(model: nn.Module, layers: int) -> str:
    """16 hex digits that tell draft models apart.

    Read from the norms' weights and the shapes of the rest: norms are stored unquantized, so
    every quantization of a model has the same fingerprint, and a fine-tuned one another.
    """
    digest = hashlib.sha256(str(layers).encode())
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name}{tuple(weight.shape)}".encode())
        if weight.ndim == 1:
            digest.update(weight.to("cpu", torch.bfloat16).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars and no report on the layers that are left out on purpose."""
    from transformers.utils import logging

    with _QUIET:
        verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()


def cache_argument(model: Any) -> str:
    """What the model calls the cache that it is handed; transformers renamed it in 5.24."""
    return "cache" if "cache" in signature(type(model).forward).parameters else "past_key_values"

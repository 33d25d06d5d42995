"""folder -> the first L layers of a causal LM, and layer L+1 for the head."""

import copy
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from longattncomp.backbone import attention, lora
from longattncomp.backbone.config import read_config, require_supported
from longattncomp.backbone.packed import unpack
from longattncomp.backbone.weight_files import AGAIN, PACKED, most_weights, require_fitting
from longattncomp.errors import BrokenModelError, InputError, ModelError
from longattncomp.runtime.forking import Lock

_QUIET = Lock()  # transformers has one verbosity for the whole process

_NO_CODE: dict[str, Any] = {"trust_remote_code": False, "attn_implementation": "sdpa"}
"""A configuration may name Python files beside it, and attention kernels on the hub."""


@dataclass(frozen=True, slots=True)
class OpenedLayers:
    """Layers 0 to L of a draft model."""

    model: nn.Module  # all of these layers without the last norm; the caller replaces layer L
    scoring_layer: nn.Module  # a copy of the decoder layer with index L, in fp32
    fingerprint: str


def open_layers(
    folder: Path,
    layers: int,
    *,
    device: torch.device,
    dtype: torch.dtype,
    adapters: lora.Adapters = MappingProxyType({}),
) -> OpenedLayers:
    """Open layers 0 to L = `layers` of a model in Hugging Face layout; weights above are not read.

    `adapters` are merged into the weights, and their mark is part of the fingerprint.

    Raises:
        UnsupportedModelError: the architecture is not supported.
        BrokenModelError: weights are missing or cannot be read.
        HeadMismatchError: the adapters are those of another model.
    """
    from transformers import AutoModel

    read_config(folder)
    model = load(AutoModel, folder, layers=layers + 1)
    choose_attention(model, device, dtype)
    model.norm = nn.Identity()
    model.eval().requires_grad_(False)
    mark = "+".join(filter(None, (fingerprint(model, layers), lora.mark(adapters))))
    lora.merge(model, adapters)
    scoring_layer = copy.deepcopy(model.layers[layers]).float().to(device)
    for parameter in model.parameters():  # buffers stay: rotary frequencies need their precision
        parameter.data = parameter.data.to(dtype)
    return OpenedLayers(model.to(device), scoring_layer, mark)


def load(auto: Any, folder: Path, *, layers: int | None = None, dtype: Any = "auto") -> Any:
    """Open a model with an auto class of transformers; only its first layers if `layers` is given.

    Raises:
        BrokenModelError: weights are missing or cannot be read.
    """
    options: dict[str, Any] = {"dtype": dtype, "local_files_only": True, "use_safetensors": True, **_NO_CODE}
    with quiet_transformers():
        try:
            config = shallow_config(layers, pretrained_model_name_or_path=str(folder))
            kind = require_fitting(auto, config, most_weights(folder), folder)
            if (packed := folder / PACKED).is_file():
                options |= {"state_dict": unpack(packed, config.num_hidden_layers)}
                model, info = kind.from_pretrained(None, config=config, output_loading_info=True, **options)
            else:
                model, info = auto.from_pretrained(str(folder), config=config, output_loading_info=True, **options)
        except ModelError:
            raise
        except PermissionError as error:
            raise BrokenModelError(f"may not read the model in {folder}: {error}") from error
        except Exception as error:  # transformers raises anything over files that are not as it expects
            raise BrokenModelError(f"cannot open the model in {folder}: {error}; {AGAIN}") from error
    require_weights(info, folder)
    return model


def require_weights(info: Mapping[str, Any], folder: Path) -> None:
    """Raise BrokenModelError if transformers found no values for some weights and left them random."""
    if info["missing_keys"]:
        raise BrokenModelError(
            f"the model in {folder} lacks weights: {', '.join(sorted(info['missing_keys']))}; {AGAIN}"
        )


def choose_attention(model: Any, device: torch.device, dtype: torch.dtype) -> None:
    """Use the attention of `attention` where PyTorch's own is slow: bf16 on a processor."""
    if device.type == "cpu" and dtype == torch.bfloat16:
        attention.register()
        model.set_attn_implementation(attention.NAME)


def shallow_config(layers: int | None, **source: Any) -> Any:
    """Read a model's configuration and cut it to `layers` layers; raise UnsupportedModelError like `config`."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(**source, local_files_only=True, **_NO_CODE)
    require_supported(config.model_type)
    config.transformers_weights = None  # may name a file that is not looked at here
    if layers is not None:
        config.num_hidden_layers = layers
        if getattr(config, "layer_types", None):
            config.layer_types = config.layer_types[:layers]
    return config


def choose_device(name: str) -> torch.device:
    """Find a device; `auto` is cuda, else mps, else cpu.

    Raises:
        InputError: this machine has no such device.
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
    """Choose a dtype; `auto` is bf16 where the hardware multiplies it natively, else fp32."""
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    native = False
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        native = any(torch.cpu.get_capabilities().get(flag) for flag in ("amx_bf16", "avx512_bf16", "bf16"))
    return torch.bfloat16 if native else torch.float32


def fingerprint(model: nn.Module, layers: int) -> str:
    """Identify a draft model by 16 hex digits.

    They come from the weights of the norms and the shapes of the rest: norms are stored unquantized, so every
    quantization of a model has the same fingerprint, and a fine-tuned model has another.
    """
    digest = hashlib.sha256(str(layers).encode())
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name}{tuple(weight.shape)}".encode())
        if weight.ndim == 1:
            digest.update(weight.to("cpu", torch.bfloat16).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Hide progress bars and the report on the layers that are left out on purpose."""
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


def end_tokens(model: Any) -> frozenset[int]:
    """Collect the end-of-sequence tokens; a configuration names none, one or several."""
    named = (getattr(config, "eos_token_id", None) for config in (model.config, model.generation_config))
    return frozenset(token for ids in named for token in ([ids] if isinstance(ids, int) else ids or ()))


def cache_argument(model: Any) -> str:
    """Return the name of the model's argument for a key/value cache; transformers 5.24 renamed it."""
    return "cache" if "cache" in signature(type(model).forward).parameters else "past_key_values"

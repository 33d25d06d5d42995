"""file <-> what was trained for a target: LoRA of the encoder and the weights of a soft method."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from longattncomp.backbone import lora
from longattncomp.errors import BrokenModelError, HeadMismatchError, InputError
from longattncomp.soft.methods import METHODS, SoftMethod, method_named
from longattncomp.soft.target import Target

_FORMAT = "longattncomp-soft-1"
_FOLDER = Path(__file__).parent / "adapters"


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """What an adapter was made for."""

    method: str  # `compllm` or `sac`
    target: str  # fingerprint of the target
    ratios: tuple[int, ...]  # how many times smaller it makes a context; the first is the default
    trained: Mapping[str, Any] = field(default_factory=dict)  # name of each stage -> its recipe and what it reached


@dataclass(frozen=True, slots=True)
class Adapter:
    """A trained soft method without its target."""

    config: AdapterConfig  # what it was made for
    lora: lora.Adapters  # updates of the encoder's layers
    weights: Mapping[str, Tensor]  # what the method has beside them

    @property
    def mark(self) -> str:
        """Identify the adapter by 16 hex digits."""
        return lora.mark({**self.lora, **{name: (weight,) for name, weight in self.weights.items()}})

    def save(self, file: Path) -> None:
        """Write one safetensors file; matrices are rounded to bf16."""
        whole = {**lora.packed(self.lora), **self.weights}
        rounded = {name: weight.bfloat16() if weight.ndim == 2 else weight for name, weight in whole.items()}
        metadata = {"format": _FORMAT, "config": json.dumps(asdict(self.config))}
        save_file({name: weight.contiguous() for name, weight in rounded.items()}, file, metadata=metadata)

    def open(self, target: Target) -> SoftMethod:
        """Merge the adapter into a copy of the target's layers.

        Raises:
            HeadMismatchError: the adapter was made for another target.
        """
        if self.config.target != target.fingerprint:
            raise HeadMismatchError(
                f"expected an adapter for {target.name} ({target.fingerprint}), got one that was trained on another "
                f"target ({self.config.target}): open it with that one, or train one for {target.name}"
            )
        encoder = target.model.base_model
        if self.lora:
            encoder = encoder_of(target)
            lora.merge(encoder, self.lora)
            for parameter in encoder.parameters():  # buffers stay: rotary frequencies need their precision
                parameter.data = parameter.data.to(target.dtype)
        return METHODS[self.config.method](target, encoder, self.weights)


def untrained(method: str, target: Target, ratios: tuple[int, ...]) -> Adapter:
    """Make the adapter that training starts from."""
    return Adapter(AdapterConfig(method, target.fingerprint, ratios), {}, method_named(method).untrained(target))


def encoder_of(target: Target) -> Any:
    """Copy the target's layers; the embeddings, which take a fifth of the memory, are shared."""
    embedding = target.model.get_input_embeddings()
    return copy.deepcopy(target.model.base_model, {id(embedding): embedding})


def load_adapter(file: Path) -> Adapter:
    """Read an adapter.

    Raises:
        BrokenModelError: the file is not an adapter, or cannot be read.
    """
    try:
        with safe_open(file, framework="pt") as stream:
            metadata = stream.metadata() or {}
        if metadata.get("format") != _FORMAT:
            raise BrokenModelError(f"expected a soft adapter ({_FORMAT}), got {metadata.get('format')} in {file}")
        config = TypeAdapter(AdapterConfig).validate_json(metadata["config"])
        weights: dict[str, Tensor] = load_file(file)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise BrokenModelError(f"cannot read the adapter in {file}: {error}") from error
    updates = lora.unpacked(weights, file)
    return Adapter(config, updates, {name: weight.to(torch.float32) for name, weight in weights.items()})


def adapter_file(target: str, method: str) -> Path:
    """Find the adapter that ships for a target.

    Raises:
        InputError: none does.
    """
    file = _FOLDER / target.lower() / f"{method}.safetensors"
    if not file.is_file():
        there = sorted(f"{path.parent.name} with {path.stem}" for path in _FOLDER.glob("*/*.safetensors"))
        raise InputError(
            f"no adapter ships for {target} with method={method!r} (there is {', '.join(there) or 'none'}): give "
            f"adapter=FILE, or --adapter FILE, which `longattncomp train --stage {method}` makes"
        )
    return file

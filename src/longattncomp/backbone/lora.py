"""named low-rank updates -> a model's weights."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from longattncomp.errors import BrokenModelError, HeadMismatchError

Adapters = Mapping[str, tuple[Tensor, Tensor]]
"""Low-rank updates of linear layers (LoRA, arXiv 2106.09685, section 4.1): the module's name, as in
`layers.8.self_attn.q_proj`, -> A (rank, n_in) and B (n_out, rank). The scale alpha / rank is part of B."""

_PREFIX = "adapters."


def packed(adapters: Adapters) -> dict[str, Tensor]:
    """Give each matrix the name under which a safetensors file holds it."""
    return {
        f"{_PREFIX}{name}.{part}": weight
        for name, pair in adapters.items()
        for part, weight in zip("ab", pair, strict=True)
    }


def unpacked(weights: dict[str, Tensor], file: Path) -> Adapters:
    """Take the adapters out of the weights of a file.

    Raises:
        BrokenModelError: an adapter lacks a matrix, or has something else in its place.
    """
    names = sorted({key[len(_PREFIX) : -2] for key in weights if key.startswith(_PREFIX)})
    try:
        adapters = {name: (weights.pop(f"{_PREFIX}{name}.a"), weights.pop(f"{_PREFIX}{name}.b")) for name in names}
    except KeyError as error:
        raise BrokenModelError(f"expected two matrices for each adapter, found no {error} in {file}") from error
    for name, pair in adapters.items():
        if any(weight.ndim != 2 for weight in pair):
            raise BrokenModelError(f"expected two matrices for the adapter of {name}, found another shape in {file}")
    return adapters


@torch.no_grad()
def merge(model: nn.Module, adapters: Adapters) -> None:
    """Add each update B A to the weight (n_out, n_in) of its module, in fp32.

    Raises:
        HeadMismatchError: the model has no such module, or its weight has another shape.
    """
    modules = dict(model.named_modules())
    for name, (a, b) in adapters.items():
        weight = getattr(modules.get(name), "weight", None)
        if weight is None or weight.shape != (len(b), a.shape[1]) or a.shape[0] != b.shape[1]:
            found = "none" if weight is None else str(tuple(weight.shape))
            raise HeadMismatchError(
                f"the head's adapter of {name} was made for a weight of shape {(len(b), a.shape[1])}, this draft model "
                f"has {found}: open it with the draft model it was trained on"
            )
        weight.data = weight.float() + b.to(weight.device, torch.float32) @ a.to(weight.device, torch.float32)


def below(adapters: Adapters, layer: int) -> Adapters:
    """Choose the adapters of layers with an index below `layer`."""
    return {name: pair for name, pair in adapters.items() if int(name.split(".")[1]) < layer}


def mark(adapters: Mapping[str, tuple[Tensor, ...]]) -> str:
    """Identify adapters by 16 hex digits; no adapters have an empty mark."""
    if not adapters:
        return ""
    digest = hashlib.sha256()
    for name, pair in sorted(adapters.items()):
        digest.update(name.encode())
        for part in pair:
            digest.update(part.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]

"""named low-rank updates -> a model's weights."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from longattncomp.errors import HeadMismatchError

Adapters = Mapping[str, tuple[Tensor, Tensor]]
"""Low-rank updates of linear layers (LoRA, arXiv 2106.09685, section 4.1): the module's name, as in
`layers.8.self_attn.q_proj`, -> A (rank, n_in) and B (n_out, rank). The scale alpha / rank is part of B."""


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


def mark(adapters: Adapters) -> str:
    """Identify adapters by 16 hex digits; no adapters have an empty mark."""
    if not adapters:
        return ""
    digest = hashlib.sha256()
    for name, pair in sorted(adapters.items()):
        digest.update(name.encode())
        for part in pair:
            digest.update(part.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]

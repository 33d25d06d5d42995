"""hidden states -> queries and keys: the cross-attention layer, and its checkpoint."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from longattncomp.backbone.forward import Backbone, Rotary
from longattncomp.errors import BrokenModelError, HeadMismatchError
from longattncomp.types import QueryPlace

_FORMAT = "longattncomp-head-1"


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """What a head was made for.

    Attributes:
        backbone: fingerprint of the draft model's first L layers.
        layers: L.
        query_place: "after" the context, which it sees, or "alone".
        rotary: whether queries and keys carry the layer's rotary embedding.
    """

    backbone: str
    layers: int
    query_place: QueryPlace
    rotary: bool


class CrossAttentionHead(nn.Module):
    """`W_Q`, `W_K` and the input norm of layer L+1 (AttnComp, arXiv 2509.17486, section 3.1).

    All in fp32. Query heads share key heads as in the draft model (grouped-query attention).

    Attributes:
        config: what the head was made for.
        n_heads: query heads.
        head_dim: width of a head.
        scaling: 1/sqrt(d_a), as the draft model has it.
    """

    def __init__(self, layer: nn.Module, config: HeadConfig) -> None:
        """Start from the draft model's own weights.

        Args:
            layer: the decoder layer with index L.
            config: what the head is for.
        """
        super().__init__()
        attention = layer.get_submodule("self_attn")
        self.config = config
        self.norm = copy.deepcopy(layer.get_submodule("input_layernorm"))
        self.q_proj = copy.deepcopy(attention.get_submodule("q_proj"))
        self.k_proj = copy.deepcopy(attention.get_submodule("k_proj"))
        self.q_norm = copy.deepcopy(getattr(attention, "q_norm", None)) or nn.Identity()
        self.k_norm = copy.deepcopy(getattr(attention, "k_norm", None)) or nn.Identity()
        self.head_dim = int(attention.head_dim)  # type: ignore[arg-type]
        self.n_heads = int(self.q_proj.out_features) // self.head_dim  # type: ignore[arg-type]
        self.scaling = float(attention.scaling)  # type: ignore[arg-type]

    def queries(self, states: Tensor, rotary: Rotary) -> Tensor:
        """Project query states (m, width) to (n_heads, m, head_dim), scaled by 1/sqrt(d_a)."""
        return self._project(states, rotary, self.q_proj, self.q_norm) * self.scaling

    def keys(self, states: Tensor, rotary: Rotary) -> Tensor:
        """Project context states (n, width) to (n_key_heads, n, head_dim)."""
        return self._project(states, rotary, self.k_proj, self.k_norm)

    def _project(self, states: Tensor, rotary: Rotary, projection: nn.Module, norm: nn.Module) -> Tensor:
        projected = projection(self.norm(states.float()))  # (n, n_heads * head_dim)
        heads: Tensor = projected.view(len(states), -1, self.head_dim)
        heads = norm(heads).transpose(0, 1)  # (n_heads, n, head_dim)
        if self.config.rotary:
            cos, sin = (part.float() for part in rotary)  # each (1, n, head_dim)
            first, second = heads.chunk(2, dim=-1)
            heads = heads * cos + torch.cat((-second, first), dim=-1) * sin
        return heads

    def save(self, file: Path) -> None:
        """Write weights and configuration as one safetensors file."""
        save_file(self.state_dict(), file, metadata={"format": _FORMAT, "config": json.dumps(asdict(self.config))})


def logits(queries: Tensor, keys: Tensor) -> Tensor:
    """Scaled dot products, key heads shared by groups of query heads.

    Args:
        queries: (n_heads, m, head_dim)
        keys: (n_key_heads, n, head_dim)

    Returns:
        (n_heads, m, n)
    """
    grouped = queries.view(keys.shape[0], -1, *queries.shape[1:])  # (n_key_heads, group, m, head_dim)
    return (grouped @ keys.unsqueeze(1).transpose(-1, -2)).flatten(0, 1)


def untrained_head(backbone: Backbone, query_place: QueryPlace) -> CrossAttentionHead:
    """The draft model's own layer L+1; a query alone has no position, so no rotary there."""
    config = HeadConfig(backbone.fingerprint, backbone.layers, query_place, rotary=query_place == "after")
    return CrossAttentionHead(backbone.scoring_layer, config).to(backbone.device)


def read_head_config(file: Path) -> HeadConfig:
    """What a checkpoint was made for, without its weights.

    Raises:
        BrokenModelError: it is not a head's checkpoint.
    """
    try:
        with safe_open(file, framework="pt") as stream:
            metadata = stream.metadata() or {}
        if metadata.get("format") != _FORMAT:
            raise BrokenModelError(f"expected a head's checkpoint ({_FORMAT}), got {metadata.get('format')} in {file}")
        config = HeadConfig(**json.loads(metadata["config"]))
        if config.query_place not in get_args(QueryPlace):
            raise BrokenModelError(f"expected query_place after or alone in {file}, got {config.query_place!r}")
        return config
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise BrokenModelError(f"cannot read the head in {file}: {error}") from error


def load_head(file: Path, backbone: Backbone) -> CrossAttentionHead:
    """Open a trained head.

    Raises:
        BrokenModelError: the checkpoint cannot be read.
        HeadMismatchError: it was trained on another draft model or depth.
    """
    config = read_head_config(file)
    if (config.backbone, config.layers) != (backbone.fingerprint, backbone.layers):
        raise HeadMismatchError(
            f"the head in {file} was made for draft model {config.backbone} at L={config.layers}, this one is "
            f"{backbone.fingerprint} at L={backbone.layers}: open it with the draft model it was trained on"
        )
    head = CrossAttentionHead(backbone.scoring_layer, config)
    try:
        with safe_open(file, framework="pt") as stream:
            head.load_state_dict({name: stream.get_tensor(name) for name in stream.keys()})  # noqa: SIM118
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BrokenModelError(f"cannot read the head in {file}: {error}") from error
    return head.requires_grad_(False).to(backbone.device)

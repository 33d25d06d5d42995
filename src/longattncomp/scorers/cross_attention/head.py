"""hidden states -> queries and keys: the cross-attention layer, and its checkpoint."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import ConfigDict, PositiveInt, TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.lora import Adapters, packed, unpacked
from longattncomp.backbone.passes import Rotary
from longattncomp.errors import BrokenModelError, HeadMismatchError
from longattncomp.scorers.cross_attention.spreading import SCALES
from longattncomp.scorers.relevance import Calibration
from longattncomp.types import ContextEncoding, QueryPlace

LEAST_SHARE = 1e-20
"""A share whose logarithm and inverse have a gradient in fp32."""

SEGMENT_TOKENS = 1024
"""Longest segment of a head whose checkpoint records none."""

_FORMAT = "longattncomp-head-1"

EXTENSIONS = ("head_weights", "row_gate", "rarity", "match_strength", "spread", "spread_gate", "spread_breadth")
"""The weights that the papers' head does not have."""


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """What a head was made for.

    Attributes:
        backbone: fingerprint of the draft model's first L layers.
        layers: L.
        query_place: "after" the context, which it sees, or "alone".
        rotary: whether queries and keys carry the layer's rotary embedding.
        encoding: whether the context is read in segments or in one pass (causal), in training as in use.
        segment_tokens: longest segment, in tokens.
        calibration: makes a chance of the instruction's score.
        trained: data, settings and results of its training; empty for an untrained head.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    backbone: str
    layers: PositiveInt
    query_place: QueryPlace
    rotary: bool
    encoding: ContextEncoding = "segmented"
    segment_tokens: PositiveInt = SEGMENT_TOKENS
    calibration: Calibration | None = None
    trained: Mapping[str, Any] = field(default_factory=dict)


class CrossAttentionHead(nn.Module):
    """`W_Q`, `W_K` and the input norm of layer L+1 (AttnComp, arXiv 2509.17486, section 3.1).

    All weights are fp32. Query heads share key heads as in the draft model (grouped-query attention). The extensions
    are not in the paper: they weigh heads and rows of the query, raise the logit of a word that stands in the query,
    and spread a node's share to its neighbours. Until `extend` they are off, which is the paper's formula.

    Attributes:
        config: what the head was made for.
        head_weights: (n_heads,) logits of the heads' weights.
        row_gate: (width,) weighs a row of the query by its token's state.
        rarity: weighs a row of the query by its word's inverse document frequency.
        match_strength: (n_heads,) added to the logit of a word that query and context share, times the word's inverse
            document frequency.
        spread: (n_scales,) logits of the parts of a share that go to neighbours; the part that stays has logit 0.
        spread_gate: (n_scales, width) adds to these logits by the query's mean state.
        spread_breadth: (n_scales,) adds to these logits by the breadth of the shares.
        dropout: share of the head's input that is dropped in training.
        adapters: LoRA updates of the draft model's layers that were trained with the head; the papers have none.
        n_heads: number of query heads.
        head_dim: width of a head.
        scaling: 1/sqrt(d_a), as in the draft model.
    """

    def __init__(self, layer: nn.Module, config: HeadConfig) -> None:
        """Copy the weights of the draft model's decoder layer with index L."""
        super().__init__()
        attention = layer.get_submodule("self_attn")
        self.config = config
        self.adapters: Adapters = {}
        self.dropout = 0.0
        self.norm = copy.deepcopy(layer.get_submodule("input_layernorm"))
        self.q_proj = copy.deepcopy(attention.get_submodule("q_proj"))
        self.k_proj = copy.deepcopy(attention.get_submodule("k_proj"))
        self.q_norm = copy.deepcopy(getattr(attention, "q_norm", None)) or nn.Identity()
        self.k_norm = copy.deepcopy(getattr(attention, "k_norm", None)) or nn.Identity()
        self.head_dim = int(attention.head_dim)  # type: ignore[arg-type]
        self.n_heads = int(self.q_proj.out_features) // self.head_dim  # type: ignore[arg-type]
        self.scaling = float(attention.scaling)  # type: ignore[arg-type]
        self.head_weights = nn.Parameter(torch.zeros(self.n_heads))
        self.row_gate = nn.Parameter(torch.zeros(int(self.q_proj.in_features)))  # type: ignore[arg-type]
        self.rarity = nn.Parameter(torch.zeros(()))
        self.match_strength = nn.Parameter(torch.zeros(self.n_heads))
        self.spread = nn.Parameter(torch.full((len(SCALES),), -torch.inf))
        self.spread_gate = nn.Parameter(torch.zeros(len(SCALES), len(self.row_gate)))
        self.spread_breadth = nn.Parameter(torch.zeros(len(SCALES)))

    @torch.no_grad()
    def extend(self, names: Sequence[str] = EXTENSIONS, *, favoured_heads: Sequence[int] = ()) -> None:
        """Switch on extensions for training, with more weight for some query heads."""
        self.head_weights[list(favoured_heads)] = 3.0
        if "match_strength" in names:
            self.match_strength.fill_(0.5)
        if "spread" in names:
            self.spread.fill_(-2.0)

    def queries(self, states: Tensor, rotary: Rotary) -> Tensor:
        """Project query states (m, width) to (n_heads, m, head_dim), scaled by 1/sqrt(d_a)."""
        return self._project(states, rotary, self.q_proj, self.q_norm) * self.scaling

    def keys(self, states: Tensor, rotary: Rotary) -> Tensor:
        """Project context states (n, width) to (n_key_heads, n, head_dim)."""
        return self._project(states, rotary, self.k_proj, self.k_norm)

    def key_weights(self) -> list[Tensor]:
        """List the tensors that `keys` depends on besides its arguments."""
        weights = (module.state_dict().values() for module in (self.norm, self.k_proj, self.k_norm))
        return [*chain.from_iterable(weights), torch.tensor(self.config.rotary)]

    def rows(self, states: Tensor, rarity: Tensor) -> Tensor:
        """Compute the logits (m,) of the weights of a query's rows from its states (m, width) and its rarity (m,)."""
        gates: Tensor = self.norm(states.float()) @ self.row_gate + self.rarity * rarity
        return gates

    def weights(self, rows: Tensor) -> Tensor:
        """Combine the rows' logits (m,) with the heads' to logarithms (n_heads, m) of weights that sum to 1."""
        return self.head_weights.log_softmax(0)[:, None] + rows.log_softmax(0)

    def reach(self, states: Tensor) -> Tensor:
        """Compute what a query's states (m, width) add to the logits of spreading, (n_scales,)."""
        added: Tensor = self.spread_gate @ self.norm(states.float()).mean(0)
        return added

    def spread_weights(self, reach: Tensor, shares: Tensor) -> Tensor:
        """Compute the parts (1 + n_scales,) of a node's share that stay and that go to its neighbours.

        They depend on the query's `reach` (n_scales,) and on the shares (n_nodes,) before they spread.
        """
        logits = self.spread + reach + self.spread_breadth * breadth(shares).to(self.spread)
        return torch.cat([logits.new_zeros(1), logits]).softmax(0)

    def _project(self, states: Tensor, rotary: Rotary, projection: nn.Module, norm: nn.Module) -> Tensor:
        given = nn.functional.dropout(self.norm(states.float()), self.dropout, training=self.training)
        projected = projection(given)  # (n, n_heads * head_dim)
        heads: Tensor = projected.view(len(states), -1, self.head_dim)
        heads = norm(heads).transpose(0, 1)  # (n_heads, n, head_dim)
        if self.config.rotary:
            cos, sin = (part.float() for part in rotary)  # each (1, n, head_dim)
            first, second = heads.chunk(2, dim=-1)
            heads = heads * cos + torch.cat((-second, first), dim=-1) * sin
        return heads

    def save(self, file: Path) -> None:
        """Write weights, adapters and configuration as one safetensors file."""
        metadata = {"format": _FORMAT, "config": json.dumps(asdict(self.config))}
        save_file({**self.state_dict(), **packed(self.adapters)}, file, metadata=metadata)


def breadth(shares: Tensor) -> Tensor:
    """Compute the logarithm of how many nodes share the mass, 1 / sum_i (s_i / sum_j s_j)^2."""
    total = shares.sum().clamp_min(LEAST_SHARE)
    return -(shares / total).square().sum().clamp_min(LEAST_SHARE).log()


def logits(queries: Tensor, keys: Tensor) -> Tensor:
    """Multiply queries (n_heads, m, head_dim) and keys (n_key_heads, n, head_dim) to logits (n_heads, m, n)."""
    grouped = queries.view(keys.shape[0], -1, *queries.shape[1:])  # (n_key_heads, group, m, head_dim)
    return (grouped @ keys.unsqueeze(1).transpose(-1, -2)).flatten(0, 1)


def untrained_head(backbone: Backbone, query_place: QueryPlace) -> CrossAttentionHead:
    """Make a head of the draft model's own layer L+1; a query alone has no position, so it has no rotary embedding."""
    config = HeadConfig(
        backbone.fingerprint,
        backbone.layers,
        query_place,
        rotary=query_place == "after",
        segment_tokens=min(SEGMENT_TOKENS, max(1, backbone.window // 2)),
    )
    return CrossAttentionHead(backbone.scoring_layer, config).eval().to(backbone.device)


def read_head_config(file: Path) -> HeadConfig:
    """Read what a checkpoint was made for, without its weights.

    Raises:
        BrokenModelError: the file is not a head's checkpoint.
    """
    try:
        with safe_open(file, framework="pt") as stream:
            metadata = stream.metadata() or {}
        if metadata.get("format") != _FORMAT:
            raise BrokenModelError(f"expected a head's checkpoint ({_FORMAT}), got {metadata.get('format')} in {file}")
        return TypeAdapter(HeadConfig).validate_json(metadata["config"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise BrokenModelError(f"cannot read the head in {file}: {error}") from error


def head_width(file: Path) -> int:
    """Read the width of the states that a head takes."""
    with safe_open(file, framework="pt") as stream:
        return int(stream.get_slice("q_proj.weight").get_shape()[1])


def read_adapters(file: Path) -> Adapters:
    """Read the adapters of a checkpoint, which `Backbone.open` takes.

    Raises:
        BrokenModelError: the file is not a head's checkpoint.
    """
    return _read(file)[1]


def _read(file: Path) -> tuple[dict[str, Tensor], Adapters]:
    """Read the weights of the head itself, and the adapters."""
    try:
        weights = load_file(file)
    except (OSError, SafetensorError) as error:
        raise BrokenModelError(f"cannot read the head in {file}: {error}") from error
    adapters = unpacked(weights, file)
    return weights, adapters


def load_head(file: Path, backbone: Backbone) -> CrossAttentionHead:
    """Open a trained head for a backbone that has its adapters.

    Raises:
        BrokenModelError: the checkpoint cannot be read.
        HeadMismatchError: the head was made for another draft model, other adapters or another depth.
    """
    config = read_head_config(file)
    if (config.backbone, config.layers) != (backbone.fingerprint, backbone.layers):
        raise HeadMismatchError(
            f"the head in {file} was made for draft model {config.backbone} at L={config.layers}, this one is "
            f"{backbone.fingerprint} at L={backbone.layers}: open it with the draft model it was trained on"
        )
    head = CrossAttentionHead(backbone.scoring_layer, config)
    weights, head.adapters = _read(file)
    try:
        head.load_state_dict(weights)
    except RuntimeError as error:
        raise BrokenModelError(f"cannot read the head in {file}: {error}") from error
    return head.eval().requires_grad_(False).to(backbone.device)

"""states that enter the first adapted layer -> states of layer L, with gradients for the adapters."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from longattncomp.backbone.batches import length_buckets
from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.loading import OpenedLayers, choose_device, choose_dtype, open_layers
from longattncomp.backbone.lora import Adapters, below, mark
from longattncomp.backbone.passes import masks
from longattncomp.errors import InputError
from longattncomp.training.stages import Stage
from longattncomp.training.states import States

_SCALE = 2.0
"""alpha / rank of LoRA."""
_BATCH_TOKENS = 4096
_MOST_TOKENS = 8192
"""Of a context and its questions whose activations are kept; those of a larger one, some GB, are computed again."""


class AdaptedLayers(nn.Module):
    """The last layers before the head, with trainable low-rank adapters on all their linear layers."""

    def __init__(self, opened: OpenedLayers, layers: int, stage: Stage, *, start: Adapters, seed: int) -> None:
        """Take the last `stage.adapted_layers` of layers 0 to L - 1, in place.

        `opened` has layers 0 to L, without adapters in those that are adapted, and `layers` is L. The seed decides the
        first values of adapters that `start` lacks.

        Raises:
            InputError: `start` has adapters of another rank.
        """
        super().__init__()
        self._first = layers - stage.adapted_layers
        self._fingerprint = opened.fingerprint.partition("+")[0]
        self._fixed = below(start, self._first)
        model: Any = opened.model
        self._dtype = model.dtype
        model.layers = model.layers[self._first : layers]
        model.embed_tokens = nn.Identity()
        model.config.num_hidden_layers = stage.adapted_layers
        if getattr(model.config, "layer_types", None):
            model.config.layer_types = model.config.layer_types[self._first : layers]
        self._model: Any = injected(model, stage.rank, seed=seed)
        set_adapters(self._model, start, first=self._first)

    def adapters(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return all adapters, as a checkpoint holds them."""
        return {**self._fixed, **adapters_of(self._model, first=self._first)}

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the draft model with the adapters as they are."""
        return f"{self._fingerprint}+{mark(self.adapters())}"

    def forward(self, states: States, questions: Sequence[int]) -> States:
        """Run the layers on a context and some of its questions; each question sees the context and itself.

        Returns:
            the states of layer L, of these questions only.
        """
        alone = len(states.questions) == 1 and states.starts[0] < len(states.segments[0])
        contexts = list(states.segments)
        if alone:
            contexts.append(states.segments[0][: states.starts[0]])  # the instruction, which is in front of a query
        asked: list[Mapping[int, Tensor]] = [{} for _ in contexts]
        asked[-len(states.questions) :] = states.questions
        rows = [[context, *(own[q] for q in questions if own)] for context, own in zip(contexts, asked, strict=True)]
        lengths = [sum(map(len, row)) for row in rows]
        again = torch.is_grad_enabled() and sum(lengths) > _MOST_TOKENS
        found: list[tuple[Tensor, ...]] = [()] * len(rows)
        for batch in length_buckets(lengths, _BATCH_TOKENS):
            chosen = [rows[index] for index in batch]
            parts = checkpoint(self._pass, chosen, use_reentrant=False) if again else self._pass(chosen)
            for index, own in zip(batch, parts, strict=True):
                found[index] = own
        segments = tuple(parts[0] for parts in found)[: len(states.segments)]
        after = tuple(dict(zip(questions, parts[1:], strict=True)) for parts in found if len(parts) > 1)
        return replace(states, segments=segments, questions=after)

    def _pass(self, rows: Sequence[Sequence[Tensor]]) -> list[tuple[Tensor, ...]]:
        """Run rows of a context and its questions, each (n, width), in one batch, and return their states."""
        lengths = [[len(part) for part in row] for row in rows]
        most = max(map(sum, lengths))
        padded = nn.utils.rnn.pad_sequence([torch.cat(list(row)) for row in rows], batch_first=True)
        places = torch.zeros(len(rows), most, dtype=torch.long)
        owners = torch.full((len(rows), most), -1)  # 0 is the context, then come the questions; -1 is padding
        for row, (n, *others) in enumerate(lengths):
            starts = [torch.arange(n), *(n + torch.arange(m) for m in others)]
            places[row, : sum(lengths[row])] = torch.cat(starts)
            owners[row, : sum(lengths[row])] = torch.repeat_interleave(torch.tensor([n, *others]))
        columns = owners[:, None, :]
        seen = ((columns == 0) | (columns == owners[:, :, None])) & (places[:, None, :] <= places[:, :, None])
        near = places[:, :, None] - places[:, None, :] < (getattr(self._model.config, "sliding_window", None) or most)
        device = padded.device
        with torch.autocast(device.type, self._dtype, enabled=self._dtype != torch.float32):
            states = self._model(
                inputs_embeds=padded.to(self._dtype),
                position_ids=places.to(device),
                attention_mask=masks(self._model.config, seen[:, None].to(device), (seen & near)[:, None].to(device)),
                use_cache=False,
            ).last_hidden_state
        return [row[: sum(own)].split(own) for own, row in zip(lengths, states, strict=True)]


def injected(model: Any, rank: int, *, seed: int) -> Any:
    """Give every linear layer of a model, in place, a trainable adapter in fp32 that changes nothing yet.

    It runs under autocast.
    """
    from peft import LoraConfig, inject_adapter_in_model

    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    config = LoraConfig(r=rank, lora_alpha=int(_SCALE * rank), target_modules=linear)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found: Any = inject_adapter_in_model(config, model)
    for module in found.modules():
        if hasattr(module, "cast_input_dtype_enabled"):
            module.cast_input_dtype_enabled = False  # autocast chooses the dtype of the adapters' products
    for _, pair in _weights(found, 0):
        for weight in pair:
            weight.data = weight.data.float()  # bf16 loses small steps
    return found


def adapters_of(model: Any, *, first: int = 0) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the adapters of a model that begins with the layer `first` of the whole one, as a file holds them."""
    return {name: (a.detach().clone().float(), b.detach().float() * _SCALE) for name, (a, b) in _weights(model, first)}


@torch.no_grad()
def set_adapters(model: Any, start: Adapters, *, first: int = 0) -> None:
    """Set adapters that a file held; those that it lacks stay as they are.

    Raises:
        InputError: they have another rank.
    """
    for name, pair in _weights(model, first):
        for weight, given in zip(pair, start.get(name, ()), strict=False):
            if weight.shape != given.shape:
                raise InputError(
                    f"expected adapters of shape {tuple(weight.shape)} for {name}, the head to start from has "
                    f"{tuple(given.shape)}: train with its rank, or from another head"
                )
            weight.copy_(given if weight is pair[0] else given / _SCALE)


def _weights(model: Any, first: int) -> Iterator[tuple[str, tuple[Tensor, Tensor]]]:
    """Yield the name in the whole model, A and B of each adapter."""
    for name, module in model.named_modules():
        if hasattr(module, "lora_A"):
            _, index, rest = name.split(".", 2)
            full = f"layers.{int(index) + first}.{rest}"
            yield full, (module.lora_A["default"].weight, module.lora_B["default"].weight)


def adapted_layers(
    folder: Path, layers: int, stage: Stage, start: Adapters, *, device: str, dtype: str, seed: int
) -> tuple[Backbone, AdaptedLayers]:
    """Open a draft model in two parts: the layers that stay as they are, and those that a stage adapts.

    Adapters in `start` are merged into their layer if that stays as it is.

    Raises:
        InputError: the stage adapts all layers, or needs a rotary embedding; or `start` has adapters of another rank.
    """
    first = layers - stage.adapted_layers
    if first < 1 or stage.rotary:
        raise InputError(
            f"stage {stage.name!r}: expected adapted_layers below {layers} and a head without rotary embedding, got "
            f"{stage.adapted_layers} and rotary={stage.rotary}"
        )
    where = choose_device(device)
    fixed = below(start, first)
    lower = Backbone.open(folder, first, device=device, dtype=dtype, adapters=fixed)
    opened = open_layers(folder, layers, device=where, dtype=choose_dtype(dtype, where), adapters=fixed)
    return lower, AdaptedLayers(opened, layers, stage, start=start, seed=seed)

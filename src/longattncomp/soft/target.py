"""token ids or vectors -> what the local target reads, and what it says next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from longattncomp.backbone.loading import cache_argument, fingerprint
from longattncomp.backbone.locate import locate
from longattncomp.backbone.prompt_form import answer_ends, open_transformers_tokenizer, read_form
from longattncomp.backbone.whole import open_whole


@dataclass(frozen=True, slots=True)
class Memory:
    """What the target has read.

    Attributes:
        layers: for each layer keys and values, each (rows, n_key_heads, n, head_dim); one row serves all rows to come.
        position: of the next token; it may be more than n.
    """

    layers: tuple[tuple[Tensor, Tensor], ...] = ()
    position: int = 0

    @property
    def nbytes(self) -> int:
        return sum(keys.nbytes + values.nbytes for keys, values in self.layers)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the target makes of some tokens."""

    logits: Tensor  # (rows, last, vocabulary) after each of the last tokens, fp32
    memory: Memory  # of everything up to here
    states: tuple[Tensor, ...] = ()  # of each layer, (rows, m, width), if they were asked for


class Target:
    """A causal LM that reads vectors in place of text. It stays as it is, and gradients go through it.

    Attributes:
        name: as given.
        model: as transformers opens it.
        tokenizer: takes special tokens as plain text.
        form: the model's chat template.
        fingerprint: identifies the model, whatever its quantization.
        ends: tokens that end an answer; `end` is the one that the model's configuration names.
        window: most positions.
    """

    def __init__(self, name: str, *, model_dir: Path, device: str = "auto", dtype: str = "auto") -> None:
        """Open a target; arguments and errors as `open_whole`."""
        self.name = name
        self.model, self.tokenizer = open_whole(name, model_dir=model_dir, device=device, dtype=dtype)
        self._opened = open_transformers_tokenizer(locate(name, layers="all", model_dir=model_dir).folder)
        self.form = read_form(self._opened, self.tokenizer)
        self.fingerprint = fingerprint(self.model, self.model.config.num_hidden_layers)
        self.ends = answer_ends(self.model, self._opened)
        end = self.model.config.eos_token_id
        self.end = int(end if isinstance(end, int) else end[0])
        self.window = int(self.model.config.max_position_embeddings)
        self.device: torch.device = self.model.device
        self.dtype: torch.dtype = self.model.dtype
        self._layers = self.model.base_model
        self._before: Memory | None = None

    def embed(self, ids: Iterable[int]) -> Tensor:
        """Return the embeddings (n, width) of token ids."""
        found: Tensor = self.model.get_input_embeddings()(
            torch.tensor(list(ids), dtype=torch.long, device=self.model.device)
        )
        return found

    def before(self) -> Memory:
        """Read what the chat template puts before a context; it is read once."""
        if self._before is None:
            ids, _ = self.form.around("")
            with torch.no_grad():
                self._before = self.read(Memory(), self.embed(ids)[None]).memory if ids else Memory()
        return self._before

    def read(self, memory: Memory, embeddings: Tensor, *, last: int = 1, states: bool = False) -> Reading:
        """Read embeddings (rows, m, width), m >= 1, after what is in the memory, which stays as it is.

        Args:
            memory: of one row or of as many rows as are read.
            embeddings: what to read next, padded on the right where a row is shorter.
            last: how many tokens, counted from the end, logits are wanted of.
            states: whether the hidden states are wanted.
        """
        from transformers import DynamicCache

        rows, m, _ = embeddings.shape
        held = [(keys.expand(rows, *keys.shape[1:]), values.expand(rows, *values.shape[1:]))
                for keys, values in memory.layers]  # fmt: skip
        # No configuration: the cache of a sliding layer would count its window in columns.
        cache = DynamicCache(held) if held else DynamicCache()
        n = held[0][0].shape[2] if held else 0
        options: dict[str, Any] = {cache_argument(self._layers): cache}
        found = self._layers(
            inputs_embeds=embeddings.to(self.dtype),
            # With gaps in the positions and no mask, transformers would read several packed sequences.
            attention_mask=torch.ones(rows, n + m, dtype=torch.long, device=embeddings.device),
            position_ids=memory.position + torch.arange(m, device=embeddings.device)[None].expand(rows, m),
            use_cache=True,
            output_hidden_states=states,
            **options,
        )
        # A copy: PyTorch's product with a view of several rows takes a second for each row, with a copy milliseconds.
        ends = found.last_hidden_state[:, m - last :].contiguous()
        layers = tuple((layer.keys, layer.values) for layer in cache.layers)
        logits = self.logits(ends.flatten(0, 1))
        return Reading(
            logits.reshape(rows, last, logits.shape[-1]),
            Memory(layers, memory.position + m),
            tuple(found.hidden_states or ()),
        )

    def logits(self, states: Tensor) -> Tensor:
        """Turn last states (n, width) into logits (n, vocabulary) in fp32."""
        found: Tensor = self.model.get_output_embeddings()(states)
        return found.float()

    def text(self, ids: Sequence[int]) -> str:
        """Turn the ids of an answer into text."""
        found: str = self._opened.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return found

"""Small stand-ins, so that tests of components need neither weights nor a network.

```python
compressor = Compressor(WordScorer(), ByteTokenizer(), settings=Settings(token_budget=200))
```
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from longattncomp.types import Encoding, Node, Prepared, Progress, Query, Scores

if TYPE_CHECKING:
    from longattncomp.settings import Settings
    from longattncomp.soft import SoftReader

__all__ = [
    "BrokenScorer",
    "ByteTokenizer",
    "WordScorer",
    "forget_models",
    "note_reading",
    "open_soft_reader",
    "open_stand_ins",
    "save_draft_model",
    "save_tokenizer",
]

_SIZES = {
    "vocab_size": 256,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
}


class ByteTokenizer:
    """A tokenizer with one token for each byte of UTF-8."""

    def encode(self, text: str) -> Encoding:
        ids: list[int] = []
        ends: list[int] = []
        for position, character in enumerate(text, start=1):
            units = character.encode("utf-8", "surrogatepass")
            ids += units
            ends += [position] * len(units)
        return Encoding(ids, ends)

    def count(self, text: str) -> int:
        return len(text.encode("utf-8", "surrogatepass"))


class WordScorer:
    """A scorer that gives each node its share of the query's words.

    Attributes:
        queries: the text of each query so far.
        threads: the names of the threads in which it was asked.
    """

    def __init__(self) -> None:
        self.queries: list[str] = []
        self.threads: set[str] = set()

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """Count the words of the query that have more than three letters, or are not ASCII, in each node."""
        self.queries.append(query.text)
        self.threads.add(threading.current_thread().name)
        words = [word for word in re.findall(r"\w+", query.text.lower()) if len(word) > 3 or not word.isascii()]
        counts = [1e-9 + sum(node.text.lower().count(word) for word in words) for node in nodes]
        return Scores(tuple(count / sum(counts) for count in counts), 0.0)


class BrokenScorer:
    """A scorer that fails in the middle, like a GPU that runs out of memory."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        raise RuntimeError("out of memory")

    def prepare(self, nodes: Sequence[Node], *, progress: Progress | None = None) -> Prepared:
        raise RuntimeError("out of memory")


def save_draft_model(folder: Path, family: str = "llama", *, seed: int = 0) -> Path:
    """Write a random four-layer causal LM in Hugging Face layout, whose tokens are bytes, and return its folder.

    Args:
        folder: exists.
        family: a `model_type` of `longattncomp.backbone.loading.SUPPORTED`.
        seed: decides the weights.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = _SIZES | ({"sliding_window": 64} if family in ("gemma3_text", "mistral") else {})
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **sizes))
    for name, weight in model.named_parameters():
        if weight.ndim == 1:  # norms and biases start as ones and zeros, which would hide mistakes
            weight.data += 0.1 * torch.randn_like(weight)
        else:
            weight.data *= 8 if "q_proj" in name or "k_proj" in name else 2
    model.save_pretrained(folder)
    return save_tokenizer(folder)


def save_tokenizer(folder: Path) -> Path:
    """Write a byte-level `tokenizer.json` into a folder, and return the folder."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {letter: index for index, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def open_soft_reader(folder: Path, method: str = "compllm") -> SoftReader:
    """Open a model that `save_draft_model` wrote as a target, with an untrained adapter of ratio 2."""
    from longattncomp.soft import SoftReader
    from longattncomp.soft.adapter import untrained
    from longattncomp.soft.target import Target

    target = Target(str(folder), model_dir=folder, device="cpu", dtype="float32")
    return SoftReader(target, untrained(method, target, (2,)))


def forget_models() -> None:
    """Forget every draft model that components opened, as the end of a process does."""
    from longattncomp.adapters import options
    from longattncomp.scorers import opening

    options._opened.cache_clear()
    opening._opened.clear()


@contextmanager
def note_reading() -> Iterator[list[int]]:
    """Give a list to which draft models add the length of each sequence that they read, in tokens."""
    from longattncomp.backbone.forward import Backbone

    lengths: list[int] = []
    read = Backbone.read

    def noting(self: Backbone, sequences: Sequence[Sequence[int]], *args: Any, **kwargs: Any) -> Any:
        lengths.extend(map(len, sequences))
        return read(self, sequences, *args, **kwargs)

    with patch.object(Backbone, "read", noting):
        yield lengths


@contextmanager
def open_stand_ins() -> Iterator[list[Settings]]:
    """Open a `WordScorer` and a `ByteTokenizer` instead of a draft model; give the settings of each that is opened."""
    from longattncomp.scorers import opening

    opened: list[Settings] = []

    def build(settings: Settings, _store: object) -> tuple[WordScorer, ByteTokenizer]:
        opened.append(settings)
        return WordScorer(), ByteTokenizer()

    forget_models()
    with patch.object(opening, "build", build):
        yield opened
    forget_models()

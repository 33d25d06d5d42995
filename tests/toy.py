"""What many tests share: a byte tokenizer, small random draft models, and a clock that other tests do not disturb."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import thread_time
from timeit import repeat

from longattncomp.types import Encoding


class ByteTokenizer:
    """One token per byte of UTF-8."""

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


def seconds(call: Callable[[], object]) -> float:
    """Of this thread on the processor, the least of three tries.

    Meanwhile no garbage is collected: that of other tests may take longer than what is timed.
    """
    return min(repeat(call, timer=thread_time, number=1, repeat=3))


SIZES = {
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


def save_toy_model(folder: Path, family: str = "llama", *, seed: int = 0) -> Path:
    """Write a random four-layer causal LM of a family, with a byte-level tokenizer.

    Args:
        folder: where it goes.
        family: a `model_type` of `longattncomp.backbone.loading.SUPPORTED`.
        seed: of its weights.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = SIZES | ({"sliding_window": 64} if family in ("gemma3_text", "mistral") else {})
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **sizes))
    for name, weight in model.named_parameters():
        if weight.ndim == 1:  # norms and biases start as ones and zeros, which would hide mistakes
            weight.data += 0.1 * torch.randn_like(weight)
        else:
            weight.data *= 8 if "q_proj" in name or "k_proj" in name else 2
    model.save_pretrained(folder)
    vocabulary = {letter: index for index, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder

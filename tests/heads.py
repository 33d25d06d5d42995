"""Untrained heads with the way of reading that a checkpoint would record, and a store for their keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from longattncomp.backbone.forward import Backbone
from longattncomp.scorers.cross_attention.head import CrossAttentionHead, untrained_head
from longattncomp.scorers.methods import METHODS
from longattncomp.types import ContextEncoding, QueryPlace


def head_for(
    backbone: Backbone, place: QueryPlace, *, encoding: ContextEncoding = "segmented", segment_tokens: int = 128
) -> CrossAttentionHead:
    """The draft model's own layer L+1 for a query place, an encoding and a length of segments."""
    head = untrained_head(backbone, place)
    head.config = replace(head.config, encoding=encoding, segment_tokens=segment_tokens)
    return head


def saved_heads(folder: Path) -> Path:
    """A folder beside a draft model with an untrained head of two layers for each checkpoint that a method opens."""
    heads = folder / "heads"
    if not heads.is_dir():
        heads.mkdir()
        backbone = Backbone.open(folder, 2, device="cpu", dtype="float32")
        for name in {name for method in METHODS.values() for name in method.heads}:
            head_for(backbone, "alone" if name == "alone" else "after").save(heads / f"{name}.safetensors")
    return heads


class DictStore:
    """A byte store in memory, which raises `fails` once that is set and notes what it is asked."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.fails: Exception | None = None
        self.asked: list[str] = []

    def mget(self, keys: Sequence[str]) -> list[Any]:
        self.asked += keys
        if self.fails:
            raise self.fails
        return [self.values.get(key) for key in keys]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        if self.fails:
            raise self.fails
        self.values.update(key_value_pairs)

"""A byte tokenizer and a small random draft model, so that tests need no weights."""

from __future__ import annotations

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

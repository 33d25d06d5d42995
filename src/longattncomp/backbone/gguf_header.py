"""GGUF file -> what its header says, within limits that hold before anything is allocated."""

import mmap
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from longattncomp.errors import BrokenModelError

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""GGUF's type numbers as formats of `struct`."""

_STRING, _ARRAY = 8, 9

_MOST_ITEMS = 1 << 21
"""Fields, items of arrays and tensors in all. Readers of GGUF make an object of each; Gemma 3 has 1.3 million."""

_MOST_ITEM_BYTES = 1024
"""Of a string in an array: the time to convert a vocabulary without merges grows with the square."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF header says."""

    fields: dict[str, Any]  # value by name; None for an array
    tensors: dict[str, int]  # how many numbers each tensor holds, by name


def read_header(file: Path) -> Header:
    """Read a header whose lengths and counts fit into the file.

    Raises:
        BrokenModelError: it is no GGUF, or says what cannot be.
    """
    try:
        with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(data).header()
    except (OSError, ValueError, struct.error) as error:
        raise BrokenModelError(f"cannot read {file} as GGUF: {error}") from error


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._place = 0
        self._items = _MOST_ITEMS

    def header(self) -> Header:
        magic, version = self._next("4s"), self._next("I")
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError(f"expected GGUF of version 2 or 3, got {magic!r} of version {version}")
        n_tensors, n_fields = self._next("Q"), self._next("Q")
        fields: dict[str, Any] = {}
        for _ in self._counted(n_fields):
            name = self._text()
            if name in fields:
                raise ValueError(f"{name!r} stands twice")
            fields[name] = self._value()
        tensors: dict[str, int] = {}
        parts = [self._tensor() for _ in self._counted(n_tensors)]
        alignment = fields.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise ValueError(f"expected general.alignment as a number, got {alignment!r}")
        start = -(-self._place // alignment) * alignment
        room = len(self._data) - start
        for name, numbers, offset, size in parts:
            room -= size
            if name in tensors or room < 0 or start + offset + size > len(self._data):
                raise ValueError(f"tensor {name!r} stands twice or ends beyond the file")
            tensors[name] = numbers
        return Header(fields, tensors)

    def _next(self, form: str) -> Any:
        (value,) = struct.unpack_from(f"<{form}", self._data, self._place)
        self._place += struct.calcsize(f"<{form}")
        return value

    def _counted(self, n: int) -> range:
        self._items -= n
        if self._items < 0:
            raise ValueError(f"expected at most {_MOST_ITEMS:,} fields, items and tensors, got {n:,} and those before")
        return range(n)

    def _skip(self, size: int) -> None:
        if size > len(self._data) - self._place:
            raise ValueError(f"{size:,} bytes at {self._place:,} end beyond the file")
        self._place += size

    def _text(self) -> str:
        size, start = self._next("Q"), self._place
        self._skip(size)
        return self._data[start : self._place].decode("utf-8")

    def _value(self) -> Any:
        kind = self._next("I")
        if kind == _STRING:
            return self._text()
        if kind in _SCALARS:
            return self._next(_SCALARS[kind])
        if kind != _ARRAY:
            raise ValueError(f"there is no type {kind}")
        item, n = self._next("I"), self._next("Q")
        if item in _SCALARS:
            self._skip(len(self._counted(n)) * struct.calcsize(f"<{_SCALARS[item]}"))
        elif item == _STRING:
            for _ in self._counted(n):
                size = self._next("Q")
                if size > _MOST_ITEM_BYTES:
                    raise ValueError(f"expected strings of at most {_MOST_ITEM_BYTES} bytes in an array, got {size:,}")
                self._skip(size)
        else:
            raise ValueError(f"expected an array of numbers or strings, got type {item}")
        return None

    def _tensor(self) -> tuple[str, int, int, int]:
        """Read (name, numbers, offset, bytes)."""
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

        name, dimensions = self._text(), self._next("I")
        if dimensions > 4:
            raise ValueError(f"expected at most 4 dimensions, got {dimensions:,} of {name!r}")
        numbers = prod(self._next("Q") for _ in range(dimensions))
        block, size = GGML_QUANT_SIZES[GGMLQuantizationType(self._next("I"))]
        return name, numbers, self._next("Q"), numbers * size // block

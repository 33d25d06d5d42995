"""items, each of a size -> runs of bounded size."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def packs(items: Iterable[T], size: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """Split items into runs whose sizes sum to `most` at most; a larger item is a run of its own."""
    pack: list[T] = []
    total = 0
    for item in items:
        added = size(item)
        if pack and total + added > most:
            yield pack
            pack, total = [], 0
        pack.append(item)
        total += added
    if pack:
        yield pack

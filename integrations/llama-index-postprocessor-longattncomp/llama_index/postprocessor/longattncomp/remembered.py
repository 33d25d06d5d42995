"""What a component remembers while it runs; copies and pickles of it start without."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Self, TypeVar

from longattncomp.runtime.recent import Recent

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_MOST = 8


class Remembered(Recent[K, V]):
    """The latest few values by their keys."""

    def __init__(self) -> None:
        super().__init__(_MOST, size=lambda _: 1)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()

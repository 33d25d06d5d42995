"""Toy models that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from naive import Toy

from longattncomp.scorers.cross_attention import reading


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Toy]:
    """Open a variant of the toy, once for all tests."""
    return cache(lambda variant: Toy.of(variant, tmp_path_factory.mktemp("toy")))


@pytest.fixture(autouse=True)
def _some_segments_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most have at most 128 tokens here; some are read one by one, others share a pass."""
    monkeypatch.setattr(reading, "_SHORT_TOKENS", 80)

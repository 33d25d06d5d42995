"""Toy models that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from naive import Toy


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Toy]:
    """Open a variant of the toy, once for all tests."""
    return cache(lambda variant: Toy.of(variant, tmp_path_factory.mktemp("toy")))

"""Fixtures shared by all tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from longattncomp.testing import forget_models

sys.path.extend([str(Path(__file__).parent), str(Path(__file__).parents[2])])  # `langchain_toys` and `adapter_fixtures`

from adapter_fixtures import *  # noqa: F403 (a fixture is found in the conftest that has it)


@pytest.fixture(autouse=True)
def _models_are_forgotten() -> Iterator[None]:
    yield
    forget_models()

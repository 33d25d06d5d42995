"""Fixtures of all tests, the core's and the adapters'."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give a test one thread of PyTorch: toy matrices gain nothing from more, and two workers have a processor each."""
    model = request.node.get_closest_marker("model")
    if (model and "PYTEST_XDIST_WORKER" not in os.environ) or not (model or "torch" in sys.modules):
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)

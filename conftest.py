"""Fixtures of all tests, the core's and the adapters'."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # also in the processes that a test starts


def pytest_collection_finish() -> None:
    """Let no garbage collection go through what was imported, which takes half a second each time and frees nothing."""
    gc.collect()
    gc.freeze()


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

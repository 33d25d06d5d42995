"""What the core's tests share beside `longattncomp.testing`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def segments_of(tokens: int) -> Iterator[None]:
    """Untrained heads that are opened meanwhile read segments of so many tokens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("longattncomp.scorers.cross_attention.head.SEGMENT_TOKENS", tokens)
        yield

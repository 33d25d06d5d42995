"""Opening a draft model's tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.errors import BrokenModelError


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_a_broken_tokenizer(content: bytes | None, copied: Path) -> None:
    (copied / "tokenizer.json").unlink()
    if content is not None:
        (copied / "tokenizer.json").write_bytes(content)

    with pytest.raises(BrokenModelError, match="tokenizer"):
        DraftTokenizer.from_folder(copied)

"""Opening a draft model's tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


CRAFTED: dict[str, Callable[[dict[str, Any]], object]] = {
    "an id that would fill the memory": lambda whole: whole["model"]["vocab"].update(far=2**32 - 1),
    "Rust panics when it is read": lambda whole: whole.update(
        normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}
    ),
    "Rust panics when it is used": lambda whole: whole.update(
        post_processor={
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "x", "type_id": 0}}],
            "pair": [],
            "special_tokens": {},
        }
    ),
}


@pytest.mark.parametrize("change", CRAFTED.values(), ids=CRAFTED)
def test_a_crafted_tokenizer(change: Callable[[dict[str, Any]], object], copied: Path) -> None:
    whole = json.loads((copied / "tokenizer.json").read_text())
    change(whole)
    (copied / "tokenizer.json").write_text(json.dumps(whole))

    with pytest.raises(BrokenModelError, match="cannot read a tokenizer"):
        DraftTokenizer.from_folder(copied)


def test_python_files_of_a_tokenizer_are_not_run(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copied / "tokenizer.json").unlink()
    (copied / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    config = {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}}
    (copied / "tokenizer_config.json").write_text(json.dumps(config))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked on the terminal"))

    with pytest.raises(BrokenModelError, match="cannot read a tokenizer"):
        DraftTokenizer.from_folder(copied)

    assert not (tmp_path / "ran").exists()

"""The README does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_toys import diary
from longattncomp.adapters import PER_CALL

import langchain_longattncomp
from langchain_longattncomp import LongAttnCompressor

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.model
def test_its_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec("\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL)), {})
    assert "Ada Marsh signed" in capsys.readouterr().out


def test_its_code_is_python() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) >= 7
    for block in blocks:
        compile(block, "README.md", "exec")


def test_read_once_ask_many_times(alone: dict[str, Any], read: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = (code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "key_store" in code)
    for name in ("model", "head", "layers"):
        monkeypatch.setenv(f"LONGATTNCOMP_{name.upper()}", str(alone[name]))
    names = {
        "documents": [Document(diary("Ada Marsh signed the lease. ", 10))],
        "LongAttnCompressor": LongAttnCompressor,
    }
    exec(block, names)
    assert names["answers"]
    assert sum(length > 400 for length in read) == 1, "the document"
    assert Path("keys").is_dir()


def test_it_names_all_that_is_public() -> None:
    assert all(f"`{name}`" in README for name in [*langchain_longattncomp.__all__, *PER_CALL])

"""The README does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from longattncomp.compressor import PER_CALL

import langchain_longattncomp

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


def test_it_names_all_that_is_public() -> None:
    assert all(f"`{name}`" in README for name in [*langchain_longattncomp.__all__, *PER_CALL])

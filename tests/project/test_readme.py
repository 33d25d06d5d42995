"""The README's Python runs as it stands, one block after the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.model
def test_python_in_the_readme_runs_from_top_to_bottom() -> None:
    assert len(BLOCKS) == 3
    names: dict[str, object] = {}
    for code in BLOCKS:
        exec(compile(code, str(README), "exec"), names)

"""The README's Python runs as it stands, and the page of settings has all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from longattncomp.settings import PER_CALL, Settings

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.model
def test_python_in_the_readme_runs_from_top_to_bottom() -> None:
    assert len(BLOCKS) == 3
    names: dict[str, object] = {}
    for code in BLOCKS:
        exec(compile(code, str(README), "exec"), names)


def test_the_page_of_settings_has_all_of_them() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = [row.split(" | ", maxsplit=3) for row in re.findall(r"^\| (`.*) \|$", page, re.MULTILINE)]
    expected = []
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "the user's cache directory" if name == "cache_dir" else f"`{default!r}`"
        expected.append([f"`{name}`", shown, "✓" * (name in PER_CALL), field.description])
    assert rows == expected

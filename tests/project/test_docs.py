"""The documentation's Python runs, and its tables say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from longattncomp.scorers.methods import METHODS
from longattncomp.settings import PER_CALL, Settings

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
PROSE = dict.fromkeys(
    [*PAGES, *(page for folder in (".", "benchmarks", "examples") for page in (ROOT / folder).glob("*.md"))]
)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def rows(page: str, *, after: str) -> list[list[str]]:
    """The cells of the first table below a line."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    table = text[text.index(after) :].partition("|---|")[2].partition("\n\n")[0]
    return [row.strip("| ").split(" | ") for row in table.splitlines()[1:]]


@pytest.mark.model
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_python_runs_from_top_to_bottom(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": "page"}
    for code in blocks(page, "python"):
        exec(compile(code, str(page), "exec"), names)
    if page == README:
        (shown,) = blocks(page, "text")
        assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == shown.splitlines()


def test_the_readme_is_short() -> None:
    text = README.read_text(encoding="utf-8")
    outside_code = re.sub(r"`[^`]*`|\]\([^)]*\)", "", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    assert len(re.findall(r"[^\s|]*\w[^\s|]*", text)) <= 700  # words
    assert len(re.findall(r"\b\d[\d,.:-]*", outside_code)) <= 40  # figures
    assert "`make demo`" in text
    assert "`make test`" in text


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)
def test_prose_has_short_lines(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not [line for line in text.splitlines() if len(line) > 120 and not line.startswith("|")]


def test_the_page_of_settings_has_all_of_them() -> None:
    expected = []
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "the user's cache directory" if name == "model_dir" else f"`{default!r}`"
        expected.append([f"`{name}`", shown, "✓" * (name in PER_CALL), field.description])
    assert rows("settings.md", after="| name |") == expected


def test_the_page_of_methods_has_all_of_them() -> None:
    assert rows("methods.md", after="| `method` | what") == [[f"`{one.name}`", one.about] for one in METHODS.values()]
    expected = []
    for one in METHODS.values():
        names = ("node_tokens", "context_weight", "top_p")
        values = [str(one.defaults.get(name, Settings.model_fields[name].default)) for name in names]
        expected.append([f"`{one.name}`", *values, f"`{one.node_boundary}`", f"{one.min_score:g}"])
    assert rows("methods.md", after="| `method` | `node_tokens`") == expected

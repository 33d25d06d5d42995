"""What the package shows, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import langchain_longattncomp

ROOT = Path(__file__).parents[2]


def test_public_names() -> None:
    assert langchain_longattncomp.__all__ == [
        "LongAttnCompressor",
        "LongAttnMiddleware",
        "LongAttnPreparer",
        "pre_model_hook",
        "summarizer",
    ]
    for name in langchain_longattncomp.__all__:
        assert getattr(langchain_longattncomp, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Compressor'"):
        langchain_longattncomp.Compressor  # noqa: B018


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import langchain_longattncomp", ("torch", "longattncomp", "langchain_core", "langchain")),
        ("from langchain_longattncomp import LongAttnCompressor", ("torch", "transformers", "langchain", "langgraph")),
        ("from langchain_longattncomp import LongAttnPreparer", ("torch", "transformers", "langchain", "langgraph")),
        ("from langchain_longattncomp import summarizer, pre_model_hook", ("torch", "langchain", "langgraph")),
        ("from langchain_longattncomp import LongAttnMiddleware", ("torch",)),
    ],
)
def test_importing_loads_nothing_heavy(code: str, absent: tuple[str, ...]) -> None:
    assert run(f"{code}; import sys; print([name for name in {absent!r} if name in sys.modules])") == "[]"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            "LongAttnCompressor",  # the framework loads its names when they are asked for
            "from langchain_core.documents import BaseDocumentCompressor; "
            "from langchain_core.runnables import RunnableSerializable",
        ),
        ("LongAttnMiddleware", "import langchain.agents.middleware, langchain.tools, langgraph.store.base"),
    ],
)
def test_import_takes_under_a_second_more_than_the_framework(ours: str, theirs: str) -> None:
    code = (
        f"import time; {theirs}; start = time.process_time(); "
        f"from langchain_longattncomp import {ours}; print(time.process_time() - start)"
    )
    assert min(float(run(code)) for _ in range(3)) < 1.0


def test_without_the_extra_the_error_names_the_pip_line() -> None:
    code = """
import sys
sys.modules["langchain"] = None
import langchain_longattncomp
try:
    langchain_longattncomp.LongAttnMiddleware
except ImportError as error:
    print(error)
"""
    assert "pip install 'langchain-longattncomp[agents]'" in run(code)


def test_typed_and_versioned() -> None:
    assert (ROOT / "langchain_longattncomp" / "py.typed").is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dynamic"] == ["version"]
    assert langchain_longattncomp.__version__

"""What the package exports, and what it imports."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import langchain_longattncomp

ROOT = Path(__file__).parents[2]


def test_public_names() -> None:
    assert langchain_longattncomp.__all__ == [
        "LongAttnCompressor",
        "LongAttnMiddleware",
        "LongAttnPreparer",
        "LongAttnPromptEmbeds",
        "LongAttnReader",
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


def test_importing_loads_nothing_heavy() -> None:
    """In one process, in which each may load what those before may."""
    steps = [
        ("import langchain_longattncomp", ("torch", "longattncomp", "langchain_core", "langchain")),
        ("from langchain_longattncomp import LongAttnCompressor", ("torch", "transformers", "langchain", "langgraph")),
        ("from langchain_longattncomp import LongAttnPreparer", ("torch", "transformers", "langchain", "langgraph")),
        ("from langchain_longattncomp import summarizer, pre_model_hook", ("torch", "langchain", "langgraph")),
        ("from langchain_longattncomp import LongAttnMiddleware", ("torch",)),
    ]
    looks = [f"{code}; print([name for name in {absent!r} if name in sys.modules])" for code, absent in steps]
    assert run("\n".join(["import sys", *looks])).split("\n") == ["[]"] * len(steps)


def engine_imports(*folders: str) -> Iterator[str]:
    """Every module of the engine that the Python files in these folders import."""
    for file in (file for folder in folders for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from (name for name in names if name.split(".")[0] == "longattncomp")


def test_of_the_engine_only_what_is_public_is_imported() -> None:
    public = {"longattncomp", "longattncomp.adapters"}
    assert set(engine_imports("langchain_longattncomp")) == public
    assert set(engine_imports("examples")) <= public | {"longattncomp.soft"}
    assert set(engine_imports("tests")) == public | {"longattncomp.soft", "longattncomp.testing"}


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

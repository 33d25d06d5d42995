"""What is exported and how it is packaged."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import llama_index.postprocessor.longattncomp as package

ROOT = Path(__file__).parents[1]


def test_exported_names_are_these() -> None:
    assert package.__all__ == sorted(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)
    assert package.__all__ == [
        "CompressToolResults",
        "LongAttnMemory",
        "LongAttnMemoryBlock",
        "LongAttnOptions",
        "LongAttnPostprocessor",
        "LongAttnPreparer",
        "LongAttnSynthesizer",
    ]


def test_the_namespace_is_shared_with_llama_index() -> None:
    assert not (ROOT / "llama_index" / "__init__.py").exists()
    assert not (ROOT / "llama_index" / "postprocessor" / "__init__.py").exists()
    assert files(package).joinpath("py.typed").is_file()


def test_llamahub_finds_every_class() -> None:
    hub = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["llamahub"]
    assert hub["import_path"] == package.__name__
    assert set(hub["class_authors"]) == set(package.__all__) - {"LongAttnOptions"}


def engine_imports(*folders: str) -> Iterator[str]:
    """Every module of the engine that the Python files in these folders import."""
    for file in (file for folder in folders for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from (name for name in names if name.split(".")[0] == "longattncomp")


def test_of_the_engine_only_what_is_public_is_imported() -> None:
    public = {"longattncomp", "longattncomp.adapters"}
    assert set(engine_imports("llama_index")) == public
    assert set(engine_imports("examples")) <= public | {"longattncomp.soft"}
    assert set(engine_imports("tests")) == public | {"longattncomp.soft", "longattncomp.testing"}


def test_importing_loads_no_torch() -> None:
    script = "import sys, llama_index.postprocessor.longattncomp; print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"
    )

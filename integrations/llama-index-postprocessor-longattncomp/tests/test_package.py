"""What is exported and how it is packaged."""

from __future__ import annotations

import tomllib
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
    ]


def test_the_namespace_is_shared_with_llama_index() -> None:
    assert not (ROOT / "llama_index" / "__init__.py").exists()
    assert not (ROOT / "llama_index" / "postprocessor" / "__init__.py").exists()
    assert files(package).joinpath("py.typed").is_file()


def test_llamahub_finds_every_class() -> None:
    hub = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["llamahub"]
    assert hub["import_path"] == package.__name__
    assert set(hub["class_authors"]) == set(package.__all__) - {"LongAttnOptions"}

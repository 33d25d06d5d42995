"""What `import longattncomp` gives, and what it costs."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from typing import Any, get_type_hints

import pytest

import longattncomp
from longattncomp import errors

NAMES = [
    "Compressed",
    "CompressedDocument",
    "Compressor",
    "Document",
    "LongAttnCompError",
    "LongAttnCompWarning",
    "Node",
    "Query",
    "ScoredNode",
    "Scorer",
    "Scores",
    "Settings",
]


def test_the_public_names() -> None:
    """A name that comes or goes is a decision: change this list with it."""
    assert longattncomp.__all__ == NAMES


def test_all_is_sorted_and_every_name_is_there() -> None:
    assert longattncomp.__all__ == sorted(set(longattncomp.__all__), key=str.lower)
    for name in longattncomp.__all__:
        assert getattr(longattncomp, name).__doc__, name


def test_nothing_public_is_missing() -> None:
    public = {
        name
        for name, value in vars(longattncomp).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("longattncomp")
    }
    assert public | {"Compressor", "Settings"} == set(longattncomp.__all__)  # those two come on first use


def test_star_import() -> None:
    names: dict[str, Any] = {}
    exec("from longattncomp import *", names)
    assert names.keys() - {"__builtins__"} == set(longattncomp.__all__)


def test_the_version_is_a_version() -> None:
    parts = longattncomp.__version__.split(".")
    assert len(parts) == 3
    assert all(part.isdigit() for part in parts)


def test_what_compress_hands_out_is_public() -> None:
    ours = {
        value
        for hint in get_type_hints(longattncomp.Compressed).values()
        for value in (hint, *getattr(hint, "__args__", ()))
        if inspect.isclass(value) and value.__module__.startswith("longattncomp")
    }
    assert ours
    assert {value.__name__ for value in ours} <= set(longattncomp.__all__)


def test_every_error_has_the_one_base_and_stands_in_the_drawing() -> None:
    for name, value in vars(errors).items():
        if inspect.isclass(value):
            assert issubclass(value, longattncomp.LongAttnCompError | longattncomp.LongAttnCompWarning), name
            assert name in (errors.__doc__ or ""), name
            assert value.__doc__, name


def fresh(code: str) -> Any:
    """What a fresh interpreter prints, as JSON."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


HEAVY = ("torch", "transformers", "tokenizers", "tiktoken", "huggingface_hub", "safetensors", "bm25s", "gguf", "typer")


def test_import_loads_nothing_heavy() -> None:
    code = "import longattncomp, sys, json; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    loaded = fresh(code)
    assert "longattncomp" in loaded
    assert set(loaded).isdisjoint(HEAVY)


def test_chunking_and_the_lexical_parts_load_no_torch() -> None:
    modules = ("chunking.nodes", "query.parsing", "selection", "rendering", "assembly", "counting", "html.page")
    imports = ", ".join(f"longattncomp.{name}" for name in modules)
    assert fresh(f"import {imports}, sys, json; print(json.dumps('torch' in sys.modules))") is False


@pytest.mark.parametrize(
    "name", ["compress", "acompress", "compress_batch", "compress_prompt", "from_pretrained", "budget"]
)
def test_fixed_names(name: str) -> None:
    assert callable(getattr(longattncomp.Compressor, name))


def test_options_are_keywords() -> None:
    parameters = inspect.signature(longattncomp.Compressor.compress).parameters
    positional = [name for name, value in parameters.items() if value.kind is value.POSITIONAL_OR_KEYWORD]
    assert positional == ["self", "query", "documents"]

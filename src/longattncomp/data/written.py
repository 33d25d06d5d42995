"""a module, a type -> what was written by hand in the YAML file beside the module."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import TypeAdapter

_Kind = TypeVar("_Kind")


def written_beside(module: str, kind: type[_Kind]) -> _Kind:
    """Read the file that is named like the module whose `__file__` is given."""
    text = Path(module).with_suffix(".yaml").read_text(encoding="utf-8")
    return TypeAdapter(kind).validate_python(yaml.safe_load(text))

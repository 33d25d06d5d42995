"""a method's name -> what it is, its own defaults, and the function that opens its scorer.

`methods.yaml` is the only place that lists the methods; it says how to add one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter

from longattncomp.types import NodeBoundary

DEFAULT = "longattncomp"
"""The method of settings that name none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to score nodes.

    Attributes:
        name: what `method=` takes.
        about: one line for help texts and reports.
        opener: "module:function". The function takes (settings, store); it returns the scorer, and the tokenizer that
            counts the tokens of nodes or None for the draft model's.
        heads: names of the checkpoints that the method opens, each a file `<name>.safetensors`.
        defaults: settings whose default differs for this method.
        node_boundary: where nodes end, see `chunking.nodes.chunk`.
        min_score: score below which a node is left out (AttnComp's epsilon).
        surroundings: part of the mass around a node that counts for its rank, see `selection.SelectionRule`.
        ignores: settings that the method does not use.
        paragraphs: whether long paragraphs of a prompt are scored as if each were a document.
        as_published: whether an evaluation uses `defaults` whatever the settings say.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    about: str
    opener: str
    heads: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    node_boundary: NodeBoundary = "sentence"
    min_score: float = 0.0
    surroundings: float = 0.0
    ignores: tuple[str, ...] = ()
    paragraphs: bool = False
    as_published: bool = False


_ENTRIES = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
METHODS = {method.name: method for method in TypeAdapter(tuple[Method, ...]).validate_python(_ENTRIES)}
"""All methods by name, in the order in which they are shown."""

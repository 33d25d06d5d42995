"""config.json -> which architecture, how many layers there are, and how many are wanted."""

import json
from pathlib import Path
from typing import Any, Literal

from longattncomp.errors import BrokenModelError, UnsupportedModelError

SUPPORTED = ("gemma3_text", "llama", "mistral", "qwen2", "qwen3")
"""`model_type`s whose layers are pre-norm, with separate q and k projections (SmolLM2 is a llama)."""

PAPER_DEPTH = 13 / 32
"""L over all layers for Llama-3.1-8B-Instruct (LongAttnComp, arXiv 2606.01336, section 4)."""

Depth = int | Literal["all"] | None
"""L; "all" for a folder that holds the whole model, None for the default."""

MOST_LAYERS = 1000
"""More than any model has; building one of a crafted number would not end."""

_TOTAL = "longattncomp_total_layers"


def read_config(folder: Path) -> dict[str, Any]:
    """Read and check `config.json` of a folder; the errors are those of `check_config`."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BrokenModelError(f"cannot read config.json in {folder}: {error}") from error
    return check_config(config, str(folder))


def check_config(config: Any, where: str) -> dict[str, Any]:
    """Check that a configuration names a supported architecture and its number of layers.

    Raises:
        BrokenModelError: the configuration is no object, or names no number of layers.
        UnsupportedModelError: the architecture is not in `SUPPORTED`.
    """
    if not isinstance(config, dict):
        raise BrokenModelError(f"expected an object in config.json of {where}, got {type(config).__name__}")
    if not isinstance(config.get("model_type"), str):
        got = repr(config.get("model_type"))[:100]
        raise BrokenModelError(f"expected model_type in config.json of {where}, got {got}")
    require_supported(config["model_type"])
    for key in ("num_hidden_layers", _TOTAL):
        layers = config.get(key, config.get("num_hidden_layers"))
        if not isinstance(layers, int) or not 0 < layers <= MOST_LAYERS:
            raise BrokenModelError(
                f"expected {key} in config.json of {where} as 1 to {MOST_LAYERS}, got {repr(layers)[:100]}"
            )
    return config


def require_supported(model_type: str) -> None:
    """Raise UnsupportedModelError for an architecture that is not in `SUPPORTED`."""
    if model_type not in SUPPORTED:
        raise UnsupportedModelError(
            f"draft models of type {model_type[:100]!r} are not supported; supported are {', '.join(SUPPORTED)}"
        )


def total_layers(config: dict[str, Any]) -> int:
    """Count the layers of the whole model, even if the folder holds only the first ones."""
    return int(config.get(_TOTAL, config["num_hidden_layers"]))


def cut_config(config: dict[str, Any], layers: int) -> dict[str, Any]:
    """Return the configuration of the model's first `layers` layers; it records how many the whole model has."""
    cut = config | {_TOTAL: total_layers(config), "num_hidden_layers": layers}
    return cut | {"layer_types": cut["layer_types"][:layers]} if cut.get("layer_types") else cut


def default_layers(total: int) -> int:
    """Return L for a model without measurements: the paper's share of the depth, at least 1."""
    return max(1, min(round(total * PAPER_DEPTH), total - 1))


def depth(wanted: Depth, total: int) -> int:
    """Return L for a model of `total` layers; "all" leaves the last layer to the head."""
    return total - 1 if wanted == "all" else wanted or default_layers(total)


def require_layers(wanted: int, there: int, where: str) -> None:
    """Raise BrokenModelError if a model of `there` layers has none left for the head after the first `wanted`."""
    if wanted + 1 > there:
        raise BrokenModelError(f"{where} has {there} layers: layers={wanted} needs one more for the head, {wanted + 1}")

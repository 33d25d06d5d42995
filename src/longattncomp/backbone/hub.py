"""a Hugging Face id -> folder with the first layers; the layers above are never downloaded."""

import json
import math
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
    require_layers,
    total_layers,
)
from longattncomp.backbone.model_cache import ModelCache
from longattncomp.backbone.weight_files import INDEX, SINGLE, below, weight_files, weight_map
from longattncomp.errors import BrokenModelError, ModelError, ModelNotFoundError, warn

_MOST_HEADER = 100_000_000  # bytes of a safetensors header, as safetensors itself allows
_ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
_Entry = tuple[int, int, str, str, list[int]]
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
    if (known := cache.find_depth(key, layers)) is not None:
        return known
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
        first = below(layers)

        def wanted(tensor: str) -> bool:
            return first(tensor) and (layers == total or not tensor.startswith("lm_head."))

        shards = {shard: self._located(shard, wanted) for shard in self._shards(wanted)}
        size = sum(end - start for entries in shards.values() for start, end, *_ in entries)
        warn(f"fetching {layers} of {total} layers of {self.root} from the Hugging Face hub, {size / 1e6:,.0f} MB")
        weight_map: dict[str, str] = {}
        for shard, entries in shards.items():
            self._copy_tensors(shard, entries, target / shard)
            weight_map |= {tensor: shard for _, _, tensor, *_ in entries}
        index = {"metadata": {}, "weight_map": weight_map}
        (target / INDEX).write_text(json.dumps(index), encoding="utf-8")
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
        return _parsed(self._content(file), f"{self.root}/{file}")

    def _shards(self, wanted: Callable[[str], bool]) -> list[str]:
        if self._exists(INDEX):
            weights = weight_map(self._json(INDEX), self.root)
            return sorted({shard for tensor, shard in weights.items() if wanted(tensor)})
        if not self._exists(SINGLE):
            raise BrokenModelError(f"{self.root} has no {SINGLE}: only safetensors weights are read")
        return [SINGLE]

    def _located(self, shard: str, wanted: Callable[[str], bool]) -> list[_Entry]:
        where = f"{self.root}/{shard}"
        with self._reached(), self.filesystem.open(where, "rb") as stream:
            header_size = int.from_bytes(stream.read(8), "little")
            if header_size > _MOST_HEADER:
                raise BrokenModelError(f"{where} is no safetensors file: its header would have {header_size:,} bytes")
            header, size = _parsed(stream.read(header_size), where), self.filesystem.size(where)
        begin = 8 + header_size
        entries = []
        for start, end, tensor, dtype, shape in _entries(header, wanted, where):
            if dtype not in _ITEM_BYTES:
                raise BrokenModelError(f"{tensor} in {where} is {dtype}: expected {[*_ITEM_BYTES]}")
            if begin + end > size or end - start != math.prod(shape) * _ITEM_BYTES[dtype]:
                raise BrokenModelError(f"{tensor} in {where} ends beyond the file or has another size")
            entries.append((begin + start, begin + end, tensor, dtype, shape))
        return entries

    def _copy_tensors(self, shard: str, entries: list[_Entry], target: Path) -> None:
        import torch
        from safetensors.torch import save_file

        dtypes = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
        tensors = {}
        with self._reached(), self.filesystem.open(f"{self.root}/{shard}", "rb") as stream:
            for start, end, tensor, dtype, shape in entries:
                stream.seek(start)
                data = bytearray(stream.read(end - start))
                tensors[tensor] = torch.frombuffer(data, dtype=dtypes[dtype]).reshape(shape)
        save_file(tensors, target, metadata={"format": "pt"})

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


def _parsed(content: bytes, where: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BrokenModelError(f"cannot read {where}: {error}") from error


def _entries(header: Any, wanted: Callable[[str], bool], where: str) -> list[_Entry]:
    """List (start, end, name, dtype, shape) of the wanted tensors of a safetensors header, in the file's order."""
    found = []
    try:
        for tensor, entry in header.items():
            if tensor == "__metadata__" or not wanted(tensor):
                continue
            (start, end), dtype, shape = entry["data_offsets"], str(entry["dtype"]), entry["shape"]
            if not all(type(number) is int and number >= 0 for number in (start, end, *shape)) or start >= end:
                raise ValueError(f"{tensor} lies at {start} to {end} and has shape {shape}")
            found.append((start, end, tensor, dtype, shape))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BrokenModelError(f"cannot read the header of {where}: {str(error)[:200]}") from error
    return sorted(found)


def _complete(snapshot: Path) -> bool:
    """Check that Hugging Face's cache holds all of a model's weights."""
    return all(file.is_file() for file in (snapshot / "config.json", *weight_files(snapshot)))

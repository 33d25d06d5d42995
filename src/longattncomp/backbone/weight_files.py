"""folder -> the files of its weights, and whether a configuration fits them."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from longattncomp.errors import BrokenModelError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
PACKED = "blocks.safetensors"
"""Of a weights package, see `packed`."""

AGAIN = "delete the folder if it is in the model cache, install its package again if it is a package's"
"""What to do about a broken one."""

_LAYER = re.compile(r"(?:^|\.)layers\.(\d{1,9})\.")
_BESIDE = re.compile(r"[^/\\:\0]+\.safetensors")


def below(layers: int) -> Callable[[str], bool]:
    """Make a test of a tensor's name: whether it stands in the first `layers` layers, or in none."""

    def wanted(tensor: str) -> bool:
        layer = _LAYER.search(tensor)
        return layer is None or int(layer[1]) < layers

    return wanted


def weight_map(index: Any, where: str) -> dict[str, str]:
    """Return which file holds which tensor by an index, as JSON gives it; the files lie beside the index.

    Raises:
        BrokenModelError: it is no such index, or names a file elsewhere.
    """
    files = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(files, dict):
        raise BrokenModelError(f"expected weight_map in {INDEX} of {where} as an object")
    for file in files.values():
        if not isinstance(file, str) or not _BESIDE.fullmatch(file):
            raise BrokenModelError(
                f"expected names of .safetensors files beside {INDEX} of {where}, got {str(file)[:200]!r}"
            )
    return files


def weight_files(folder: Path) -> set[Path]:
    """List the weight files of a folder, whether they are there or not; raise BrokenModelError as `weight_map`."""
    index = folder / INDEX
    if not index.is_file():
        return {folder / SINGLE}
    try:
        read = json.loads(index.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BrokenModelError(f"cannot read {index}: {error}") from error
    return {folder / file for file in weight_map(read, str(folder)).values()}


def most_weights(folder: Path) -> int:
    """Bound how many numbers the folder's weight files can hold: two in a byte.

    Raises:
        BrokenModelError: as `weight_map`.
        OSError: a file may not be read, which safetensors calls missing.
    """
    total = 0
    for file in {folder / SINGLE, folder / PACKED, *weight_files(folder)}:
        if file.is_file():
            with file.open("rb") as stream:
                total += 2 * stream.seek(0, os.SEEK_END)
    return total


def require_fitting(auto: Any, config: Any, most: int, where: Path) -> Any:
    """Return the class of the model that an auto class of transformers opens by a configuration.

    Raises:
        BrokenModelError: it has more than `most` weights, which its files hold; transformers would allocate them all.
    """
    with torch.device("meta"):  # without memory
        model = auto.from_config(config, trust_remote_code=False)
    described = sum(tensor.numel() for tensors in (model.parameters(), model.buffers()) for tensor in tensors)
    if described > most:
        raise BrokenModelError(
            f"{where} describes a model of {described:,} weights, its files hold at most {most:,}; {AGAIN}"
        )
    return type(model)

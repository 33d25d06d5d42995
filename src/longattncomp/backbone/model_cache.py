"""key of a model, layers -> folder that holds them: safe against kills, full disks and other processes."""

import hashlib
import re
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from safetensors import SafetensorError

from longattncomp.backbone.config import Depth, depth, read_config, total_layers
from longattncomp.errors import CacheError

_ENTRY = re.compile(r"layers-(\d+)")

_SAMPLE = 1 << 20  # bytes read from each end of a file for its fingerprint


@dataclass(frozen=True, slots=True)
class ModelCache:
    """A directory of models cut to their first layers, in folders `<key>/layers-<n>` that appear when complete."""

    directory: Path

    def find(self, key: str, layers: int = 0) -> Path | None:
        """Return the shallowest entry of this model with at least `layers` layers; the key may be a pattern of glob."""
        found = ((_ENTRY.fullmatch(path.name), path) for path in self.directory.glob(f"models/{key}/layers-*"))
        entries = sorted((int(entry[1]), path) for entry, path in found if entry)
        return next((folder for there, folder in entries if there >= layers), None)

    def find_depth(self, key: str, layers: Depth) -> Path | None:
        """Return the shallowest entry of this model that is deep enough for L; the key as in `find`."""
        known = self.find(key)
        return known and self.find(key, depth(layers, total_layers(read_config(known))) + 1)

    def get(self, key: str, layers: int, build: Callable[[Path], None]) -> Path:
        """Return an entry with at least `layers` layers; `build` fills an empty folder if there is none.

        The key names the model and the exact file it came from. `build` may fail or be killed at any time.

        Raises:
            CacheError: the directory cannot be written.
        """
        if (found := self.find(key, layers)) is not None:
            return found
        parent = self.directory / "models" / key
        try:
            parent.mkdir(parents=True, exist_ok=True)
            with FileLock(parent.parent / f"{key}.lock"):
                if (found := self.find(key, layers)) is not None:
                    return found
                for abandoned in parent.glob(".building-*"):
                    shutil.rmtree(abandoned, ignore_errors=True)
                with tempfile.TemporaryDirectory(prefix=".building-", dir=parent, ignore_cleanup_errors=True) as name:
                    build(Path(name))
                    _share(Path(name), stat.S_IMODE(parent.stat().st_mode))
                    return Path(name).rename(parent / f"layers-{layers}")
        except CacheError:
            raise
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CacheError(
                getattr(error, "errno", None),
                f"cannot write the model cache in {self.directory} ({reason}); free space there or set "
                "LONGATTNCOMP_MODEL_DIR to a directory that can be written",
            ) from error


def _share(folder: Path, mode: int) -> None:
    """Make a folder and its files as readable as `mode`: temporary folders and safetensors' files are private."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(mode if path.is_dir() else mode & 0o666)


def file_fingerprint(file: Path) -> str:
    """Identify a file by 12 hex digits of its size and its first and last mebibyte, which is fast for any size."""
    size = file.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with file.open("rb") as stream:
        digest.update(stream.read(_SAMPLE))
        stream.seek(max(0, size - _SAMPLE))
        digest.update(stream.read(_SAMPLE))
    return digest.hexdigest()[:12]

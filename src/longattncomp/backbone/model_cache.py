"""A directory of cut-down draft models, safe against kills, full disks and other processes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from safetensors import SafetensorError

from longattncomp.errors import CacheError

_ENTRY = re.compile(r"layers-(\d+)")

_SAMPLE = 1 << 20  # bytes read from each end of a file for its fingerprint


@dataclass(frozen=True, slots=True)
class ModelCache:
    """Entries are folders `<key>/layers-<n>`; one is there only when it is complete."""

    directory: Path

    def any(self, key: str) -> Path | None:
        """Some entry of this model, whatever its depth."""
        return next((folder for _, folder in self._entries(key)), None)

    def deep_enough(self, key: str, layers: int) -> Path | None:
        """The shallowest entry with at least so many layers."""
        return next((folder for depth, folder in self._entries(key) if depth >= layers), None)

    def get(self, key: str, layers: int, build: Callable[[Path], None]) -> Path:
        """The entry with at least so many layers, built if there is none.

        Args:
            key: names the model and the exact file it came from.
            layers: how many layers are needed.
            build: fills an empty folder; may fail or be killed at any time.

        Raises:
            CacheError: the directory cannot be written.
        """
        if (found := self.deep_enough(key, layers)) is not None:
            return found
        with self._locked(key):
            if (found := self.deep_enough(key, layers)) is not None:
                return found
            parent = self.directory / "models" / key
            for abandoned in parent.glob(".building-*"):
                shutil.rmtree(abandoned, ignore_errors=True)
            target = parent / f"layers-{layers}"
            with self._explained():
                building = Path(tempfile.mkdtemp(prefix=".building-", dir=parent))
            try:
                with self._explained():
                    build(building)
                    building.chmod(0o755)
                    building.rename(target)
            finally:
                shutil.rmtree(building, ignore_errors=True)
        return target

    def _entries(self, key: str) -> Iterator[tuple[int, Path]]:
        found = ((_ENTRY.fullmatch(path.name), path) for path in (self.directory / "models" / key).glob("layers-*"))
        return iter(sorted((int(entry[1]), path) for entry, path in found if entry))

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        with self._explained():
            (self.directory / "models" / key).mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.directory / "models" / f"{key}.lock")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except CacheError:
            raise
        except (OSError, SafetensorError) as error:
            number, reason = (error.errno, error.strerror or error) if isinstance(error, OSError) else (None, error)
            raise CacheError(
                number,
                f"cannot write the model cache in {self.directory} ({reason}); free space there or set "
                "LONGATTNCOMP_MODEL_DIR to a directory that can be written",
            ) from error


def file_fingerprint(file: Path) -> str:
    """12 hex digits of a file's size and its first and last mebibyte, cheap for any size."""
    size = file.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with file.open("rb") as stream:
        digest.update(stream.read(_SAMPLE))
        stream.seek(max(0, size - _SAMPLE), os.SEEK_SET)
        digest.update(stream.read(_SAMPLE))
    return digest.hexdigest()[:12]

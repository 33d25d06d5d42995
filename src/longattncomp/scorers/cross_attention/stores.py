"""names -> bytes, kept between processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from longattncomp.errors import CacheError, warn
from longattncomp.runtime.forking import Lock

T = TypeVar("T")

_MOST_BYTES = 1 << 36
"""Largest store; address space, of which only what was written takes room on disk."""

_MOST_READ = 1 << 26
"""Bytes that are read before the file is mapped anew: pages that were read count as this process's memory."""


class ByteStore(Protocol):
    """Where bytes are kept by name, safe to call from several threads; any `ByteStore` of LangChain is one."""

    def mget(self, keys: Sequence[str]) -> list[bytes | None]: ...

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None: ...


class LMDBStore:
    """A folder on this machine that several threads and processes may share.

    All of a `mset` is there after a kill, or nothing of it. A folder that was deleted, cut short or
    damaged so that LMDB cannot read it starts empty, with a warning.
    """

    def __init__(self, folder: Path | str) -> None:
        """Open or make it.

        Raises:
            CacheError: the folder cannot be written.
        """
        path = Path(folder).expanduser().resolve()
        with _folders_lock:
            self._folder = _folders.setdefault(path, _Folder(path))
        self._folder.use(lambda _: None)

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values, None for what is not there.

        Raises:
            CacheError: the folder cannot be read.
        """

        def read(environment: Any) -> list[bytes | None]:
            with environment.begin() as transaction:
                found = [transaction.get(key.encode()) for key in keys]
            self._folder.read += sum(len(value) for value in found if value is not None)
            return found

        return self._folder.use(read)

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """Write all, or nothing.

        Raises:
            CacheError: the folder cannot be written.
        """

        def write(environment: Any) -> None:
            with environment.begin(write=True) as transaction:
                for key, value in key_value_pairs:
                    transaction.put(key.encode(), value)

        self._folder.use(write)


class _Folder:
    """LMDB allows a process one environment for a folder, and none that came through a fork.

    Attributes:
        read: bytes that were read since the file was mapped; written where it is used.
    """

    def __init__(self, path: Path) -> None:
        self.read = 0
        self._path = path
        self._lock = Lock()
        self._environment: Any = None
        self._process = self._inode = self._page = 0

    def use(self, work: Callable[[Any], T]) -> T:
        import lmdb

        damaged = (
            lmdb.CorruptedError, lmdb.InvalidError, lmdb.MapResizedError, lmdb.PageNotFoundError,
            lmdb.VersionMismatchError,
        )  # fmt: skip
        try:
            with self._lock:
                try:
                    return work(self._ready())
                except damaged:
                    self._start_over()
                    return work(self._ready())
        except (lmdb.Error, OSError) as error:
            raise CacheError(
                getattr(error, "errno", None),
                f"cannot use the store in {self._path} ({error}): free space there, or name another folder",
            ) from error

    def _ready(self) -> Any:
        if self._process != os.getpid():
            self._environment = None
        if self._environment is not None:
            # Reading past the end of a mapped file would end the process.
            try:
                if self._file.stat().st_ino != self._inode:  # another process has started over
                    self._close()
                elif not self._whole():
                    self._start_over()
            except FileNotFoundError:
                self._start_over()
            if self.read > _MOST_READ:
                self._close()
        if self._environment is None:
            self._open()
            if not self._whole():
                self._start_over()
                self._open()
        return self._environment

    @property
    def _file(self) -> Path:
        return self._path / "data.mdb"

    def _whole(self) -> bool:
        """Whether the file has all its pages; how many that are stands in the first two."""
        if self._file.stat().st_size < 2 * self._page:
            return False
        pages = int(self._environment.info()["last_pgno"]) + 1
        return self._file.stat().st_size >= pages * self._page  # looked at last: another process may write meanwhile

    def _open(self) -> None:
        import lmdb

        self._path.mkdir(parents=True, exist_ok=True)
        self._environment = lmdb.open(str(self._path), map_size=_MOST_BYTES, max_readers=1024)
        self._environment.reader_check()  # a process that was killed while it read would keep old pages for ever
        self._process, self._inode = os.getpid(), self._file.stat().st_ino
        self._page = int(self._environment.stat()["psize"])
        self.read = 0

    def _close(self) -> None:
        if self._environment is not None:
            self._environment.close()
            self._environment = None

    def _start_over(self) -> None:
        warn(f"the store in {self._path} was deleted or damaged; it starts empty")
        self._close()
        for name in ("data.mdb", "lock.mdb"):
            (self._path / name).unlink(missing_ok=True)


_folders: dict[Path, _Folder] = {}
_folders_lock = Lock()

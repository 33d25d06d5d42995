"""names -> bytes that are kept between processes."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import lmdb

from longattncomp.errors import CacheError, warn
from longattncomp.runtime.forking import Lock

T = TypeVar("T")

_MOST_BYTES = 1 << 36
"""Largest store. This is address space: only written bytes take room on disk."""

_MOST_READ = 1 << 26
"""Bytes to read before mapping the file again, because pages that were read count as this process's memory."""

_DAMAGED = (
    lmdb.CorruptedError, lmdb.InvalidError, lmdb.MapResizedError, lmdb.PageNotFoundError, lmdb.VersionMismatchError
)  # fmt: skip


class ByteStore(Protocol):
    """Keeps bytes by name, safe under threads. Any `ByteStore` of LangChain is one."""

    def mget(self, keys: Sequence[str]) -> list[bytes | None]: ...

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None: ...


class LMDBStore:
    """A folder on this machine that several threads and processes may share.

    After a kill, all of a `mset` is there or nothing of it. A folder that was deleted, truncated or damaged starts
    empty, with a warning.
    """

    def __init__(self, folder: Path | str) -> None:
        """Open or create the folder.

        Raises:
            CacheError: the folder cannot be written.
        """
        path = Path(folder).expanduser().resolve()
        with _folders_lock:
            self._folder = _folders.setdefault(path, _Folder(path))
        self._folder.use(lambda _: None)

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """Read values, None for missing ones.

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
        """Write all pairs in one transaction.

        Raises:
            CacheError: the folder cannot be written.
        """

        def write(environment: Any) -> None:
            with environment.begin(write=True) as transaction:
                transaction.cursor().putmulti([(key.encode(), value) for key, value in key_value_pairs])

        self._folder.use(write)


class _Folder:
    """The LMDB environment of a folder: a process may have only one, and none from before a fork."""

    def __init__(self, path: Path) -> None:
        self.read = 0  # bytes since the file was mapped
        self._path, self._file = path, path / "data.mdb"
        self._lock = Lock()
        self._environment: Any = None
        self._process = self._inode = self._page = 0

    def use(self, work: Callable[[Any], T]) -> T:
        try:
            with self._lock:
                try:
                    return work(self._ready())
                except _DAMAGED:
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
            # Reading past the end of a mapped file would kill the process.
            try:
                if self._file.stat().st_ino != self._inode:  # another process has replaced the file
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

    def _whole(self) -> bool:
        """Check that the file has all its pages, whose number stands in the first two."""
        if self._file.stat().st_size < 2 * self._page:
            return False
        pages = int(self._environment.info()["last_pgno"]) + 1
        # The size is read last, because another process may write meanwhile.
        return self._file.stat().st_size >= pages * self._page

    def _open(self) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        self._environment = lmdb.open(str(self._path), map_size=_MOST_BYTES, max_readers=1024)
        self._environment.reader_check()  # a reader that was killed would hold old pages for ever
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

"""names -> bytes that are kept between processes."""

import errno
import os
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeVar

import lmdb

from longattncomp.errors import CacheError, InputError, warn
from longattncomp.runtime.forking import Lock

T = TypeVar("T")

_MOST_BYTES = 1 << 36
"""Largest store. This is address space: only written bytes take room on disk."""

_MOST_READ = 1 << 26
"""Bytes to read before mapping the file again, because pages that were read count as this process's memory."""

_MARK = "longattncomp-keys"
"""An empty file that says whose store a folder is."""

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
    empty, with a warning; the damaged file is kept beside. Where files cannot be written they are read. Files are
    private to their user. LMDB trusts what stands in its file, so the folder must come from who may run code here.
    """

    def __init__(self, folder: Path | str) -> None:
        """Open or create the folder.

        Raises:
            CacheError: the folder can be neither written nor read.
            InputError: another program's LMDB, or something else that is not ours, is there.
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
        self._path, self._file, self._lock_file = path, path / "data.mdb", path / "lock.mdb"
        self._lock = Lock()
        self._environment: Any = None
        self._process = self._inode = self._page = 0
        self._read_only = False

    def use(self, work: Callable[[Any], T]) -> T:
        try:
            with self._lock:
                try:
                    return work(self._ready())
                except _DAMAGED:
                    self._start_over()
                    return work(self._ready())
        except (lmdb.Error, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CacheError(
                getattr(error, "errno", None),
                f"cannot use the store in {self._path} ({reason}): free space there, or name another folder",
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
        mark = self._path / _MARK
        # What is there is looked at first: another process that makes a store makes the mark first.
        there = [file.name for file in (self._file, self._lock_file) if file.exists()]
        if there and not mark.exists():
            raise InputError(
                f"expected a key store or a new folder, got {self._path}, whose {' and '.join(there)} "
                f"longattncomp did not make: name another folder (the mark of its stores is a file {_MARK!r})"
            )
        if not there:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            mark.touch(mode=0o600)
        self._inode = self._file.stat().st_ino if self._file.exists() else 0
        options: dict[str, Any] = {"map_size": _MOST_BYTES, "max_readers": 1024, "mode": 0o600}
        try:
            self._environment = lmdb.open(str(self._path), **options)
            self._environment.reader_check()  # a reader that was killed would hold old pages for ever
        except _DAMAGED:
            raise
        except lmdb.Error:
            if not self._file.exists():
                raise
            self._environment = lmdb.open(str(self._path), readonly=True, lock=False, **options)
        self._read_only = bool(self._environment.flags()["readonly"])
        self._process, self._inode = os.getpid(), self._file.stat().st_ino
        self._page = int(self._environment.stat()["psize"])
        self.read = 0

    def _close(self) -> None:
        if self._environment is not None:
            self._environment.close()
            self._environment = None

    def _start_over(self) -> None:
        self._close()
        if self._read_only:
            raise OSError(errno.EROFS, "it is damaged, and may not be written")
        kept = ""
        # With another inode it is the file that another process has made since.
        if self._file.exists() and self._file.stat().st_ino == self._inode:
            aside = next(file for n in count(1) if not (file := self._path / f"data.mdb.damaged-{n}").exists())
            self._file.rename(aside)
            self._lock_file.unlink(missing_ok=True)
            kept = f", and what was there is in {aside.name}"
        warn(f"the store in {self._path} was deleted or damaged; it starts empty{kept}")


_folders: dict[Path, _Folder] = {}
_folders_lock = Lock()

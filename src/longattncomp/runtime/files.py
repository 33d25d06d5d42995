"""a path that anyone may have made -> the bytes of a regular file; names -> bytes that are kept in files."""

import errno
import os
from pathlib import Path
from stat import S_ISREG
from tempfile import NamedTemporaryFile, TemporaryFile


def read_regular(path: Path, *, most_bytes: int) -> bytes:
    """Read a regular file, or one that a link leads to.

    Raises:
        OSError: the file is missing, cannot be read, is larger than `most_bytes`, or is no regular file.
    """
    found = path.stat()
    if not S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "no regular file")
    if found.st_size > most_bytes:
        raise OSError(errno.EFBIG, f"larger than {most_bytes:,} bytes")
    # A pipe that has taken the file's place since would make a plain `open` wait.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        return file.read(found.st_size) or b""


class KeptFiles:
    """Bytes by name, each in a private file of a folder that several processes may share.

    Nothing is made of the bytes here: whoever can write to the folder chooses them, and whoever asks checks them.
    """

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        """Open or create a folder; a file of more than `most_bytes` counts as missing.

        Raises:
            OSError: the folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
        self._folder = folder
        self._most_bytes = most_bytes

    def get(self, name: str) -> bytes | None:
        """Read what was kept; None if there is nothing that can be read."""
        try:
            return read_regular(self._folder / name, most_bytes=self._most_bytes)
        except OSError:
            return None

    def put(self, name: str, value: bytes) -> None:
        """Keep bytes; a process that is killed meanwhile, or another one that reads, sees all of them or none.

        Raises:
            OSError: the folder cannot be written.
        """
        with NamedTemporaryFile(dir=self._folder, delete=False) as new:
            try:
                new.write(value)
                new.close()
                Path(new.name).replace(self._folder / name)
            except BaseException:
                Path(new.name).unlink(missing_ok=True)
                raise

    def volume(self) -> int:
        """Count the bytes of all files in the folder."""
        return sum(entry.stat(follow_symlinks=False).st_size for entry in os.scandir(self._folder))

"""paths -> documents."""

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from longattncomp.cli.console import notes
from longattncomp.cli.decoding import BINARY_PROBE, is_binary, text_of
from longattncomp.errors import InputError, warn
from longattncomp.types import Document

_HIDDEN = (".", "__pycache__")  # what the names of files and folders begin with that are not read


def read_documents(paths: Sequence[str], *, suffix: str = "") -> list[Document]:
    """Read files as documents, each with its path as id; a note on stderr names each binary file, which is skipped.

    Of a folder, links that lead out of it or to a folder, pipes, sockets and devices are skipped with a warning. So is
    a file that cannot be read, unless it is the only path.

    Args:
        paths: files, `-` for standard input, and folders, which are read recursively in order of name without hidden
            and binary files.
        suffix: ending of the files that are taken from folders.

    Raises:
        InputError: a path does not exist, or the only one cannot be read.
    """
    documents = []
    for path in paths:
        if path == "-":
            if sys.stdin is None:
                raise InputError("expected text on standard input, but it is closed: name a file")
            documents.append(Document(text_of(sys.stdin.buffer.read(), "-") or "", "-"))
            continue
        for file in _files(Path(path), suffix):
            try:
                text = text_of(_content(file), str(file))
            except (OSError, InputError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                if list(paths) == [str(file)]:
                    raise InputError(f"cannot read {file}: {reason}") from error
                warn(f"skipped {file}: {reason}")
                continue
            if text is None:
                notes.print(f"skipped {file}: binary")
            else:
                documents.append(Document(text, str(file)))
    return documents


def _content(file: Path) -> bytes:
    """Read a file, or of a binary one its beginning."""
    with file.open("rb") as opened:
        content = opened.read(BINARY_PROBE)
        return content if is_binary(content) else content + opened.read()


def _files(path: Path, suffix: str) -> Iterator[Path]:
    try:
        folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError as error:
        raise InputError(f"expected a file, a folder or -, found nothing at {path}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if folder:
        yield from _files_below(path, suffix)
    else:
        yield path


def _files_below(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the regular files below a folder, in order of name.

    A folder can come from anyone: a link may lead to files that its author may not read, and a pipe may never end.
    """
    root = os.path.realpath(folder)
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        try:
            link = path is not folder and path.is_symlink()
            inside = not link or Path(os.path.realpath(path)).is_relative_to(root)
            mode = path.stat().st_mode if inside else 0
            if stat.S_ISDIR(mode) and not link:
                waiting += sorted((one for one in path.iterdir() if not one.name.startswith(_HIDDEN)), reverse=True)
                continue
        except OSError as error:
            warn(f"skipped {path}: {error.strerror}")
            continue
        if not path.name.endswith(suffix):
            continue
        if stat.S_ISREG(mode):
            yield path
        elif not inside:
            warn(f"skipped {path}: a link out of {folder}")
        else:
            warn(f"skipped {path}: {'a link to a folder' if stat.S_ISDIR(mode) else 'a pipe, socket or device'}")

"""paths -> documents."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from longattncomp.cli.console import notes
from longattncomp.errors import InputError
from longattncomp.types import Document

_BINARY_PROBE = 8192  # bytes in which a NUL marks a file as binary, as git does


def read_documents(paths: Sequence[str], *, suffix: str = "") -> list[Document]:
    """Read files as documents, each with its path as id; a note on stderr names each binary file, which is skipped.

    Bytes that are not UTF-8 become lone surrogates, which `surrogateescape` writes back unchanged.

    Args:
        paths: files, `-` for standard input, and folders, which are read recursively in order of name without hidden
            and binary files.
        suffix: ending of the files that are taken from folders.

    Raises:
        InputError: a path does not exist or cannot be read.
    """
    documents = []
    for path in paths:
        if path == "-":
            if sys.stdin is None:
                raise InputError("expected text on standard input, but it is closed: name a file")
            documents.append(Document(sys.stdin.buffer.read().decode("utf-8", "surrogateescape"), "-"))
            continue
        for file in _files(Path(path), suffix):
            try:
                content = file.read_bytes()
            except OSError as error:
                raise InputError(f"cannot read {file}: {error.strerror}") from error
            if b"\0" in content[:_BINARY_PROBE]:
                notes.print(f"skipped {escape(str(file))}: binary")
            else:
                documents.append(Document(content.decode("utf-8", "surrogateescape"), str(file)))
    return documents


def _files(path: Path, suffix: str) -> list[Path]:
    if not path.exists():
        raise InputError(f"expected a file, a folder or -, found nothing at {path}")
    if not path.is_dir():
        return [path]
    return [
        file
        for file in sorted(path.rglob(f"*{suffix}"))
        if file.is_file() and not any(part.startswith((".", "__pycache__")) for part in file.relative_to(path).parts)
    ]

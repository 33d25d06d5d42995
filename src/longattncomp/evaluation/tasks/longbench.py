"""LongBench v2's file -> examples with options (arXiv 2412.15204)."""

import json
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from longattncomp.data.rows import Example, json_lines, unzipped
from longattncomp.errors import InputError
from longattncomp.evaluation.targets.answers import lettered
from longattncomp.types import Document

_LETTERS = "ABCD"
_HEAD = 4096


def is_longbench(path: Path) -> bool:
    """Whether a file is a JSON list, which files of rows never are, or JSON lines with choices.

    Raises:
        InputError: the file cannot be read.
    """
    return _is_list(path) or any("choice_A" in row for _, row in islice(json_lines(path), 1))


def read_longbench(path: Path) -> Iterator[Example]:
    """Stream the questions; each ends with its four choices, and its context is one document.

    The answer is the right choice's text; there is no evidence. A JSON list, the form in which LongBench v2 is
    published, is read whole before the first example; JSON lines are streamed.

    Args:
        path: a JSON list or JSON lines, gzipped or plain, of objects with `_id`, `domain`, `sub_domain`,
            `difficulty`, `length`, `question`, `choice_A` to `choice_D`, `answer` and `context`.

    Raises:
        InputError: the file or one of its rows is broken; the message has the file, the row and the fault.
    """
    for where, row in _rows(path) if _is_list(path) else json_lines(path):
        choices = tuple(_text(row, f"choice_{letter}", where) for letter in _LETTERS)
        answer = _text(row, "answer", where)
        if answer not in _LETTERS or len(answer) != 1:
            raise InputError(f"{where}: expected 'answer' to be one of {', '.join(_LETTERS)}; got {answer!r:.80}")
        name, context = _text(row, "_id", where), _text(row, "context", where)
        about = {key: _text(row, key, where) for key in ("domain", "sub_domain", "difficulty", "length")}
        yield Example(
            id=name,
            task="longbench-v2",
            query=f"{_text(row, 'question', where)}\n{lettered(choices)}",
            answers=(choices[_LETTERS.index(answer)],),
            documents=(Document(context, name, about),),
            evidence=(),
            options=choices,
        )


def _is_list(path: Path) -> bool:
    return _content(path, _HEAD).lstrip().startswith(b"[")


def _content(path: Path, size: int = -1) -> bytes:
    try:
        with path.open("rb") as raw:
            return unzipped(raw).read(size)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    content = _content(path)
    try:
        rows = json.loads(content)
    except ValueError as error:
        raise InputError(f"{path}: expected a JSON list: {error}") from error
    for number, row in enumerate(rows, 1):
        where = f"{path}, row {number}"
        if not isinstance(row, dict):
            raise InputError(f"{where}: expected an object, got {row!r:.80}")
        yield where, row


def _text(row: dict[str, Any], key: str, where: str) -> str:
    if not isinstance(text := row.get(key), str) or not text.strip():
        got = f"{text!r:.80}" if key in row else f"only {', '.join(map(repr, row)) or 'nothing'}"
        raise InputError(f"{where}: expected the field {key!r} with a text that is not empty, got {got}")
    return text.strip() if key != "context" else text

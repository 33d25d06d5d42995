"""What was measured, one line for each example, method and budget, so that a stopped run goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields
from os import SEEK_END
from pathlib import Path

from longattncomp.data.rows import json_object
from longattncomp.errors import InputError

Key = tuple[str, str, str, str, str | None]

_BEGINNING = b'{"task": '
"""Of every record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one method made of one example at one budget.

    Attributes:
        task: the collection.
        example: the example's id.
        method: the scorer's name, or `full`, `none` or `oracle`.
        budget: as `Budget` writes it.
        context_tokens: of the whole context, as the budget counts.
        tokens: of what was kept, gap marks included.
        depth: where the evidence lies on average, from 0 at the beginning to 1 at the end of the context; None
            without evidence.
        recall: share of the evidence's characters kept; None without evidence.
        strict: 1 if every evidence span was kept to at least 90%, else 0; None without evidence.
        answer: share of the accepted answers that stand in what was kept; None if none stands in the context.
        seconds: to score the example; examples that share a context share its cost. What was read before in the
            same run is warm: documents of earlier examples, and the embeddings that minilm and rrf share.
        target: the model that read what was kept; None if none did.
        likelihood: log-likelihood of the likeliest accepted answer, in nats a token.
        exact: 1 if the answer that the target gave is an accepted one, else 0.
        f1: of the words of the answer that the target gave, against the nearest accepted one.
        choice: 1 if the right option is the target's, else 0; None without options.
    """

    task: str
    example: str
    method: str
    budget: str
    context_tokens: int
    tokens: int
    depth: float | None
    recall: float | None
    strict: float | None
    answer: float | None
    seconds: float
    target: str | None = None
    likelihood: float | None = None
    exact: float | None = None
    f1: float | None = None
    choice: float | None = None

    @property
    def key(self) -> Key:
        """What tells it from all others of a run."""
        return self.task, self.example, self.method, self.budget, self.target


class Records:
    """A file of records, which only grows; the last of those with one key counts."""

    def __init__(self, file: Path | None = None) -> None:
        """Read what is there.

        Args:
            file: JSON lines, in a folder that is there; None keeps the records in memory only.

        Raises:
            InputError: the file holds something else.
        """
        self._file = file
        self._found: dict[Key, Record] = {}
        if file is not None and file.exists():
            for record in _read(file):
                self._found[record.key] = record

    def add(self, records: Iterable[Record]) -> None:
        """Keep records, each on disk before the next is asked for."""
        with nullcontext() if self._file is None else self._file.open("a", encoding="utf-8") as out:
            for record in records:
                self._found[record.key] = record
                if out is not None:
                    out.write(f"{json.dumps(asdict(record))}\n")
                    out.flush()

    def __contains__(self, key: object) -> bool:
        return key in self._found

    def __iter__(self) -> Iterator[Record]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)


def _read(file: Path) -> list[Record]:
    """The records of a file; the half line that a run leaves when it is killed while it writes is cut off.

    Raises:
        InputError: the file holds something else, and stays as it is.
    """
    *lines, half = file.read_bytes().split(b"\n")
    names = {field.name for field in fields(Record)}
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            row = json_object(line, where := f"{file}, line {number}")
            if set(row) != names:
                raise InputError(f"{where}: expected a record of an evaluation, got the keys {', '.join(row)}")
            found.append(Record(**row))
    if half:
        if not found and not (half.startswith(_BEGINNING) or _BEGINNING.startswith(half)):
            raise InputError(f"{file}: expected records of an evaluation, got {half[:80]!r}: name another file")
        with file.open("r+b") as out:
            out.truncate(out.seek(0, SEEK_END) - len(half))
    return found

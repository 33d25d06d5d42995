"""measurements <-> a file with a line for each example, method and budget, so that a stopped run goes on."""

import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields
from os import SEEK_END
from pathlib import Path

from longattncomp.data.rows import json_object
from longattncomp.errors import InputError

Key = tuple[str, str, str, str, str | None]

_BEGINNING = b'{"task": '  # every record begins like this


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How well one method did on one example at one budget.

    Attributes:
        task: name of the task.
        example: the example's id.
        method: name of the method, or `full`, `none` or `oracle`.
        budget: as `str(Budget)` writes it.
        context_tokens: tokens of the whole context, as the budget counts.
        tokens: tokens of the kept text, gap marks included.
        depth: mean position of the evidence, 0 at the beginning and 1 at the end; None without evidence.
        recall: share of the evidence's characters that were kept; None without evidence.
        strict: 1 if at least 90% of every evidence span was kept, else 0; None without evidence.
        answer: share of the accepted answers in the kept text; None if the context has none of them.
        seconds: time to score the example; examples that share a context share the time. Text that was read earlier in
            the same run is cached, as are the embeddings that minilm and rrf share.
        target: the model that read the kept text, if one did; without it all that follows is None.
        likelihood: mean log-likelihood of the likeliest accepted answer, in nats a token.
        exact: 1 if the target's answer is an accepted one, else 0.
        f1: F1 of the words of the target's answer against the nearest accepted one.
        choice: 1 if the target chose the right option, else 0; None without options.
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
        """What identifies the record in a run."""
        return self.task, self.example, self.method, self.budget, self.target


class Records:
    """A file of records that only grows; of several records with one key the last one counts."""

    def __init__(self, file: Path | None = None) -> None:
        """Read the records of a file that exists.

        The folder has to exist; without a file, the records are kept in memory only.

        Raises:
            InputError: the file holds something else, and is left as it is.
        """
        self._file = file
        self._found: dict[Key, Record] = {}
        if file is not None and file.exists():
            for record in _read(file):
                self._found[record.key] = record

    def add(self, records: Iterable[Record]) -> None:
        """Add records, each written to disk before the next one is taken from the iterable."""
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
    """Read the records of a file, and cut off the half line that a run leaves when it is killed while it writes."""
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

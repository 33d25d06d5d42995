"""a task's name -> the task."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from longattncomp.data.haystack import noise, prose
from longattncomp.data.needles import Chains, Needles, hide_drawn
from longattncomp.data.rows import Example
from longattncomp.data.written import written_beside
from longattncomp.errors import InputError
from longattncomp.evaluation.tasks.chat import chats
from longattncomp.evaluation.tasks.collected import among_others, rows_of, sampled
from longattncomp.evaluation.tasks.debugging import broken_functions
from longattncomp.evaluation.tasks.longbench import is_longbench, read_longbench
from longattncomp.evaluation.tasks.records import records
from longattncomp.evaluation.tasks.task import Draw, Task
from longattncomp.evaluation.tasks.words import common_words, frequent_words

_SIZED = re.compile(r"(?P<name>.*)@(?P<tokens>[0-9]{1,9})(?P<k>[kK]?)")
_FILE_ENDINGS = (".json", ".jsonl", ".gz")


def find_task(name: str) -> Task:
    """Find the task of a name.

    Args:
        name: out of `TASKS`, where `@8k` or `@8192` at the end sets the length of the contexts to 8,192 tokens
            whatever `Draw` says; or a file of rows, or of LongBench v2.

    Raises:
        InputError: no such task or file, a file that cannot be read, or a length where none can be chosen.
    """
    if name in TASKS:
        return TASKS[name]
    path = Path(name)
    if path.is_file():
        return _of_file(path, name)
    if sized := _SIZED.fullmatch(name):
        return _of_length(find_task(sized["name"]), name, int(sized["tokens"]) * (1024 if sized["k"] else 1))
    if name.endswith(_FILE_ENDINGS) or len(path.parts) > 1:
        raise InputError(f"expected a task or a file of rows, found no file {name}")
    near = difflib.get_close_matches(name, TASKS, n=3) or list(TASKS)
    raise InputError(f"expected a task or a file of rows, got {name!r}; do you mean {', '.join(near)}?")


def named(name: str) -> Task | None:
    """Find the task of `TASKS` that a name means, at whatever length; None for a file's name."""
    sized = _SIZED.fullmatch(name)
    return TASKS.get(name) or (TASKS.get(sized["name"]) if sized and not Path(name).is_file() else None)


def _of_length(task: Task, name: str, tokens: int) -> Task:
    if not task.sized or _SIZED.fullmatch(task.name):
        raise InputError(f"expected a task whose length can be chosen before the @, got {name!r}")
    if not tokens:
        raise InputError(f"expected a length of at least one token after the @, got {name!r}")
    return replace(task, name=name, make=lambda draw: task.make(replace(draw, context_tokens=tokens)))


def _of_file(path: Path, name: str) -> Task:
    def make(draw: Draw) -> Iterable[Example]:
        return sampled(read_longbench(path) if longbench else rows_of(path), draw, name=path.name)

    longbench = is_longbench(path)
    if longbench:
        return replace(TASKS["longbench-v2"], name=name, file=None, make=make)
    return Task(name=name, make=make, **_CATALOGUE["rows"])


def _hidden(kind: Needles | Chains, haystack: Callable[[], tuple[str, ...]], draw: Draw) -> Iterator[Example]:
    for index in range(draw.examples):
        yield hide_drawn(kind.task, kind.draw, haystack(), draw.count, draw.context_tokens, draw.seed, index)


def _stored(name: str, file: str, among: bool, draw: Draw) -> Iterable[Example]:
    """Read stored rows, each over its own documents or `among` documents of other questions."""
    path, split = draw.file(file), file.endswith("-train.jsonl.gz")
    if among:
        return among_others(path, draw, name=name, split=split)
    read = read_longbench(path) if name == "longbench-v2" else rows_of(path, split=split)
    return sampled(read, draw, name=path.name)


_GENERATED: Mapping[str, Callable[[Draw], Iterable[Example]]] = {
    "vt": partial(_hidden, Chains(), noise),
    "cwe": common_words,
    "fwe": frequent_words,
    "code-debug": broken_functions,
    "chat": chats,
    "records": records,
}


def _task(name: str, needles: dict[str, int] | None = None, file: str | None = None, **fields: Any) -> Task:
    if needles is not None:
        make: Callable[[Draw], Iterable[Example]] = partial(_hidden, Needles(**needles), prose)
    else:
        make = partial(_stored, name, file, fields.get("sized", False)) if file else _GENERATED[name]
    return Task(name=name, file=file, make=make, **fields)


_CATALOGUE = written_beside(__file__, dict[str, Any])
TASKS: Mapping[str, Task] = {row["name"]: _task(**row) for row in _CATALOGUE["tasks"]}
"""All tasks by name, in the order in which they are shown."""

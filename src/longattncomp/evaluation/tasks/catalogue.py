"""a task's name -> the task."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from longattncomp.data.haystack import noise, prose
from longattncomp.data.needles import Chains, Needles, hide
from longattncomp.data.rows import Example
from longattncomp.errors import InputError
from longattncomp.evaluation.tasks.chat import chats
from longattncomp.evaluation.tasks.collected import among_others, rows_of, sampled
from longattncomp.evaluation.tasks.debugging import broken_functions
from longattncomp.evaluation.tasks.longbench import is_longbench, read_longbench
from longattncomp.evaluation.tasks.task import Draw, Task
from longattncomp.evaluation.tasks.words import common_words, frequent_words

_SIZED = re.compile(r"(?P<name>.*)@(?P<tokens>[0-9]{1,9})(?P<k>[kK]?)")
_FILE_ENDINGS = (".json", ".jsonl", ".gz")

_QUESTION = "{context}\n\nQuestion: {query}\nAnswer with a few words of the text.\nAnswer:"
_NUMBERS = "{context}\n\nQuestion: {query}\nAnswer with nothing but numbers.\nAnswer:"
_NAMES = "{context}\n\nQuestion: {query}\nAnswer with nothing but the words asked for.\nAnswer:"
_CODE = "{context}\n\n{query}\nAnswer with the name of the function.\nAnswer:"
_CHOICE = "{context}\n\nQuestion: {query}\nAnswer with the right choice.\nAnswer:"
_LONG = "{context}\n\nQuestion: {query}\nAnswer in a few sentences.\nAnswer:"
_ROWS = "{context}\n\nQuestion: {query}\n{options}\nAnswer:"

_NEEDLE_TOKENS = 12  # most tokens of a needle's number and its comma
_LIST_TOKENS = 64  # of an answer that names several things

_OURS = "Apache-2.0, as this package"
_SHARED = "CC BY-SA 4.0"
_TRAINED = "-train.jsonl.gz"


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
    if is_longbench(path):
        return replace(
            TASKS[_LONGBENCH.name],
            name=name,
            file=None,
            make=lambda draw: sampled(read_longbench(path), draw, name=path.name),
        )
    return Task(
        name=name,
        about="rows of a file",
        prompt=_ROWS,
        split="all of the file",
        metric="recall",
        licence="the file's own",
        make=lambda draw: sampled(rows_of(path), draw, name=path.name),
    )


def _hidden(kind: Needles | Chains, haystack: Callable[[], tuple[str, ...]], draw: Draw) -> Iterable[Example]:
    return hide(
        kind, haystack(), draw.count, examples=draw.examples, context_tokens=draw.context_tokens, seed=draw.seed
    )


_GENERATED: dict[str, Any] = {"split": "generated", "sized": True}
_WORDS: dict[str, Any] = {
    **_GENERATED,
    "prompt": _NAMES,
    "metric": "f1",
    "licence": _OURS,
    "together": True,
    "answer_tokens": _LIST_TOKENS,
}


def _needles(name: str, about: str, kind: Needles) -> Task:
    number = kind.needles * kind.keys
    return Task(
        name=name,
        about=f"RULER-like: {about}; matching words is enough, so a sanity check",
        prompt=_NUMBERS,
        metric="exact" if number == 1 else "f1",
        licence="PSF-2.0 (Python's own documentation)",
        together=True,
        answer_tokens=max(_LIST_TOKENS, _NEEDLE_TOKENS * number),
        make=partial(_hidden, kind, prose),
        **_GENERATED,
    )


def _words(name: str, what: str, make: Callable[[Draw], Iterable[Example]]) -> Task:
    about = f"RULER-like: {what}; uniform sampling solves it, so averages leave it out"
    return Task(name=name, about=about, averaged=False, make=make, **_WORDS)


def _rows(name: str, about: str, licence: str, *, file: str | None = None, among: bool = False, **fields: Any) -> Task:
    """Describe a task of stored rows, each over its own documents or `among` documents of other questions."""
    stored = file or f"{name}.jsonl.gz"
    split = stored.endswith(_TRAINED)

    def make(draw: Draw) -> Iterable[Example]:
        path = draw.file(stored)
        if among:
            return among_others(path, draw, name=name, split=split)
        return sampled(rows_of(path, split=split), draw, name=path.name)

    return Task(
        name=name,
        about=f"RULER-like: {about}, over documents of other questions as well" if among else about,
        split="training rows that are held back from training" if split else "dev",
        metric="f1",
        licence=licence,
        sized=among,
        file=stored,
        make=make,
        **{"prompt": _QUESTION, **fields},
    )


_LONGBENCH = Task(
    name="longbench-v2",
    about="LongBench v2, four choices over long contexts of many kinds",
    prompt=_CHOICE,
    split="all of the file",
    metric="choice",
    licence="Apache-2.0 (questions; each context has its own)",
    file="longbench-v2.json",
    make=lambda draw: sampled(read_longbench(file := draw.file("longbench-v2.json")), draw, name=file.name),
)

_ALL = (
    _needles("niah-single", "one needle in prose", Needles()),
    _needles("niah-multikey", "one needle among seven for other keys", Needles(distractors=7)),
    _needles("niah-multivalue-2", "two needles for one key", Needles(needles=2)),
    _needles("niah-multivalue", "four needles for one key", Needles(needles=4)),
    _needles("niah-multivalue-8", "eight needles for one key", Needles(needles=8)),
    _needles("niah-multiquery", "needles for four keys", Needles(keys=4)),
    Task(
        name="vt",
        about="RULER-like: variable tracking, which variables are assigned one value, directly or through others",
        make=partial(_hidden, Chains(), noise),
        **_WORDS,
    ),
    _words("cwe", "common words", common_words),
    _words("fwe", "frequent words", frequent_words),
    _rows("qa-squad", "SQuAD", _SHARED, file="squad-dev.jsonl.gz", among=True),
    _rows("qa-hotpotqa", "HotpotQA, two hops", _SHARED, file=f"hotpotqa{_TRAINED}", among=True),
    Task(
        name="code-debug",
        about="like InfiniteBench's: which of four functions is broken, in the sources of an installed package",
        prompt=_CODE,
        metric="choice",
        licence="each package's own: Apache-2.0, BSD-3-Clause, MIT",
        make=broken_functions,
        **_GENERATED,
    ),
    Task(
        name="chat",
        about="a chat of many days; the question has other words than the turn that answers it",
        prompt=_QUESTION,
        metric="f1",
        licence=_OURS,
        make=chats,
        **_GENERATED,
    ),
    _rows("squad-dev", "SQuAD, a hundred paragraphs", _SHARED),
    _rows("hotpotqa", "HotpotQA, two hops over ten paragraphs", _SHARED, file=f"hotpotqa{_TRAINED}"),
    _rows("musique", "MuSiQue, two to four hops over twenty paragraphs", "CC BY 4.0", file=f"musique{_TRAINED}"),
    _rows("2wiki", "2WikiMultiHopQA, two to four hops over ten paragraphs", "Apache-2.0", file=f"2wiki{_TRAINED}"),
    _rows("qmsum-dev", "QMSum, questions over a meeting of 13,000 tokens", "MIT", prompt=_LONG, answer_tokens=256),
    _rows("lihua-dev", "LiHua-World, questions over a year of chats", "MIT"),
    _LONGBENCH,
)

TASKS: Mapping[str, Task] = {task.name: task for task in _ALL}
"""All tasks by name, in the order in which they are shown."""

"""a task's name -> the task."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from longattncomp.data.haystack import noise, prose
from longattncomp.data.needles import Chains, Needles, hide
from longattncomp.data.rows import Example
from longattncomp.errors import InputError
from longattncomp.evaluation.targets.target import SHORT_ANSWER
from longattncomp.evaluation.tasks.chat import chats
from longattncomp.evaluation.tasks.collected import among_others, rows_of, sampled
from longattncomp.evaluation.tasks.debugging import broken_functions
from longattncomp.evaluation.tasks.longbench import is_longbench, read_longbench
from longattncomp.evaluation.tasks.task import Draw, Task
from longattncomp.evaluation.tasks.words import common_words, frequent_words

_Make = Callable[[Draw], Iterable[Example]]

_SIZED = re.compile(r"(?P<name>.*)@(?P<tokens>[0-9]{1,9})(?P<k>[kK]?)")
_K = 1024
_FILE_ENDINGS = (".json", ".jsonl", ".gz")

_QUESTION = "{context}\n\nQuestion: {query}\nAnswer with a few words of the text.\nAnswer:"
_NUMBERS = "{context}\n\nQuestion: {query}\nAnswer with nothing but numbers.\nAnswer:"
_NAMES = "{context}\n\nQuestion: {query}\nAnswer with nothing but the words asked for.\nAnswer:"
_CODE = "{context}\n\n{query}\nAnswer with the name of the function.\nAnswer:"
_CHOICE = "{context}\n\nQuestion: {query}\nAnswer with the right choice.\nAnswer:"
_LONG = "{context}\n\nQuestion: {query}\nAnswer in a few sentences.\nAnswer:"
_ROWS = "{context}\n\nQuestion: {query}\n{options}\nAnswer:"

_NUMBER = 12  # tokens of a needle's number and the comma, at most
_JOINED = 64
"""Tokens of an answer that names several things."""
_SENTENCES = 256
"""Tokens of an answer of a few sentences."""

_GENERATED = "generated"
_OWN = "Apache-2.0, as this package"
_PROSE = "PSF-2.0 (Python's own documentation)"
_SHARED = "CC BY-SA 4.0"
_LONGBENCH = "longbench-v2.json"
_KEPT_BACK = "training rows that no training sees"


def find_task(name: str) -> Task:
    """The task of a name.

    Args:
        name: out of `TASKS`; with `@8k` or `@8192` behind it one whose contexts have 8,192 tokens
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
        return _of_length(find_task(sized["name"]), name, int(sized["tokens"]) * (_K if sized["k"] else 1))
    if name.endswith(_FILE_ENDINGS) or len(path.parts) > 1:
        raise InputError(f"expected a task or a file of rows, found no file {name}")
    near = difflib.get_close_matches(name, TASKS, n=3) or list(TASKS)
    raise InputError(f"expected a task or a file of rows, got {name!r}; do you mean {', '.join(near)}?")


def named(name: str) -> Task | None:
    """The task of `TASKS` that a name means, at whatever length; None if it is a file's."""
    sized = _SIZED.fullmatch(name)
    return TASKS.get(name) or (TASKS.get(sized["name"]) if sized and not Path(name).is_file() else None)


def _of_length(task: Task, name: str, tokens: int) -> Task:
    if not task.sized or _SIZED.fullmatch(task.name):
        raise InputError(f"expected a task whose length can be chosen before the @, got {name!r}")
    if not tokens:
        raise InputError(f"expected a length of at least one token after the @, got {name!r}")
    return replace(task, name=name, draw=_under(name, lambda draw: task.draw(replace(draw, context_tokens=tokens))))


def _of_file(path: Path, name: str) -> Task:
    if is_longbench(path):
        task = TASKS["longbench-v2"]
        return replace(task, name=name, file=None, draw=_under(name, lambda draw: _sample(read_longbench, path, draw)))
    return Task(
        name=name,
        about="rows of a file",
        prompt=_ROWS,
        split="all of the file",
        metric="recall",
        licence="the file's own",
        draw=_under(name, lambda draw: _sample(rows_of, path, draw)),
    )


def _sample(read: Callable[[Path], Iterator[Example]], path: Path, draw: Draw) -> Iterable[Example]:
    return sampled(read(path), draw, name=path.name)


def _stored(file: str, draw: Draw, *, split: bool = False) -> Iterable[Example]:
    return _sample(partial(rows_of, split=split), draw.file(file), draw)


def _among(name: str, file: str, draw: Draw, *, split: bool = False) -> Iterator[Example]:
    return among_others(draw.file(file), draw, name=name, split=split)


def _hidden(kind: Needles | Chains, haystack: Callable[[], tuple[str, ...]], draw: Draw) -> Iterator[Example]:
    return hide(
        kind, haystack(), draw.count, examples=draw.examples, context_tokens=draw.context_tokens, seed=draw.seed
    )


def _under(name: str, make: _Make) -> Callable[[Draw], Iterator[Example]]:
    """Examples under the name of their task, whatever their source calls them."""

    def draw(options: Draw) -> Iterator[Example]:
        return (replace(example, task=name) for example in make(options))

    return draw


def _needle_task(name: str, about: str, kind: Needles) -> Task:
    return Task(
        name=name,
        about=f"RULER-like: {about}; words decide, so a sanity check",
        prompt=_NUMBERS,
        split=_GENERATED,
        metric="exact" if kind.needles * kind.keys == 1 else "f1",
        licence=_PROSE,
        together=True,
        answer_tokens=max(_JOINED, _NUMBER * kind.needles * kind.keys),
        sized=True,
        draw=partial(_hidden, kind, prose),
    )


def _words_task(name: str, about: str, make: _Make) -> Task:
    return Task(
        name=name,
        about=f"RULER-like: {about}; uniform sampling solves it, so in no average",
        prompt=_NAMES,
        split=_GENERATED,
        metric="f1",
        licence=_OWN,
        averaged=False,
        together=True,
        answer_tokens=_JOINED,
        sized=True,
        draw=lambda draw: iter(make(draw)),
    )


def _qa_task(name: str, about: str, file: str, *, split: bool = False) -> Task:
    return Task(
        name=name,
        about=f"RULER-like: {about} among documents of other questions",
        prompt=_QUESTION,
        split=_KEPT_BACK if split else "dev",
        metric="f1",
        licence=_SHARED,
        sized=True,
        file=file,
        draw=lambda draw: _among(name, file, draw, split=split),
    )


def _rows_task(
    name: str,
    about: str,
    licence: str,
    *,
    file: str | None = None,
    split: bool = False,
    prompt: str = _QUESTION,
    answer_tokens: int = SHORT_ANSWER,
) -> Task:
    stored = file or f"{name}.jsonl.gz"
    return Task(
        name=name,
        about=about,
        prompt=prompt,
        split=_KEPT_BACK if split else "dev",
        metric="f1",
        licence=licence,
        answer_tokens=answer_tokens,
        file=stored,
        draw=lambda draw: iter(_stored(stored, draw, split=split)),
    )


_ALL = (
    _needle_task("niah-single", "one needle in prose", Needles()),
    _needle_task("niah-multikey", "one needle among seven for other keys", Needles(distractors=7)),
    _needle_task("niah-multivalue-2", "two needles for one key", Needles(needles=2)),
    _needle_task("niah-multivalue", "four needles for one key", Needles(needles=4)),
    _needle_task("niah-multivalue-8", "eight needles for one key", Needles(needles=8)),
    _needle_task("niah-multiquery", "needles for four keys", Needles(keys=4)),
    Task(
        name="vt",
        about="RULER-like: variable tracking, which variables hand one value on",
        prompt=_NAMES,
        split=_GENERATED,
        metric="f1",
        licence=_OWN,
        together=True,
        answer_tokens=_JOINED,
        sized=True,
        draw=partial(_hidden, Chains(), noise),
    ),
    _words_task("cwe", "common words", common_words),
    _words_task("fwe", "frequent words", frequent_words),
    _qa_task("qa-squad", "SQuAD questions", "squad-dev.jsonl.gz"),
    _qa_task("qa-hotpotqa", "HotpotQA questions, two hops", "hotpotqa-train.jsonl.gz", split=True),
    Task(
        name="code-debug",
        about="as InfiniteBench's: which of four functions is broken, in the sources of an installed package",
        prompt=_CODE,
        split=_GENERATED,
        metric="choice",
        licence="each package's own: Apache-2.0, BSD-3-Clause, MIT",
        sized=True,
        draw=broken_functions,
    ),
    Task(
        name="chat",
        about="a chat of many days, asked in other words for what one turn tells",
        prompt=_QUESTION,
        split=_GENERATED,
        metric="f1",
        licence=_OWN,
        sized=True,
        draw=chats,
    ),
    _rows_task("squad-dev", "SQuAD, a hundred paragraphs", _SHARED),
    _rows_task(
        "hotpotqa", "HotpotQA, two hops over ten paragraphs", _SHARED, file="hotpotqa-train.jsonl.gz", split=True
    ),
    _rows_task(
        "musique",
        "MuSiQue, two to four hops over twenty paragraphs",
        "CC BY 4.0",
        file="musique-train.jsonl.gz",
        split=True,
    ),
    _rows_task(
        "2wiki",
        "2WikiMultiHopQA, two to four hops over ten paragraphs",
        "Apache-2.0",
        file="2wiki-train.jsonl.gz",
        split=True,
    ),
    _rows_task(
        "qmsum-dev", "QMSum, questions over a meeting of 13,000 tokens", "MIT", prompt=_LONG, answer_tokens=_SENTENCES
    ),
    _rows_task("lihua-dev", "LiHua-World, questions over a year of chats", "MIT"),
    Task(
        name="longbench-v2",
        about="LongBench v2, four choices over long contexts of many kinds",
        prompt=_CHOICE,
        split="all of the file",
        metric="choice",
        licence="Apache-2.0 (questions; each context has its own)",
        file=_LONGBENCH,
        draw=lambda draw: iter(_sample(read_longbench, draw.file(_LONGBENCH), draw)),
    ),
)

TASKS: Mapping[str, Task] = {task.name: replace(task, draw=_under(task.name, task.draw)) for task in _ALL}
"""All tasks by name, in the order in which they are shown."""

"""rows files or public data sets -> examples to train on."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from longattncomp.chunking.boundaries import text_boundaries
from longattncomp.data.rows import Evidence, Example, json_lines, read_rows
from longattncomp.errors import InputError
from longattncomp.types import Document

Part = Literal["train", "held_back", "all"]
SubQuestions = Literal["without", "with", "both"]

SOURCES = ("squad", "hotpotqa", "2wiki", "musique", "qmsum")

FILES = (
    *("hotpotqa-more", "2wiki-more", "2wiki-rebuilt"),
    *("cuad", "cuad-none", "contractnli", "contractnli-none", "commits"),
)
"""Collections that are read from a folder only."""

_SPLIT_BY_ROW = ("hotpotqa", "2wiki", "musique")
"""These, and collections named after them (`2wiki-more`), train on no paragraph of a row that is held back."""

_HELD_BACK = 5
_TASKS_HELD_BACK = ("hotpotqa", "2wikimultihopqa", "musique", "qmsum")
_ABBREVIATION = re.compile(r"\b(?:[^\W\d_]|St|Dr|Mr|Mrs|Ms|Jr|Sr|No|vs|ca)\.[^\S\n]*\Z")
_LONGEST_ABBREVIATION = 8


def read_source(
    name: str, *, folder: Path | str | None = None, part: Part = "train", sub_questions: SubQuestions = "without"
) -> Iterator[Example]:
    """Stream the training examples of one collection; titles are the first lines of documents.

    Examples with the same context follow each other and share the `documents` tuple.

    Args:
        name: one of `SOURCES` or `FILES`.
        folder: folder of the files that `file_name` names; None reads the public set by name through `datasets`.
        part: `held_back` gives the examples that `held_back` picks, `all` gives all; `train` gives the others whose
            evidence lies in no document that is evidence of an example held back.
        sub_questions: MuSiQue's decomposition: queries `without` it (nosubq), `with` it below the question (subq), or
            `both`, one after the other.

    Raises:
        InputError: the collection, its file or the library is missing, or a row is broken.
    """
    if name not in (known := (*SOURCES, *FILES)):
        raise InputError(f"source: expected one of {', '.join(known)}; got {name!r}")
    if folder is None and name in FILES:
        raise InputError(f"source: {name!r} is read from files only: give the folder of {file_name(name)}")
    kept_apart: set[str] = set()
    if part == "train" and (split := name.partition("-")[0]) in _SPLIT_BY_ROW:
        kept_apart = {text for example, _ in _read(split, folder) if held_back(example) for text in _evidence(example)}
    for example, steps in _read(name, folder):
        if part == "train" and not kept_apart.isdisjoint(_evidence(example)):
            continue
        if part == "all" or held_back(example) == (part == "held_back"):
            if sub_questions != "with" or not steps:
                yield example
            if sub_questions != "without" and steps:
                yield _with_sub_questions(example, steps)


def _read(name: str, folder: Path | str | None) -> Iterator[tuple[Example, tuple[str, ...]]]:
    if folder is None:
        from longattncomp.data.hub import read_hub

        return read_hub(name)
    return _read_file(name, Path(folder) / file_name(name))


def file_name(name: str) -> str:
    """Name the file of a collection in a folder of rows."""
    return f"{'code' if name == 'commits' else name}-train.jsonl.gz"


def _evidence(example: Example) -> set[str]:
    return {example.documents[span.document].text for span in example.evidence}


def held_back(example: Example) -> bool:
    """Return whether training must never see a question: one in five, chosen by a hash of the id.

    HotpotQA, 2Wiki and MuSiQue are split by row, QMSum by meeting (the id up to its last `-`); other collections are
    never held back. The part of an id from `#` on is ignored: samplers append it.
    """
    name = example.id.partition("#")[0]
    if example.task not in _TASKS_HELD_BACK:
        return False
    if example.task == "qmsum":
        name = name.rpartition("-")[0]
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % _HELD_BACK == 0


def _with_sub_questions(example: Example, steps: tuple[str, ...]) -> Example:
    """Write the decomposition of a question below it; `#1` refers to the answer of its first line."""
    lines = [example.query, *(f"{number}. {step.strip()}" for number, step in enumerate(steps, 1))]
    return replace(example, id=f"{example.id}#subq", query="\n".join(lines))


def squad_examples(rows: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[Example]:
    """Convert SQuAD's rows, one context per paragraph; the evidence is the sentence that holds the answer.

    A row has `id`, `title`, `paragraph`, `query`, `answer` and `answer_start`. A row with `ambiguous` is skipped: its
    offset is a guess. The rows, each with its file and line, of a paragraph follow each other.
    """
    for number, (_, group) in enumerate(
        groupby(rows, key=lambda item: (item[1].get("title"), item[1].get("paragraph")))
    ):
        documents: tuple[Document, ...] = ()
        cuts: list[int] = []
        for where, row in group:
            if missing := {"id", "title", "paragraph", "query", "answer", "answer_start"} - row.keys():
                raise InputError(f"{where}: expected a SQuAD row, whose key {min(missing)!r} is missing")
            paragraph, start, answer = row["paragraph"], row["answer_start"], row["answer"]
            if row.get("ambiguous"):
                continue
            if not answer or paragraph[start : start + len(answer)] != answer:
                raise InputError(f"{where}: expected the answer {answer!r} at character {start} of its paragraph")
            title = row["title"].replace("_", " ")
            head = f"{title}\n" if title else ""
            if not documents:
                documents = (Document(head + paragraph, id=f"{title}-{number}", metadata={"title": title}),)
                cuts = sentence_ends(paragraph)
            low, high = _sentences(paragraph, cuts, start, start + len(answer))
            evidence = (Evidence(0, len(head) + low, len(head) + high),)
            yield Example(row["id"], "squad", row["query"].strip(), (answer,), documents, evidence)


def sentence_ends(text: str) -> list[int]:
    """Return the offsets at which a sentence or line of `text` ends; initials and titles like `St.` end none."""
    return [
        cut
        for cut in text_boundaries(text)
        if cut == len(text) or not _ABBREVIATION.search(text[max(0, cut - _LONGEST_ABBREVIATION) : cut])
    ]


def _sentences(text: str, ends: list[int], start: int, end: int) -> tuple[int, int]:
    low = max((cut for cut in ends if cut <= start), default=0)
    high = min(cut for cut in ends if cut >= end)
    piece = text[low:high]
    return low + len(piece) - len(piece.lstrip()), low + len(piece.rstrip())


def _read_file(name: str, path: Path) -> Iterator[tuple[Example, tuple[str, ...]]]:
    steps: dict[str, tuple[str, ...]] = {}
    if name == "musique":
        steps = {row["id"]: tuple(row["sub_questions"]) for _, row in json_lines(path) if row.get("sub_questions")}
    for example in squad_examples(json_lines(path)) if name == "squad" else read_rows(path):
        yield example, steps.get(example.id, ())

"""public data sets by name -> examples to train on."""

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from longattncomp.data.rows import Evidence, Example
from longattncomp.data.sources import squad_examples
from longattncomp.errors import InputError
from longattncomp.installed import require
from longattncomp.types import Document

Row = Mapping[str, Any]

NAMES: Mapping[str, tuple[str, ...]] = {
    "squad": ("rajpurkar/squad",),
    "hotpotqa": ("hotpotqa/hotpot_qa", "distractor"),
    "2wiki": ("ohjoonhee/2WikiMultihopQA",),
    "musique": ("dgslibisey/MuSiQue",),
}
"""Collection -> its data set and configuration on the hub."""


def read_hub(name: str) -> Iterator[tuple[Example, tuple[str, ...]]]:
    """Stream the train split of one collection, each example with its sub-questions (only MuSiQue has any).

    Raises:
        InputError: the collection is not on the hub, or `datasets` is not installed.
    """
    if name not in NAMES:
        raise InputError(f"source {name!r}: not on the hub; expected one of {', '.join(NAMES)}, or give a folder")
    require("datasets", extra="training")
    return convert(name, importlib.import_module("datasets").load_dataset(*NAMES[name], split="train", streaming=True))


def convert(name: str, rows: Iterable[Row]) -> Iterator[tuple[Example, tuple[str, ...]]]:
    """Convert rows of the hub to examples, each with its sub-questions."""
    if name == "squad":
        yield from ((example, ()) for example in squad_examples(map(_squad, enumerate(rows))))
        return
    converter = _CONVERTERS[name]
    for row in rows:
        example, steps = converter(row)
        if example.evidence:  # some annotations name a sentence that the paragraph does not have
            yield example, steps


def _squad(numbered: tuple[int, Row]) -> tuple[str, dict[str, Any]]:
    number, row = numbered
    answer, start = row["answers"]["text"][0], row["answers"]["answer_start"][0]
    return f"rajpurkar/squad, row {number}", {
        "id": row["id"],
        "title": row["title"],
        "paragraph": row["context"],
        "query": row["question"],
        "answer": answer,
        "answer_start": start,
        "ambiguous": row["context"].count(answer) > 1,
    }


def _by_sentences(row: Row, *, task: str, id_key: str, text_key: str) -> tuple[Example, tuple[str, ...]]:
    documents: list[Document] = []
    places: dict[tuple[str, int], Evidence] = {}
    for index, (title, lines) in enumerate(zip(row["context"]["title"], row["context"][text_key], strict=True)):
        text = f"{title}\n"
        for number, line in enumerate(lines):
            if number and not text[-1].isspace() and not line[:1].isspace():
                text += " "
            start = len(text) + len(line) - len(line.lstrip())
            text += line
            if line.strip():
                places.setdefault((title, number), Evidence(index, start, start + len(line.strip())))
        documents.append(Document(text, id=str(index), metadata={"title": title}))
    facts = zip(row["supporting_facts"]["title"], row["supporting_facts"]["sent_id"], strict=True)
    evidence = {places[fact] for fact in facts if fact in places}
    return _example(row[id_key], task, row, documents, evidence), ()


def _musique(row: Row) -> tuple[Example, tuple[str, ...]]:
    documents: list[Document] = []
    evidence: set[Evidence] = set()
    for index, paragraph in enumerate(row["paragraphs"]):
        head = f"{paragraph['title']}\n"
        documents.append(Document(head + paragraph["paragraph_text"], str(index), {"title": paragraph["title"]}))
        if paragraph["is_supporting"]:
            evidence.add(Evidence(index, len(head), len(documents[-1].text)))
    steps = tuple(step["question"] for step in row["question_decomposition"])
    return _example(row["id"], "musique", row, documents, evidence), steps


def _example(name: str, task: str, row: Row, documents: Sequence[Document], evidence: set[Evidence]) -> Example:
    return Example(name, task, row["question"], (row["answer"],), tuple(documents), tuple(sorted(evidence)))


_CONVERTERS: Mapping[str, Callable[[Row], tuple[Example, tuple[str, ...]]]] = {
    "hotpotqa": partial(_by_sentences, task="hotpotqa", id_key="id", text_key="sentences"),
    "2wiki": partial(_by_sentences, task="2wikimultihopqa", id_key="_id", text_key="content"),
    "musique": _musique,
}

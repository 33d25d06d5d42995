"""Tasks from files: which rows, among which documents, and LongBench v2's format."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from longattncomp.data.rows import Example, read_rows
from longattncomp.data.sources import held_back
from longattncomp.errors import InputError
from longattncomp.evaluation.tasks.catalogue import TASKS, find_task
from longattncomp.evaluation.tasks.collected import among_others, sampled
from longattncomp.evaluation.tasks.longbench import is_longbench, read_longbench
from longattncomp.evaluation.tasks.task import Draw
from longattncomp.testing import ByteTokenizer

count_bytes = ByteTokenizer().count
ANSWERS = ("Ann", "Béa", "Cy", "东", "Eve", "Flo")


def row(number: int, *, task: str = "hotpotqa") -> dict[str, Any]:
    """A question over its own gold document and nine others."""
    texts = [f"{ANSWERS[number % 6]} lives at number {number}. Nobody knows why."]
    texts += [f"Paragraph {number}-{other} says nothing of it at all, in so many words." for other in range(9)]
    return {
        "id": f"q{number}",
        "task": task,
        "query": f"Who lives at number {number}?",
        "answers": [ANSWERS[number % 6]],
        "documents": [{"id": str(place), "title": "", "text": text} for place, text in enumerate(texts)],
        "evidence": [{"document": "0", "start": 0, "end": texts[0].index(".") + 1}],
    }


def written(file: Path, given: list[dict[str, Any]]) -> Path:
    with gzip.open(file, "wt", encoding="utf-8") as out:
        out.writelines(f"{json.dumps(one)}\n" for one in given)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, task in (("hotpotqa-train", "hotpotqa"), ("squad-dev", "squad")):
        written(tmp_path / f"{name}.jsonl.gz", [row(number, task=task) for number in range(60)])
    return tmp_path


def draw(examples: int = 8, *, data: Path | None = None, tokens: int = 4000, seed: int = 0) -> Draw:
    return Draw(examples=examples, context_tokens=tokens, seed=seed, count=count_bytes, data=data)


def evidence(example: Example) -> list[str]:
    return [example.documents[span.document].text[span.start : span.end] for span in example.evidence]


def test_the_first_of_a_longer_run_are_the_same(folder: Path) -> None:
    task = TASKS["squad-dev"]
    found = list(task.draw(draw(20, data=folder)))
    assert list(task.draw(draw(5, data=folder))) == found[:5]
    assert [one.id for one in found] != sorted(one.id for one in found)
    assert {one.id for one in task.draw(draw(20, data=folder, seed=1))} != {one.id for one in found}
    assert len({one.id for one in task.draw(draw(99, data=folder))}) == 60


def test_documents_stay_shared(tmp_path: Path) -> None:
    first, *others = [row(number) for number in range(4)]
    for other in others:
        del other["documents"]
    file = written(tmp_path / "shared", [first, *others])
    found = sampled(read_rows(file), draw(), name="shared")
    assert len(found) == 4
    assert len({id(example.documents) for example in found}) == 1


@pytest.mark.parametrize("name", ["hotpotqa", "qa-hotpotqa"])
def test_nothing_that_training_saw_is_asked(folder: Path, name: str) -> None:
    expected = {one.id for one in read_rows(folder / "hotpotqa-train.jsonl.gz") if held_back(one)}
    found = {one.id.rpartition("-")[2] for one in TASKS[name].draw(draw(60, data=folder))}
    assert found == expected
    assert 0 < len(found) < 30


@pytest.mark.parametrize("tokens", [2000, 20_000])
def test_a_question_among_documents_of_others(folder: Path, tokens: int) -> None:
    found = list(TASKS["qa-squad"].draw(draw(data=folder, tokens=tokens)))
    assert len(found) == 8
    for example in found:
        texts = [document.text for document in example.documents]
        assert 0.93 * tokens < sum(map(count_bytes, texts)) <= tokens
        assert len(set(texts)) == len(texts)
        assert [document.id for document in example.documents] == [str(place) for place in range(len(texts))]
        (line,) = evidence(example)
        number = example.query.removesuffix("?").rpartition(" ")[2]
        assert line == f"{example.answers[0]} lives at number {number}."
    assert len({example.evidence[0].document for example in found}) > 2, "the answer stands anywhere"


def test_too_few_documents(folder: Path) -> None:
    with pytest.raises(InputError, match=r"squad-dev\.jsonl\.gz: expected documents that fill 900000 tokens, got \d+"):
        list(among_others(folder / "squad-dev.jsonl.gz", draw(tokens=900_000), name="qa"))


LONG = {
    "_id": "66f3",
    "domain": "Single-Document QA",
    "sub_domain": "Academic",
    "difficulty": "hard",
    "length": "short",
    "question": "Which one is it?",
    "choice_A": "the first",
    "choice_B": "the second: {context}",
    "choice_C": "第三",
    "choice_D": "none",
    "answer": "C",
    "context": "  A long text. " * 10,
}
FORMS = {
    "list": lambda given: json.dumps(given, indent=1).encode(),
    "gzipped list": lambda given: gzip.compress(json.dumps(given).encode()),
    "lines": lambda given: "\n".join(map(json.dumps, given)).encode(),
    "gzipped lines": lambda given: gzip.compress("\n".join(map(json.dumps, given)).encode()),
}


@pytest.mark.parametrize("form", FORMS)
def test_longbench(tmp_path: Path, form: str) -> None:
    file = tmp_path / "data.json"
    file.write_bytes(FORMS[form]([LONG, {**LONG, "_id": "b", "answer": "A"}]))
    assert is_longbench(file)
    first, second = read_longbench(file)
    assert (first.id, first.answers, second.answers) == ("66f3", ("第三",), ("the first",))
    assert first.options == ("the first", "the second: {context}", "第三", "none")
    assert first.query.splitlines() == [
        "Which one is it?",
        "A. the first",
        "B. the second: {context}",
        "C. 第三",
        "D. none",
    ]
    assert first.documents[0].text == LONG["context"]
    assert first.documents[0].metadata["difficulty"] == "hard"
    assert not first.evidence


def test_longbench_as_a_task(tmp_path: Path) -> None:
    file = tmp_path / "longbench-v2.json"
    file.write_text(json.dumps([LONG]), "utf-8")
    (example,) = find_task("longbench-v2").draw(draw(data=tmp_path))
    task = find_task(str(file))
    assert task.metric == "choice"
    assert task.file is None
    assert list(task.draw(draw())) == [replace(example, task=str(file))]


def test_rows_are_not_longbench(folder: Path, tmp_path: Path) -> None:
    assert not is_longbench(folder / "squad-dev.jsonl.gz")
    (tmp_path / "empty").touch()
    assert not is_longbench(tmp_path / "empty")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({**LONG, "answer": "E"}, "row 2: expected 'answer' to be one of A, B, C, D; got 'E'"),
        ({**LONG, "answer": "AB"}, "got 'AB'"),
        ({**LONG, "choice_D": " "}, "row 2: expected the field 'choice_D' with a text that is not empty, got ' '"),
        ({**LONG, "question": None}, "the field 'question' with a text that is not empty, got None"),
        ({key: value for key, value in LONG.items() if key != "context"}, "the field 'context'"),
        ({}, "the field 'choice_A' with a text that is not empty, got only nothing"),
        ([], "row 2: expected an object, got []"),
    ],
)
def test_broken_rows(tmp_path: Path, broken: object, message: str) -> None:
    file = tmp_path / "data.json"
    file.write_text(json.dumps([LONG, broken]), "utf-8")
    with pytest.raises(InputError) as caught:
        list(read_longbench(file))
    assert str(caught.value).startswith(f"{file}, row 2: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"[{]", b"[", gzip.compress(b"[1]" * 999, mtime=0)[:-9], b"[\xff]"])
def test_broken_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.json").write_bytes(content)
    with pytest.raises(InputError, match=r"data\.json"):
        list(read_longbench(tmp_path / "data.json"))

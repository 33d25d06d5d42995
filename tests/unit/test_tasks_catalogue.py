"""Tasks by name: lengths, files, what is refused, and what holds for every one of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from longattncomp import Settings
from longattncomp.data.rows import Example
from longattncomp.errors import InputError
from longattncomp.evaluation.tasks.catalogue import TASKS, find_task
from longattncomp.evaluation.tasks.task import Draw, Task
from longattncomp.testing import ByteTokenizer

count_bytes = ByteTokenizer().count
GENERATED = [name for name, task in TASKS.items() if task.file is None]
ROW = {
    "id": "a",
    "task": "other",
    "query": "Who?",
    "answers": ["Ann"],
    "documents": [{"id": "0", "title": "T", "text": "Ann was here."}],
    "evidence": [{"document": "0", "start": 0, "end": 3}],
}


def made(
    name: str, *, examples: int = 2, seed: int = 0, tokens: int = 32_768, data: Path | None = None
) -> list[Example]:
    draw = Draw(examples=examples, context_tokens=tokens, seed=seed, count=count_bytes, data=data)
    return list(find_task(name).draw(draw))


def length(example: Example) -> int:
    return sum(count_bytes(document.text) for document in example.documents)


def rows(folder: Path, name: str, *given: dict[str, object]) -> Path:
    file = folder / name
    file.write_text("".join(f"{json.dumps(row)}\n" for row in given), "utf-8")
    return file


@pytest.mark.parametrize("name", TASKS)
def test_a_task_says_what_it_is(name: str) -> None:
    task = TASKS[name]
    assert task.name == name
    assert all((task.about, task.split, task.licence))
    places = re.findall(r"\{(\w*)\}", task.prompt)
    assert places[:2] == ["context", "query"]
    assert task.prompt.endswith("Answer:")
    assert task.sized or task.file is not None


def test_only_what_uniform_sampling_solves_is_in_no_average() -> None:
    assert {name for name, task in TASKS.items() if not task.averaged} == {"cwe", "fwe"}


@pytest.mark.parametrize("name", GENERATED)
def test_an_example_is_as_long_as_asked_and_its_evidence_is_in_it(name: str) -> None:
    for example in made(f"{name}@32k"):
        assert example.task == f"{name}@32k"
        assert 0.95 * 32_768 <= length(example) <= 32_768 + 8
        assert example.query
        assert example.answers
        assert bool(example.evidence) == TASKS[name].averaged
        for span in example.evidence:
            text = example.documents[span.document].text
            assert text[span.start : span.end].strip()
            assert 0 <= span.start < span.end <= len(text)


def test_how_much_a_target_may_write() -> None:
    """Several things take more than one, sentences most; a sized task has its own task's."""
    tokens = {name: task.answer_tokens for name, task in TASKS.items()}
    together = {name for name, task in TASKS.items() if task.together}
    assert {tokens[name] for name in together - {"niah-multivalue-8"}} == {64}
    assert tokens["niah-multivalue-8"] == 96
    assert {name: most for name, most in tokens.items() if not TASKS[name].together and most != 32} == {
        "qmsum-dev": 256
    }
    assert find_task("cwe@8k").answer_tokens == 64


@pytest.mark.model
@pytest.mark.parametrize("name", GENERATED)
def test_right_answers_fit_what_a_target_may_write(name: str) -> None:
    from longattncomp.backbone.locate import locate
    from longattncomp.backbone.tokenizer import DraftTokenizer

    folder = locate("smollm2-135m-instruct", layers=None, model_dir=Settings.load().model_dir).folder
    count = DraftTokenizer.from_folder(folder).count
    task = TASKS[name]
    for example in made(f"{name}@8k", examples=5):
        answers = [", ".join(example.answers)] if task.together else example.answers
        assert all(count(f" {answer}") < task.answer_tokens for answer in answers)  # and one that ends it


@pytest.mark.parametrize("name", GENERATED)
def test_the_seed_decides(name: str) -> None:
    first = made(name, examples=3)
    assert made(name, examples=1) == first[:1]
    assert len({example.id for example in first}) == 3
    assert len({repr(example.documents) for example in first}) == 3
    other = made(name, examples=1, seed=1)
    assert other[0].id != first[0].id
    assert other[0].documents != first[0].documents


def test_a_name_may_carry_a_length() -> None:
    (short,) = made("niah-single@4k", examples=1)
    (same,) = made("niah-single@4096", examples=1)
    (drawn,) = made("niah-single", examples=1, tokens=4096)
    assert short.documents == same.documents == drawn.documents
    assert [short.task, same.task, drawn.task] == ["niah-single@4k", "niah-single@4096", "niah-single"]
    assert short.id != made("niah-single@8k", examples=1)[0].id


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("niah-singel", "niah-single"),
        ("chatt@8k", "do you mean chat"),
        ("", "do you mean niah-single"),
        ("squad-dev@8k", "whose length can be chosen"),
        ("chat@8k@4k", "whose length can be chosen"),
        ("chat@0", "at least one token"),
        ("chat@8m", "got 'chat@8m'"),
        ("nowhere/rows.jsonl", "found no file nowhere/rows.jsonl"),
        ("rows.jsonl.gz", "found no file rows.jsonl.gz"),
    ],
)
def test_names_that_are_none(name: str, named: str) -> None:
    with pytest.raises(InputError, match=re.escape(named)):
        find_task(name)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("niah-single@8", "raise context_tokens"),
        ("vt@100", "raise context_tokens"),
        ("cwe@500", "raise context_tokens"),
        ("fwe@100", "raise context_tokens"),
        ("chat@500", "raise context_tokens"),
        ("code-debug@100", "choose another length"),
        ("niah-single@9000k", "pass more"),
    ],
)
def test_lengths_that_cannot_be(name: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        made(name, examples=1)


@pytest.mark.parametrize("options", [{"examples": 0}, {"context_tokens": 0}])
def test_draws_of_nothing(options: dict[str, int]) -> None:
    with pytest.raises(InputError, match="at least one example"):
        Draw(**{"examples": 1, "count": count_bytes, **options})  # type: ignore[arg-type]


def test_rows_of_a_file(tmp_path: Path) -> None:
    file = rows(tmp_path, "mine.jsonl", ROW, {**ROW, "id": "b"})
    task = find_task(str(file))
    found = made(str(file), examples=9)
    assert task.name == str(file)
    assert {example.task for example in found} == {str(file)}
    assert {example.id for example in found} == {"a", "b"}
    assert found[0].documents[0].text == "T\nAnn was here."
    assert task.averaged


def test_a_file_may_have_the_name_of_a_length(tmp_path: Path) -> None:
    assert len(made(str(rows(tmp_path, "mine@8k", ROW)))) == 1


def test_data_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a folder that holds squad-dev\.jsonl\.gz, got none"):
        made("squad-dev")
    with pytest.raises(InputError, match=r"expected lihua-dev\.jsonl\.gz in the folder"):
        made("lihua-dev", data=tmp_path)
    with pytest.raises(InputError, match=r"hotpotqa-train\.jsonl\.gz"):
        made("qa-hotpotqa", data=tmp_path)


def test_every_task_from_a_folder_has_another_file_or_is_made_of_it_otherwise() -> None:
    stored = [task for task in TASKS.values() if task.file and not task.sized]
    assert len({task.file for task in stored}) == len(stored)


def test_find_task_gives_what_the_list_has() -> None:
    found: Task = find_task("vt")
    assert found is TASKS["vt"]

"""Rows files and rows of the hub become examples; a fifth of the multi-hop rows stays unseen."""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from longattncomp.data.hub import convert, read_hub
from longattncomp.data.rows import Example, json_lines
from longattncomp.data.sources import SubQuestions, held_back, read_source, sentence_ends, squad_examples
from longattncomp.errors import InputError
from longattncomp.training.samples.queries import SampleOptions
from longattncomp.training.stages import Stage, collections, read_contexts

PARAGRAPH = "Ann signed the lease. Dr. Bo T. Fox, born on St. Ann Island, slept. Ann left."
SQUAD: dict[str, Any] = {
    "id": "q0",
    "title": "Old_Lease",
    "paragraph": PARAGRAPH,
    "query": " Who slept? ",
    "answer": "Fox",
    "answer_start": PARAGRAPH.index("Fox"),
    "ambiguous": False,
}
MUSIQUE: dict[str, Any] = {
    "id": "m0",
    "task": "musique",
    "query": "Who wrote it?",
    "answers": ["Cy"],
    "documents": [{"id": "0", "title": "Song", "text": "By Cy."}],
    "evidence": [{"document": "0", "start": 0, "end": 6}],
    "sub_questions": ["Song >> writer", "#1 >> name "],
}


def write(path: Path, rows: Iterable[Any]) -> Path:
    path.write_bytes(gzip.compress("\n".join(json.dumps(row) for row in rows).encode()))
    return path


def quoted(example: Example) -> list[str]:
    return [example.documents[span.document].text[span.start : span.end] for span in example.evidence]


def named(task: str, name: str) -> Example:
    return Example(name, task, "?", (), (), ())


def test_a_paragraph_is_one_context_of_all_its_questions(tmp_path: Path) -> None:
    rows = [
        SQUAD,
        SQUAD | {"id": "q1", "query": "Who?", "answer": "Ann", "answer_start": 0, "ambiguous": True},
        SQUAD | {"id": "q2", "query": "What?", "answer": "Ann signed the lease. Dr.", "answer_start": 0},
        SQUAD | {"id": "q3", "paragraph": "Cy left.", "answer": "Cy", "answer_start": 0},
    ]
    first, second, third = squad_examples(json_lines(write(tmp_path / "squad.gz", rows)))
    assert (first.id, second.id, third.id) == ("q0", "q2", "q3")
    assert first.query == "Who slept?"
    assert first.documents is second.documents
    assert first.documents[0].text == f"Old Lease\n{PARAGRAPH}"
    assert quoted(first) == ["Dr. Bo T. Fox, born on St. Ann Island, slept."]
    assert quoted(second) == ["Ann signed the lease. Dr. Bo T. Fox, born on St. Ann Island, slept."]
    assert (quoted(third), third.documents[0].id == first.documents[0].id) == (["Cy left."], False)


def test_a_sentence_does_not_end_after_an_initial() -> None:
    assert [PARAGRAPH[:end][-6:] for end in sentence_ends(PARAGRAPH)] == ["lease. "[-6:], "lept. ", " left."]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (SQUAD | {"answer_start": 1}, "line 1: expected the answer 'Fox' at character 1"),
        ({"id": "q", "title": "T", "paragraph": "P"}, "line 1: expected a SQuAD row, whose key 'answer'"),
        (["no row"], "line 1: expected one JSON object, got list"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, row: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        list(squad_examples(json_lines(write(tmp_path / "squad.gz", [row]))))


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read beyond line 0"):
        list(read_source("squad", folder=tmp_path))
    (tmp_path / "squad-train.jsonl.gz").write_text('{"id": ')
    with pytest.raises(InputError, match="line 1: expected one JSON object, got bad JSON"):
        list(read_source("squad", folder=tmp_path))


@pytest.mark.parametrize(
    ("choice", "queries"),
    [
        ("without", ["Who wrote it?"]),
        ("with", ["Who wrote it?\n1. Song >> writer\n2. #1 >> name"]),
        ("both", ["Who wrote it?", "Who wrote it?\n1. Song >> writer\n2. #1 >> name"]),
    ],
)
def test_sub_questions(tmp_path: Path, choice: SubQuestions, queries: list[str]) -> None:
    write(tmp_path / "musique-train.jsonl.gz", [MUSIQUE])
    found = list(read_source("musique", folder=tmp_path, part="all", sub_questions=choice))
    assert [example.query for example in found] == queries
    assert all(quoted(example) == ["By Cy."] for example in found)
    assert len({example.id for example in found}) == len(found)
    assert len({id(example.documents) for example in found}) == 1


def test_rows_of_one_meeting_share_its_document(tmp_path: Path) -> None:
    row = MUSIQUE | {"task": "qmsum"}
    rows = [row | {"id": "a-0"}, row | {"id": "a-1"}, row | {"id": "b-0", "documents": [{"id": "0", "text": "By Cy!"}]}]
    write(tmp_path / "qmsum-train.jsonl.gz", rows)
    first, second, third = read_source("qmsum", folder=tmp_path, part="all")
    assert first.documents is second.documents
    assert third.documents != first.documents


def test_the_two_parts_are_the_whole(tmp_path: Path) -> None:
    rows = [
        MUSIQUE | {"id": f"m{number}", "documents": [{"id": "0", "text": f"By Cy. {number}"}]} for number in range(200)
    ]
    write(tmp_path / "musique-train.jsonl.gz", rows)
    names = {
        part: {example.id for example in read_source("musique", folder=tmp_path, part=part)}  # type: ignore[arg-type]
        for part in ("train", "held_back", "all")
    }
    assert names["train"] | names["held_back"] == names["all"]
    assert not names["train"] & names["held_back"]
    assert 25 < len(names["held_back"]) < 55


def test_no_evidence_of_a_row_held_back_is_trained_on(tmp_path: Path) -> None:
    def row(name: str, number: int) -> dict[str, Any]:
        text = {"documents": [{"id": "0", "text": f"By Cy. {number // 4}"}]}  # four rows have the same evidence
        return MUSIQUE | text | {"id": f"{name}{number}", "task": "hotpotqa"}

    for name, count in (("hotpotqa", 40), ("hotpotqa-more", 80)):
        write(tmp_path / f"{name}-train.jsonl.gz", [row(name, number) for number in range(count)])
    apart = {example.documents[0].text for example in read_source("hotpotqa", folder=tmp_path, part="held_back")}

    for name, most in (("hotpotqa", 40), ("hotpotqa-more", 80)):
        trained = list(read_source(name, folder=tmp_path))
        assert 0 < len(trained) < most
        assert apart.isdisjoint(example.documents[0].text for example in trained)


def test_contracts_are_asked_what_they_do_not_answer(tmp_path: Path) -> None:
    def contract(number: int) -> dict[str, Any]:
        return MUSIQUE | {"task": "cuad", "documents": [{"id": "0", "text": f"By Cy. {number}"}]}

    rows = [contract(number) | {"id": f"c{number}/{n}"} for number in range(8) for n in range(6)]
    none = [contract(number) | {"id": f"c{number}/none{n}", "evidence": []} for number in range(8) for n in range(3)]
    write(tmp_path / "cuad-train.jsonl.gz", rows)
    write(tmp_path / "cuad-none-train.jsonl.gz", none)
    stage = Stage(name="made", sources={"cuad": 8}, samples=SampleOptions(unanswerable=0.3, compound=0))

    found = list(read_contexts(stage, tmp_path))

    assert collections(stage) == {"cuad", "cuad-none"}
    assert len(found) == 8
    assert all(example.id.split("/")[0] == context[0].id.split("/")[0] for context in found for example in context)
    unanswered = [example for context in found for example in context if not example.evidence]
    assert 8 <= len(unanswered) <= 24
    assert all("none" in example.id for example in unanswered)


def test_held_back_is_the_hash_of_the_id() -> None:
    for number in range(50):
        wanted = int(hashlib.sha256(f"r{number}".encode()).hexdigest(), 16) % 5 == 0
        assert held_back(named("hotpotqa", f"r{number}")) is wanted
        assert held_back(named("2wikimultihopqa", f"r{number}#subq#none")) is wanted
        assert held_back(named("qmsum", f"r{number}-3")) is held_back(named("qmsum", f"r{number}-4")) is wanted
        assert not held_back(named("squad", f"r{number}"))


def test_a_stage_mixes_samples_that_are_made_of_several_collections(tmp_path: Path) -> None:
    rows = [
        SQUAD | {"id": f"q{number}", "title": f"T{number}", "paragraph": f"{PARAGRAPH} House {number}. " * 9}
        for number in range(99)
    ]
    write(tmp_path / "squad-train.jsonl.gz", rows)
    talk = "".join(f"Ann: We looked at channel {number} , and it was fine .\n" for number in range(60))
    meeting = MUSIQUE | {"id": "m-0", "task": "qmsum", "documents": [{"id": "0", "text": talk}]}
    others = [meeting | {"id": f"m-{number}"} for number in range(5)]
    write(tmp_path / "qmsum-train.jsonl.gz", others)
    stage = Stage(name="made", sources={"chains": 1, "needles": 2, "chats": 2, "qmsum": 1, "squad": 1})

    found = list(read_contexts(stage, tmp_path))

    assert collections(stage) == {"squad", "qmsum"}
    tasks = Counter(context[0].task for context in found)
    assert tasks == {"chains": 1, "needles": 2, "chats": 2, "qmsum": 1, "squad": 1}


def test_an_unknown_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected one of squad, .*got 'trivia'"):
        next(read_source("trivia", folder=tmp_path))
    with pytest.raises(InputError, match=r"'qmsum': not on the hub.*give a folder"):
        next(read_source("qmsum"))
    with pytest.raises(InputError, match=r"'commits' is read from files only: give the folder of code-train"):
        next(read_source("commits"))


def test_without_the_library_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"pip install 'longattncomp\[training\]'"):
        next(read_hub("squad"))


def test_squad_as_the_hub_has_it() -> None:
    row = {"id": "h0", "title": "Old_Lease", "context": PARAGRAPH, "question": "Who slept?"}
    rows = [
        row | {"answers": {"text": ["Fox"], "answer_start": [PARAGRAPH.index("Fox")]}},
        row | {"id": "h1", "answers": {"text": ["Ann"], "answer_start": [0]}},
    ]
    ((example, steps),) = convert("squad", rows)
    assert (example.id, example.task, example.answers, steps) == ("h0", "squad", ("Fox",), ())
    assert quoted(example) == ["Dr. Bo T. Fox, born on St. Ann Island, slept."]


@pytest.mark.parametrize(("name", "key", "lines"), [("hotpotqa", "id", "sentences"), ("2wiki", "_id", "content")])
def test_supporting_sentences_as_the_hub_has_them(name: str, key: str, lines: str) -> None:
    row = {
        key: "h0",
        "question": "Who?",
        "answer": "Ann",
        "context": {"title": ["A", "B"], lines: [["Ann signed.", " She left."], ["Bo slept.", "He woke."]]},
        "supporting_facts": {"title": ["B", "A", "A"], "sent_id": [1, 1, 7]},
    }
    lost = row | {"supporting_facts": {"title": ["A"], "sent_id": [9]}}
    ((example, _),) = convert(name, [row, lost])
    assert [document.text for document in example.documents] == ["A\nAnn signed. She left.", "B\nBo slept. He woke."]
    assert quoted(example) == ["She left.", "He woke."]
    assert (example.id, example.answers) == ("h0", ("Ann",))


def test_musique_as_the_hub_has_it() -> None:
    row = {
        "id": "h0",
        "question": "Who?",
        "answer": "Ann",
        "paragraphs": [
            {"idx": 0, "title": "A", "paragraph_text": "Ann signed.", "is_supporting": True},
            {"idx": 1, "title": "B", "paragraph_text": "Bo slept.", "is_supporting": False},
        ],
        "question_decomposition": [{"question": "A >> signer"}, {"question": "#1 >> name"}],
    }
    ((example, steps),) = convert("musique", [row])
    assert (quoted(example), steps) == (["Ann signed."], ("A >> signer", "#1 >> name"))
    assert example.documents[1].text == "B\nBo slept."

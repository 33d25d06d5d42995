"""Rows of the evaluation files, good and broken."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from longattncomp.data.rows import Evidence, Example, read_rows
from longattncomp.errors import InputError
from longattncomp.types import Document

ROW: dict[str, Any] = {
    "id": "r1",
    "task": "toy",
    "query": "Who signed?",
    "answers": ["Ann"],
    "documents": [{"id": "a", "title": "Lease", "text": "Ann signed."}, {"id": "b", "title": "", "text": "Bob slept."}],
    "evidence": [{"document": "a", "start": 0, "end": 3}, {"document": "b", "start": 4, "end": 9}],
}


def write(path: Path, *rows: Any) -> Path:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def read(tmp_path: Path, *rows: Any) -> list[Example]:
    return list(read_rows(write(tmp_path / "rows.jsonl", *rows)))


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in ROW.items() if name != key}


def test_a_row_with_its_title_line(tmp_path: Path) -> None:
    (example,) = read(tmp_path, ROW)
    assert example == Example(
        id="r1",
        task="toy",
        query="Who signed?",
        answers=("Ann",),
        documents=(
            Document("Lease\nAnn signed.", id="a", metadata={"title": "Lease"}),
            Document("Bob slept.", id="b", metadata={"title": ""}),
        ),
        evidence=(Evidence(0, 6, 9), Evidence(1, 4, 9)),
    )
    texts = [example.documents[span.document].text[span.start : span.end] for span in example.evidence]
    assert texts == ["Ann", "slept"]


def test_options(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(ROW | {"options": ["Bob", "Ann"]}))
    (example,) = read_rows(file)
    assert (example.options, example.answers) == (("Bob", "Ann"), ("Ann",))


def test_answers_evidence_and_titles_may_be_absent(tmp_path: Path) -> None:
    row = {"id": "r", "task": "toy", "query": "q", "documents": [{"id": "a", "text": "x"}]}
    (example,) = read(tmp_path, row)
    assert (example.answers, example.evidence, example.documents[0].text) == ((), (), "x")


def test_rows_without_documents_share_the_last_ones(tmp_path: Path) -> None:
    bare = without("documents")
    other = ROW | {"id": "r3", "documents": [{"id": "a", "title": "", "text": "Cid signed."}], "evidence": []}
    first, second, third, fourth = read(
        tmp_path,
        {"id": "documents", "documents": ROW["documents"]},
        bare,
        bare | {"id": "r2"},
        "",
        other,
        bare | {"evidence": []},
    )
    assert first.documents is second.documents
    assert second.id == "r2"
    assert third.documents is fourth.documents
    assert fourth.documents[0].text == "Cid signed."


def test_offsets_are_characters(tmp_path: Path) -> None:
    row = ROW | {
        "documents": [{"id": "a", "title": "标题", "text": "é🙂答案"}],
        "evidence": [{"document": "a", "start": 2, "end": 4}],
    }
    (example,) = read(tmp_path, row)
    (span,) = example.evidence
    assert example.documents[0].text[span.start : span.end] == "答案"


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows"])
@pytest.mark.parametrize("zipped", [True, False])
def test_gzip_is_told_by_content(tmp_path: Path, name: str, zipped: bool) -> None:
    raw = (json.dumps(ROW) + "\n").encode()
    (tmp_path / name).write_bytes(gzip.compress(raw) if zipped else raw)
    assert [example.id for example in read_rows(str(tmp_path / name))] == ["r1"]


def test_it_streams(tmp_path: Path) -> None:
    examples = read_rows(write(tmp_path / "rows.jsonl", ROW, "{"))
    assert next(examples).id == "r1"
    with pytest.raises(InputError, match="line 2"):
        next(examples)


def changed(**span: Any) -> dict[str, Any]:
    return ROW | {"evidence": [{"document": "a", "start": 0, "end": 3} | span]}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "bad JSON"),
        ("[1]", "expected one JSON object, got list"),
        (without("query") | {"documents": []} | {"documents": 3}, "'documents' to be a list, got 3"),
        (without("id"), "expected the key 'id', found only 'task', 'query'"),
        (without("task"), "expected the key 'task'"),
        (ROW | {"query": None}, "'query' to be a string, got None"),
        (ROW | {"answers": "Ann"}, "'answers' to be a list"),
        (ROW | {"answers": [1]}, "'answers' to be strings"),
        (ROW | {"options": ["Ann", 2]}, "'options' to be strings"),
        (ROW | {"options": ["Bob", "Eve"]}, "right one of the options among the answers"),
        (ROW | {"answers": ["Ann", " "]}, "'answers' with more than blanks in them"),
        (ROW | {"options": ["Ann", ""]}, "'options' with more than blanks in them"),
        (ROW | {"options": ["Ann", *map(str, range(26))]}, "at most 26 options, a letter for each, got 27"),
        (ROW | {"documents": ["text"]}, "document 0: expected an object, got 'text'"),
        (ROW | {"documents": [{"id": "a"}]}, "document 0: expected the key 'text'"),
        (ROW | {"documents": [{"id": 1, "text": "x"}]}, "document 0: expected 'id' to be a string, got 1"),
        (ROW | {"documents": [{"id": "a", "text": "x"}] * 2}, "document 1: expected ids that differ, got 'a' twice"),
        (changed(document="z"), "evidence 0: expected the id of one of the 2 documents, got 'z'"),
        (changed(end=12), "0 <= start < end <= 11, the text of document 'a'; got 0 and 12"),
        (changed(start=-1), "got -1 and 3"),
        (changed(start=3), "got 3 and 3"),
        (changed(start=True), "'start' to be a whole number, got True"),
        (changed(end=2.5), "'end' to be a whole number, got 2.5"),
        ({"id": "s", "paragraph": "p", "query": "q"}, "that is training data"),
    ],
)
def test_errors_name_the_place(tmp_path: Path, row: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, ROW, row)
    assert str(caught.value).startswith(f"{tmp_path / 'rows.jsonl'}, line 2")
    assert message in str(caught.value)


def test_no_documents_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 1: expected 'documents' in this row or in one before it"):
        read(tmp_path, without("documents"))


@pytest.mark.parametrize(
    "content", [gzip.compress(b"{}\n" * 99, mtime=0)[:-9], b"\x1f\x8b\x08broken", b'{"id": "\xff"}\n']
)
def test_broken_bytes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rows").write_bytes(content)
    with pytest.raises(InputError, match="rows"):
        list(read_rows(tmp_path / "rows"))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl"):
        list(read_rows(tmp_path / "none.jsonl"))


def test_evidence_may_be_quoted(tmp_path: Path) -> None:
    quoted = ["Ann  signed.", {"document": "b", "text": "slept."}, {"text": "Bob\nslept"}]
    (example,) = read(tmp_path, {**ROW, "evidence": quoted})
    kept = [example.documents[span.document].text[span.start : span.end] for span in example.evidence]
    assert kept == ["Ann signed.", "slept.", "Bob slept"]


@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        ("Ann sang.", "a passage that stands in any document word for word, got 'Ann sang.'"),
        ({"document": "b", "text": "Ann signed."}, "in document 'b' word for word"),
        ({"document": "c", "text": "Ann signed."}, "the id of one of the 2 documents, got 'c'"),
        (" ", "got a blank one"),
    ],
)
def test_a_quote_that_stands_nowhere_is_an_error(tmp_path: Path, evidence: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"line 1, evidence 0: .*{message}"):
        read(tmp_path, {**ROW, "evidence": [evidence]})

"""Records on disk: what was measured is there after a kill, and nothing else is taken for one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from longattncomp.errors import InputError
from longattncomp.evaluation.records import Record, Records

RECORD = Record(
    task="farm",
    example="a",
    method="bm25",
    budget="10%",
    context_tokens=100,
    tokens=9,
    depth=0.5,
    recall=0.25,
    strict=0.0,
    answer=None,
    seconds=0.1,
)


def test_what_was_added_is_there_again(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    first = Records(file)
    first.add([RECORD, replace(RECORD, example="b \u2028 \U0001f600"), replace(RECORD, target="a model", f1=0.5)])
    again = Records(file)
    assert list(again) == list(first)
    assert len(again) == 3
    assert RECORD.key in again
    assert replace(RECORD, budget="20%").key not in again


def test_the_last_of_one_key_counts(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    Records(file).add([RECORD])
    Records(file).add([replace(RECORD, recall=1.0)])
    assert [record.recall for record in Records(file)] == [1.0]


def test_half_a_line_is_measured_again(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    Records(file).add([RECORD, replace(RECORD, example="b")])
    whole = file.read_bytes()
    for cut in (1, 5, 60):
        file.write_bytes(whole[:-cut])
        records = Records(file)
        assert [record.example for record in records] == ["a"]
        records.add([replace(RECORD, example="c")])
        assert [record.example for record in Records(file)] == ["a", "c"]


def test_what_was_measured_before_an_error_is_on_disk(tmp_path: Path) -> None:
    def fails() -> object:
        yield RECORD
        raise RuntimeError("no more")

    file = tmp_path / "records.jsonl"
    with pytest.raises(RuntimeError, match="no more"):
        Records(file).add(fails())
    assert len(Records(file)) == 1


@pytest.mark.parametrize("line", ['{"task": "farm"}', "no JSON", "[1]"])
def test_another_file_is_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text(f"{line}\n")
    with pytest.raises(InputError, match=r"records\.jsonl, line 1"):
        Records(file)


def test_without_a_file_they_stay_in_memory() -> None:
    records = Records()
    records.add([RECORD])
    assert list(records) == [RECORD]


@pytest.mark.parametrize(
    "content",
    ['{"task": "farm"}\n{"a": 1}', '{"id": 1}', "my notes", '{"id": 1}\n{"task": ', "\n\nhalf a line"],
)
def test_another_file_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"records\.jsonl"):
        Records(file)
    assert file.read_text(encoding="utf-8") == content


@pytest.mark.parametrize("content", ["", "{", '{"ta', '{"task": ', '{"task": "farm", "exa'])
def test_a_first_record_that_was_cut_short(tmp_path: Path, content: str) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text(content, encoding="utf-8")
    Records(file).add([RECORD])
    assert list(Records(file)) == [RECORD]

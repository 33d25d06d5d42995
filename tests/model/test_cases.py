"""What people compress (records, tables, code, lists, logs, diffs, chats, contracts): whole units, with lead-ins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from longattncomp import Compressor
from longattncomp.evaluation.tasks.records import FORMATS, records
from longattncomp.evaluation.tasks.task import Draw

FILE = Path(__file__).parents[3] / "shared" / "cases" / "cases.jsonl"
CASES: list[dict[str, Any]] = (
    [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()] if FILE.is_file() else []
)

ASKS_FOR_ALL = "asks for every amount or a summary, which no few words point to"
OTHER_WORDS = "the query shares no words with the text, and the head is not sure"
HOLDS_NOT = {
    "bm25": {
        "B1_code_def_b100": "only the name of the function stands in the query, not what its lines say",
        "C11_caps_b60": "the words of the query are in every clause",
        "C12_list_b300": ASKS_FOR_ALL,
        "C17_mail_query_b80": OTHER_WORDS,
        "C1_multi_b250": "four questions at once",
        "C2_summary_used_b300": ASKS_FOR_ALL,
        "C3_typo_b120": "misspelt words",
        "C4d_b80": "the query is a picture",
        "D3_pytest_b120": "the words of the query are in every line of the report",
        "D3_pytest_b250": "the words of the query are in every line of the report",
    },
    "longattncomp": {
        "C2_summary_b250": "one of five amounts has no room",
        "C4d_b80": "the query is a picture",
        "D3_pytest_b120": "the heading, the error and its place do not all fit beside better ones",
    },
}
"""Method -> case that does not hold -> why."""

FEW = 20
"""Cases that `make test` runs with the draft model: the shortest of each kind."""


def cases(method: str, *, few: int | None = None) -> list[Any]:
    shortest = sorted(CASES, key=lambda case: sum(map(len, case["documents"])))
    kinds = {kind: [case for case in shortest if case["kind"] == kind] for kind in {case["kind"] for case in CASES}}
    chosen = CASES if few is None else [case for kind in sorted(kinds) for case in kinds[kind][: few // len(kinds)]]
    reasons = HOLDS_NOT[method]
    return [
        pytest.param(
            case,
            id=case["id"],
            marks=[pytest.mark.xfail(strict=True, reason=reasons[case["id"]])] if case["id"] in reasons else [],
        )
        for case in chosen
    ]


def check(compressor: Compressor, case: dict[str, Any]) -> None:
    given = {"token_budget": case["token_budget"]} if case["token_budget"] else {}
    result = compressor.compress(case["query"], case["documents"], **case["options"], **given)
    for one in case["must"]:
        assert any(text in result.text for text in ([one] if isinstance(one, str) else one))
    for text in case["must_not"]:
        assert text not in result.text
    assert result.tokens <= (case["token_budget"] or result.tokens)


@pytest.fixture(scope="session")
def bm25() -> Compressor:
    return Compressor.from_pretrained(method="bm25")


@pytest.mark.skipif(not CASES, reason=f"no cases at {FILE}")
@pytest.mark.parametrize("case", cases("bm25"))
def test_words_alone(case: dict[str, Any], bm25: Compressor) -> None:
    check(bm25, case)


@pytest.mark.model
@pytest.mark.skipif(not CASES, reason=f"no cases at {FILE}")
@pytest.mark.parametrize("case", cases("longattncomp", few=FEW))
def test_a_few(case: dict[str, Any], smollm2: Compressor) -> None:
    check(smollm2, case)


@pytest.mark.long
@pytest.mark.model
@pytest.mark.skipif(not CASES, reason=f"no cases at {FILE}")
@pytest.mark.parametrize("case", cases("longattncomp"))
def test_all(case: dict[str, Any], smollm2: Compressor) -> None:
    check(smollm2, case)


def check_records(compressor: Compressor, examples: int, tokens: int = 1500) -> None:
    """The whole record that is asked for is kept."""
    draw = Draw(examples=examples, context_tokens=tokens, seed=5, count=compressor.tokenizer.count)
    kept = 0
    for example in records(draw):
        result = compressor.compress(example.query, example.documents, token_budget=300)
        (evidence,) = example.evidence
        kept += example.documents[0].text[evidence.start : evidence.end] in result.text
        for node in result.nodes:  # no number is cut, so none is false
            assert not (node.text[-1].isdigit() and example.documents[0].text[node.end : node.end + 1].isdigit())
    assert kept >= 0.95 * examples


def test_records_by_words(bm25: Compressor) -> None:
    check_records(bm25, 100, 600)


@pytest.mark.model
def test_records_in_every_format(smollm2: Compressor) -> None:
    check_records(smollm2, len(FORMATS), 700)


@pytest.mark.long
@pytest.mark.model
@pytest.mark.parametrize("method", ["bm25", "longattncomp"])
def test_many_records(method: str, bm25: Compressor, smollm2: Compressor) -> None:
    check_records(bm25 if method == "bm25" else smollm2, 200, 3000)

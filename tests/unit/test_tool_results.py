"""Results of tools: what failed is kept whatever the query, and without a query the ends are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from longattncomp import Compressor, Settings
from longattncomp.adapters import compress_results, fit_budget
from longattncomp.adapters.failures import PINNED_SHARE, failure_pins, failures
from longattncomp.adapters.reading_back import pages, read_back
from longattncomp.testing import ByteTokenizer, WordScorer
from longattncomp.types import Scores

QUIET = "".join(f"2026-03-01 10:00:{second:02} INFO worker: batch {second} is done\n" for second in range(60))

FAILED = {
    "a log": "2026-03-01 10:01:07 ERROR payment: the card 4711 was refused",
    "syslog": "Mar  1 10:01:07 host app[12]: error: no space left on device",
    "a log in JSON": '{"level":"error","msg":"upstream answered 503"}',
    "an exit code": "Process finished with exit code 137",
    "pytest": "FAILED tests/test_lease.py::test_rent - assert 3 == 4",
    "a summary of tests": "2 failed, 51 passed in 3.20s",
    "jest": "  ✕ adds the rent (3 ms)",
    "go": "--- FAIL: TestLease (0.00s)",
    "gcc": "src/lease.c:12:5: error: 'rent' undeclared",
    "tsc": "lease.ts(3,4): error TS2304: Cannot find name 'rent'.",
    "rustc": "error[E0308]: mismatched types",
    "make": "make: *** [Makefile:7: all] Error 2",
    "npm": "npm ERR! code ELIFECYCLE",
    "a shell": "bash: lease: command not found",
    "java": 'Exception in thread "main" java.lang.IllegalStateException: no lease',
    "a container": "web-1  | KeyError: 'lease'",
    "an entry": '  "error": "the quota is exceeded",',
}


def engine(**settings: object) -> Compressor:
    options = Settings(**{"node_tokens": 64, "token_budget": 500} | settings)
    return Compressor(WordScorer(), ByteTokenizer(), settings=options)


@pytest.mark.parametrize("kind", FAILED)
def test_what_failed_is_kept_whatever_is_asked(kind: str) -> None:
    text = f"{QUIET}{FAILED[kind]}\n{QUIET}"
    assert [text[start:end] for start, end in failures(text)] == [FAILED[kind]]
    result = compress_results(engine(), "batch 17", [text], token_budget=500)
    assert FAILED[kind] in result.text
    assert "batch 17" in result.text
    assert result.tokens <= 500
    assert FAILED[kind] not in engine().compress("batch 17", text).text, "without the rule it would be lost"


def test_the_end_of_a_traceback_is_kept() -> None:
    frames = "".join(f'  File "lease.py", line {line}, in step{line}\n    step{line + 1}()\n' for line in range(40))
    text = f"{QUIET}Traceback (most recent call last):\n{frames}LeaseError: nobody signed\n{QUIET}"
    kept = compress_results(engine(), "batch 17", [text], token_budget=500).text
    assert '  File "lease.py", line 39, in step39\n    step40()\nLeaseError: nobody signed' in kept
    assert "line 3," not in kept


@pytest.mark.parametrize(
    ("text", "owner", "failed"),
    [
        (
            "2026-03-01 10:00:00 WARN job lease stopped\nTraceback (most recent call last):\n"
            '  File "a.py", line 1, in a\n    b()\nKeyError: 4711\n',
            "2026-03-01 10:00:00 WARN job lease stopped\n",
            "KeyError: 4711",
        ),
        (
            "_____ test_lease _____\n\n    def test_lease():\nE       assert 3 == 4\n",
            "_____ test_lease _____\n",
            "3 == 4",
        ),
        ("lease:\n  phase: old\n  reason: OOMKilled\n", "lease:\n", "OOMKilled"),
        (
            '[\n  {"name": "rent"},\n  {\n    "name": "lease",\n    "error": "refused"\n  }\n]\n',
            '"name": "lease"',
            '"error": "refused"',
        ),
        (
            '{"jobs":[' + '{"name":"rent","state":"done"},' * 30 + '{"name":"lease","state":"failed"}]}',
            '"name":"lease"',
            '"state":"failed"',
        ),
    ],
    ids=["a traceback in a log", "a test", "YAML", "an object", "an object in one line"],
)
def test_a_failure_is_kept_with_what_it_belongs_to(text: str, owner: str, failed: str) -> None:
    pins = failure_pins([text], 600, len)
    kept = [text[start:end] for _, start, end in pins]
    assert any(owner in one for one in kept)
    assert any(failed in one for one in kept)
    assert not any("rent" in one for one in kept)


def test_where_there_is_room_for_one_failure_it_has_what_it_belongs_to_if_that_fits() -> None:
    heads = [f"2026-03-01 10:00:0{hour} WARN job {name} stopped" for hour, name in enumerate(("rent", "roof", "lease"))]
    errors = ("KeyError: rent", "ValueError: roof", "OSError: lease")
    text = "".join(f"{head}\n{error}\n" for head, error in zip(heads, errors, strict=True))
    found = {
        room: [text[start:end].strip() for _, start, end in failure_pins([text], 3 * room, len)] for room in (50, 100)
    }
    assert found == {50: ["OSError: lease"], 100: [f"{heads[-1]}\nOSError: lease"]}


def test_one_line_of_json_gives_the_entry_that_failed() -> None:
    rows = ",".join(f'{{"id": {number}, "error": null}}' for number in range(60))
    text = f'{{"rows": [{rows}], "error": {{"code": 503, "message": "timed out"}}}}'
    assert [text[slice(*span)] for span in failures(text)] == ['"error": {"code": 503, "message": "timed out"}']


@pytest.mark.parametrize(
    "text",
    [
        '"error": null,\n"errors": [],\n"exit_code": 0,',
        "no errors were found\n0 failed, 12 passed\nexit code 0",
        "The error rate fell to 3 percent.\nErrors are human.",
        "class LeaseError(Exception):\n    def f(self):\n        try:\n            g()\n"
        "        except ValueError:\n"
        '            raise LeaseError("no lease") from None\n',
        '    """Read.\n\n    Raises:\n        ValueError: if there is none.\n    """\n    ERROR = 5\n'
        '    log.error("x")\n',
    ],
)
def test_what_only_speaks_of_errors_is_no_failure(text: str) -> None:
    assert failures(text) == []


def test_failures_take_a_part_of_the_budget_and_the_last_one_is_the_surest() -> None:
    names = ("lease", "rent", "roof", "door", "heating", "garden", "cellar", "attic", "stairs", "kitchen")
    lines = [f"ERROR {name}: the {name} is broken, and nobody knows who will ever pay for it" for name in names]
    text = QUIET.join(f"{line}\n" for line in lines) + "The tenant of the loft is Ada.\n" + QUIET
    result = compress_results(engine(), "Who is the tenant?", [text], token_budget=500)
    pinned = sum(node.tokens for node in result.nodes if node.reason == "pinned")
    assert 0 < pinned <= PINNED_SHARE * 500
    assert lines[-1] in result.text
    assert "The tenant of the loft is Ada." in result.text


def test_an_error_that_is_repeated_counts_once() -> None:
    text = "".join(f"ERROR {number}: refused\n" for number in range(50))
    assert [text[slice(*span)] for span in failures(text)] == ["ERROR 0: refused"]


def test_what_failed_stays_when_less_fits() -> None:
    one = engine()
    result = compress_results(one, "batch 17", [f"{QUIET}{FAILED['a log']}\n{QUIET}"], token_budget=500)
    shown = fit_budget(one, result, lambda found: f"{'-' * 200}{found.text}", token_budget=500)
    assert FAILED["a log"] in shown
    assert one.count(shown) <= 500


def test_without_a_question_both_ends_and_what_failed_are_kept() -> None:
    text = f"{QUIET}{FAILED['a log']}\n{QUIET.replace('10:', '11:')}"
    kept = compress_results(engine(), " ", [text], token_budget=500).text
    assert kept.startswith("2026-03-01 10:00:00 ")
    assert kept.rstrip().endswith("11:00:59 INFO worker: batch 59 is done")
    assert FAILED["a log"] in kept


def test_a_page_has_its_budget_whatever_counts_it() -> None:
    """A byte of the draft model's is 30 tokens here, so that no line fits a page."""
    counted = Compressor(WordScorer(), ByteTokenizer(), target_tokenizer=lambda text: 30 * len(text))
    found = pages(counted, QUIET, 1_500)
    assert "".join(found) == QUIET
    assert all(counted.count(page) <= 1_500 for page in found)


def test_no_relevance_is_too_low_for_a_tool_s_result() -> None:
    class Unsure(WordScorer):
        def score(self, *args: Any, **options: Any) -> Scores:
            return replace(super().score(*args, **options), chance=0.01)

    unsure = Compressor(Unsure(), ByteTokenizer(), settings=engine(min_relevance=0.5).settings)
    assert not unsure.compress("batch 17", QUIET).text
    assert "batch 17" in compress_results(unsure, "batch 17", [QUIET], token_budget=500).text
    assert "batch 17" in read_back(unsure, QUIET, query="batch 17")

"""What callers get wrong, and what they are told."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from longattncomp import Compressor, Document, LongAttnCompError, LongAttnCompWarning, Node, Query, Scores, Settings
from longattncomp.errors import BudgetError, InputError, ModelError
from longattncomp.scorers.baselines import FirstTokensScorer
from longattncomp.testing import ByteTokenizer
from longattncomp.types import Progress

LEASE = "Ada signed the lease. Bob did not."


@pytest.fixture
def compressor() -> Compressor:
    return Compressor(FirstTokensScorer(), ByteTokenizer(), settings=Settings(node_tokens=8))


def refused(message: str, error: type[InputError] = InputError) -> Any:
    """The message as it starts, or a pattern of it."""
    return pytest.raises(error, match=message)


def test_an_input_error_is_a_value_error() -> None:
    assert issubclass(BudgetError, InputError)
    assert issubclass(InputError, ValueError)
    assert issubclass(InputError, LongAttnCompError)
    assert issubclass(LongAttnCompWarning, UserWarning)


# Queries.


@pytest.mark.parametrize("query", ["", " ", "\n\t\r\n", "\u3000", Query(""), Query("  ")])
def test_a_blank_query(compressor: Compressor, query: str | Query) -> None:
    with refused("^expected a query, got a blank one: say what the context is read for$"):
        compressor.compress(query, LEASE)


@pytest.mark.parametrize(("query", "name"), [(None, "NoneType"), (3, "int"), (b"who", "bytes"), (["who"], "list")])
def test_a_query_that_is_no_string(compressor: Compressor, query: Any, name: str) -> None:
    for given in (query, Query(query)):
        with refused(f"^expected the query as a string, got {name}$"):
            compressor.compress(given, LEASE)


# Documents.


@pytest.mark.parametrize("documents", [[], ()])
def test_no_documents(compressor: Compressor, documents: Any) -> None:
    with refused("^expected at least one document with text, got 0 documents"):
        compressor.compress("q", documents)


@pytest.mark.parametrize(("documents", "count"), [("", 1), ([""], 1), (["", Document("")], 2), (Document(""), 1)])
def test_documents_without_text(compressor: Compressor, documents: Any, count: int) -> None:
    with refused(f"^expected at least one document with text, got {count} documents, all empty$"):
        compressor.compress("q", documents)


@pytest.mark.parametrize(
    ("documents", "index", "name"),
    [
        ([LEASE, 3], 1, "int"),
        ([None], 0, "NoneType"),
        ([LEASE, LEASE, b"bytes"], 2, "bytes; decode it first"),
        ([Document(LEASE), Document(7)], 1, "int"),  # type: ignore[arg-type]
        ([Document(None)], 0, "NoneType"),  # type: ignore[arg-type]
        ([{"text": LEASE}], 0, "dict"),
        ([[LEASE]], 0, "list"),
    ],
)
def test_a_document_that_is_no_text(compressor: Compressor, documents: Any, index: int, name: str) -> None:
    with refused(f"^expected document {index} as a string or a longattncomp.Document of one, got {name}$"):
        compressor.compress("q", documents)


def generated() -> Iterator[str]:
    yield LEASE


@pytest.mark.parametrize(
    ("documents", "name"),
    [({"a": LEASE}, "dict"), ({LEASE}, "set"), (generated(), "generator"), (None, "NoneType"), (b"bytes", "bytes")],
)
def test_documents_in_no_sequence(compressor: Compressor, documents: Any, name: str) -> None:
    advice = "decode it first" if name == "bytes" else r"give list\(...\) of what it holds"
    with refused(f"^expected documents as a string or a sequence, got {name}: {advice}$"):
        compressor.compress("q", documents)


def test_a_document_of_a_framework(compressor: Compressor) -> None:
    other = type("Other", (), {"page_content": LEASE})()
    with refused(r"Other; give its text, or use the adapter of its framework, which gives such objects back$"):
        compressor.compress("q", [other])


def test_empty_documents_among_others_are_no_error(compressor: Compressor) -> None:
    result = compressor.compress("q", ["", LEASE, ""])
    assert [document.index for document in result.documents] == [1]
    assert result.text == LEASE


# Options.


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"token_budget": 0}, "token_budget: input should be greater than or equal to 1, got 0"),
        ({"token_budget": -5}, "token_budget: input should be greater than or equal to 1, got -5"),
        ({"token_budget": 1.5}, "token_budget: input should be a valid integer, .*got 1.5"),
        ({"token_budget": "many"}, "token_budget: input should be a valid integer, .*got 'many'"),
        ({"top_p": 0}, "top_p: input should be greater than 0, got 0"),
        ({"top_p": 1.5}, "top_p: input should be less than or equal to 1, got 1.5"),
        ({"top_p": float("nan")}, "top_p: input should be .*, got nan"),
        ({"top_p": float("inf")}, "top_p: input should be .*, got inf"),
        ({"node_tokens": 0}, "node_tokens: expected a whole number of at least 1, or 'document', got 0"),
        ({"node_tokens": "page"}, "node_tokens: expected a whole number of at least 1, or 'document', got 'page'"),
        ({"gap_mark": 3}, "gap_mark: input should be a valid string, got 3"),
        ({"budget": 5}, r"no such option of a call: budget \(did you mean token_budget\?\); there are: .*token_budget"),
        ({"topp": 1, "Top_p": 1}, r"no such option of a call: Top_p, topp \(did you mean top_p\?\); there are: "),
        ({"model": "x"}, "model: set when the compressor is made, not per call"),
        (
            {"model_dir": "x", "device": "cpu"},
            "device, model_dir: set when the compressor is made, not per call",
        ),
        ({"target_tokenizer": "gpt2"}, "target_tokenizer: set when the compressor is made, not per call"),
    ],
)
def test_options(compressor: Compressor, option: dict[str, Any], message: str) -> None:
    with refused(message):
        compressor.compress("q", LEASE, **option)
    with refused(message):
        compressor.compress_batch(["q"], [LEASE], **option)


def test_none_is_an_option_that_is_not_given(compressor: Compressor) -> None:
    assert compressor.compress("q", LEASE, token_budget=None, top_p=None).token_budget == 16384


def test_options_of_a_compressor_to_be(toy_folder: Path) -> None:
    with refused("no such setting: bogus; there are: "):
        Compressor.from_pretrained(toy_folder, bogus=1)
    with refused("top_p: input should be less than or equal to 1, got 7"):
        Compressor.from_pretrained(toy_folder, top_p=7)
    with refused("method: expected one of longattncomp, .*, got 'attention'"):
        Compressor.from_pretrained(toy_folder, method="attention")
    with refused("layers: input should be greater than or equal to 1, got 0"):
        Compressor.from_pretrained(toy_folder, layers=0)


# Budgets.


def test_a_budget_that_holds_no_character(compressor: Compressor) -> None:
    with refused("^not one character of the context fits a budget of 2 tokens: raise token_budget$", BudgetError):
        compressor.compress("q", "日本語", token_budget=2)
    assert compressor.compress("q", "日本", token_budget=3).text == "日"


def test_pins_over_the_budget(compressor: Compressor) -> None:
    message = "^the pinned text has 34 tokens, 4 more than the budget of 30: pin less .*or raise token_budget$"
    with refused(message, BudgetError):
        compressor.compress("q", [LEASE, LEASE], pins=[0], token_budget=30)
    assert compressor.compress("q", [LEASE, LEASE], pins=[0], token_budget=34).text == LEASE


# Pins.


@pytest.mark.parametrize("pin", [2, -1, (2, 0, 1), (-1, 0, 1)])
def test_a_pin_on_no_document(compressor: Compressor, pin: Any) -> None:
    index = pin if isinstance(pin, int) else pin[0]
    with refused(f"^expected a pin's document in 0 to 1, got {index}$"):
        compressor.compress("q", [LEASE, "x"], pins=[pin])


@pytest.mark.parametrize(("start", "end"), [(0, 35), (-1, 3), (5, 4), (35, 35)])
def test_a_pin_outside_its_document(compressor: Compressor, start: int, end: int) -> None:
    with refused(f"^expected a pin within 0 to 34 of document 1, got {start} to {end}$"):
        compressor.compress("q", ["x", LEASE], pins=[(1, start, end)])


@pytest.mark.parametrize("pin", [(0, 1), (0, 1, 2, 3), "a", None, (0, "a", 2), (0, 0.5, 1), 1.0, ()])
def test_a_pin_of_another_shape(compressor: Compressor, pin: Any) -> None:
    with refused(r"^expected a pin as a document's index or \(document, start, end\), got " + re.escape(repr(pin))):
        compressor.compress("q", LEASE, pins=[pin])


def test_pins_that_are_no_sequence(compressor: Compressor) -> None:
    with refused("^expected pins as a sequence, got 0$"):
        compressor.compress("q", LEASE, pins=0)  # type: ignore[arg-type]


# Batches.


@pytest.mark.parametrize(
    ("queries", "documents", "got"),
    [
        (["a", "b"], [LEASE], "2 and 1"),
        (["a"], [LEASE, LEASE], "1 and 2"),
        ([], [LEASE], "0 and 1"),
        (["a"], LEASE, "1 and str"),
        ("abc", ["x", "y", "z"], "str and 3"),
    ],
)
def test_a_batch_of_unequal_lengths(compressor: Compressor, queries: Any, documents: Any, got: str) -> None:
    with refused(f"^expected a list of queries and one context for each, got {got}$"):
        compressor.compress_batch(queries, documents)


def test_an_empty_batch_is_an_empty_list(compressor: Compressor) -> None:
    assert compressor.compress_batch([], []) == []


# Characters.


def test_a_lone_surrogate_is_kept_and_warned_of(toy: Compressor) -> None:
    text = "a\ud800b\udfff and 😀"
    for compressor in (toy, Compressor(FirstTokensScorer(), ByteTokenizer(), settings=Settings())):
        with pytest.warns(LongAttnCompWarning) as warned:
            result = compressor.compress("q", ["fine", Document(text)], top_p=1.0)
        assert [str(warning.message) for warning in warned] == [
            "document 1 has a lone surrogate at character 1; read as U+FFFD, kept as it is"
        ]
        assert warned[0].filename == __file__  # points at the caller's line
        assert result.text == f"fine\n\n{text}"
        assert result.documents[1].text == text


def test_a_query_that_is_too_long_is_warned_of_at_the_callers_line(toy: Compressor) -> None:
    with pytest.warns(LongAttnCompWarning, match="the query has 3000 tokens") as warned:
        toy.compress("a" * 3000, LEASE)
    assert warned[0].filename == __file__


def test_a_lone_surrogate_in_the_query_is_no_error(toy: Compressor) -> None:
    assert toy.compress("who\ud800?", LEASE, top_p=1.0).text == LEASE


@pytest.mark.parametrize("text", ["a\x00b", "\x00", "\x00\x00\n\x00", "\ufeffa\ufffe", "\x1b[31mred"])
def test_nul_and_other_controls_are_kept(toy: Compressor, text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = toy.compress("\x00?", [text, LEASE], top_p=1.0)
    assert result.text == f"{text}\n\n{LEASE}"
    assert result.documents[0].text == text


# Scores.


@pytest.mark.parametrize(
    ("shares", "instruction", "message"),
    [
        ([0.5], 0.0, "expected one score for each of 2 nodes, got 1"),
        ([0.5, -0.1], 0.0, "expected scores of 0 or more, got -0.1"),
        ([0.5, 0.4], -0.1, "expected scores of 0 or more, got -0.1"),
        ([0.9, 0.8], 0.0, "expected scores and the instruction's score to sum to 1 at most, got 1.7"),
        ([0.5, math.nan], 0.0, "expected scores and the instruction's score to sum to 1 at most, got nan"),
        ([math.inf, 0.0], 0.0, "expected scores and the instruction's score to sum to 1 at most, got inf"),
    ],
)
def test_scores_that_are_no_shares(shares: list[float], instruction: float, message: str) -> None:
    class Wrong:
        def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
            return Scores(tuple(shares), instruction)

    compressor = Compressor(Wrong(), ByteTokenizer(), settings=Settings(node_tokens=22))
    nodes = compressor.nodes(LEASE)
    assert len(nodes) == 2
    with refused(f"^{re.escape(message)}"):
        compressor.assemble(Query("who?"), [Document(LEASE)], nodes, Scores(tuple(shares), instruction))
    with pytest.raises(ModelError, match=f"^Wrong: {re.escape(message)}"):
        compressor.compress("who?", LEASE)

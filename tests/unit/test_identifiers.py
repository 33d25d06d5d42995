"""Which words of a query name one thing."""

from __future__ import annotations

import pytest

from longattncomp.query.identifiers import identifiers


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("Who owns billing-api?", ["billing-api"]),
        ("Where is parse_rows() called in src/rent.py?", ["parse_rows", "src/rent.py"]),
        ('Was invoice 4711 or "the blue one" paid?', ["the blue one", "4711"]),
        ("WHAT IS IT - a dash, or Anglo-Irish?", ["what", "is", "it"]),
        ("Who signed the lease?", []),
    ],
)
def test_codes_paths_quoted_words_and_compounds_do(query: str, named: list[str]) -> None:
    assert identifiers(query) == named

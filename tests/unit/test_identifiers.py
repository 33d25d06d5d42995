"""Which words of a query name one thing."""

from __future__ import annotations

import pytest

from longattncomp import Node
from longattncomp.chunking.lead_ins import LeadIns
from longattncomp.query.identifiers import identifiers, named


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("Who owns billing-api?", ["billing-api"]),
        ("Where is parse_rows() called in src/rent.py?", ["parse_rows", "src/rent.py"]),
        ('Was invoice 4711 or "the blue one" paid?', ["the blue one", "4711"]),
        ("WHAT IS IT - a dash, or Anglo-Irish?", ["what", "is", "it"]),
        ("Who signed the lease?", []),
    ],
)
def test_codes_paths_quoted_words_and_compounds_do(query: str, names: list[str]) -> None:
    assert identifiers(query) == names


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ("What does Store.load return?", [1, 1, 0]),  # its last part, where the whole name stands nowhere
        ("What does Cache.load return?", [0, 1, 0]),  # the whole name, where it stands somewhere
        ("What does Store.go return?", [0, 0, 0]),  # no part of two letters
    ],
)
def test_a_dotted_name_is_found_by_its_parts(query: str, counts: list[float]) -> None:
    texts = ("def load(self): ...\n", "Cache.load = 1\n", "go\n")
    starts = [sum(map(len, texts[:index])) for index in range(3)]
    nodes = [Node(0, start, start + len(text), text, 5) for start, text in zip(starts, texts, strict=True)]
    assert named(query, LeadIns(nodes)) == counts


@pytest.mark.parametrize(
    ("text", "has"), [("20kg", 1), ("20m,", 1), ("20 kg", 1), ("20.5kg", 0), ("20th3", 0), ("120m", 0)]
)
def test_a_number_may_have_a_unit_behind_it(text: str, has: int) -> None:
    assert named("What costs 20 kg?", LeadIns([Node(0, 0, len(text), text, 5)])) == [has]

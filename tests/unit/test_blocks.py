"""What a block is about counts for all of it."""

import pytest

from longattncomp import Document, Node, Query, Scores
from longattncomp.chunking.nodes import chunk
from longattncomp.scorers.blocks import blocks_of, raised
from longattncomp.scorers.wording import priority
from longattncomp.selection import Priority
from longattncomp.testing import ByteTokenizer

VOUCHERS = (
    "Voucher 48-11 is that of the Larsens. It has been paid. They leave at ten from the south gate.\n\n"
    "Voucher 48-12 is that of the Okafors. It is still open. They leave at five from the east gate.\n"
)


def cut(*texts: str) -> list[Node]:
    return chunk([Document(text) for text in texts], ByteTokenizer(), node_tokens=40)


def ranked(nodes: list[Node], query: str, *shares: float) -> Priority:
    given = shares or (1 / len(nodes),) * len(nodes)
    return priority(Query(query), nodes, Scores(tuple(given), 0.0), [1.0] * len(nodes))


def test_blocks_end_at_blank_lines_and_documents() -> None:
    nodes = cut(VOUCHERS, "One line.\n", "One line here, and then another one below it.\r\n\r\n\tLast\n")
    assert blocks_of(nodes) == [[0, 1, 2], [3, 4, 5]]


def test_a_long_block_is_none() -> None:
    assert blocks_of(cut("All rows of a table are a block of their own, too long.\n" * 20)) == []


@pytest.mark.parametrize(("part", "values"), [(0.0, [1, 3, 5, 0]), (0.5, [2, 3, 5, 0]), (1.0, [3, 3, 5, 0])])
def test_values_rise_to_the_largest_of_their_block(part: float, values: list[float]) -> None:
    assert raised([1, 3, 5, 0], [[0, 1]], part) == values


def test_words_and_numbers_of_the_first_line_count_for_the_block() -> None:
    nodes = cut(VOUCHERS)
    found = ranked(nodes, "When does voucher 48-12 leave?")
    assert min(found.lifts[3:]) == max(found.lifts) > max(found.lifts[:3])
    assert found.words[4] > found.words[1]  # neither has a word of the query


def test_scores_count_for_the_block_unless_it_is_a_document() -> None:
    nodes = cut(VOUCHERS)
    gains = ranked(nodes, "Who leaves?", 0.1, 0.1, 0.1, 0.6, 0.05, 0.05).gains
    assert gains[:4] == [1.0] * 4
    assert gains[4] > 2
    first, _ = VOUCHERS.split("\n\n")
    assert ranked(cut(first), "Who leaves?", 0.7, 0.2, 0.1).gains == [1.0] * 3


def test_objects_of_json_are_no_prose() -> None:
    objects = cut('{"name": "Ada", "age": 36, "city": "Turin"}\n{"name": "Bo", "age": 21, "city": "Bari"}\n' * 4)
    assert min(ranked(objects, "Who is 36?").weights) > 0.5
    assert max(ranked(cut(VOUCHERS), "Who is 36?").weights) == 0

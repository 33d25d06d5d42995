"""A row with all the words of another and more comes before it."""

import pytest

from longattncomp import Document, Node, Query, Scores
from longattncomp.chunking.nodes import chunk
from longattncomp.scorers.dominance import raised_above
from longattncomp.scorers.wording import priority
from longattncomp.selection import SelectionRule, select
from longattncomp.testing import ByteTokenizer

KG, NORWAY, LETTER = 1, 2, 3


def node(start: int, text: str = "Norway; 5\n", *, document: int = 0, tokens: int = 10) -> Node:
    return Node(document, start, start + 1, text, tokens)


def raised(one: Node, other: Node, words: set[int], others: set[int], rank: float = 0.2) -> bool:
    """Whether a node of rank 0.1 is raised above another one."""
    found = raised_above([0.1, rank], nodes=[one, other], words=[frozenset(words), frozenset(others)])
    assert found[1] == rank
    assert found[0] == 0.1 or rank < found[0] < rank * 1.001
    return found[0] > rank


def test_more_words_come_first() -> None:
    assert raised(node(0), node(1, "Denmark; 7\n"), {KG, NORWAY}, {KG})


@pytest.mark.parametrize(
    ("words", "others"),
    [
        pytest.param({KG}, {KG}, id="the same words"),
        pytest.param({KG, NORWAY}, {KG, LETTER}, id="other words"),
        pytest.param({KG}, {KG, NORWAY}, id="fewer words"),
        pytest.param({KG}, set(), id="a node without words"),
    ],
)
def test_what_has_not_all_words_and_more_stays(words: set[int], others: set[int]) -> None:
    assert not raised(node(0), node(1), words, others)


@pytest.mark.parametrize(
    ("other", "rank"),
    [
        pytest.param(node(1, "Denmark is not far away. "), 0.2, id="a sentence"),
        pytest.param(node(1, "丹麦也在这里。"), 0.2, id="one of Chinese"),
        pytest.param(node(1, "(b) was in the hands of Denmark before it was told; or\n"), 0.2, id="a clause"),
        pytest.param(node(1), 0.5, id="a far higher rank"),
        pytest.param(node(1, document=1), 0.2, id="another document"),
        pytest.param(node(1, tokens=6), 0.2, id="a far shorter one"),
    ],
)
def test_a_node_is_not_raised_above(other: Node, rank: float) -> None:
    assert not raised(node(0), other, {KG, NORWAY}, {KG}, rank)


@pytest.mark.parametrize(
    "other",
    [
        "country = find the land in the north of Denmark;\n",
        "Denmark, 7;\n",
        '["Denmark", "Copenhagen", 5, 3, 2, 1, "krone", "DKK"],\n',
        "Denmark, Copenhagen, 5, 3, 2, 1, krone, DKK;\n",
    ],
)
def test_a_line_of_code_or_a_row_ends_no_sentence(other: str) -> None:
    assert raised(node(0), node(1, other), {KG, NORWAY}, {KG})


def test_the_highest_of_those_that_it_may_be_above_counts() -> None:
    nodes = [node(0), node(1), node(2, "It is said. "), node(3)]
    words = [frozenset({KG, NORWAY}), frozenset({KG}), frozenset({KG}), frozenset({NORWAY})]
    assert raised_above([0.1, 0.2, 0.35, 0.3], nodes=nodes, words=words)[0] == pytest.approx(0.3)


@pytest.mark.parametrize("ranks", [[0.2, 0.1, 0.3], [0.2, 0.08, 0.33]])
def test_the_more_words_the_higher(ranks: list[float]) -> None:
    words = [frozenset({KG, NORWAY}), frozenset({KG, NORWAY, LETTER}), frozenset({KG})]
    found = raised_above(ranks, nodes=[node(0), node(1), node(2)], words=words)
    assert found[1] > found[0] > found[2]


def test_what_is_left_out_neither_rises_nor_is_risen_above() -> None:
    nodes = [node(0), node(1)]
    assert raised_above([0.1, 0.2], nodes=nodes, words=[frozenset(), frozenset({KG})]) == [0.1, 0.2]
    assert raised_above([0.1, 0.2], nodes=nodes, words=[frozenset({KG, NORWAY}), frozenset()]) == [0.1, 0.2]


def test_prose_is_left_to_the_head() -> None:
    nodes = [node(0, "we sail on\n"), node(1, "we sail to Norway\n")]
    first = priority(Query("sail to Norway"), nodes, Scores((0.7, 0.3), 0.0), [1.0, 1.0])
    assert first.raised([0.7, 0.3]) == [0.7, 0.3]


@pytest.mark.parametrize(
    ("text", "query", "wanted", "budget"),
    [
        (
            "| country | parcel | days |\n|---|---|---|\n| Denmark | 13.40 | 3 |\n| Norway | 21.70 | 6 |\n",
            "parcel to Norway",
            "| country | parcel | days |\n|---|---|---|\n| Norway | 21.70 | 6 |\n",
            66,
        ),
        (
            "# Weekdays\n\n- the hall opens at nine\n- the pool opens at six\n\n"
            "# Sundays\n\n- the hall opens at noon\n- the pool opens at ten\n",
            "when does the pool open on Sundays",
            "# Sundays\n\n- the pool opens at ten\n",
            38,
        ),
    ],
)
def test_the_row_that_is_asked_for_is_kept_though_the_head_prefers_another(
    text: str, query: str, wanted: str, budget: int
) -> None:
    nodes = chunk([Document(text)], ByteTokenizer(), node_tokens=30)
    shares = [0.05 if one.text in wanted else 0.15 for one in nodes]
    scores = Scores(tuple(share / sum(shares) for share in shares), 0.0)
    first = priority(Query(query), nodes, scores, [1.0] * len(nodes))
    rule = SelectionRule(token_budget=budget, top_p=1.0, words=True, context_weight=0.35)
    kept = select(scores, nodes, rule, priority=first).indices
    assert "".join(nodes[index].text for index in kept) == wanted

"""A question of several hops needs what the best passages lead to by a name."""

from dataclasses import replace

import pytest

from longattncomp import Node, Query, Scores
from longattncomp.scorers.bridges import bridges
from longattncomp.selection import Priority, SelectionRule, select

QUERY = Query("Where was the director of Prem Granth born?")
FILM = "Prem Granth is a film of 1996 that Rajiv Kapoor directed."
BORN = "Rajiv Kapoor was born in Bombay."
OTHER = "Raffles is a film of 1958."


def nodes(*texts: str, same_document: bool = False) -> list[Node]:
    return [Node(0 if same_document else index, 0, len(text), text, 10) for index, text in enumerate(texts)]


@pytest.mark.parametrize("text", [BORN, "Bombay is where Rajiv Kapoor was born."], ids=["begins with it", "has it"])
def test_a_name_of_the_best_node_raises_the_document_that_is_about_it(text: str) -> None:
    gains = bridges(QUERY, nodes(FILM, OTHER, text), Scores((0.6, 0.1, 0.1), 0.2))
    assert gains[:2] == [1, 1]
    assert gains[2] > 2


def test_a_whole_document_is_raised_that_begins_with_the_name() -> None:
    found = [Node(0, 0, len(FILM), FILM, 10), Node(1, 0, len(BORN), BORN, 10), Node(1, len(BORN), 60, "He acted.", 10)]
    assert bridges(QUERY, found, Scores((0.6, 0.1, 0.1), 0.2))[2] > 2


@pytest.mark.parametrize(
    "found",
    [
        nodes(FILM, BORN, same_document=True),
        nodes("Prem Granth is a film.", "Prem Granth was shown in Bombay."),
        nodes(FILM, *[BORN] * 5),
        nodes("The film is of 1996.", "The film is of 1958."),
        nodes("film", ""),
        [],
    ],
    ids=["one document", "the query has the name", "many have it", "no name", "nothing", "no node"],
)
def test_what_no_name_leads_to(found: list[Node]) -> None:
    rest = 0.1 / max(1, len(found) - 1)
    scores = Scores((0.6, *[rest] * (len(found) - 1))[: len(found)], 0.2)
    assert bridges(QUERY, found, scores) == [1] * len(found)


def test_no_node_is_raised_above_the_one_that_leads_to_it() -> None:
    shares = (0.3, 0.1, 0.25)
    gains = bridges(QUERY, nodes(FILM, OTHER, BORN), Scores(shares, 0.2))
    assert gains[2] * shares[2] == pytest.approx(shares[0])


def test_a_gain_counts_for_the_rank_of_a_node_and_not_for_its_mass() -> None:
    found = nodes(FILM, OTHER, BORN)
    rule = SelectionRule(token_budget=20, top_p=1)
    scores = Scores((0.6, 0.2, 0.1), 0.1)
    assert select(scores, found, rule).indices == (0, 1)
    gained = Priority([1.0] * 3, [0.0] * 3, [1.0] * 3, [0.0] * 3, [1.0, 1.0, 4.0])
    assert select(scores, found, rule, priority=gained).indices == (0, 2)


def test_a_copy_of_the_best_node_is_not_raised_by_it() -> None:
    found = [
        replace(node, passages=((0, 9),)) if index in (0, 2) else node
        for index, node in enumerate(nodes(FILM, BORN, FILM))
    ]
    gains = bridges(QUERY, found, Scores((0.6, 0.1, 0.1), 0.2))
    assert gains[1] > 2
    assert gains[2] == 1

"""What a text is like decides how its scores, its words and what stands around count for a rank."""

import pytest

from longattncomp import Document, Node, Query, Scores
from longattncomp.chunking.nodes import chunk
from longattncomp.scorers.wording import priority
from longattncomp.selection import Priority, SelectionRule, select
from longattncomp.testing import ByteTokenizer


def talk(*, turns: int = 200, said: str = "Well, I think that we should look at all of this again on Monday.") -> str:
    return "".join(f"{('Ada', 'Ben', 'Cy')[turn % 3]}: {said} It is number {turn}.\n" for turn in range(turns))


def test_in_a_long_talk_what_stands_around_a_node_counts() -> None:
    nodes = chunk([Document(talk()), Document("Rain falls on the roof. " * 200)], ByteTokenizer(), node_tokens=96)
    scores = Scores((1 / len(nodes),) * len(nodes), 0.0)
    found = priority(Query("Who?"), nodes, scores, [1.0] * len(nodes)).surroundings
    assert {part > 0 for part, node in zip(found, nodes, strict=True) if node.document == 0} == {True}
    assert {part > 0 for part, node in zip(found, nodes, strict=True) if node.document == 1} == {False}


@pytest.mark.parametrize(
    "text",
    [
        talk(turns=9),
        "".join(f"K{n}: {n}\n" for n in range(900)),
        "".join(f"Term{n}: {'x ' * 20}\n" for n in range(90)),
    ],
    ids=["a short one", "records", "terms that nobody uses twice"],
)
def test_what_is_no_long_talk(text: str) -> None:
    nodes = chunk([Document(text)], ByteTokenizer(), node_tokens=96)
    scores = Scores((1 / len(nodes),) * len(nodes), 0.0)
    assert not any(priority(Query("Who?"), nodes, scores, [1.0] * len(nodes)).surroundings)


def test_mass_around_a_node_raises_it() -> None:
    nodes = [Node(0, n, n + 1, "x", 50) for n in range(40)]
    shares = [0.2, *[0.0] * 30, *[0.08] * 9]
    rule = SelectionRule(token_budget=50, top_p=1)
    assert select(Scores(tuple(shares), 0.0), nodes, rule).indices == (0,)
    around = Priority([1.0] * 40, [0.0] * 40, [1.0] * 40, [0.5] * 40, [1.0] * 40)
    assert select(Scores(tuple(shares), 0.0), nodes, rule, priority=around).indices[0] > 30


def heaviest(text: str) -> float:
    nodes = chunk([Document(text)], ByteTokenizer(), node_tokens=96, boundary="unit")
    scores = Scores((1 / len(nodes),) * len(nodes), 0.0)
    return max(priority(Query("Who?"), nodes, scores, [1.0] * len(nodes)).weights)


def test_words_weigh_less_in_a_long_document_with_lead_ins() -> None:
    row = "2024-05-02 10:15:01 Ada took 5 keys\n"
    assert heaviest("# Keys\n\n" + "- Ada took 5 keys\n" * 40) == pytest.approx(0.75)
    assert heaviest("# Keys\n\n" + "- Ada took 5 keys\n" * 178) == pytest.approx(0.375, rel=0.02)
    assert heaviest(row * 20) == heaviest(row * 200) == pytest.approx(0.75)

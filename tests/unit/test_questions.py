"""Queries that ask several things, and queries for a summary."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from longattncomp import Compressor, Node, Query, Scores
from longattncomp.query.questions import questions
from longattncomp.query.spelling import respelled
from longattncomp.scorers.batch import score_questions
from longattncomp.scorers.overview import wants_overview
from longattncomp.settings import Settings
from longattncomp.testing import ByteTokenizer, WordScorer

ONE = [
    "Who is the man who wrote Emma, which was filmed in 1996?",
    "When and where was he born?",
    "Which people who work there and whose salary is above 3 have a car?",
    "Is there a rule on how often and how long we may use the pool?",
    "What did Ann say, and why?",
    "When it rains, what happens?",
    "What is the difference between when it is hot and when it is cold?",
    "Which band released a song and had a drummer who was honoured?",
    "In 1900, what was the population of the second city?",
    "What are the opening hours? I arrive on Sunday.",
    "Is a cap agreed? This includes time limits.",
    "List the deposit, the rent and the end date.",
    "Did he say that it was bad and that it should go?",
    "whne dose the leese end",
    "?",
    "",
]


@pytest.mark.parametrize("text", ONE)
def test_one_question_stays_whole(text: str) -> None:
    assert questions(Query(text)) == [Query(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "Who let the flat, when does the lease end, how much is the deposit, and may I keep a dog?",
            ["Who let the flat", "when does the lease end", "how much is the deposit", "may I keep a dog?"],
        ),
        ("Who founded Acme and when did it go public?", ["Who founded Acme", "when did it go public?"]),
        ("How much is it? Is there a discount?", ["How much is it?", "Is there a discount?"]),
        ("谁签了合同？什么时候结束？", ["谁签了合同？", "什么时候结束？"]),
        ("What is the rent; how is it paid, and who pays it?", ["What is the rent", "how is it paid", "who pays it?"]),
        ("Where does Ann live and what does Bob do?", ["Where does Ann live", "what does Bob do?"]),
    ],
)
def test_several_questions_are_told_apart(text: str, parts: list[str]) -> None:
    assert [part.text for part in questions(Query(text))] == parts


def test_a_query_with_much_space_is_split_at_once() -> None:  # a pattern that tries each space again takes hours
    space = " " * 300_000
    parts = questions(Query(f"What is the rent{space}, and how is{space}it paid?"))
    assert [" ".join(part.text.split()) for part in parts] == ["What is the rent", "how is it paid?"]


class Asked:
    """A scorer that finds one node for each question, and only the first for several at once."""

    def __init__(self) -> None:
        self.queries: list[str] = []

    def score(self, query: Query, nodes: Sequence[Node], *, progress: object = None) -> Scores:
        self.queries.append(query.text)
        found = next(index for index, node in enumerate(nodes) if node.text.split()[0] in query.text)
        return Scores(tuple(0.8 * (index == found) for index in range(len(nodes))), 0.2)


def test_each_question_has_its_share() -> None:
    nodes = [Node(index, 0, 8, f"{word} it", 2) for index, word in enumerate(["founded", "public", "sold"])]
    scorer = Asked()
    queries = [Query("Who founded Acme and when did it go public?"), Query("Who sold it?")]
    mixed, single = score_questions(scorer, queries, queries, nodes)
    assert scorer.queries == [
        "Who founded Acme and when did it go public?",
        "Who founded Acme",
        "when did it go public?",
        "Who sold it?",
    ]
    assert mixed.nodes == pytest.approx((0.8 * 2 / 3, 0.8 / 3, 0.0))
    assert mixed.instruction == pytest.approx(0.2)
    assert single.nodes == (0.0, 0.0, 0.8)


class Words(ByteTokenizer):
    """Knows some words as tokens, as a draft model's tokenizer does."""

    def encode(self, text: str) -> Any:
        whole = text.strip() in ("when", "does", "depend", "country")
        return SimpleNamespace(ids=[1], ends=[len(text)]) if whole else super().encode(text)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("when does the leese end", "when does the lease end"),
        ("how mcuh is the Depozit?", "how much is the Deposit?"),
        ("expirre and diposit", "expire and deposit"),
        ("depend on the country", "depend on the country"),  # words that the texts lack
        ("the lease", "the lease"),
        ("leesse", "leesse"),  # two letters away
        ("cat", "cat"),
        ("deposits and expired", "deposits and expired"),  # of one stem
        ("mush", "mush"),  # of four letters only an exchange
        ("LeesE is leese", "LeesE is lease"),
        ("id_leese leese2 a.leese", "id_leese leese2 a.leese"),
        ("bank", "bank"),
        ("lumps", "lumps"),  # of two words it might be either
        ("", ""),
    ],
)
def test_words_are_spelled_as_the_texts_spell_them(text: str, spelled: str) -> None:
    context = [
        "The lease may expire. The deposit: how much is it?",
        "A county has a lake. Her lamps and limps.",
    ]
    nodes = [Node(index, 0, len(own), own, 9) for index, own in enumerate(context)]
    assert respelled(Query(text), nodes, Words()).text == spelled


def test_a_misspelt_query_is_read_both_ways() -> None:
    scorer = Asked()
    nodes = [Node(index, 0, 8, f"{word} it", 2) for index, word in enumerate(["founded", "public"])]
    (found,) = score_questions(scorer, [Query("Who public fuonded it?")], [Query("Who public founded it?")], nodes)
    assert scorer.queries == ["Who public fuonded it?", "Who public founded it?"]
    assert found.nodes == pytest.approx((0.4, 0.4))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Summarize this document.", True),
        ("Give me a summary of the agreement with all its main points.", True),
        ("tl;dr", True),
        ("What are the key points of the whole meeting?", True),
        ("Summarize the discussion about the remote's price.", False),
        ("Which summary did Ann write?", False),
        ("What does the document say?", False),
        ("", False),
    ],
)
def test_a_summary_is_wanted(text: str, wanted: bool) -> None:
    assert wants_overview(Query(text)) is wanted


def test_a_summary_has_the_numbers_and_names() -> None:
    told = ["The rent is 940 EUR a month.", "The flat was let by Ada Marsh on 3 May 2026."]
    filler = ["The stairs are cleaned by turns, as is said.", "The record is made and signed by both of them."]
    texts = [filler[0], told[0], filler[1], told[1]]
    compressor = Compressor(WordScorer(), ByteTokenizer(), settings=Settings(method="longattncomp", model="none"))
    kept = compressor.compress("Summarize this text.", texts, token_budget=100)
    assert [document.text for document in kept.documents] == told

"""Texts that repeat the query count for little, and answers beside it for what they are."""

from __future__ import annotations

import pytest
import regex

from longattncomp import Compressor, Document, Query
from longattncomp.chunking.nodes import chunk
from longattncomp.scorers.bm25 import BM25Scorer
from longattncomp.scorers.echoes import novelty, without_echoes
from longattncomp.scorers.wording import priority
from longattncomp.settings import Settings
from longattncomp.testing import ByteTokenizer, WordScorer
from longattncomp.types import Encoding, Node, Scores

ASKED = "Which Canadian rock band released the album Counterparts in 1993?"
EVIDENCE = "Counterparts is the fifteenth album by the Canadian rock band Rush, released in 1993."


class WordTokenizer(ByteTokenizer):
    """One token for a word, a mark and a run of spaces."""

    def encode(self, text: str) -> Encoding:
        ends = [match.end() for match in regex.finditer(r"\w+|\s+|.", text)]
        return Encoding([1] * len(ends), ends)

    def count(self, text: str) -> int:
        return len(self.encode(text).ids)


def nodes_of(*texts: str) -> list[Node]:
    return list(chunk([Document(text) for text in texts], WordTokenizer(), node_tokens=32, token_budget=300))


def worth(query: str, *texts: str) -> list[float]:
    return novelty(Query(query), nodes_of(*texts))


@pytest.mark.parametrize(
    "text",
    [
        ASKED,
        ASKED.upper(),
        ASKED.rstrip("?"),
        f"Question: {ASKED}",
        f"“{ASKED}”",
        "So, which Canadian rock band released the album Counterparts in 1993?",
        "Canadian rock band released the album Counterparts in 1993?",
        "Which Canadian rock band has released the album Counterparts in 1993?",
        "Which Canadian rock group released the album Counterparts in 1993?",
        ASKED.replace(" ", "\n"),
        " ".join([ASKED] * 7),
        f"{ASKED}\n\n{ASKED}\n\n# {ASKED}\n",
    ],
)
def test_near_copies_are_worth_little(text: str) -> None:
    assert max(worth(ASKED, text)) < 0.25
    assert worth(ASKED, text, EVIDENCE)[-1] == 1


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (ASKED, EVIDENCE),
        ("Is Paris the capital of France?", "Paris is the capital of France."),
        ("Are the Laleli Mosque and Esma Sultan Mansion in the same street?",
         "The Laleli Mosque and Esma Sultan Mansion are in the same street."),
        ("Who signed the lease?", "Ada Marsh signed the lease."),
        ("Who signed the lease?", "Who signed the lease? Ada Marsh did, on the last day of May in 1987."),
        ("Which came first, the roof or the wall?", "The roof came first."),
        ("lease end", "The lease end is in May."),
        ("The lease was signed by Ada Marsh.", "The lease was signed by Ada Marsh."),
        ("What is the rent?", "What is the notice period? Three months."),
    ],
)  # fmt: skip
def test_answers_keep_their_worth(query: str, text: str) -> None:
    assert min(worth(query, text)) == 1


@pytest.mark.parametrize(
    ("query", "copy"),
    [
        ("谁签署了这份租约？", "问题：谁签署了这份租约"),
        ("賃貸契約に署名したのは誰ですか？", "賃貸契約に署名したのは誰ですか"),
        ("¿Quién firmó el contrato de alquiler?", "QUIÉN FIRMÓ EL CONTRATO DE ALQUILER"),
        ("من وقع عقد الإيجار؟", "من وقع عقد الإيجار؟"),
        ("Summarize what the board said about the roof", "summarize what the board said about the roof"),
    ],
)
def test_other_languages_and_requests(query: str, copy: str) -> None:
    assert max(worth(query, copy)) < 0.35
    assert worth(query, "Ada Marsh 12 租 賃 عقد") == [1]


@pytest.mark.parametrize(
    "text",
    [
        "Q: {}\nA: Rush.\n\nQ: Who drums?\nA: Peart.\n",
        "{}\nRush.\n",
        "## {}\n\nRush.\n\n## Who drums?\n\nPeart.\n",
        "{} — Rush",
    ],
)
def test_a_question_beside_its_answer_keeps_a_part(text: str) -> None:
    nodes = nodes_of(text.format(ASKED))
    (holding,) = (index for index, node in enumerate(nodes) if "Rush" in node.text)

    assert novelty(Query(ASKED), nodes)[holding] >= 0.25


@pytest.mark.parametrize("answer", ["the roof", "The roof.", "no"])
def test_an_answer_in_the_words_of_the_question_is_one(answer: str) -> None:
    asked = "Which part of the old house was built first, the roof or the wall?"

    assert worth(asked, f"{asked}\n{answer}")[0] == 0.25
    assert worth(asked, f"{asked}\n") == [0.001]


def test_a_heading_that_is_the_query_stays_with_its_answer() -> None:
    answer = (
        "It was Rush, who recorded it in Quebec with the producer of their first records, over a year of work. " * 2
    )
    text = f"# Questions\n\n## {ASKED}\n\n{answer}\n\n## Who drums?\n\n{answer.replace('Rush', 'Peart')}\n"
    compressor = Compressor(WordScorer(), WordTokenizer(), settings=Settings(token_budget=80, context_weight=0.0))

    found = compressor.compress(ASKED, [text, "Rain falls on the roof of the house. " * 20])

    assert ASKED in found.text
    assert "It was Rush" in found.text


def test_a_copy_in_two_nodes_is_one() -> None:
    nodes = list(chunk([Document(ASKED)], WordTokenizer(), node_tokens=8, token_budget=16))

    assert len(nodes) > 1
    assert max(novelty(Query(ASKED), nodes)) == 0.001


def test_what_a_copy_loses_goes_to_all_others_and_the_instruction() -> None:
    nodes = nodes_of(ASKED, EVIDENCE, "Rain falls.")

    found = without_echoes(Scores((0.8, 0.1, 0.02), 0.08), novelty(Query(ASKED), nodes))

    assert found.nodes == pytest.approx((0, 0.5, 0.1), abs=0.005)
    assert found.instruction == pytest.approx(0.4, abs=0.005)


def test_scores_stay_where_nothing_repeats_or_nothing_else_has_mass() -> None:
    scores = Scores((0.5, 0.5), 0.0)

    assert without_echoes(scores, novelty(Query(ASKED), nodes_of(EVIDENCE, "Rain falls."))) is scores
    assert without_echoes(scores, novelty(Query(ASKED), nodes_of(ASKED, ASKED))).nodes == pytest.approx(scores.nodes)
    assert without_echoes(Scores((), 1.0), novelty(Query(ASKED), [])) == Scores((), 1.0)


def test_published_methods_keep_their_formulas() -> None:
    for name in ("attncomp", "speculative"):
        compressor = Compressor(WordScorer(), WordTokenizer(), settings=Settings(method=name, token_budget=400))
        found = compressor.compress(ASKED, [ASKED, EVIDENCE])

        assert found.scores == WordScorer().score(Query(ASKED), found.all_nodes).nodes
        assert found.scores[0] > 0.3


def test_copies_do_not_rank_higher_for_their_words_and_numbers() -> None:
    """Nor do many of them make a name of the query too frequent to count."""
    nodes = nodes_of(*[ASKED] * 5, "Rain falls on the roof.", EVIDENCE)

    found = priority(Query(ASKED), nodes, Scores((0.1,) * len(nodes), 0.3), novelty(Query(ASKED), nodes))

    assert found.lifts == [1.0] * 6 + [3.0]
    assert max(range(len(nodes)), key=found.words.__getitem__) == 6


@pytest.mark.parametrize("method", ["bm25", "longattncomp"])
def test_a_result_keeps_the_evidence_instead_of_copies(method: str) -> None:
    scorer = BM25Scorer() if method == "bm25" else WordScorer()
    settings = Settings(method=method, token_budget=40, context_weight=0.0)
    compressor = Compressor(scorer, WordTokenizer(), settings=settings)

    found = compressor.compress(ASKED, [*[ASKED] * 4, EVIDENCE, *[f"Rain falls on roof {n}." for n in range(30)]])

    assert EVIDENCE in found.text
    assert sum(node.score for node in found.all_nodes if node.document < 4) < 0.01


@pytest.mark.parametrize("form", ["{}:\n  limit: {}\n", '"{}": {{\n  "limit": {}\n}},\n', "[{}]\nlimit = {}\n"])
def test_the_section_whose_key_is_asked_for_ranks_higher(form: str) -> None:
    """So does what it leads in; a key of many sections, as `limit`, tells nothing."""
    names = ("search", "billing", "mailer", "export", "thumbs")
    nodes = nodes_of(*(form.format(name, number) for number, name in enumerate(names)))
    query = Query("What is the limit of Billing?")

    found = priority(query, nodes, Scores((0.4, 0.05, 0.05, 0.05, 0.05), 0.4), novelty(query, nodes))

    assert found.lifts == [1.0, 3.0, 1.0, 1.0, 1.0]

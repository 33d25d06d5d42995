"""BM25 and the three baselines: what they score, and that no text breaks them."""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longattncomp.errors import InputError
from longattncomp.scorers import bm25
from longattncomp.scorers.baselines import FirstTokensScorer, LastTokensScorer, RandomScorer
from longattncomp.scorers.bm25 import BM25Scorer
from longattncomp.types import Node, Query, Scorer

SCORERS: list[Scorer] = [BM25Scorer(), RandomScorer(), FirstTokensScorer(), LastTokensScorer()]


def nodes_of(*texts: str) -> list[Node]:
    return [
        Node(index, 0, len(text), text, len(text.encode("utf-8", "surrogatepass"))) for index, text in enumerate(texts)
    ]


def shares(query: str, *texts: str, scorer: Scorer = SCORERS[0]) -> tuple[float, ...]:
    return scorer.score(Query(query), nodes_of(*texts)).nodes


def best(query: str, *texts: str) -> int:
    found = shares(query, *texts)
    assert found.count(max(found)) == 1
    return found.index(max(found))


@pytest.mark.parametrize("scorer", SCORERS)
@settings(max_examples=60)
@given(query=st.text(max_size=30), texts=st.lists(st.text(max_size=60), max_size=6))
def test_any_text_gives_shares_that_sum_to_one(scorer: Scorer, query: str, texts: list[str]) -> None:
    scores = scorer.score(Query(query), nodes_of(*texts))
    assert len(scores.nodes) == len(texts)
    assert scores.instruction == (0.0 if texts else 1.0)
    assert math.fsum(scores.nodes) + scores.instruction == pytest.approx(1, abs=1e-6)
    assert all(0 <= share <= 1 for share in scores.nodes)


def test_bm25_by_hand() -> None:
    # Lucene: idf = ln(1 + (N - df + 0.5) / (df + 0.5)); tf / (tf + k1 * (1 - b + b * length / mean))
    texts = ("zebra cow", "zebra zebra dog hen", "dog hen cow pig dog hen")
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    raw = [
        idf * 1 / (1 + 1.5 * (0.25 + 0.75 * 2 / 4)),
        idf * 2 / (2 + 1.5 * (0.25 + 0.75 * 4 / 4)),
        0.0,
    ]
    assert shares("zebra", *texts) == pytest.approx([value / sum(raw) for value in raw], abs=1e-6)


def test_k1_and_b_are_used() -> None:
    texts = ("zebra " * 9, "zebra " + "hen " * 8, "hen")
    assert shares("zebra", *texts, scorer=BM25Scorer(k1=0)) == pytest.approx((0.5, 0.5, 0), abs=1e-6)
    short, long = shares("zebra", "zebra", "zebra hen cow", scorer=BM25Scorer(b=0))
    assert short == pytest.approx(long)


@pytest.mark.parametrize("options", [{"k1": -1}, {"b": 1.1}, {"b": -0.1}, {"k1": math.nan}])
def test_parameters_are_checked(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        BM25Scorer(**options)


@pytest.mark.parametrize("query", ["", "?!", "unicorn", "🦄"])
def test_uniform_where_nothing_matches(query: str) -> None:
    assert shares(query, "a cow", "", "...", "hens") == (0.25,) * 4


def test_nodes_without_a_word_get_nothing() -> None:
    assert shares("cow", "", "…", "cow") == (0, 0, 1)
    assert shares("cow", "cow") == (1,)
    assert shares("cow", "") == (1,)


@pytest.mark.parametrize(
    ("query", "right", "wrong"),
    [
        ("Who SIGNED it?", "they signed", "they sing"),
        ("signing leases", "the lease was signed", "the letter was sent"),
        ("running", "a long run", "a long ruin"),
        ("vitamin D", "D is made by the sun", "C is found in lemons"),
        ("where is parse_header set", "def parse_header(line):", "def read_body(line):"),
        ("header parsing", "def parse_header(line):", "def read_body(line):"),
        ("parseHeader", "parse the header", "read the body"),
        ("what does HTTPServer do", "class HTTPServer:", "class Socket:"),
        ("http", "class HTTPServer:", "class Socket:"),
        ("os.path.join", "os.path.join(a, b)", "os.path.split(a)"),
        ("join", "os.path.join(a, b)", "os.path.split(a)"),
        ("北京大学", "他在北京大学读书。", "大人在东京学北方话。"),
        ("データベース", "このデータベースは速い", "このベースの音はいい"),
        ("학교", "학교는 멀다", "집은 멀다"),
        ("โรงเรียน", "ฉันไปโรงเรียน", "ฉันกินข้าว"),
        ("हिन्दी", "हिन्दी भाषा", "हिन्द महासागर"),
        ("CAFÉ", "a cafe\u0301 nearby", "a caf nearby"),
        ("ＡＢＣ１２３", "abc123", "abd123"),
    ],
)
def test_finds(query: str, right: str, wrong: str) -> None:
    assert best(query, wrong, right) == 1


def test_stop_words_count_only_alone() -> None:
    assert shares("the cow", "the the the the", "cow") == (0, 1)
    assert best("What is it about?", "cows", "what it is about") == 1


def test_a_query_word_counts_once() -> None:
    texts = ("cow", "hen", "pig")
    assert shares("cow cow cow hen", *texts) == shares("hen cow", *texts)


def test_progress_is_told_the_end() -> None:
    seen: list[tuple[int, int]] = []
    BM25Scorer().score(Query("cow"), nodes_of("cow", "hens"), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(7, 7)]


def test_says_nothing(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        shares("cow", "cow", "hen")
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


@pytest.mark.parametrize(
    "blob", ["a" * 300_000, "a_" * 150_000, "aA" * 150_000, "é" * 300_000, "." * 300_000, "字" * 200_000]
)
def test_one_endless_word(blob: str) -> None:
    """A pattern that backtracks would not come back from these."""
    assert shares("cow", blob, "cow") == (0, 1)


@pytest.mark.parametrize("scorer", SCORERS)
def test_five_thousand_nodes(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"word{index % 997}" for index in range(120 * 5000)]
    nodes = nodes_of(*(" ".join(words[start : start + 120]) for start in range(0, len(words), 120)))
    terms = bm25._terms
    split: list[str] = []
    monkeypatch.setattr(bm25, "_terms", lambda word: split.append(word) or terms(word))

    assert len(scorer.score(Query("word5 word11"), nodes).nodes) == 5000

    assert len(split) == (997 + 2 if scorer is SCORERS[0] else 0)  # each word of the nodes once, and the query's


def test_first_and_last_go_by_position() -> None:
    assert shares("cow", "x", "y", "z", scorer=FirstTokensScorer()) == pytest.approx((3 / 6, 2 / 6, 1 / 6))
    assert shares("cow", "x", "y", "z", scorer=LastTokensScorer()) == pytest.approx((1 / 6, 2 / 6, 3 / 6))


def test_random_depends_on_seed_query_and_nodes_only() -> None:
    def draw(seed: int = 0, query: str = "q", texts: Sequence[str] = ("a", "b", "c")) -> tuple[float, ...]:
        return shares(query, *texts, scorer=RandomScorer(seed))

    # Written down, so that another process must draw the same.
    assert draw() == pytest.approx((0.241421022, 0.260171154, 0.498407824))
    assert len({draw(), draw(seed=1), draw(query="r"), draw(texts=("a", "b", "d"))}) == 4
    assert all(share > 0 for share in draw())


@pytest.mark.slow
def test_no_draft_model_is_located_or_loaded(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["torch"] = sys.modules["transformers"] = None  # an import fails
from longattncomp import Compressor
from longattncomp.backbone import locate
locate.locate = locate.package_file = None  # a call fails
documents = ["The flat is on the third floor.", "Ada Marsh signed the lease in May.", "The roof was mended in 1987."]
print(Compressor.from_pretrained(method="bm25").compress("Who signed the lease?", documents, token_budget=12).text)
"""
    run = [sys.executable, "-c", code]
    environment = os.environ | {"LONGATTNCOMP_MODEL_DIR": str(tmp_path / "models")}
    ran = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert ran.stdout == "Ada Marsh signed the lease in May.\n", ran.stderr
    assert not (tmp_path / "models").exists()

"""What every scorer promises. Each scorer in `SCORERS` is held to all of it; each method of `METHODS` is in it."""

from __future__ import annotations

import contextlib
import copy
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.chunking.nodes import chunk
from longattncomp.scorers.baselines import FirstTokensScorer, RandomScorer
from longattncomp.scorers.bm25 import BM25Scorer
from longattncomp.scorers.embedding import INSTALL
from longattncomp.scorers.fusion import FusionScorer
from longattncomp.scorers.methods import METHODS
from longattncomp.settings import Settings
from longattncomp.types import ContextEncoding, Document, Node, Query, QueryPlace, Scorer, Scores

PEERS = (
    pytest.mark.model,
    pytest.mark.skipif(not (find_spec("sentence_transformers") and find_spec("all_minilm_l6_v2")), reason=INSTALL),
)
SEGMENT = 128  # tokens
PLENTY = 10**9  # bytes


@dataclass(frozen=True)
class Entry:
    """One scorer of the list.

    Attributes:
        name: shown by pytest.
        make: opens it on a draft model's folder.
        reads: whether a node's text alone decides its share, so that order does not matter.
        keeps: whether a cache holds what was read, so that a second score adds up in another order.
        method: the name in `METHODS` that `make` opens, if any.
        marks: of all its tests.
    """

    name: str
    make: Callable[[Path], Scorer]
    reads: bool
    keeps: bool = False
    method: str | None = None
    marks: tuple[pytest.MarkDecorator, ...] = ()


def method(name: str, *, reads: bool, keeps: bool = False, marks: tuple[pytest.MarkDecorator, ...] = ()) -> Entry:
    """The scorer that a method of `METHODS` opens, with untrained heads where it has heads."""

    def make(folder: Path) -> Scorer:
        from longattncomp.scorers.opening import open_scorer

        options: dict[str, Any] = {"method": name, "model": str(folder), "device": "cpu", "dtype": "float32"}
        if METHODS[name].heads:
            from heads import saved_heads

            options |= {"head": saved_heads(folder)}
        return open_scorer(Settings(**options))[0]

    return Entry(name, make, reads, keeps, name, marks)


def cross_attention(
    place: QueryPlace, encoding: ContextEncoding = "segmented", *, most_bytes: int | None = None
) -> Callable[[Path], Scorer]:
    def make(folder: Path) -> Scorer:
        from heads import head_for

        from longattncomp.backbone.forward import Backbone
        from longattncomp.scorers.cross_attention.key_cache import KeyCache
        from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer

        backbone = Backbone.open(folder, 2, device="cpu", dtype="float32")
        return CrossAttentionScorer(
            backbone,
            head_for(backbone, place, encoding=encoding, segment_tokens=SEGMENT),
            DraftTokenizer.from_folder(folder),
            cache=None if most_bytes is None else KeyCache(most_bytes),
        )

    return make


def cascade(folder: Path) -> Scorer:
    from longattncomp.scorers.cross_attention.cascade import CascadeScorer

    return CascadeScorer(*(cross_attention(place)(folder) for place in ("alone", "after")))


def asked_again(once: Callable[[Path], Scorer]) -> Callable[[Path], Scorer]:
    def make(folder: Path) -> Scorer:
        from longattncomp.scorers.cross_attention.feedback import FeedbackScorer

        return FeedbackScorer(once(folder), 0.5)

    return make


SCORERS = [
    method("longattncomp", reads=True, keeps=True),
    method("longattncomp-alone", reads=True, keeps=True),
    method("longattncomp-cascade", reads=True, keeps=True),
    method("attncomp", reads=True, keeps=True),
    method("speculative", reads=False),
    method("bm25", reads=True),
    method("bm25-near", reads=True),
    method("minilm", reads=True, marks=PEERS),
    method("rrf", reads=True, marks=PEERS),
    method("random", reads=False),
    method("first", reads=False),
    method("last", reads=False),
    Entry("after, no cache", cross_attention("after"), reads=True),
    Entry("after, small cache", cross_attention("after", most_bytes=200_000), reads=True, keeps=True),
    Entry("alone, no cache", cross_attention("alone"), reads=True),
    Entry("causal, no cache", cross_attention("after", "causal"), reads=False),
    Entry("causal", cross_attention("after", "causal", most_bytes=PLENTY), reads=False, keeps=True),
    Entry("cascade, no cache", cascade, reads=True),
    Entry("after asked twice, no cache", asked_again(cross_attention("after")), reads=True),
    Entry("alone asked twice", asked_again(cross_attention("alone", most_bytes=PLENTY)), reads=True, keeps=True),
    Entry("cascade asked twice, no cache", asked_again(cascade), reads=True),
    Entry("fusion", lambda _: FusionScorer((BM25Scorer(), BM25Scorer(b=0))), reads=True),
    Entry(
        "fusion of all kinds", lambda _: FusionScorer((FirstTokensScorer(), BM25Scorer(), RandomScorer())), reads=False
    ),
]
UNLIKE = ("after, no cache", "longattncomp-alone", "cascade, no cache", "causal, no cache", "speculative", "bm25")
"""Scorers that treat text in different ways; the unusual texts go through these."""
QUERY = Query("Who signed the lease?")
TEXTS = [
    "Ms. Ivory signed the lease on 3 May. The rent is due on Fridays.\n\nNobody paid it. " * 3,
    "def rent(month: int) -> float:\n    return 12.5 * month\n" * 4,
    "ok",
    "The garden has a wall, two gates and a pear tree. " * 5,
]
UNUSUAL = {
    "Chinese": "租约由王女士签署。租金每月支付。",
    "Japanese": "契約書に署名したのは大江さんです。",
    "Thai": "ใครเป็นผู้ลงนามในสัญญาเช่า",
    "emoji": "👩‍👩‍👧‍👦🇨🇭 signed 🖊️ the 🏠 lease 👍🏽",
    "combining": "Z̷̢̛a̸͝l̴͘g̶o e\u0301 signed",
    "NUL": "signed\0the\0lease\0",
    "lone surrogate": "signed \ud83d the lease \udc00",
    "whitespace": " \t\r\n\u2003\u3000 \n",
    "zero width": "\u200b\u200d\ufeff\u2060",
    "right to left": "מי חתם على العقد\u202e?",
    "special tokens": "<|endoftext|><|im_start|>system\n</s>[PAD]",
    "one letter": "a",
    "punctuation": "?!…,;:—()[]{}<>«»",
}


def listed(entries: Iterable[Entry]) -> list[Any]:
    return [pytest.param(entry, id=entry.name, marks=entry.marks) for entry in entries]


unlike = pytest.mark.parametrize("entry", listed(entry for entry in SCORERS if entry.name in UNLIKE), indirect=True)


def test_the_list_has_every_method() -> None:
    assert {entry.method for entry in SCORERS} - {None} == set(METHODS)
    assert {entry.name for entry in SCORERS} >= set(UNLIKE)


@pytest.fixture(autouse=True)
def _few_tokens_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a cascade would look at all of these texts, and be nothing but what looks at them."""
    monkeypatch.setattr("longattncomp.scorers.cross_attention.cascade.LEAST", 300)


@pytest.fixture(scope="module", params=listed(SCORERS))
def entry(request: pytest.FixtureRequest) -> Entry:
    return request.param


@pytest.fixture(scope="module")
def scorer(entry: Entry, toy_folder: Path) -> Scorer:
    return entry.make(toy_folder)


@pytest.fixture(scope="module")
def tokenizer(toy_folder: Path) -> DraftTokenizer:
    return DraftTokenizer.from_folder(toy_folder)


@pytest.fixture(scope="module")
def nodes(tokenizer: DraftTokenizer) -> list[Node]:
    return chunk([Document(text) for text in TEXTS], tokenizer, node_tokens=40)


def assert_again(entry: Entry, found: Scores, expected: Scores) -> None:
    """The same; in other bits, where keys that were kept are added up in another order than those just read.

    Keys are rounded to 8 bits before they are used, read or kept, so no more than the order differs. Only
    a number that lies between two of the 256, and was read again in another batch, may go the other way.
    """
    if entry.keeps:
        assert_near(found, expected)
    else:
        assert found == expected


def assert_near(found: Scores, expected: Scores) -> None:
    assert found.nodes == pytest.approx(expected.nodes, rel=1e-4, abs=1e-7)
    assert found.instruction == pytest.approx(expected.instruction, rel=1e-4, abs=1e-7)


def assert_shares(found: Scores, count: int) -> None:
    assert isinstance(found, Scores)
    assert isinstance(found.nodes, tuple)
    assert len(found.nodes) == count
    for share in (found.instruction, *found.nodes):
        assert type(share) is float  # no numpy or torch scalar crosses the seam
        assert 0 <= share <= 1  # false for NaN
    assert found.instruction + sum(found.nodes) == pytest.approx(1, abs=1e-4)


def test_every_node_has_its_share(scorer: Scorer, nodes: list[Node]) -> None:
    assert len(nodes) > 10

    found = scorer.score(QUERY, nodes)

    assert_shares(found, len(nodes))
    assert len(set(found.nodes)) > 1


def test_no_nodes_leave_all_to_the_instruction(scorer: Scorer) -> None:
    assert scorer.score(QUERY, []) == scorer.score(QUERY, ()) == Scores((), 1.0)


def test_one_node(scorer: Scorer, nodes: list[Node]) -> None:
    assert_shares(scorer.score(QUERY, nodes[:1]), 1)
    assert_shares(scorer.score(QUERY, nodes[5:6]), 1)  # starts in the middle of its document


def test_many_small_documents(scorer: Scorer, tokenizer: DraftTokenizer) -> None:
    nodes = chunk([Document(f"{number} leases") for number in range(100)], tokenizer)

    assert_shares(scorer.score(QUERY, nodes), 100)


def test_nodes_left_out_leave_gaps(scorer: Scorer, nodes: list[Node]) -> None:
    """As when a caller pins some: the others are scored without them."""
    assert_shares(scorer.score(QUERY, nodes[::2]), len(nodes[::2]))


def test_a_node_longer_than_a_segment(scorer: Scorer, tokenizer: DraftTokenizer) -> None:
    documents = [Document("The tenant signed. " * 30), Document("x" * 300), Document("end")]
    nodes = chunk(documents, tokenizer, node_tokens="document")
    assert [node.tokens for node in nodes] == [570, 300, 3]

    found = scorer.score(QUERY, nodes)

    assert_shares(found, 3)


@pytest.mark.parametrize("entry", listed(entry for entry in SCORERS if entry.reads), indirect=True)
def test_scores_follow_the_nodes(scorer: Scorer, tokenizer: DraftTokenizer) -> None:
    texts = [f"{word} {'was here and there, ' * 5}" for word in ("Lease", "Tree", "Signed", "Rent", "Who", "Ninety")]
    # Each fills more than half a segment, so that each has its own.
    nodes = chunk([Document(text) for text in texts], tokenizer, node_tokens="document")
    assert all(SEGMENT / 2 < node.tokens <= SEGMENT for node in nodes)
    order = [4, 2, 0, 5, 1, 3]

    found = scorer.score(QUERY, nodes)
    shuffled = scorer.score(QUERY, [nodes[index] for index in order])

    assert shuffled.nodes == pytest.approx([found.nodes[index] for index in order], abs=1e-5)
    assert shuffled.instruction == pytest.approx(found.instruction, abs=1e-5)
    assert found.nodes != pytest.approx(shuffled.nodes, abs=1e-5)


def test_same_again(entry: Entry, scorer: Scorer, nodes: list[Node], toy_folder: Path) -> None:
    found = scorer.score(QUERY, nodes)

    scorer.score(Query("Where is the pear tree?"), nodes[:3])  # leaves nothing behind
    assert_again(entry, scorer.score(QUERY, nodes), found)
    assert_again(entry, scorer.score(QUERY, tuple(nodes)), found)
    assert_again(entry, entry.make(toy_folder).score(QUERY, nodes), found)


def test_inputs_are_left_as_they_are(scorer: Scorer, nodes: list[Node]) -> None:
    query, given = copy.deepcopy(QUERY), copy.deepcopy(nodes)

    scorer.score(query, given)

    assert query == QUERY
    assert given == nodes


def test_progress_grows_to_the_total(entry: Entry, scorer: Scorer, nodes: list[Node]) -> None:
    calls: list[tuple[int, int]] = []

    found = scorer.score(QUERY, nodes, progress=lambda done, total: calls.append((done, total)))

    assert_again(entry, found, scorer.score(QUERY, nodes))
    if calls:
        done, totals = zip(*calls, strict=True)
        assert list(done) == sorted(set(done))
        assert done[0] > 0
        assert set(totals) == {done[-1]}
        assert done[-1] >= sum(node.tokens for node in nodes)


def test_an_error_in_progress_reaches_the_caller(entry: Entry, scorer: Scorer, nodes: list[Node]) -> None:
    """How a caller stops a long read; the scorer works on afterwards."""
    expected = scorer.score(QUERY, nodes)

    called: list[int] = []

    def stop(done: int, total: int) -> None:
        called.append(done)
        raise InterruptedError

    with contextlib.suppress(InterruptedError):
        scorer.score(QUERY, nodes, progress=stop)
        assert not called

    assert len(called) <= 1
    assert_again(entry, scorer.score(QUERY, nodes), expected)


@unlike
@pytest.mark.parametrize("text", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_documents(scorer: Scorer, tokenizer: DraftTokenizer, text: str) -> None:
    documents = [Document(text), Document("Ms. Ivory signed the lease."), Document(text * 12)]
    nodes = chunk(documents, tokenizer, node_tokens=40)

    assert_shares(scorer.score(QUERY, nodes), len(nodes))
    assert_shares(scorer.score(QUERY, nodes[:1]), 1)


@unlike
@pytest.mark.parametrize("text", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_queries(scorer: Scorer, tokenizer: DraftTokenizer, nodes: list[Node], text: str) -> None:
    odd = chunk([Document(text)], tokenizer, node_tokens=40)

    assert_shares(scorer.score(Query(text), nodes), len(nodes))
    assert_shares(scorer.score(Query(text), odd), len(odd))


def test_threads_share_a_scorer(scorer: Scorer, nodes: list[Node]) -> None:
    """On some processors a product's last bits depend on what else is in the batch."""
    queries = [Query(text) for text in ("Who signed?", "Where is the pear tree?", "rent(month)", "lease")]
    expected = [scorer.score(query, nodes) for query in queries]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda query: scorer.score(query, nodes), queries * 3))

    for one, other in zip(found, expected * 3, strict=True):
        assert_near(one, other)


def test_hash_seeds_do_not_matter() -> None:
    """Python salts `hash` anew in every process."""
    script = (
        "from longattncomp.scorers.baselines import RandomScorer\n"
        "from longattncomp.scorers.bm25 import BM25Scorer\n"
        "from longattncomp.types import Node, Query\n"
        "texts = ['the lease was signed', 'signed by whom, and why', '租约由王女士签署', 'no']\n"
        "nodes = [Node(i, 0, len(t), t, len(t)) for i, t in enumerate(texts)]\n"
        "for scorer in (RandomScorer(), BM25Scorer()):\n"
        "    print(scorer.score(Query('Who signed the lease? 王女士'), nodes))\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(printed) == 1
    assert b"Scores" in printed.pop()

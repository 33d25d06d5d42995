"""What holds for every result, whatever the documents, scores and settings."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from itertools import pairwise, permutations
from typing import Any

import pytest
import regex
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from longattncomp import Compressed, Compressor, Document, Node, Query, Scores, Settings
from longattncomp.chunking.lead_ins import LeadIns
from longattncomp.chunking.nodes import chunk
from longattncomp.chunking.outline import RECORD_TOKENS
from longattncomp.errors import BudgetError
from longattncomp.scorers.methods import METHODS, Method
from longattncomp.testing import ByteTokenizer
from longattncomp.types import Pin, Progress, Span

BYTES = ByteTokenizer()
THOROUGH = settings(suppress_health_check=[HealthCheck.too_slow])
OF_METHOD = ("node_boundary", "min_score", "surroundings")

PROSE = ("Ada signed the lease. ", "Who else? ", "No one … ", "“Never!” she said. ", "word ", "a", " ", "x" * 40)
LINES = ("\n", "\n\n", "\r\n", "\r\n\r\n", "\r", " \n\t\n", "\u2028", "\x0b")
CODE = ("def f(x):\n    return x\n", "  # no\r\n", "a = b;\n", "<|im_end|>", "{}[]", "[...]", "\x00", "\ufeff")
SCRIPTS = (
    "租约由王芳签署。", "彼は「はい」と言った。", "नमस्ते क्षि", "각각", "กำนี้", "السلام؟ ", "Ünïcödé ",
    "👨‍👩‍👧‍👦", "🇩🇪", "🇫🇷🇯🇵", "👍🏽", "e\u0301", "a\u0323\u0302", "\u0301", "\u200d", "﷽",
)  # fmt: skip
PIECES = PROSE + LINES + CODE + SCRIPTS


# What counts the budget. Only the first three add up over joined texts.


def words(text: str) -> int:
    return len(text.split())


def overcount(text: str) -> int:
    """One more for every join after a line end or a full stop: wholes have more than their parts."""
    return len(text) + 2 * len(re.findall(r"(?<=[\n.\]])\S", text)) + len(text) // 16


def undercount(text: str) -> int:
    """Runs of up to five letters: wholes have fewer than their parts."""
    return len(re.findall(r"\w{1,5}|\W{1,3}", text))


COUNTERS: dict[str, Callable[[str], int] | None] = {
    "bytes": None, "characters": len, "words": words, "overcount": overcount, "undercount": undercount,
}  # fmt: skip


# What scores.


@dataclass(frozen=True)
class Shares:
    """Shares of the mass drawn from a seed, without a look at the text."""

    kind: str
    seed: int

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        draw = random.Random(self.seed)
        weights = {
            "random": lambda: draw.random(),
            "spiky": lambda: draw.random() ** 20,
            "ties": lambda: float(draw.randrange(3)),
            "equal": lambda: 1.0,
            "zeros": lambda: 0.0,
        }
        shares = [weights[self.kind]() for _ in nodes]
        instruction = draw.choice([0.0, 0.1, 1.0]) if sum(shares) else 1.0
        total = sum(shares) + instruction
        return Scores(tuple(share / total for share in shares), instruction / total)


SHARES = st.builds(
    Shares, st.sampled_from(["random", "spiky", "ties", "equal", "zeros"]), st.integers(0, 2**16)
)  # fmt: skip


# What is compressed.


@dataclass(frozen=True)
class Case:
    """One call of `compress`."""

    documents: tuple[Document, ...]
    query: str
    options: dict[str, Any]
    counter: str
    scorer: Shares
    pins: tuple[Pin, ...] = ()
    allow_empty: bool = False

    @property
    def method(self) -> Method:
        """What no setting says: where nodes end, and which of them are left out or raised."""
        return replace(METHODS["longattncomp"], **{name: self.options[name] for name in OF_METHOD})

    @property
    def compressor(self) -> Compressor:
        return Compressor(
            self.scorer, BYTES, settings=Settings(), target_tokenizer=COUNTERS[self.counter], method=self.method
        )

    @property
    def settings(self) -> dict[str, Any]:
        """What a call of `compress` takes by the name of a setting."""
        return {name: value for name, value in self.options.items() if name not in OF_METHOD}

    def compress(self, compressor: Compressor | None = None) -> Compressed:
        return (compressor or self.compressor).compress(
            self.query, self.documents, pins=self.pins, allow_empty=self.allow_empty, **self.settings
        )


TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.lists(st.sampled_from(PROSE + LINES), max_size=60).map("".join),
    st.lists(st.sampled_from(SCRIPTS), max_size=30).map("".join),
    st.text(max_size=30),
    st.text(" \n\r\t", max_size=10),
    st.just(""),
)
DOCUMENTS = st.lists(
    st.builds(Document, TEXTS, st.none() | st.just("id") | st.text(max_size=3), st.just({"page": 3})),
    min_size=1,
    max_size=5,
).filter(lambda documents: any(document.text for document in documents))  # fmt: skip
OPTIONS = st.fixed_dictionaries(
    {
        "node_tokens": st.sampled_from([1, 2, 3, 5, 8, 16, 64, 256, "document"]),
        "node_boundary": st.sampled_from(["unit", "exact"]),
        "token_budget": st.one_of(st.integers(1, 12), st.integers(1, 120), st.integers(1, 1500)),
        "top_p": st.sampled_from([0.01, 0.3, 0.5, 0.95, 1.0]),
        "min_score": st.sampled_from([0.0, 0.0, 0.01, 0.2, 1.0]),
        "surroundings": st.sampled_from([0.0, 0.5, 1.0]),
        "context_weight": st.sampled_from([0.0, 0.5, 1.0]),
        "keep_rate": st.sampled_from([1.0, 1.0, 0.5, 0.01]),
        "gap_mark": st.sampled_from(["", " ", "\n[...]\n", "…", "[" + "." * 60 + "]", "\n" * 9]),
        "edge_marks": st.booleans(),
        "lead_ins": st.booleans(),
        "separator": st.sampled_from(["", "\n\n", "\n" + "=" * 40 + "\n", " "]),
        "order": st.sampled_from(["position", "score"]),
    }
)


@st.composite
def cases(draw: st.DrawFn, *, pinned: bool) -> Case:
    documents = tuple(draw(DOCUMENTS))
    pins: list[Pin] = []
    for _ in range(draw(st.integers(1, 3)) if pinned else 0):
        index = draw(st.integers(0, len(documents) - 1))
        length = len(documents[index].text)
        start = draw(st.integers(0, length))
        end = draw(st.integers(start, min(length, start + draw(st.sampled_from([0, 1, 10, 10_000])))))
        pins.append(draw(st.sampled_from([index, (index, start, end), (index, start, end)])))
    return Case(
        documents=documents,
        query=draw(st.sampled_from(["Who signed?", "谁签的？", "?", "🇩🇪\r\n", "\x00 q"])),
        options=draw(OPTIONS),
        counter=draw(st.sampled_from(sorted(COUNTERS))),
        scorer=draw(SHARES),
        pins=tuple(pins),
        allow_empty=draw(st.booleans()),
    )


# What has to hold.


def check(case: Case, result: Compressed, count: Callable[[str], int], *, alone: bool = True) -> None:
    """Every promise about a result that needs no second one.

    Args:
        case: what was asked.
        result: what came.
        count: counts the budget.
        alone: whether a node's tokens are those of its text alone, not of its place in the document.
    """
    documents = case.documents
    assert_tiled(documents, result.all_nodes)
    for node in (*result.all_nodes, *result.nodes):
        assert node.text == documents[node.document].text[node.start : node.end]
        assert node.tokens == count(node.text) or not alone
    assert result.scores == tuple(node.score for node in result.all_nodes)
    assert_kept(result)
    assert_lead_ins(result)
    assert_pinned(case, result)
    assert_rendered(case, result)

    whole = whole_text(case)
    assert result.tokens == count(result.text) <= budget_of(case, count) == result.token_budget
    assert result.original_tokens == count(whole)
    # Another order may have more tokens, and may then not fit although the given one does.
    most = max(result.original_tokens, count(whole_in_order(case, result)))
    assert result.tokens <= most
    if not case.pins:
        assert len(result.text) <= len(whole)
    if most <= result.token_budget:  # then the budget is no reason
        assert "budget" not in {node.reason for node in result.all_nodes}
    if not result.text or not result.nodes:
        assert not result.text
        assert not result.nodes
        assert case.allow_empty
        assert {node.reason for node in result.all_nodes} <= {"top_p", "min_score"}
    for node in result.nodes:  # cut to fit, but not to blanks if a letter fits
        if node.reason == "cut" and not node.text.strip():
            uncut = next(other for other in result.all_nodes if other.reason == "cut")
            ends = (cluster.end() for cluster in regex.finditer(r"\X", uncut.text) if cluster[0].strip())
            end = next(ends, None)
            assert end is None or count(uncut.text[:end]) > result.token_budget


def whole_text(case: Case) -> str:
    return case.options["separator"].join(document.text for document in case.documents if document.text)


def whole_in_order(case: Case, result: Compressed) -> str:
    """All of it as it would stand in the result."""
    texts = {index: document.text for index, document in enumerate(case.documents) if document.text}
    order = sorted(texts, key=rank_of(result)) if case.options["order"] == "score" else texts
    return str(case.options["separator"]).join(texts[index] for index in order)


def rank_of(result: Compressed) -> Callable[[int], tuple[bool, float, int]]:
    """Documents with pinned text, then the best, then the first."""
    pinned = {node.document for node in result.all_nodes if node.reason == "pinned"}
    mass: dict[int, float] = {}
    for node in result.all_nodes:
        mass[node.document] = mass.get(node.document, 0.0) + node.score
    return lambda index: (index not in pinned, -mass[index], index)


def budget_of(case: Case, count: Callable[[str], int]) -> int:
    """The budget, and the share of the whole if that is less."""
    rate = Fraction(str(case.options["keep_rate"]))
    if rate == 1:
        return int(case.options["token_budget"])
    return min(case.options["token_budget"], max(1, int(rate * count(whole_text(case)))))


def assert_tiled(documents: Sequence[Document], nodes: Sequence[Node]) -> None:
    """No character is lost, none stands twice, and no node is empty."""
    pieces: list[list[str]] = [[] for _ in documents]
    position = (0, 0)
    for node in nodes:
        if node.document != position[0]:
            assert node.document > position[0]
            position = (node.document, 0)
        assert position == (node.document, node.start)
        assert node.start < node.end
        position = (node.document, node.end)
        pieces[node.document].append(node.text)
    assert ["".join(parts) for parts in pieces] == [document.text for document in documents]


def assert_kept(result: Compressed) -> None:
    """The kept nodes are those of all nodes whose reason says so, in their order."""
    marked = [node for node in result.all_nodes if node.kept]
    assert len(marked) == len(result.nodes)
    for node, kept in zip(marked, result.nodes, strict=True):
        if kept.reason == "cut":
            assert kept == replace(node, start=kept.start, end=kept.end, text=kept.text, tokens=kept.tokens)
            assert node.start <= kept.start < kept.end <= node.end
            assert kept.end - kept.start < node.end - node.start
        else:
            assert kept == node
    ranges = [(node.document, node.start, node.end) for node in result.nodes]
    assert all(before[0] < after[0] or before[2] <= after[1] for before, after in pairwise(ranges))
    left_out = {node.reason for node in result.all_nodes if not node.kept}
    assert left_out <= {"top_p", "min_score", "budget", "duplicate"}
    if result.stop_reason == "all":
        assert not left_out
        assert all(node.reason != "cut" for node in result.nodes)
    elif result.stop_reason == "budget":
        assert left_out & {"budget", "duplicate"} or any(node.reason == "cut" for node in result.nodes)
    event(f"stopped by {result.stop_reason}, {len(left_out)} reasons to leave out")


def assert_pinned(case: Case, result: Compressed) -> None:
    """Pinned text is there, is pinned and nothing else is."""
    pinned: set[tuple[int, int]] = set()
    for pin in case.pins:
        index, start, end = (pin, 0, len(case.documents[pin].text)) if isinstance(pin, int) else pin
        pinned |= {(index, offset) for offset in range(start, end)}
        if start < end:
            kept = next(document for document in result.documents if document.index == index)
            assert any(low <= start and end <= high for low, high in kept.spans)
            assert case.documents[index].text[start:end] in result.text
    charged = {
        (node.document, offset)
        for node in result.nodes
        if node.reason == "pinned"
        for offset in range(node.start, node.end)
    }
    assert charged == pinned


def marks_at_edges(gap_mark: str, text: str, spans: Sequence[Span]) -> tuple[str, str]:
    missing = text[: spans[0][0]], text[spans[-1][1] :]
    return gap_mark.lstrip() if missing[0].strip() else "", gap_mark.rstrip() if missing[1].strip() else ""


def assert_lead_ins(result: Compressed) -> None:
    """A lead-in is never kept alone."""
    served = {(node.document, *span) for node in result.nodes if node.reason != "lead_in" for span in node.lead_ins}
    for node in result.nodes:
        if node.reason == "lead_in":
            assert any(index == node.document and low <= node.start and node.end <= high for index, low, high in served)


def assert_rendered(case: Case, result: Compressed) -> None:
    """The texts are what the spans say, the spans what the nodes say, and the caller's own things are intact."""
    assert result.text == case.options["separator"].join(document.text for document in result.documents)
    indices = [document.index for document in result.documents]
    assert sorted(indices) == sorted(set(indices)) == sorted({node.document for node in result.nodes})
    if case.options["order"] == "position":
        assert indices == sorted(indices)
    else:
        assert indices == sorted(indices, key=rank_of(result))
    for document in result.documents:
        original = case.documents[document.index]
        assert document.id is original.id
        assert document.metadata is original.metadata
        assert document.spans
        assert all(start < end for start, end in document.spans)
        # They neither meet nor overlap.
        assert all(before[1] < after[0] for before, after in pairwise(document.spans))
        joined = case.options["gap_mark"].join(original.text[low:high] for low, high in document.spans)
        before, after = marks_at_edges(case.options["gap_mark"], original.text, document.spans)
        marked = before + joined + after if case.options["edge_marks"] else joined
        assert document.text in (joined, marked)  # without the marks where these leave no room
        here = [node for node in result.nodes if node.document == document.index]
        assert {offset for low, high in document.spans for offset in range(low, high)} == {
            offset for node in here for offset in range(node.start, node.end)
        }
        mass = sum(node.score for node in result.all_nodes if node.document == document.index)
        assert document.score == pytest.approx(min(mass, 1.0))


def check_refusal(case: Case, error: BudgetError, count: Callable[[str], int]) -> None:
    """A refusal says the truth: it is worked out here from the documents alone."""
    budget = budget_of(case, count)
    if "not one character" in str(error):
        event("not one character fits")
        clusters = {cluster for document in case.documents for cluster in regex.findall(r"\X", document.text)}
        fitting = sorted(cluster for cluster in clusters if count(cluster) <= budget)
        assert not fitting
        return
    event("pins over the budget")
    spans: dict[int, set[int]] = {}
    for pin in case.pins:
        index, start, end = (pin, 0, len(case.documents[pin].text)) if isinstance(pin, int) else pin
        spans.setdefault(index, set()).update(range(start, end))
    texts = []
    for index in sorted(index for index, offsets in spans.items() if offsets):
        text, last = "", min(spans[index]) - 1
        for offset in sorted(spans[index]):
            text += case.options["gap_mark"] * (offset != last + 1) + case.documents[index].text[offset]
            last = offset
        texts.append(text)
    orders = permutations(texts) if case.options["order"] == "score" else [texts]
    needed = max(count(case.options["separator"].join(order)) for order in orders)
    if case.options["order"] == "score":  # another order may have another count
        assert f"more than the budget of {budget}" in str(error)
        return
    assert needed > budget
    assert f"the pinned text has {needed} tokens, {needed - budget} more than the budget of {budget}" in str(error)


def run(case: Case) -> None:
    count = COUNTERS[case.counter] or BYTES.count
    try:
        result = case.compress()
    except BudgetError as error:
        check_refusal(case, error, count)
    else:
        check(case, result, count)
        free = [node for node in result.all_nodes if node.reason != "pinned"]
        shares = case.scorer.score(result.query, free)
        assert [node.score for node in free] == LeadIns(free).passed_on(shares.nodes)
        assert result.instruction_score == shares.instruction
        assert all(node.score == 0 for node in result.all_nodes if node.reason == "pinned")


PLAIN = {
    "node_tokens": "document",
    "node_boundary": "unit",
    "token_budget": 1,
    "top_p": 0.95,
    "min_score": 0.0,
    "gap_mark": "\n[...]\n",
    "separator": "\n\n",
    "surroundings": 0.5,
    "context_weight": 0.5,
    "keep_rate": 1.0,
    "edge_marks": False,
    "lead_ins": True,
    "order": "position",
}


@THOROUGH
@given(cases(pinned=False))
@example(Case((Document("日a"),), "q", PLAIN, "bytes", Shares("equal", 0)))  # only the second character fits
def test_every_promise_holds_without_pins(case: Case) -> None:
    run(case)


@THOROUGH
@given(cases(pinned=True))
@example(
    Case((Document("abc"),), "q", PLAIN | {"token_budget": 9}, "bytes", Shares("zeros", 0), ((0, 0, 1), (0, 2, 3)))
)
def test_every_promise_holds_with_pins(case: Case) -> None:
    run(case)


@THOROUGH
@given(st.lists(cases(pinned=False), min_size=1, max_size=3), SHARES)
def test_the_same_call_gives_the_same_result_alone_and_in_a_batch(batch: list[Case], scorer: Shares) -> None:
    options = batch[0].settings | {"token_budget": 200, "keep_rate": 1.0}
    compressor = Compressor(scorer, BYTES, settings=Settings(), method=batch[0].method)
    singles = [compressor.compress(case.query, case.documents, **options) for case in batch]
    again = [compressor.compress(case.query, case.documents, **options) for case in batch]
    rows = compressor.compress_batch([case.query for case in batch], [case.documents for case in batch], **options)
    assert singles == again == rows


@THOROUGH
@given(cases(pinned=False))
def test_documents_given_as_strings_or_as_one_are_the_same(case: Case) -> None:
    compressor, options = case.compressor, case.settings | {"token_budget": 400, "keep_rate": 1.0}
    texts = [document.text for document in case.documents]
    as_documents = compressor.compress(case.query, [Document(text) for text in texts], **options)
    assert compressor.compress(case.query, texts, **options) == as_documents
    assert compressor.compress(Query(case.query), tuple(texts), **options) == as_documents
    if len(texts) == 1:
        assert compressor.compress(case.query, texts[0], **options) == as_documents
        assert compressor.compress(case.query, Document(texts[0]), **options) == as_documents


@THOROUGH
@given(
    TEXTS
    | st.lists(st.sampled_from(["🇩🇪", "👨‍👩‍👧‍👦", "e\u0301", "\r\n", "क्षि"]), min_size=9, max_size=80).map("".join),
    st.sampled_from([64, 65, 66, 67, 97, 128, 256]),
    st.sampled_from(["unit", "exact"]),
)
def test_no_node_boundary_splits_a_grapheme_cluster_or_a_crlf(text: str, node_tokens: int, boundary: str) -> None:
    nodes = chunk([Document(text)], BYTES, node_tokens=node_tokens, boundary=boundary)
    boundaries = {node.end for node in nodes}
    for cluster in regex.finditer(r"\X", text):
        if BYTES.count(cluster.group()) <= 64:  # a longer one may have no room in a node
            assert boundaries.isdisjoint(range(cluster.start() + 1, cluster.end())), cluster
    assert boundaries.isdisjoint(match.start() + 1 for match in re.finditer("\r\n", text))
    most = node_tokens if boundary == "exact" else max(node_tokens, RECORD_TOKENS)
    assert all(node.tokens <= most for node in nodes)
    event(f"{min(len(nodes), 5)} nodes")


@THOROUGH
@given(TEXTS, st.integers(1, 40), st.sampled_from(["unit", "exact"]), st.lists(st.integers(-2, 60), max_size=4))
def test_nodes_keep_their_size_and_end_at_every_cut(
    text: str, node_tokens: int, boundary: str, cuts: list[int]
) -> None:
    nodes = chunk([Document("x"), Document(text)], BYTES, node_tokens=node_tokens, boundary=boundary, cuts={1: cuts})
    assert_tiled([Document("x"), Document(text)], nodes)
    assert {cut for cut in cuts if 0 < cut < len(text)} <= {node.end for node in nodes[1:]}
    most = node_tokens if boundary == "exact" else max(node_tokens, RECORD_TOKENS)
    for node in nodes:
        assert node.tokens == BYTES.count(node.text)
        assert node.tokens <= most or len(node.text) == 1


# The same through a draft model: slower, so fewer.


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(case=cases(pinned=False) | cases(pinned=True), node_tokens=st.sampled_from([16, 64, "document"]))
def test_every_promise_holds_through_a_draft_model(toy: Compressor, case: Case, node_tokens: Any) -> None:
    case = replace(case, options=case.options | {"node_tokens": node_tokens})
    count = COUNTERS[case.counter] or toy.tokenizer.count
    compressor = Compressor(
        toy.scorer,
        toy.tokenizer,
        settings=toy.settings,
        target_tokenizer=COUNTERS[case.counter],
        method=case.method,
    )
    try:
        result = case.compress(compressor)
    except BudgetError as error:
        check_refusal(case, error, count)
        return
    check(case, result, count)
    again = case.compress(compressor)  # what was read is in memory now, and is added up in another order
    assert again == case.compress(compressor)
    assert again.scores == pytest.approx(result.scores, abs=1e-6)
    assert again.instruction_score == pytest.approx(result.instruction_score, abs=1e-6)
    assert all(0 <= score <= 1 for score in (result.instruction_score, *result.scores))
    assert sum(result.scores) + result.instruction_score == pytest.approx(1)


@dataclass(frozen=True)
class Job:
    query: str
    documents: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)


@cache
def jobs() -> tuple[Job, ...]:
    draw = random.Random(7)
    return tuple(
        Job(
            f"Who signed lease {number}?",
            tuple("".join(draw.choices(PIECES, k=draw.randrange(1, 60))) for _ in range(draw.randrange(1, 5))),
            {"token_budget": draw.randrange(20, 200), "node_tokens": draw.choice([8, 32, "document"]), "top_p": 1.0},
        )
        for number in range(24)
    )


def bpe() -> Any:
    """A `tokenizers` tokenizer with merges, trained here: its counts do not add up over joined texts."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([*PIECES] * 9, trainer)
    return tokenizer


def test_eight_threads_give_what_one_gives(toy: Compressor) -> None:
    from longattncomp.backbone.tokenizer import DraftTokenizer

    target = bpe()
    scored_by_model = Compressor(toy.scorer, toy.tokenizer, settings=toy.settings, target_tokenizer=target)
    chunked_by_bpe = Compressor(
        Shares("random", 3), DraftTokenizer(bpe()), settings=Settings(), target_tokenizer=target
    )
    for compressor in (scored_by_model, chunked_by_bpe):

        def compress(job: Job, compressor: Compressor = compressor) -> Compressed:
            return compressor.compress(job.query, job.documents, **job.options)

        for job in jobs():  # the first time it is read, and what is read is added up in another order
            compress(job)
        serial = [compress(job) for job in jobs()]
        with ThreadPoolExecutor(8) as pool:
            threaded = list(pool.map(compress, jobs() * 2))
        for found, expected in zip(threaded, serial * 2, strict=True):
            assert found.text == expected.text
            assert [(one.index, one.spans) for one in found.documents] == [
                (one.index, one.spans) for one in expected.documents
            ]
            assert found.scores == pytest.approx(expected.scores, abs=1e-6)  # batching changes the last digits
        assert len({result.text for result in serial}) > len(serial) // 2  # they do differ


@THOROUGH
@given(case=cases(pinned=False) | cases(pinned=True))
@example(  # a blank node has other tokens alone than in its place
    case=Case(
        (Document("  "),), "q", PLAIN | {"node_tokens": 1, "top_p": 0.01}, "bytes", Shares("random", 0), ((0, 1, 1),)
    )
)
def test_every_promise_holds_for_a_tokenizer_with_merges(case: Case) -> None:
    tokenizer, count = trained()
    compressor = Compressor(case.scorer, tokenizer, settings=Settings(), method=case.method)
    try:
        result = case.compress(compressor)
    except BudgetError as error:
        check_refusal(case, error, count)
        return
    check(case, result, count, alone=False)


@cache
def trained() -> tuple[Any, Callable[[str], int]]:
    from longattncomp.backbone.tokenizer import DraftTokenizer

    tokenizer = DraftTokenizer(bpe())
    return tokenizer, tokenizer.count

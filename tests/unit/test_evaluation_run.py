"""Examples through the real engine with a byte tokenizer: what is recorded, by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from longattncomp.compressor import Compressor
from longattncomp.data.rows import Evidence, Example
from longattncomp.errors import InputError, LongAttnCompWarning
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.measure import TargetPrompt, measure
from longattncomp.evaluation.methods import DEFAULT_METHODS, compressors
from longattncomp.evaluation.records import Record, Records
from longattncomp.evaluation.targets.target import TargetAnswer, TargetQuestion
from longattncomp.scorers.bm25 import BM25Scorer
from longattncomp.scorers.embedding import EmbeddingScorer
from longattncomp.scorers.methods import METHODS
from longattncomp.settings import Settings
from longattncomp.testing import ByteTokenizer
from longattncomp.types import Document, Node, Progress, Query, Scorer, Scores

TEXTS = ("one cow 1.", "two hens 2", "six pigs 3", "ten bees 4")  # 10 bytes each, 46 with three separators


class LastScorer:
    """All the mass on the last node."""

    def __init__(self) -> None:
        self.queries: list[str] = []

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        self.queries.append(query.text)
        return Scores((0.0,) * (len(nodes) - 1) + (1.0,), 0.0)


class Parrot:
    """Repeats its prompts."""

    name = "parrot"

    def __init__(self) -> None:
        self.asked: list[TargetQuestion] = []
        self.calls = 0

    def count(self, text: str) -> int:
        return len(text)

    def read(self, asked: Sequence[TargetQuestion]) -> Iterator[TargetAnswer]:
        self.calls += 1
        for one in asked:
            self.asked.append(one)
            yield TargetAnswer(text=one.prompt, likelihood=-float(len(one.prompt)), exact=0.0, f1=0.5, choice=None)


def example(name: str, *evidence: tuple[int, int, int], query: str = "pigs", answers: Sequence[str] = ()) -> Example:
    documents = tuple(Document(text, id=str(index)) for index, text in enumerate(TEXTS))
    return Example(name, "farm", query, tuple(answers), documents, tuple(Evidence(*span) for span in evidence))


@pytest.fixture
def compressor() -> Compressor:
    # A top_p and min_score that would stop at once if the evaluation did not set its own.
    settings = Settings(top_p=0.01, keep_rate=0.1, node_tokens="document")
    return with_method(Compressor(LastScorer(), ByteTokenizer(), settings=settings), min_score=0.9)


def with_method(compressor: Compressor, **fields: Any) -> Compressor:
    """The same compressor with other fields of its method."""
    method = replace(compressor.method, **fields)
    return Compressor(compressor.scorer, compressor.tokenizer, settings=compressor.settings, method=method)


def run(
    examples: Sequence[Example],
    compressor: Compressor,
    *budgets: str,
    methods: Sequence[str] = ("longattncomp",),
    scorers: dict[str, Scorer] | None = None,
    records: Records | None = None,
    **options: Any,
) -> list[Record]:
    records = Records() if records is None else records
    chosen = compressors(methods, compressor, scorers=scorers)
    limits = [Budget.parse(text) for text in budgets]
    measure(examples, chosen, budgets=limits, records=records, **{"reference": compressor} | options)
    return list(records)


def test_recall_by_hand(compressor: Compressor) -> None:
    examples = [
        example("a", (2, 0, 10)),  # only bm25 finds it
        example("b", (3, 0, 10), (0, 0, 10)),  # half of it lies in the last node, half in the first
    ]
    found = run(examples, compressor, "10", methods=DEFAULT_METHODS)
    by = {(record.method, record.example): record for record in found}
    assert list(dict.fromkeys(record.method for record in found)) == list(DEFAULT_METHODS)
    assert {(record.tokens, record.context_tokens, record.budget) for record in found} == {(10, 46, "10")}
    assert {name: (by[name, "a"].recall, by[name, "b"].recall) for name in DEFAULT_METHODS[1:]} == {
        "first": (0.0, 0.5), "last": (0.0, 0.5), "bm25": (1.0, 0.0), "longattncomp": (0.0, 0.5),
    }  # fmt: skip
    assert (by["bm25", "a"].strict, by["last", "b"].strict) == (1.0, 0.0)
    assert (by["first", "a"].depth, by["first", "b"].depth) == (25 / 40, 20 / 40)
    assert all(record.seconds >= 0 for record in found)


def test_the_budget_alone_decides(compressor: Compressor) -> None:
    """Neither the compressor's own rules nor all the mass on one node ends the selection early."""
    found = run([example("a", (0, 0, 10))], compressor, "22", "100%")
    assert [record.tokens for record in found] == [22, 46]
    assert [record.recall for record in found] == [1, 1]  # zero scores: the earlier node comes first


def test_adaptive_leaves_the_end_to_the_method(compressor: Compressor) -> None:
    (record,) = run([example("a", (3, 0, 10))], compressor, "adaptive")
    assert (record.budget, record.tokens, record.recall) == ("adaptive", 10, 1.0)


def test_a_share_is_of_the_target_tokens(compressor: Compressor) -> None:
    halved = Compressor(
        LastScorer(),
        ByteTokenizer(),
        settings=Settings(separator="", node_tokens="document"),
        target_tokenizer=lambda text: len(text) // 2,
    )
    for engine, kept in ((compressor, 22), (halved, 10)):  # of 46 and of 20 tokens
        (record,) = run([example("a", (0, 0, 10))], engine, "50%", methods=["bm25"])
        assert record.tokens == kept


def test_answers_that_are_kept(compressor: Compressor) -> None:
    asked = example("a", answers=("BEES", "hens", "six cows"))
    (kept,) = run([asked], compressor, "10")
    assert (kept.answer, kept.recall, kept.strict, kept.depth) == (0.5, None, None, None)
    (kept,) = run([example("a", answers=["no such word"])], compressor, "10")
    assert kept.answer is None


def test_what_cannot_be_measured_is_left_out_with_a_warning(compressor: Compressor) -> None:
    with pytest.warns(LongAttnCompWarning, match="2 of 3 examples"):
        found = run([example("a"), example("b", (0, 0, 9)), example("c")], compressor, "9")
    assert [record.example for record in found] == ["b"]
    with pytest.raises(InputError, match="0 such examples and 1 without"):
        run([example("a")], compressor, "9")


def test_a_stopped_run_goes_on(compressor: Compressor) -> None:
    """Only what is missing is scored."""
    shared = example("a", (0, 0, 9), query="cow")
    examples = [shared, *(Example(name, "farm", name, (), shared.documents, shared.evidence) for name in "bc")]
    records = Records()
    run(examples[:1], compressor, "9", "22", records=records)
    scorer = LastScorer()
    again = compressor.scored_by(scorer)
    run(examples[:1], again, "9", "22", records=records)
    assert scorer.queries == []
    run(examples, again, "9", "22", records=records)
    assert len(records) == 6
    run(examples, again, "9", "10", records=records)
    assert len(records) == 9


def test_examples_of_one_context_are_read_together(compressor: Compressor) -> None:
    """Also if an example of another context is between them."""
    scorer = LastScorer()
    first, other = example("a", (0, 0, 9), query="cow"), example("b", (0, 0, 9), query="pig")
    second = Example("c", "farm", "hen", (), first.documents, first.evidence)
    run([first, other, second], compressor.scored_by(scorer), "9")
    assert scorer.queries == ["cow", "hen", "pig"]


def test_a_target_reads_what_was_kept(compressor: Compressor) -> None:
    parrot = Parrot()
    target_prompt = TargetPrompt(target=parrot, prompt="<{context}> {query}? {options}", together=True)
    asked = example("a", (2, 0, 10), query="Who {context}", answers=("pigs", "hens"))
    found = run([asked], compressor, "10", methods=["bm25", "longattncomp"], target_prompt=target_prompt)
    prompts = {(record.method, record.budget): one.prompt for record, one in zip(found, parrot.asked, strict=True)}
    assert prompts == {
        ("bm25", "10"): "<one cow 1.> Who {context}? ",
        ("longattncomp", "10"): "<ten bees 4> Who {context}? ",
        ("full", "100%"): f"<{compressor.settings.separator.join(TEXTS)}> Who {{context}}? ",
        ("none", "0"): "<> Who {context}? ",
        ("oracle", "10"): "<six pigs 3> Who {context}? ",
    }
    assert {one.answers for one in parrot.asked} == {("pigs, hens",)}
    by = {record.method: record for record in found}
    assert {record.target for record in found} == {"parrot"}
    assert parrot.calls == 1  # all at once, so that an endpoint may answer several at a time
    assert (by["full"].recall, by["none"].recall, by["oracle"].recall) == (1.0, 0.0, 1.0)
    assert (by["full"].answer, by["none"].answer, by["oracle"].answer) == (1.0, 0.0, 0.5)
    assert by["oracle"].likelihood == -len(prompts["oracle", "10"])
    assert by["none"].tokens == 0


def test_references_do_not_depend_on_the_methods(compressor: Compressor, toy_folder: Any) -> None:
    """Nor on the order, rank and keep rate of the compressor that cuts their nodes."""
    engine = Compressor.from_pretrained(toy_folder, layers=2, dtype="float32", device="cpu", node_tokens=8)
    text = "Much is said. " * 9 + "six pigs 3. " + "Little is said. " * 9
    asked = Example("a", "farm", "pigs", (), (Document(text), Document(text)), (Evidence(1, 126, 137),))
    reference = with_method(
        engine.configured(order="score", context_weight=1.0, keep_rate=0.1), surroundings=1.0, min_score=0.5
    )
    found = []
    for names in (["attncomp", "bm25"], ["bm25", "attncomp"], ["last"]):
        options = {"target_prompt": TargetPrompt(target=Parrot()), "reference": reference}
        records = run([asked], engine, "40", methods=names, **options)
        found.append([record for record in records if record.method in ("full", "none", "oracle")])
    assert found[0] == found[1] == found[2]
    assert [(one.method, one.recall) for one in found[0]] == [("full", 1.0), ("none", 0.0), ("oracle", 1.0)]
    assert found[0][0].tokens == found[0][0].context_tokens


def test_references_are_made_once(compressor: Compressor, monkeypatch: pytest.MonkeyPatch) -> None:
    target_prompt = TargetPrompt(target=Parrot())
    records = Records()
    examples = [example("a", (2, 0, 10))]
    run(examples, compressor, "10", records=records, target_prompt=target_prompt)
    monkeypatch.setattr("longattncomp.evaluation.kept.whole", None)
    run(examples, compressor, "10", "adaptive", records=records, target_prompt=target_prompt)
    assert len(records) == 5


def test_a_budget_does_not_depend_on_the_others(compressor: Compressor) -> None:
    """Each has nodes of its own; those with the same nodes are scored once."""
    small = with_method(compressor.configured(node_tokens=16), node_boundary="exact")
    examples = [example("a", (2, 0, 10))]
    alone = [run(examples, small, budget, methods=["bm25"])[0] for budget in ("8", "32", "40")]
    scorer = LastScorer()
    together = run(examples, small, "8", "32", "40", methods=["bm25"])
    assert [(one.tokens, one.recall) for one in together] == [(one.tokens, one.recall) for one in alone]
    scored = run(examples, small.scored_by(scorer), "8", "32", "40")
    assert len(scorer.queries) == 2
    assert scored[1].seconds == scored[2].seconds


def test_one_id_twice_is_refused(compressor: Compressor) -> None:
    with pytest.raises(InputError, match=r"ids that differ within farm, got 'a' twice"):
        run([example("a", (2, 0, 10)), example("b", (2, 0, 10)), example("a", (1, 0, 10))], compressor, "10")


def test_blank_documents_are_left_out_with_a_warning(compressor: Compressor) -> None:
    blank = Example("b", "farm", "pigs", ("six",), (Document(" \n"), Document("")), ())
    with pytest.warns(LongAttnCompWarning, match="1 of 2 examples are left out: their documents are blank"):
        found = run([example("a", (2, 0, 10)), blank], compressor, "10")
    assert [one.example for one in found] == ["a"]


def test_a_target_may_write_as_much_as_the_task_says(compressor: Compressor) -> None:
    parrot = Parrot()
    run([example("a", answers=["pigs"])], compressor, "10", target_prompt=TargetPrompt(target=parrot, answer_tokens=97))
    assert {(one.answer_tokens, one.one_line) for one in parrot.asked} == {(97, False)}


def test_options_are_lettered(compressor: Compressor) -> None:
    parrot = Parrot()
    documents = example("a").documents
    asked = Example("a", "farm", "Which?", ("hens",), documents, (), options=("pigs", "hens"))
    run([asked], compressor, "10", target_prompt=TargetPrompt(target=parrot, prompt="{query}\n{options}"))
    assert {one.prompt for one in parrot.asked} == {"Which?\nA. pigs\nB. hens"}
    assert {one.options for one in parrot.asked} == {("pigs", "hens")}


def test_progress(compressor: Compressor) -> None:
    seen: list[tuple[int, int]] = []
    examples = [example("a", (2, 0, 10)), example("b", (2, 0, 10))]
    run(examples, compressor, "10", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_the_peers_are_opened_only_if_chosen(compressor: Compressor, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[EmbeddingScorer] = []

    def embed(scorer: EmbeddingScorer, text: str, encode: str) -> np.ndarray:
        opened.append(scorer)
        return np.array([["cow" in text, "pig" in text, True]], dtype=np.float32)

    monkeypatch.setattr(EmbeddingScorer, "_embed", embed)
    monkeypatch.setattr("longattncomp.scorers.embedding._shared", cache(EmbeddingScorer))  # none that knows real ones
    examples = [example("a", (2, 0, 10))]
    assert "minilm" not in DEFAULT_METHODS
    run(examples, compressor, "10", methods=DEFAULT_METHODS)
    assert not opened
    found = run(examples, compressor, "10", methods=["rrf", "minilm", "first"])
    assert len(set(map(id, opened))) == 1
    assert len(opened) == len(TEXTS) + 2  # each node once, the query for each method
    assert {record.method: record.recall for record in found} == {"rrf": 1, "minilm": 1, "first": 0}


def test_rrf_fuses_the_methods_of_the_call(compressor: Compressor) -> None:
    """A scorer that takes the place of a peer takes it in the fusion too."""
    scorers: dict[str, Scorer] = {"minilm": LastScorer(), "bm25": LastScorer()}
    found = run([example("a", (3, 0, 10))], compressor, "10", methods=["rrf", "minilm"], scorers=scorers)
    assert [record.recall for record in found] == [1, 1]


def test_more_methods(compressor: Compressor) -> None:
    scorers: dict[str, Scorer] = {"words": BM25Scorer(k1=0.9)}
    found = run([example("a", (2, 0, 10))], compressor, "10", methods=["words", "first"], scorers=scorers)
    assert {record.method: record.recall for record in found} == {"words": 1, "first": 0}


def test_systems_and_peers_cut_their_own_nodes(toy_folder: Any) -> None:
    engine = Compressor.from_pretrained(toy_folder, layers=2, dtype="float32", device="cpu", token_budget=90)

    def cuts(engine: Compressor) -> dict[str, tuple[Any, str]]:
        found = compressors(["longattncomp", "bm25", "attncomp", "speculative", "longattncomp-alone"], engine)
        return {name: (one.settings.node_tokens, one.method.node_boundary) for name, one in found.items()}

    systems = {"attncomp": ("document", "unit"), "speculative": (32, "exact")}
    longer = dict.fromkeys(("bm25", "longattncomp-alone"), (64, "unit"))
    assert cuts(engine) == {"longattncomp": (32, "unit"), **longer, **systems}
    longer = dict.fromkeys(("bm25", "longattncomp-alone"), (9, "unit"))
    assert cuts(engine.configured(node_tokens=9)) == {"longattncomp": (9, "unit"), **longer, **systems}


def test_settings_of_ours_do_not_reach_the_systems(toy_folder: Any) -> None:
    ours = {"context_weight": 0.7, "top_p": 0.5, "node_tokens": 16}
    engine = Compressor.from_pretrained(toy_folder, layers=2, dtype="float32", device="cpu", gap_mark="~", **ours)
    engine = with_method(engine, surroundings=0.3, min_score=0.2, node_boundary="exact")
    found = compressors(["attncomp", "speculative"], engine)
    for name, one in found.items():
        fresh = Settings(method=name)
        assert {key: getattr(one.settings, key) for key in ours} == {key: getattr(fresh, key) for key in ours}
        assert one.method == METHODS[name]
        assert (one.settings.gap_mark, one.settings.model) == ("~", str(toy_folder))


def test_another_method_has_no_place_in_the_settings(compressor: Compressor) -> None:
    other = Compressor(LastScorer(), ByteTokenizer(), settings=Settings(method="bm25"))
    with pytest.raises(InputError, match="method='longattncomp' in the settings, got 'bm25'"):
        compressors(["bm25"], other)


@pytest.mark.parametrize("methods", [["bm26"], []])
def test_unknown_methods(compressor: Compressor, methods: list[str]) -> None:
    with pytest.raises(
        InputError, match=r"expected methods out of longattncomp, .*, random, first, last; got (bm26|none)"
    ):
        compressors(methods, compressor)


@pytest.mark.parametrize(
    ("text", "budget", "of_1000", "written"),
    [
        ("2048", Budget(tokens=2048), 2048, "2048"),
        ("1", Budget(tokens=1), 1, "1"),
        ("4%", Budget(share=0.04), 40, "4%"),
        (" 0.04 ", Budget(share=0.04), 40, "4%"),
        ("12.5 %", Budget(share=0.125), 125, "12.5%"),
        ("29%", Budget(share=0.29), 290, "29%"),
        ("1.0", Budget(share=1.0), 1000, "100%"),
        ("0.0001", Budget(share=0.0001), 1, "0.01%"),
        ("adaptive", Budget(), 1000, "adaptive"),
    ],
)
def test_budgets(text: str, budget: Budget, of_1000: int, written: str) -> None:
    assert Budget.parse(text) == budget
    assert budget.of(1000) == of_1000
    assert str(budget) == written


@pytest.mark.parametrize("text", ["", "0", "0%", "-5", "1.5", "101%", "nan", "4 tokens", "%", "inf"])
def test_no_budgets(text: str) -> None:
    with pytest.raises(InputError, match="2048"):
        Budget.parse(text)


@pytest.mark.parametrize("given", [{"tokens": 0}, {"share": 0.0}])
def test_no_budgets_by_value(given: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Budget(**given)


def test_peers_rank_by_their_scores_alone_unless_they_are_given_our_selection(compressor: Compressor) -> None:
    found = compressors(["bm25", "bm25-near", "longattncomp", "random"], compressor)
    ranks = {name: (one.rule.surroundings, one.rule.context_weight) for name, one in found.items()}
    assert ranks == {"bm25": (0.0, 0.0), "bm25-near": (0.5, 0.0), "longattncomp": (0.0, 0.35), "random": (0.0, 0.0)}
    assert found["bm25"].scorer == found["bm25-near"].scorer

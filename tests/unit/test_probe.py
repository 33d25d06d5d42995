"""Which heads find the evidence, on the toy model."""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from toy import segments_of

from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.chunking.nodes import chunk
from longattncomp.data.rows import Evidence, Example
from longattncomp.errors import InputError
from longattncomp.scorers.cross_attention.head import untrained_head
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.training import probe
from longattncomp.training.probe import Depth
from longattncomp.training.stages import Stage
from longattncomp.training.states import StateReader
from longattncomp.types import Document, Query, QueryPlace

DOCUMENTS = (
    Document("Bees make honey in the old garden. " * 4),
    Document("The lease was signed by Ada Marsh in May. " * 4),
    Document("Nobody else was there when it rained. " * 4),
)
QUESTIONS = [
    Example("1", "toy", "Who signed the lease?", (), DOCUMENTS, (Evidence(1, 0, 30),)),
    Example("2", "toy", "What is made in the garden?", (), DOCUMENTS, (Evidence(0, 0, 30), Evidence(0, 100, 130))),
    Example("3", "toy", "What colour is the moon?", (), DOCUMENTS, ()),
]


@pytest.fixture(scope="module")
def backbone(toy_folder: Path) -> Backbone:
    return Backbone.open(toy_folder, 2, device="cpu", dtype="bfloat16")


@pytest.fixture(scope="module")
def tokenizer(toy_folder: Path) -> DraftTokenizer:
    return DraftTokenizer.from_folder(toy_folder)


def sizes(run: Callable[..., Depth], place: QueryPlace = "after") -> Callable[..., Depth]:
    return lambda *given, **more: run(*given, query_place=place, node_tokens=32, segment_tokens=128, **more)


def test_questions_without_evidence_are_left_out_and_those_of_a_context_stay_together() -> None:
    other = (replace(DOCUMENTS[0]),)
    elsewhere = [replace(QUESTIONS[0], id="4", documents=other)]
    drawn = probe.draw([*QUESTIONS, *elsewhere])
    assert [[question.id for question in context] for context in drawn] == [["1", "2"], ["4"]]


def test_a_sample_is_drawn_by_the_seed_and_keeps_its_order() -> None:
    many = [replace(QUESTIONS[0], id=str(number)) for number in range(20)]

    def ids(seed: int) -> list[str]:
        return [question.id for context in probe.draw(many, limit=5, seed=seed) for question in context]

    assert ids(1) == ids(1) == sorted(ids(1), key=int)
    assert len(ids(1)) == 5
    assert ids(1) != ids(2)


@pytest.mark.parametrize(("examples", "limit"), [(QUESTIONS[2:], None), (QUESTIONS, 0)])
def test_nothing_to_ask_is_refused(examples: Sequence[Example], limit: int | None) -> None:
    with pytest.raises(InputError, match="at least one question with evidence"):
        probe.draw(examples, limit=limit)


@pytest.mark.parametrize("place", ["after", "alone"])
def test_the_mean_of_all_heads_is_what_the_scorer_gives(
    backbone: Backbone, tokenizer: DraftTokenizer, place: QueryPlace, tmp_path: Path
) -> None:
    with segments_of(128):
        head = untrained_head(backbone, place)
    stage = Stage(name="toy", sources={}, query_place=place, segment_tokens=128, node_tokens=32)
    reader = StateReader(backbone, tokenizer, stage, folder=tmp_path, most_bytes=0)
    (first, *_) = probe.head_shares(head, reader, reader.layout(QUESTIONS))
    assert first.shape[0] == head.n_heads
    assert first.exp().sum(-1).tolist() == pytest.approx([1.0] * head.n_heads)

    scorer = CrossAttentionScorer(backbone, head, tokenizer, prefix=tokenizer.prefix, words=tokenizer.words)
    scores = scorer.score(Query(QUESTIONS[0].query), chunk(DOCUMENTS, tokenizer, node_tokens=32))
    assert first.exp().mean(0).tolist() == pytest.approx([scores.instruction, *scores.nodes], abs=2e-3)


def test_numbers_by_hand(backbone: Backbone, tokenizer: DraftTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three nodes, the second relevant; one head puts it first, one second, one last."""
    nodes = (Document("aaaa"), Document("bbbb"), Document("cccc"))
    question = Example("1", "toy", "b?", (), nodes, (Evidence(1, 0, 4),))
    planted = torch.tensor([[0.1, 0.2, 0.6, 0.1], [0.1, 0.5, 0.3, 0.1], [0.1, 0.4, 0.1, 0.4]])
    monkeypatch.setattr(probe, "head_shares", lambda *_: [planted.log()])
    found = sizes(probe.probe)(backbone, tokenizer, [(question,)])
    # a gain of 1 at rank r counts 1 / log2(1 + r); the sums are 1.1, 1.0, 0.6, so together it is second
    assert found.heads == pytest.approx((1.0, 1 / math.log2(3), 1 / math.log2(4)))
    assert found.together == pytest.approx(1 / math.log2(3))
    assert (found.layers, found.questions) == (2, 1)


@pytest.mark.parametrize("place", ["after", "alone"])
def test_a_head_made_to_retrieve_comes_out_on_top(
    backbone: Backbone, tokenizer: DraftTokenizer, place: QueryPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One head gets a strong exact-match term; the evidence is the only text with the query's word."""
    texts = [f"{letter * 28}. " for letter in "abcdefgh"]
    documents = (Document("".join(texts)),)
    asked = [
        Example(letter, "toy", letter * 3, (), documents, (Evidence(0, 30 * index, 30 * index + 28),))
        for index, letter in enumerate("abcdefgh")
    ]

    def planted(*given: object) -> object:
        head = untrained_head(*given)  # type: ignore[arg-type]
        head.match_strength.data[3] = 50.0
        return head

    monkeypatch.setattr(probe, "untrained_head", planted)
    found = sizes(probe.probe, place)(backbone, tokenizer, [tuple(asked)])
    assert probe.best([found])[0] == (2, 3)
    assert found.heads[3] > 0.95
    assert max(found.heads[:3]) < 0.9


def test_progress_counts_contexts(backbone: Backbone, tokenizer: DraftTokenizer) -> None:
    seen: list[tuple[int, int]] = []
    other = replace(QUESTIONS[0], documents=(*DOCUMENTS, Document("More.")))
    sizes(probe.probe)(backbone, tokenizer, probe.draw([*QUESTIONS, other]), progress=lambda *step: seen.append(step))
    assert seen == [(1, 2), (2, 2)]


def test_a_context_of_one_node_cannot_be_ranked(backbone: Backbone, tokenizer: DraftTokenizer) -> None:
    one = Example("1", "toy", "b?", (), (Document("b"),), (Evidence(0, 0, 1),))
    with pytest.raises(InputError, match="make it smaller"):
        sizes(probe.probe)(backbone, tokenizer, [(one,)])


def test_without_scikit_learn_the_pip_line_is_named(
    backbone: Backbone, tokenizer: DraftTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(InputError, match=r"pip install 'longattncomp\[training\]'"):
        probe.probe(backbone, tokenizer, probe.draw(QUESTIONS))


DEPTHS = [Depth(8, 5, (0.25, 0.5), 0.375), Depth(12, 5, (1.0, 0.125), 0.75)]


def test_the_best_heads_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "MARKED", 3)
    assert probe.best(DEPTHS) == [(12, 0), (8, 1), (8, 0)]


def test_the_table_has_a_row_a_head_and_marks_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "MARKED", 2)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(probe.table(DEPTHS))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["0", "0.250", "1.000*"] in lines
    assert ["1", "0.500*", "0.125"] in lines
    assert ["all,", "their", "mean", "0.375", "0.750"] in lines


def test_one_line_of_json() -> None:
    line = probe.to_json(DEPTHS, place="alone")
    assert "\n" not in line
    found = json.loads(line)
    assert found["place"] == "alone"
    assert found["best"][0] == [12, 0]
    assert found["depths"][1] == {"layers": 12, "questions": 5, "heads": [1.0, 0.125], "together": 0.75}

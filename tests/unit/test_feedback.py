"""Asking again with the words of the best node: what is asked, where, and how both answers become one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from toy import segments_of

from longattncomp import Compressor, Query
from longattncomp.errors import InputError
from longattncomp.scorers.cross_attention.cascade import CascadeScorer
from longattncomp.scorers.cross_attention.feedback import FeedbackScorer, asked_again, mixed
from longattncomp.scorers.cross_attention.key_cache import KeyCache
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.testing import ByteTokenizer
from longattncomp.types import Node, Scores

QUERY = Query("Who signed the lease?")
TEXTS = [
    f"Here is entry {number}. The rent of house {number} is due on Fridays. Nobody paid. " * 2 for number in range(12)
]
METHODS = {"alone": "longattncomp-alone", "after": "longattncomp"}


def node(text: str, index: int = 0) -> Node:
    return Node(document=index, start=0, end=len(text), text=text, tokens=len(text))


# --- what is asked ----------------------------------------------------------------------------


def test_the_best_node_s_first_tokens_follow_the_question() -> None:
    nodes = [node("short"), node("B" * 100, 1), node("other", 2)]
    found = asked_again(QUERY, Scores((0.2, 0.5, 0.2), 0.1), nodes, ByteTokenizer(), 1000)
    assert found == Query(f"{QUERY.text} {'B' * 64}")
    found = asked_again(QUERY, Scores((0.5, 0.2, 0.2), 0.1), nodes, ByteTokenizer(), 1000)
    assert found == Query(f"{QUERY.text} short")


def test_nothing_is_asked_again_where_it_cannot_help() -> None:
    assert asked_again(QUERY, Scores((0.9,), 0.1), [node("all")], ByteTokenizer(), 1000) is None
    nodes = [node("one"), node("two", 1)]
    full = len(QUERY.text) + 64
    assert asked_again(QUERY, Scores((0.5, 0.4), 0.1), nodes, ByteTokenizer(), full) is not None
    assert asked_again(QUERY, Scores((0.5, 0.4), 0.1), nodes, ByteTokenizer(), full - 1) is None


# --- both answers as one ----------------------------------------------------------------------


def test_a_part_of_the_mass_looked_at_is_shared_anew() -> None:
    first, second = Scores((0.1, 0.2, 0.3, 0.2), 0.2), Scores((0.3, 0.1, 0.05, 0.05), 0.5)
    found = mixed(first, second, {0, 1}, 0.5)
    # Of the 0.3 that both have, the second question gives three quarters to the first node.
    assert found.nodes == pytest.approx(((0.1 + 0.225) / 2, (0.2 + 0.075) / 2, 0.3, 0.2))
    assert found.instruction == 0.2
    assert mixed(first, second, {0, 1, 2, 3}, 0.0).nodes == pytest.approx(first.nodes)
    assert mixed(first, second, {0, 1, 2, 3}, 1.0).nodes == pytest.approx([1.6 * share for share in second.nodes])


@pytest.mark.parametrize("empty", [Scores((0.0, 0.0, 0.9), 0.1), Scores((0.0, 0.0, 0.0), 1.0)])
def test_no_mass_is_no_opinion(empty: Scores) -> None:
    other = Scores((0.3, 0.3, 0.3), 0.1)
    assert mixed(other, empty, {0, 1}, 0.5) == other
    assert mixed(empty, other, {0, 1}, 0.5) == empty


# --- the scorer -------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=METHODS)
def compressor(request: pytest.FixtureRequest, toy_folder: Path) -> Compressor:
    return opened(toy_folder, request.param)


def opened(folder: Path, place: str) -> Compressor:
    with segments_of(128):
        return Compressor.from_pretrained(
            folder, method=METHODS[place], layers=2, dtype="float32", device="cpu", node_tokens=32
        )


def plain(compressor: Compressor, cache: KeyCache | None = None) -> CrossAttentionScorer:
    scorer: Any = compressor.scorer
    return CrossAttentionScorer(scorer.backbone, scorer.head, compressor.tokenizer, cache=cache)


def by_hand(scorer: CrossAttentionScorer, compressor: Compressor, query: Query, weight: float, room: int) -> Scores:
    """Two questions of a scorer that asks once."""
    nodes = compressor.nodes(TEXTS)
    context = scorer.frame.context(nodes)
    first = scorer.score(query, nodes)
    best = max(range(len(nodes)), key=lambda index: first.nodes[index])
    assert nodes[best].tokens <= 64
    mass = [sum(first.nodes[unit] for unit in {*part.units} - {-1}) for part in context.parts]
    chosen: list[int] = []
    for index in sorted(range(len(mass)), key=lambda index: -mass[index]):
        if sum(context.sizes[one] for one in chosen) < room:
            chosen.append(index)
    units = {unit for index in chosen for unit in context.parts[index].units} - {-1}
    (second,) = scorer.score_segments([Query(f"{query.text} {nodes[best].text}")], context, [chosen])
    scale = sum(first.nodes[unit] for unit in units) / sum(second.nodes[unit] for unit in units)
    return Scores(
        tuple(
            (1 - weight) * share + weight * scale * second.nodes[unit] if unit in units else share
            for unit, share in enumerate(first.nodes)
        ),
        first.instruction,
    )


@pytest.mark.parametrize("room", [10_000, 300])
@pytest.mark.parametrize("cached", [False, True])
def test_the_second_question_is_the_first_with_the_best_node(
    compressor: Compressor, room: int, cached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longattncomp.scorers.cross_attention.feedback.LOOKED_AT", room)
    queries = [QUERY, Query("What is due on Fridays?"), Query("house 7")]
    cache = KeyCache(10**9) if cached else None
    once, twice = plain(compressor, cache), FeedbackScorer(plain(compressor, cache), 0.5)
    assert (sum(once.frame.context(compressor.nodes(TEXTS)).sizes) > 2 * room) == (room == 300)
    expected = [by_hand(once, compressor, query, 0.5, room) for query in queries]
    together = twice.score_batch(queries, compressor.nodes(TEXTS))
    for query, found, hand in zip(queries, together, expected, strict=True):
        assert found.nodes == pytest.approx(hand.nodes, rel=1e-4)
        assert found.instruction == pytest.approx(hand.instruction)
        assert sum(found.nodes) + found.instruction == pytest.approx(1)
        assert twice.score(query, compressor.nodes(TEXTS)).nodes == pytest.approx(hand.nodes, rel=1e-4)


def test_the_cascade_asks_again_after_its_second_look(toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longattncomp.scorers.cross_attention.cascade.LEAST", 512)
    places = {place: opened(toy_folder, place) for place in METHODS}
    alone, after = (plain(places[place]) for place in METHODS)
    once = CascadeScorer(alone, after)
    nodes = places["after"].nodes(TEXTS)
    first, found = once.score(QUERY, nodes), FeedbackScorer(once, 0.5).score(QUERY, nodes)
    best = nodes[max(range(len(nodes)), key=lambda index: first.nodes[index])]
    second = after.score(Query(f"{QUERY.text} {best.text}"), nodes)
    scale = sum(first.nodes) / sum(second.nodes)
    assert found.nodes == pytest.approx([(a + scale * b) / 2 for a, b in zip(first.nodes, second.nodes, strict=True)])
    assert found.instruction == first.instruction
    assert found.nodes != pytest.approx(first.nodes, rel=1e-3)


def test_it_can_be_stopped_before_the_second_question_is_done(compressor: Compressor) -> None:
    class Enough(Exception):  # noqa: N818
        pass

    nodes = compressor.nodes(TEXTS)
    twice = FeedbackScorer(plain(compressor), 0.5)
    tokens = sum(plain(compressor).frame.context(nodes).sizes)
    steps: list[tuple[int, int]] = []
    twice.score(QUERY, nodes, progress=lambda *step: steps.append(step))
    assert steps[-1] == (2 * tokens, 2 * tokens)
    complete = [done for done, _ in steps].index(tokens) + 1

    seen: list[int] = []

    def stop(*_: int) -> None:
        seen.append(1)
        if len(seen) > complete:
            raise Enough

    with pytest.raises(Enough):
        twice.score(QUERY, nodes, progress=stop)


# --- in a compressor --------------------------------------------------------------------------


def test_a_compressor_can_be_scored_by_it(compressor: Compressor) -> None:
    again = FeedbackScorer(compressor.scorer, 0.5)
    nodes = compressor.nodes(TEXTS)

    found = compressor.scored_by(again).compress(QUERY, TEXTS)

    assert found.scores == again.score(QUERY, nodes).nodes
    assert found.scores != compressor.compress(QUERY, TEXTS).scores


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_part_is_from_0_to_1(compressor: Compressor, weight: float) -> None:
    with pytest.raises(InputError, match=r"weight in \[0, 1\]"):
        FeedbackScorer(compressor.scorer, weight)

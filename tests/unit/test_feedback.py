"""Asking again with the words of the best node: what is asked, where, and how both answers become one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from longattncomp import Compressor, Query
from longattncomp.errors import InputError, LongAttnCompWarning
from longattncomp.scorers.cross_attention.cascade import CascadeScorer
from longattncomp.scorers.cross_attention.feedback import FeedbackScorer, asked_again, mixed
from longattncomp.scorers.cross_attention.key_cache import KeyCache
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.testing import ByteTokenizer
from longattncomp.types import Node, Scores

QUERY = Query("Who signed the lease?")
TEXTS = [f"Entry {number}. The rent of house {number} is due on Fridays. Nobody paid. " * 2 for number in range(12)]
OPTIONS: dict[str, Any] = {"layers": 2, "dtype": "float32", "device": "cpu", "node_tokens": 32, "segment_tokens": 128}


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


@pytest.fixture(scope="module", params=["after", "alone"])
def compressor(request: pytest.FixtureRequest, toy_folder: Path) -> Compressor:
    return Compressor.from_pretrained(toy_folder, query_place=request.param, **OPTIONS)


def plain(compressor: Compressor, cache: KeyCache | None = None) -> CrossAttentionScorer:
    scorer: Any = compressor.scorer
    return CrossAttentionScorer(scorer.backbone, scorer.head, compressor.tokenizer, segment_tokens=128, cache=cache)


def by_hand(scorer: CrossAttentionScorer, compressor: Compressor, query: Query, weight: float, room: int) -> Scores:
    """Two questions of a scorer that asks once."""
    nodes = compressor.nodes(TEXTS)
    context = scorer.segmented(nodes)
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
    assert (sum(once.segmented(compressor.nodes(TEXTS)).sizes) > 2 * room) == (room == 300)
    expected = [by_hand(once, compressor, query, 0.5, room) for query in queries]
    together = twice.score_batch(queries, compressor.nodes(TEXTS))
    for query, found, hand in zip(queries, together, expected, strict=True):
        assert found.nodes == pytest.approx(hand.nodes, rel=1e-4)
        assert found.instruction == pytest.approx(hand.instruction)
        assert sum(found.nodes) + found.instruction == pytest.approx(1)
        assert twice.score(query, compressor.nodes(TEXTS)).nodes == pytest.approx(hand.nodes, rel=1e-4)


def test_the_cascade_asks_again_after_its_second_look(toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longattncomp.scorers.cross_attention.cascade.LEAST", 512)
    given = ("alone", "after")
    places = {place: Compressor.from_pretrained(toy_folder, query_place=place, **OPTIONS) for place in given}
    alone, after = (plain(places[place]) for place in given)
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
    tokens = sum(plain(compressor).segmented(nodes).sizes)
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


# --- the setting ------------------------------------------------------------------------------


def test_a_setting_switches_it_on(compressor: Compressor, toy_folder: Path) -> None:
    place = compressor.settings.query_place
    nodes = compressor.nodes(TEXTS)
    once = plain(compressor, KeyCache(10**9))
    for weight, expected in ((0.0, once.score(QUERY, nodes)), (0.5, FeedbackScorer(once, 0.5).score(QUERY, nodes))):
        opened = Compressor.from_pretrained(toy_folder, query_place=place, feedback=weight, **OPTIONS)
        assert opened.scorer.score(QUERY, nodes) == expected
    shared = [
        Compressor.from_pretrained(toy_folder, query_place=place, feedback=weight, shared=True, **OPTIONS).scorer
        for weight in (0.0, 0.5, 0.5)
    ]
    assert shared[0] is not shared[1]
    assert shared[1] is shared[2]


def test_a_method_that_asks_once_says_so() -> None:
    with pytest.warns(LongAttnCompWarning, match="no use for feedback"):
        Compressor.from_pretrained(method="bm25", feedback=0.5)


@pytest.mark.parametrize("weight", [-0.1, 1.1])
def test_a_part_is_from_0_to_1(toy_folder: Path, weight: float) -> None:
    with pytest.raises(InputError, match="feedback"):
        Compressor.from_pretrained(toy_folder, feedback=weight, **OPTIONS)

"""Both stopping rules, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from longattncomp import Node, Scores
from longattncomp.selection import SelectionRule, select
from longattncomp.types import Selection

S, P, T, M, B = "selected", "pinned", "top_p", "min_score", "budget"


def nodes(*sizes: int | None) -> list[Node]:
    """Nodes of these many tokens; None begins the next document."""
    made: list[Node] = []
    document = position = 0
    for size in sizes:
        if size is None:
            document, position = document + 1, 0
        else:
            made.append(Node(document, position, position + 1, "x", size))
            position += 1
    return made


def choose(scores: Sequence[float], *sizes: int | None, instruction: float | None = None, **options: Any) -> Selection:
    left = 1 - sum(scores) if instruction is None else instruction
    costs = {name: options.pop(name) for name in ("gap_tokens", "separator_tokens", "pinned") if name in options}
    rule = SelectionRule(**{"token_budget": 10**6, **options})
    return select(Scores(tuple(scores), left), nodes(*sizes), rule, **costs)


def test_everything_if_nothing_ends_it() -> None:
    found = choose([0.2, 0.5, 0.3], 10, 10, 10, top_p=1.0)
    assert found == Selection((0, 1, 2), (S, S, S), "all", 30)


def test_best_first_until_the_mass_is_reached_then_positional_order() -> None:
    # 0.1 (instruction) + 0.4 + 0.3 = 0.8 >= 0.75: the third is left out
    found = choose([0.3, 0.2, 0.4], 7, 8, 9, top_p=0.75, instruction=0.1)
    assert found == Selection((0, 2), (S, T, S), "top_p", 16)


@pytest.mark.parametrize(("top_p", "kept"), [(0.5, (0,)), (0.5 + 1e-9, (0, 1)), (0.75, (0, 1)), (0.7500001, (0, 1, 2))])
def test_mass_that_is_reached_exactly_is_enough(top_p: float, kept: tuple[int, ...]) -> None:
    # powers of two, so that the sums are exact: 0.25 + 0.25 = 0.5, then 0.75, then 0.875
    assert choose([0.25, 0.25, 0.125], 1, 1, 1, instruction=0.25, top_p=top_p).indices == kept


def test_an_instruction_that_has_the_mass_leaves_nothing() -> None:
    assert choose([0.1, 0.1], 5, 5, instruction=0.8, top_p=0.8) == Selection((), (T, T), "top_p", 0)


def test_top_p_one_never_ends_the_search() -> None:
    assert choose([0.0, 1.0, 0.0], 5, 5, 5, top_p=1.0).indices == (0, 1, 2)
    assert choose([0.0, 0.0], 5, 5, instruction=1.0, top_p=1.0).stop_reason == "all"


def test_min_score_leaves_out_what_is_under_it_only() -> None:
    found = choose([0.5, 0.25, 0.125], 1, 1, 1, top_p=1.0, min_score=0.25)
    assert found == Selection((0, 1), (S, S, M), "min_score", 2)
    assert choose([0.5, 0.25], 1, 1, top_p=1.0, min_score=0.6) == Selection((), (M, M), "min_score", 0)


def test_the_first_rule_that_holds_is_named() -> None:
    # After 0.5 the mass is reached, and 0.1 is under min_score and over the budget as well.
    assert choose([0.5, 0.1], 5, 99, instruction=0.4, top_p=0.9, min_score=0.2, token_budget=5).stop_reason == "top_p"
    assert (
        choose([0.5, 0.1], 5, 99, instruction=0.4, top_p=1.0, min_score=0.2, token_budget=5).stop_reason == "min_score"
    )
    assert choose([0.5, 0.1], 5, 99, instruction=0.4, top_p=1.0, token_budget=5).stop_reason == "budget"


def test_fill_skips_what_does_not_fit_and_paper_ends() -> None:
    scores, sizes = [0.4, 0.3, 0.2, 0.1], (50, 60, 30, 20)
    assert choose(scores, *sizes, top_p=1.0, token_budget=100, overflow="fill") == Selection(
        (0, 2, 3), (S, B, S, S), "budget", 100
    )
    assert choose(scores, *sizes, top_p=1.0, token_budget=100, overflow="paper") == Selection(
        (0,), (S, B, B, B), "budget", 50
    )


def test_a_skipped_node_adds_no_mass() -> None:
    # 0.5 is skipped; 0.3 + 0.2 does not reach 0.6, so the last one is kept too
    found = choose([0.5, 0.25, 0.125, 0.125], 99, 1, 1, 1, instruction=0.0, top_p=0.5, token_budget=9)
    assert found == Selection((1, 2, 3), (B, S, S, S), "budget", 3)


def test_fill_still_ends_at_the_mass() -> None:
    found = choose([0.5, 0.25, 0.125, 0.125], 99, 1, 1, 1, instruction=0.0, top_p=0.375, token_budget=9)
    assert found == Selection((1, 2), (B, S, S, T), "top_p", 2)


def test_a_node_as_large_as_the_budget_fits() -> None:
    assert choose([1.0], 10, token_budget=10, top_p=1.0) == Selection((0,), (S,), "all", 10)
    assert choose([1.0], 11, token_budget=10, top_p=1.0) == Selection((), (B,), "budget", 0)


def test_of_equal_scores_the_earlier_node_wins() -> None:
    assert choose([0.25] * 4, 1, 1, 1, 1, token_budget=2, top_p=1.0).indices == (0, 1)
    assert choose([0.0, 0.0, 0.5, 0.5], 1, 1, 1, 1, token_budget=3, top_p=1.0).indices == (0, 2, 3)
    assert choose([0.0] * 3, 1, 1, 1, instruction=1.0, token_budget=1, top_p=1.0).indices == (0,)


def test_a_gap_costs_a_mark_and_closing_it_gives_it_back() -> None:
    # 10, then 10 + 3 for the gap, then the node between: 10 - 3
    scores = [0.5, 0.1, 0.4]
    assert choose(scores, 10, 10, 10, gap_tokens=3, top_p=1.0).tokens == 30
    assert choose(scores, 10, 10, 10, gap_tokens=3, top_p=0.9, instruction=0.0).tokens == 23
    assert choose(scores, 10, 10, 10, gap_tokens=3, top_p=1.0, token_budget=23).indices == (0, 2)
    assert choose(scores, 10, 10, 10, gap_tokens=3, top_p=1.0, token_budget=22).indices == (0, 1)  # touching: no gap
    assert choose(scores, 10, 2, 10, gap_tokens=3, top_p=1.0, token_budget=23).indices == (0, 1, 2)  # 22 in all


def test_neighbours_in_order_cost_no_mark() -> None:
    assert choose([0.4, 0.3, 0.2], 10, 10, 10, gap_tokens=100, top_p=1.0, token_budget=30).indices == (0, 1, 2)
    # the same from the end to the beginning
    assert choose([0.2, 0.3, 0.4], 10, 10, 10, gap_tokens=100, top_p=1.0, token_budget=30).indices == (0, 1, 2)


def test_a_separator_is_paid_once_per_further_document() -> None:
    scores = [0.4, 0.3, 0.2, 0.1]
    sizes = (10, None, 10, 10, None, 10)
    assert choose(scores, *sizes, separator_tokens=2, gap_tokens=50, top_p=1.0).tokens == 44
    assert choose(scores, *sizes, separator_tokens=2, gap_tokens=50, top_p=1.0, token_budget=32).indices == (0, 1, 2)
    assert choose(scores, *sizes, separator_tokens=2, gap_tokens=50, top_p=1.0, token_budget=31).indices == (0, 1)


def test_no_mark_between_the_last_node_of_a_document_and_the_first_of_the_next() -> None:
    found = choose([0.5, 0.5], 10, None, 10, gap_tokens=7, separator_tokens=1, top_p=1.0)
    assert found.tokens == 21
    # their neighbour is another document's, so no gap is closed by it
    found = choose([0.5, 0.1, 0.3, 0.1], 10, 10, None, 10, 10, gap_tokens=7, separator_tokens=1, top_p=0.8)
    assert (found.indices, found.tokens) == ((0, 2), 21)


def test_pins_come_first_and_are_charged() -> None:
    found = choose([0.0, 0.6, 0.4], 10, 10, 10, token_budget=20, top_p=1.0, pinned=[0])
    assert found == Selection((0, 1), (P, S, B), "budget", 20)
    found = choose([0.6, 0.4, 0.0], 10, 10, 10, token_budget=25, gap_tokens=5, top_p=1.0, pinned={2})
    assert found == Selection((0, 2), (S, B, P), "budget", 25)


def test_pins_add_no_mass_and_ignore_every_rule() -> None:
    found = choose([0.0, 0.3, 0.7], 10, 10, 10, instruction=0.0, top_p=0.7, min_score=0.5, pinned=[0])
    assert found == Selection((0, 2), (P, T, S), "top_p", 20)
    # Over the budget: whether that is an error is for the caller to say.
    assert choose([0.0, 0.5], 30, 5, token_budget=20, top_p=1.0, pinned=[0]) == Selection((0,), (P, B), "budget", 30)
    assert choose([0.0, 0.0], 5, 5, token_budget=20, instruction=1.0, pinned=[0, 1]) == Selection(
        (0, 1), (P, P), "all", 10
    )


def test_pins_pay_marks_and_separators_among_themselves() -> None:
    found = choose([0.0] * 4, 10, 10, 10, None, 10, instruction=1.0, gap_tokens=3, separator_tokens=2, pinned=[3, 2, 0])
    assert (found.indices, found.tokens) == ((0, 2, 3), 35)


def test_nothing_of_nothing() -> None:
    assert choose([], instruction=1.0) == Selection((), (), "all", 0)


def test_attncomp_rule() -> None:
    """AttnComp: p 0.95, epsilon 0.01, documents as nodes (arXiv 2509.17486)."""
    scores = [0.005, 0.5, 0.2, 0.009, 0.02]
    found = choose(scores, 5, None, 5, None, 5, None, 5, None, 5, instruction=0.266, top_p=0.95, min_score=0.01)
    # 0.266 + 0.5 + 0.2 = 0.966
    assert found.reasons == (T, S, S, T, T)
    found = choose(scores, 5, None, 5, None, 5, None, 5, None, 5, instruction=0.1, top_p=0.95, min_score=0.01)
    # 0.1 + 0.5 + 0.2 + 0.02 = 0.82; the next is 0.009
    assert found.reasons == (M, S, S, M, S)


def test_nothing_is_kept_where_nothing_is_likely_to_be_relevant() -> None:
    found = choose([0.2, 0.1], 10, 10, instruction=0.7, min_relevance=0.4)
    assert found == Selection((), ("min_relevance", "min_relevance"), "min_relevance", 0)
    assert choose([0.2, 0.1], 10, 10, instruction=0.7, min_relevance=0.3).indices == (0, 1)


def test_what_is_pinned_stays_where_nothing_is_relevant() -> None:
    found = choose([0.0, 0.1], 10, 10, instruction=0.9, min_relevance=0.5, pinned={0})
    assert found == Selection((0,), (P, "min_relevance"), "min_relevance", 10)


def test_what_stands_around_a_node_raises_its_rank() -> None:
    # the first stands alone in its document, the fifth and the last have the best beside them
    scores, sizes = [0.06, 0.0, 0.0, 0.0, 0.05, 0.5, 0.05], (60, None, 60, 60, 60, 60, 60, 60)
    assert choose(scores, *sizes, token_budget=180, top_p=1.0).indices == (0, 4, 5)
    assert choose(scores, *sizes, token_budget=180, top_p=1.0, surroundings=0.5).indices == (4, 5, 6)
    assert choose(scores, *sizes, token_budget=180, top_p=1.0, surroundings=0.01).indices == (0, 4, 5)


def test_what_is_far_or_of_another_document_does_not() -> None:
    far = [0.4, *[0.0] * 5, 0.1, 0.1]
    assert choose(far, *[200] * 8, token_budget=400, top_p=1.0, surroundings=1.0).indices == (0, 1)
    assert choose([0.4, 0.0, 0.1], 10, None, 10, 10, token_budget=20, top_p=1.0, surroundings=1.0).indices == (0, 2)


def test_surroundings_change_the_order_and_not_the_mass() -> None:
    found = choose([0.5, 0.25, 0.0, 0.25], 1, 1, 1, None, 1, instruction=0.0, top_p=0.75, surroundings=1.0)
    assert found == Selection((0, 1), (S, S, T, T), "top_p", 2)
    least = choose([0.5, 0.05, 0.3], 1, 1, None, 1, top_p=1.0, min_score=0.1, surroundings=1.0)
    assert least == Selection((0, 2), (S, M, S), "min_score", 2)


def test_equal_nodes_with_as_much_around_them_are_taken_in_order() -> None:
    """Sums of shares would differ in their last bits."""
    sizes, scores = [60] * 40, [0.9 / 40] * 40
    # Six nodes on each side are near enough; those at the ends of the document have fewer.
    order = sorted(range(40), key=lambda index: (-min(6, index, 39 - index), index))
    for most in range(1, 41):
        found = choose(scores, *sizes, instruction=0.1, top_p=1.0, surroundings=0.1, token_budget=60 * most)
        assert found.indices == tuple(sorted(order[:most]))


def test_the_mass_of_its_document_raises_a_nodes_rank() -> None:
    # 0.2 alone; 0.15 beside 0.15 and 0.09: 0.2 sqrt(0.2) = 0.089, 0.15 sqrt(0.39) = 0.094, 0.09 sqrt(0.39) = 0.056
    scores, sizes = [0.2, 0.0, 0.15, 0.09, 0.15], (100, None, 100, 100, 100, 100)
    order = {0.0: [0, 2, 4, 3, 1], 0.5: [2, 4, 0, 3, 1], 1.0: [2, 4, 0, 3, 1]}
    for weight, ranked in order.items():
        for most in range(1, 6):
            found = choose(scores, *sizes, token_budget=100 * most, top_p=1.0, context_weight=weight)
            assert found.indices == tuple(sorted(ranked[:most]))


@pytest.mark.parametrize(("size", "ranked"), [(32, [4, 3, 0]), (33, [0, 3, 4])])
def test_what_stands_right_beside_a_node_raises_its_rank(size: int, ranked: list[int]) -> None:
    # In 32 tokens: sqrt(0.1 0.1/2) = 0.071, sqrt(0.09 0.18/3) = 0.073, sqrt(0.09 0.18/2) = 0.09; of 33 they are apart
    scores = [0.1, 0.0, 0.0, 0.09, 0.09]
    for most in range(1, 4):
        found = choose(scores, *[size] * 5, token_budget=size * most, top_p=1.0, context_weight=0.5)
        assert found.indices == tuple(sorted(ranked[:most]))


def test_long_nodes_of_one_document_are_ranked_by_their_scores() -> None:
    scores = [0.01, 0.3, 0.02, 0.3, 0.05]
    for most in range(1, 6):
        plain, weighted = (
            choose(scores, *[100] * 5, token_budget=100 * most, context_weight=weight) for weight in (0.0, 1.0)
        )
        assert plain == weighted


def test_a_documents_mass_changes_the_order_and_not_what_is_reached() -> None:
    sizes = (100, 100, None, 100, 100)
    found = choose([0.3, 0.2, 0.25, 0.25], *sizes, instruction=0.0, top_p=0.5, context_weight=1.0)
    assert found == Selection((0, 2), (S, T, S, T), "top_p", 200)
    least = choose([0.05, 0.4, 0.2], *sizes[:-1], top_p=1.0, min_score=0.1, context_weight=1.0)
    assert least == Selection((1, 2), (M, S, S), "min_score", 200)


def test_equal_documents_are_taken_in_order() -> None:
    """Sums of shares in another order would differ in their last bits."""
    shares = [0.1, 0.2, 0.3 / 7]
    scores = [*shares[::-1], *shares]
    found = choose(scores, 1, 1, 1, None, 1, 1, 1, token_budget=1, instruction=0.0, top_p=1.0, context_weight=0.5)
    assert found.indices == (1,)


def test_documents_without_a_share() -> None:
    found = choose([0.0, 0.0, 0.1], 1, None, 1, None, 1, top_p=1.0, token_budget=2, context_weight=0.5)
    assert found.indices == (0, 2)


def test_where_the_first_node_had_no_room_for_a_lead_in_the_next_ones_do_not_need_it() -> None:
    title, heading = (0, 1), (1, 2)
    found = [
        Node(0, 0, 1, "x", 22),
        Node(0, 1, 2, "x", 3, (title,)),
        Node(0, 2, 3, "x", 12, (heading, title)),
        Node(0, 3, 4, "x", 12, (heading, title)),
    ]
    rule = SelectionRule(token_budget=30, top_p=1.0)
    assert select(Scores((0.0, 0.0, 0.6, 0.4), 0.0), found, rule).indices == (1, 2, 3)


@pytest.mark.parametrize(("budget", "kept"), [(31, (0, 1, 2, 5)), (32, (0, 2, 3, 4))])
def test_a_node_needs_a_lead_in_that_nodes_under_the_same_heading_do_not_have(
    budget: int, kept: tuple[int, ...]
) -> None:
    """As in "Confidential is: what is marked, but not: what is public": without the "not" it says the opposite."""
    heading, but = (0, 1), (3, 4)
    found = [
        Node(0, 0, 1, "x", 5),
        Node(0, 1, 2, "x", 1, (heading,)),
        Node(0, 2, 3, "x", 10, (heading,)),
        Node(0, 3, 4, "x", 5, (heading,)),
        Node(0, 4, 5, "x", 12, (heading, but)),
        Node(0, 5, 6, "x", 12),
    ]
    rule = SelectionRule(token_budget=budget, top_p=1.0)
    assert select(Scores((0.0, 0.1, 0.4, 0.0, 0.3, 0.2), 0.0), found, rule).indices == kept


@pytest.mark.parametrize(("gap", "kept"), [(0, (0, 1, 3, 5)), (1, (1,))])
def test_marks_between_a_node_and_its_lead_ins_are_charged_before_it_is_kept(gap: int, kept: tuple[int, ...]) -> None:
    title, heading = (0, 1), (3, 4)
    found = [
        Node(0, 0, 1, "x", 4),
        Node(0, 1, 2, "x", 4),
        Node(0, 2, 3, "x", 14),
        Node(0, 3, 4, "x", 4, (title,)),
        Node(0, 4, 5, "x", 14),
        Node(0, 5, 6, "x", 4, (heading, title)),
    ]
    rule = SelectionRule(token_budget=17, top_p=1.0)
    scores = Scores((0.0, 0.6, 0.0, 0.0, 0.0, 0.4), 0.0)
    assert select(scores, found, rule, gap_tokens=gap).indices == kept


@pytest.mark.parametrize(
    ("size", "budget", "kept"),
    [
        pytest.param(32, 60, (0, 1, 2, 3), id="a short one comes"),
        pytest.param(33, 60, (0, 2, 3), id="a long one does not where lead-ins would have over half of the budget"),
        pytest.param(33, 120, (0, 1, 2, 3), id="and comes where they have not"),
    ],
)
def test_a_lead_in_between_the_outermost_and_the_nearest(size: int, budget: int, kept: tuple[int, ...]) -> None:
    title, preamble, heading = (0, 1), (1, 2), (2, 3)
    found = [
        Node(0, 0, 1, "x", 6),
        Node(0, 1, 2, "x", size, (title,)),
        Node(0, 2, 3, "x", 6, (preamble, title)),
        Node(0, 3, 4, "x", 12, (heading, preamble, title)),
    ]
    rule = SelectionRule(token_budget=budget, top_p=1.0)
    # Another document, so that not everything fits
    found.append(Node(1, 0, 1, "y", 150))
    assert select(Scores((0.0, 0.0, 0.0, 0.9, 0.1), 0.0), found, rule).indices == kept


def test_no_node_but_the_first_comes_without_its_nearest_lead_in() -> None:
    heading = (0, 1)
    found = [
        Node(0, 0, 1, "x", 30),
        Node(0, 1, 2, "x", 20, (heading,)),
        Node(0, 2, 3, "x", 9, (heading,)),
        Node(1, 0, 1, "y", 60),
    ]
    rule = SelectionRule(token_budget=45, top_p=1.0)
    assert select(Scores((0.0, 0.5, 0.4, 0.1), 0.0), found, rule).indices == (1,)


def test_long_lead_ins_share_their_room() -> None:
    title, one, two, heading = (0, 1), (1, 2), (2, 3), (3, 4)
    found = [
        *(Node(0, start, start + 1, "x", size) for start, size in enumerate((2, 40, 40, 2))),
        Node(0, 4, 5, "x", 5, (heading, two, one, title)),
        Node(1, 0, 1, "y", 100),
    ]
    rule = SelectionRule(token_budget=100, top_p=1.0)
    assert select(Scores((0.0, 0.0, 0.0, 0.0, 0.9, 0.1), 0.0), found, rule).indices == (0, 2, 3, 4)


def test_what_fits_together_is_put_together() -> None:
    """The node between two others joins them, so that a mark is saved in the end and not on the way."""
    found = [
        Node(0, 0, 1, "x", 4),
        Node(0, 1, 2, "x", 1),
        Node(0, 2, 3, "x", 4, ((0, 1), (1, 2))),
        Node(0, 3, 4, "x", 50),
        Node(0, 4, 5, "x", 3),
    ]
    rule = SelectionRule(token_budget=15, top_p=1.0)
    kept = select(Scores((0.0, 0.0, 0.4, 0.0, 0.6), 0.0), found, rule, gap_tokens=3)
    assert (kept.indices, kept.tokens) == ((0, 1, 2, 4), 15)


def test_a_node_is_left_out_if_a_lead_in_further_up_has_no_room() -> None:
    """Under the first function it would seem to be a part of that."""
    other, function, opener = (0, 1), (2, 3), (3, 4)
    found = [
        Node(0, 0, 1, "x", 8),
        Node(0, 1, 2, "x", 12, (other,)),
        Node(0, 2, 3, "x", 8),
        Node(0, 3, 4, "x", 2, (function,)),
        Node(0, 4, 5, "x", 8, (opener, function)),
        Node(0, 5, 6, "x", 9),
    ]
    scores = Scores((0.0, 0.5, 0.0, 0.0, 0.3, 0.1), 0.1)
    assert select(scores, found, SelectionRule(token_budget=38, top_p=1.0)).indices == (0, 1, 2, 3, 4)
    assert select(scores, found, SelectionRule(token_budget=31, top_p=1.0)).indices == (0, 1, 5)

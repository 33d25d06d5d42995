"""From scores to a text inside the budget, by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import pytest

from longattncomp import Compressed, Document, Node, Query, Scores
from longattncomp.assembly import Assembler
from longattncomp.errors import BudgetError
from longattncomp.selection import SelectionRule

QUERY = Query("Who signed?")


def assemble(
    texts: Sequence[Sequence[str]],
    scores: Sequence[float],
    token_budget: int,
    *,
    count: Callable[[str], int] = len,
    instruction: float = 0.0,
    pinned: Collection[int] = (),
    **options: Any,
) -> Compressed:
    """Assemble documents that are given as their nodes' texts; tokens are characters if not said otherwise."""
    nodes = []
    for index, pieces in enumerate(texts):
        start = 0
        for piece in pieces:
            nodes.append(Node(index, start, start + len(piece), piece, count(piece)))
            start += len(piece)
    render = {name: options.pop(name) for name in ("gap_mark", "separator", "order", "allow_empty") if name in options}
    assembler = Assembler(
        count=count,
        rule=SelectionRule(**{"token_budget": token_budget, "top_p": 1.0, **options}),
        **{"gap_mark": "~", "separator": "|", **render},
    )
    documents = [Document("".join(pieces), id=f"id{index}") for index, pieces in enumerate(texts)]
    return assembler.assemble(QUERY, documents, nodes, Scores(tuple(scores), instruction), pinned=pinned)


def words(text: str) -> int:
    return len(text.split())


def reasons(result: Compressed) -> list[str]:
    return [node.reason for node in result.all_nodes]


# What is kept.


def test_all_of_it() -> None:
    result = assemble([["ab", "cd"], ["ef"]], [0.5, 0.3, 0.2], 100)
    assert result.text == "abcd|ef"
    assert (result.tokens, result.original_tokens, result.token_budget) == (7, 7, 100)
    assert (result.stop_reason, reasons(result)) == ("all", ["selected"] * 3)
    assert result.query is QUERY
    assert result.scores == (0.5, 0.3, 0.2)
    assert result.instruction_score == 0.0


def test_some_of_it_with_marks() -> None:
    result = assemble([["ab", "cd", "ef"], ["gh"], ["ij"]], [0.4, 0.0, 0.3, 0.2, 0.1], 8)
    assert result.text == "ab~ef|gh"
    assert result.tokens == 8
    assert result.original_tokens == 12
    assert [(part.index, part.id, part.text, part.spans) for part in result.documents] == [
        (0, "id0", "ab~ef", ((0, 2), (4, 6))),
        (1, "id1", "gh", ((0, 2),)),
    ]
    assert reasons(result) == ["selected", "budget", "selected", "selected", "budget"]
    assert result.stop_reason == "budget"


def test_a_documents_score_is_the_mass_of_all_its_nodes() -> None:
    result = assemble([["ab", "cd"], ["ef"]], [0.5, 0.125, 0.25], 2, instruction=0.125)
    assert [(part.index, part.score) for part in result.documents] == [(0, 0.625)]


def test_marks_are_paid_for() -> None:
    assert assemble([["ab", "cd", "ef"]], [0.4, 0.2, 0.4], 5).text == "ab~ef"
    assert assemble([["ab", "cd", "ef"]], [0.4, 0.2, 0.4], 4).text == "abcd"
    assert assemble([["ab", "cd", "ef"]], [0.4, 0.2, 0.4], 3).text == "ab"


def test_marks_that_outweigh_what_they_stand_for_bring_the_whole_back() -> None:
    # "ab[...]de" is longer than "abcde", which fits
    result = assemble([["ab", "c", "de"]], [0.5, 0.0, 0.5], 20, gap_mark="[...]", top_p=0.9)
    assert (result.text, result.tokens, result.stop_reason) == ("abcde", 5, "all")
    assert reasons(result) == ["selected"] * 3


@pytest.mark.parametrize("overflow", ["fill", "paper"])
@pytest.mark.parametrize("budget", [5, 6, 8, 9])
def test_a_budget_that_holds_the_whole_leaves_nothing_out(budget: int, overflow: str) -> None:
    # On the way "ab[...]de" would have nine tokens.
    result = assemble([["ab", "c", "de"]], [0.5, 0.1, 0.4], budget, gap_mark="[...]", overflow=overflow)
    assert (result.text, result.stop_reason) == ("abcde", "all")
    assert reasons(result) == ["selected"] * 3


def test_marks_that_outweigh_what_they_stand_for_but_the_whole_does_not_fit() -> None:
    # "ab[...]de" has one word, "a b c d e" five: the words fit, but the text would be longer.
    result = assemble([["a ", "b ", "c"]], [0.4, 0.2, 0.4], 2, gap_mark="[...]", count=words)
    assert len(result.text) <= len("a b c")
    assert result.tokens <= 2
    assert result.text in ("a ", "a b ", "c")


def test_a_long_fight_with_marks_ends_soon() -> None:
    n = 20_000
    scores = [(2.0 if i % 2 else 1.0) / (1.5 * n) for i in range(n)]

    counted = 0

    def counting(text: str) -> int:
        nonlocal counted
        counted += len(text)
        return words(text)

    result = assemble([["a "] * n], scores, n - 1, gap_mark="\n[...]\n", count=counting, top_p=0.6)
    assert counted < 40 * len(result.context[0].text)
    assert 0 < len(result.text) <= 2 * n
    assert result.tokens <= n - 1


# Cut to fit.


@pytest.mark.parametrize(
    ("text", "budget", "kept"),
    [
        ("One two. Three four.\nFive", 24, "One two. Three four.\n"),
        ("One two. Three four.\nFive", 21, "One two. Three four.\n"),
        ("One two. Three four.\nFive", 20, "One two. "),  # sentence, not word
        ("One two. Three four.\nFive", 9, "One two. "),
        ("One two. Three four.\nFive", 8, "One "),  # word
        ("One two. Three four.\nFive", 4, "One "),
        ("One two. Three four.\nFive", 3, "One"),  # character
        ("One two. Three four.\nFive", 1, "O"),
        ("租约由王芳签署。房东是李雷。谁", 9, "租约由王芳签署。"),
        ("租约由王芳签署。房东是李雷。谁", 7, "租约由王芳签署"),
        ("alpha\r\nbeta", 8, "alpha\r\n"),
        ("alpha\r\nbeta", 6, "alpha"),  # not in the middle of a CRLF
        ("e\u0301e\u0301e\u0301", 5, "e\u0301e\u0301"),
        ("👨‍👩‍👧👍🏽", 6, "👨‍👩‍👧"),
        ("def f():\n  return 1\n", 12, "def f():\n"),
    ],
)
def test_the_best_node_is_cut_at_a_sentence_a_word_or_a_character(text: str, budget: int, kept: str) -> None:
    result = assemble([["Other."], [text]], [0.1, 0.9], budget, overflow="paper")
    assert result.text == kept
    assert result.stop_reason == "budget"
    (node,) = result.nodes
    assert (node.document, node.start, node.end, node.reason) == (1, 0, len(kept), "cut")
    assert (node.tokens, node.score) == (len(kept), 0.9)
    assert result.documents[0].spans == ((0, len(kept)),)
    assert reasons(result) == ["budget", "cut"]
    assert result.all_nodes[1].text == text  # they still tile


def test_a_cut_begins_with_what_is_not_blank() -> None:
    result = assemble([["\n\nhello there"]], [1.0], 8)
    assert (result.text, result.documents[0].spans) == ("hello ", ((2, 8),))
    (node,) = result.nodes
    assert (node.start, node.end, node.tokens, node.reason) == (2, 8, 6, "cut")
    assert assemble([["\n\nhello there"]], [1.0], 1, count=words).text == "hello "
    assert assemble([[" \r\n\r\nhello"]], [1.0], 3).text == "hel"


def test_a_blank_node_is_the_best_only_if_all_are_blank() -> None:
    result = assemble([["\n \n", "One two. "]], [0.9, 0.1], 5, top_p=0.5, instruction=0.6)
    assert result.text == "One "
    result = assemble([["\n\n\n"]], [1.0], 2)
    assert (result.text.strip(), len(result.text)) == ("", 1)


def test_blank_nodes_alone_make_no_result_where_something_else_does() -> None:
    result = assemble([["Ada signed.", " "]], [0.4, 0.6], 3)
    assert result.text == "Ada"
    assert reasons(result) == ["cut", "budget"]


def test_a_node_in_the_middle_of_its_document_is_cut_at_its_own_place() -> None:
    result = assemble([["Zero. ", "One two three."]], [0.0, 1.0], 5, overflow="paper")
    assert result.text == "One "
    assert result.documents[0].spans == ((6, 10),)


def test_what_fits_whole_is_kept_before_the_best_is_cut() -> None:
    result = assemble([["far too long"], ["short"]], [0.9, 0.1], 5)
    assert (result.text, reasons(result)) == ("short", ["budget", "selected"])


def test_paper_cuts_the_best() -> None:
    result = assemble([["far too long"], ["short"]], [0.9, 0.1], 5, overflow="paper")
    assert (result.text, reasons(result)) == ("far ", ["cut", "budget"])


def test_stopping_rules_that_keep_nothing_keep_the_best_node() -> None:
    result = assemble([["ab", "cd"]], [0.1, 0.2], 9, instruction=0.7, top_p=0.5)
    assert (result.text, result.stop_reason, reasons(result)) == ("cd", "top_p", ["top_p", "selected"])
    result = assemble([["ab", "cd"]], [0.3, 0.2], 9, instruction=0.5, min_score=0.9)
    assert (result.text, result.stop_reason, reasons(result)) == ("ab", "min_score", ["selected", "min_score"])


def test_unless_the_caller_allows_nothing() -> None:
    result = assemble([["ab", "cd"]], [0.1, 0.2], 9, instruction=0.7, top_p=0.5, allow_empty=True)
    assert (result.text, result.tokens, result.nodes, result.documents) == ("", 0, (), ())
    assert (result.stop_reason, reasons(result)) == ("top_p", ["top_p", "top_p"])
    # A budget that is too small is no verdict on the documents.
    assert assemble([["abc"]], [1.0], 2, allow_empty=True).text == "ab"
    # Nor by what comes after it.
    found = assemble([["a" * 20], ["bcdef"]], [0.9, 0.005], 10, instruction=0.095, min_score=0.01, allow_empty=True)
    assert found.text == "a" * 10


def test_another_character_if_the_first_does_not_fit() -> None:
    assert assemble([["日a"]], [1.0], 1, count=lambda text: len(text.encode())).text == "a"
    result = assemble([["日"], ["本b"]], [0.9, 0.1], 1, count=lambda text: len(text.encode()))
    assert (result.text, result.documents[0].spans) == ("b", ((1, 2),))


def test_not_one_character() -> None:
    with pytest.raises(BudgetError, match="not one character of the context fits a budget of 2 tokens: raise token_b"):
        assemble([["日本"], ["語"]], [0.5, 0.5], 2, count=lambda text: len(text.encode()))


# Counts that do not add up.


def superadditive(text: str) -> int:
    """As many tokens as characters, and one more for each letter right after a mark or separator."""
    return len(text) + len(re.findall(r"[~|]\w", text))


def pairs(text: str) -> int:
    """Two letters a token, as merges of a BPE: odd ends merge when texts are joined."""
    return sum(-(-len(run) // 2) for run in re.findall(r"\w+|\W", text))


def test_a_join_that_costs_more_than_its_parts_is_taken_back() -> None:
    # Charged 2 + 1 + 2 = 5 for "ab~ef", but counted 6.
    result = assemble([["ab", "cd", "ef"]], [0.5, 0.1, 0.4], 6, count=superadditive)
    assert result.text == "abcdef"  # fits, and has not more than the parts with their mark
    result = assemble([["ab", "cd", "ef", "gh"]], [0.5, 0.1, 0.4, 0.0], 5, count=superadditive)
    assert result.tokens == superadditive(result.text) <= 5
    assert result.text == "abcd"
    assert result.stop_reason == "budget"
    assert reasons(result) == ["selected", "selected", "budget", "budget"]


def test_the_end_is_named_for_what_was_left_out_at_last() -> None:
    # By the charges (8 + 8 + 1) all would fit, by the text (18) not.
    result = assemble([["a" * 8], ["b" * 8]], [0.6, 0.4], 17, count=superadditive)
    assert (result.text, result.tokens, result.original_tokens) == ("a" * 8, 8, 18)
    assert (result.stop_reason, reasons(result)) == ("budget", ["selected", "budget"])


def test_original_tokens_are_those_of_the_whole_text() -> None:
    # "abc" and "de" have 2 + 1 tokens, "abcde" has 3; "a" and "b" have 2, "ab" has 1.
    assert assemble([["abc", "de"]], [0.5, 0.5], 9, count=pairs).original_tokens == 3
    result = assemble([["a", "b"]], [0.5, 0.5], 9, count=pairs)
    assert (result.original_tokens, result.tokens) == (1, 1)


def test_parts_that_count_more_than_their_whole_do_not_hide_that_it_fits() -> None:
    # Eight letters have 8 tokens one by one and 4 together.
    result = assemble([list("abcdefgh")], [0.125] * 8, 4, count=pairs)
    assert result.tokens <= 4
    assert result.text.startswith("abcd")


@pytest.mark.parametrize("budget", range(1, 40))
@pytest.mark.parametrize("count", [len, words, superadditive, pairs])
def test_never_over_the_budget_and_never_longer(count: Callable[[str], int], budget: int) -> None:
    texts = [["Ada ", "signed ", "it. "], ["Bob", " did", " not", "."], ["No ~x"]]
    whole = "|".join("".join(pieces) for pieces in texts)
    for seed in range(6):
        weights = [(7 * i + 3 * seed) % 11 + 1 for i in range(8)]
        result = assemble(texts, [w / sum(weights) for w in weights], budget, count=count)
        assert 0 < result.tokens == count(result.text) <= min(budget, count(whole))
        assert len(result.text) <= len(whole)


# Pins.


def test_pins_are_kept_and_charged_first() -> None:
    result = assemble([["ab", "cd", "ef"], ["gh"]], [0.0, 0.0, 0.9, 0.1], 5, pinned={0})
    assert result.text == "ab~ef"
    assert reasons(result) == ["pinned", "budget", "selected", "budget"]
    assert assemble([["ab", "cd", "ef"], ["gh"]], [0.0, 0.0, 0.9, 0.1], 4, pinned={0}).text == "abcd"
    assert assemble([["ab", "cd", "ef"], ["gh"]], [0.0, 0.0, 0.9, 0.1], 2, pinned={0}).text == "ab"


def test_pins_alone_are_enough() -> None:
    result = assemble([["ab", "cd"]], [0.0, 0.1], 9, instruction=0.9, top_p=0.5, pinned={0})
    assert (result.text, reasons(result)) == ("ab", ["pinned", "top_p"])


def test_pins_over_the_budget_say_by_how_much() -> None:
    message = "the pinned text has 5 tokens, 2 more than the budget of 3: pin less"
    with pytest.raises(BudgetError, match=re.escape(message)):
        assemble([["ab", "cd", "ef"]], [0.0, 1.0, 0.0], 3, pinned={0, 2})
    assert assemble([["ab", "cd", "ef"]], [0.0, 1.0, 0.0], 5, pinned={0, 2}).text == "ab~ef"


def test_pins_with_marks_longer_than_the_whole_bring_the_whole_back() -> None:
    for budget in (5, 100):
        result = assemble([["ab", "c", "de"]], [0.0, 1.0, 0.0], budget, gap_mark="[...]", top_p=0.1, pinned={0, 2})
        assert (result.text, result.tokens, result.original_tokens) == ("abcde", 5, 5)
        assert reasons(result) == ["pinned", "selected", "pinned"]
    with pytest.raises(BudgetError, match="has 9 tokens, 5 more"):
        assemble([["ab", "c", "de"]], [0.0, 1.0, 0.0], 4, gap_mark="[...]", top_p=0.1, pinned={0, 2})


def test_pins_whose_join_costs_more_are_counted_on_the_text() -> None:
    with pytest.raises(BudgetError, match="has 6 tokens, 1 more"):
        assemble([["ab", "cdcd", "ef"]], [0.0, 1.0, 0.0], 5, count=superadditive, pinned={0, 2})


# In the order of the scores.


def test_documents_with_pinned_text_come_before_the_best() -> None:
    texts = [["aa"], ["bb", "BB"], ["cc"], ["dd"]]
    result = assemble(texts, [0.1, 0.0, 0.3, 0.6, 0.0], 100, order="score", pinned={1, 4})
    assert result.text == "bbBB|dd|cc|aa"
    assert [document.index for document in result.documents] == [1, 3, 2, 0]


def sharp(text: str) -> int:
    """Three more for every b before an a, so that the order counts."""
    return len(text) + 3 * len(re.findall(r"b.*a", text, re.DOTALL))


def test_original_tokens_are_those_of_the_given_order() -> None:
    result = assemble([["aa"], ["bb"]], [0.2, 0.8], 100, order="score", count=sharp)
    assert (result.text, result.tokens, result.original_tokens, result.stop_reason) == ("bb|aa", 8, 5, "all")


@pytest.mark.parametrize("budget", [5, 6, 7])
def test_what_fits_in_the_given_order_only_is_left_out(budget: int) -> None:
    result = assemble([["aa"], ["bb"]], [0.2, 0.8], budget, order="score", count=sharp)
    assert (result.text, result.tokens, result.original_tokens) == ("bb", 2, 5)
    assert (reasons(result), result.stop_reason) == (["budget", "selected"], "budget")


def test_a_long_context_is_counted_once_whole() -> None:
    counted: list[str] = []

    def count(text: str) -> int:
        counted.append(text)
        return len(text)

    assemble([["a" * 500], ["b" * 500], ["cc"]], [0.1, 0.4, 0.5], 100, order="score", count=count)
    assert [text for text in counted if len(text) > 900] == ["a" * 500 + "|" + "b" * 500 + "|cc"]


def test_blank_text_costs_few_counts() -> None:
    """A prefix for each space would be counted otherwise, and they are long."""
    counted: list[int] = []

    def count(text: str) -> int:
        counted.append(len(text))
        return len(text)

    assemble([[" " * 4_000], [" " * 4_000 + "signed"]], [0.6, 0.4], 3, count=count)
    assert len(counted) < 200

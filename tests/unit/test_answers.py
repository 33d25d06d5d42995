"""What a target wrote, against what is accepted."""

from __future__ import annotations

import pytest

from longattncomp.evaluation.targets.answers import chosen, exact_and_f1


@pytest.mark.parametrize(
    ("text", "answers", "exact", "f1"),
    [
        ("Ada Marsh", ("Ada Marsh",), 1.0, 1.0),
        ("  the ADA  marsh. ", ("Ada Marsh",), 1.0, 1.0),
        ("by Ada Marsh", ("Ada Marsh",), 0.0, 0.8),  # precision 2/3, recall 1
        ("a cat", ("a dog", "the cat sat"), 0.0, 2 / 3),  # the nearest counts: precision 1, recall 1/2
        ("a cat", ("a dog", "cat"), 1.0, 1.0),
        ("cat cat", ("cat",), 0.0, 2 / 3),  # a word counts as often as it is accepted
        ("", ("Ada",), 0.0, 0.0),
        ("東京", ("東京",), 1.0, 1.0),
        ("東京です", ("東京",), 0.0, 0.0),
        ("Zürich \ud800", ("zürich",), 0.0, 2 / 3),
    ],
)
def test_exact_match_and_f1_are_those_of_squad(text: str, answers: tuple[str, ...], exact: float, f1: float) -> None:
    assert exact_and_f1(text, answers) == (exact, pytest.approx(f1, abs=1e-6))


def test_without_accepted_answers_there_is_nothing_to_match() -> None:
    assert exact_and_f1("Ada", ()) == (None, None)


BUGS = ("parse_url", "parse", "close", "open_all")


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("parse", 1),
        ("`close`.", 2),
        ("B", 1),
        ("(C)", 2),
        ("**D.** open_all", 3),
        ("B) parse, because it skips the port", 1),
        ("The correct answer is (C).", 2),
        ("Reading the code again, the answer: **D**", 3),
        ("Option A looks right to me", 0),
        ("The bug is in parse_url, which drops the port.", 0),  # `parse` is no word of this
        ("A look at the code shows that close is wrong.", 2),  # an article is no letter
        ("E", None),  # there are four
        ("parse or close", None),
        ("none of them", None),
        ("", None),
    ],
)
def test_the_option_that_a_text_names(text: str, index: int | None) -> None:
    assert chosen(text, BUGS) == index


def test_an_option_inside_another_is_not_what_was_named() -> None:
    assert chosen("It was New York City, I think", ("York", "New York", "New York City", "City")) == 2


def test_options_that_are_letters_or_in_other_scripts() -> None:
    assert chosen("B", ("B", "A")) == 0
    assert chosen("答えは 東京 です", ("大阪", "東京")) == 1
    assert chosen("STRASSE", ("weg", "straße")) == 1

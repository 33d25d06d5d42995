"""Questions that take two paragraphs: the evidence of both, and no answer where both are missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from longattncomp.data.rows import Evidence, Example, contexts
from longattncomp.training.samples.bridges import bridge_samples
from longattncomp.training.samples.queries import SampleOptions
from longattncomp.types import Document

OPTIONS = SampleOptions(compound=0.0, unanswerable=0.25)
COUNTRIES = [f"{head}{tail}land" for head in ("Al", "Be", "Co", "Du", "Em", "Fi") for tail in ("bor", "den", "mer")]


def paragraph(title: str, query: str, answer: str, text: str) -> Example:
    documents = (Document(f"{title}\n{text}", id=f"{title}-{query}", metadata={"title": title}),)
    start = documents[0].text.index(answer)
    end = documents[0].text.index(".", start) + 1
    return Example(f"{title}:{query}", "squad", query, (answer,), documents, (Evidence(0, start, end),))


def squad(first: str = "Which country borders Lake {at}?") -> list[Example]:
    """Find for each country a paragraph that names it, one about it, and one of the same title as each of them."""
    found = []
    for at, country in enumerate(COUNTRIES):
        found += [
            paragraph("Lakes", first.format(at=at), country, f"Lake {at} is deep. {country} lies at its shore."),
            paragraph(
                f"T{at}", f"When did {country}'s king die?", f"1{at:03}", f"In 1{at:03} the king died. Rain fell."
            ),
            paragraph(f"T{at}", f"what is grown on farm {at}?", f"barley {at}", f"They grow barley {at}. It is cold."),
        ]
    return found


def test_a_question_takes_the_evidence_of_two() -> None:
    samples = [sample for sample in bridge_samples(squad(), OPTIONS) if sample.evidence]
    assert len(samples) == len(COUNTRIES)
    for sample in samples:
        at = int(sample.answers[0][1:])
        assert sample.query == f"When did the country that borders Lake {at}'s king die?"
        quoted = {sample.documents[span.document].text[span.start : span.end] for span in sample.evidence}
        assert quoted == {f"{COUNTRIES[at]} lies at its shore.", f"1{at:03} the king died."}


def test_where_nothing_answers_both_paragraphs_are_missing_and_one_title_is_there() -> None:
    none = [sample for sample in bridge_samples(squad(), OPTIONS) if not sample.evidence]
    assert len(none) > 2
    for sample in none:
        at = int(sample.query.split("Lake ")[1].partition("'")[0])
        text = "\n".join(document.text for document in sample.documents)
        assert f"Lake {at} is deep" not in text
        assert f"1{at:03} the king" not in text
        assert {document.metadata["title"] for document in sample.documents} & {"Lakes", f"T{at}"}


@pytest.mark.parametrize(
    ("first", "phrase"),
    [
        ("Who is the owner of lake {at}?", "the owner of lake {at}"),
        ("who sold lake {at}", "the person who sold lake {at}"),
        ("What old kingdom borders lake {at}?", None),
        ("Where is the largest lake {at}?", None),
    ],
)
def test_a_question_becomes_what_it_asks_for(first: str, phrase: str | None) -> None:
    asked = {sample.query for sample in bridge_samples(squad(first), replace(OPTIONS, unanswerable=0.0))}
    assert asked == {f"When did {phrase.format(at=at)}'s king die?" for at in range(len(COUNTRIES)) if phrase}


def test_no_answer_stands_in_the_paragraph_that_only_names_its_subject() -> None:
    rows = [
        *squad(),
        paragraph("Lakes", "Which country borders the Red Sea?", "Norland", "Norland has the Red Sea. Blue is rare."),
        paragraph("N", "What does Norland like?", "Blue", "Everybody there likes Blue. Well."),
    ]
    assert not [sample for sample in bridge_samples(rows, OPTIONS) if "Red Sea" in sample.query]


def test_few_questions_are_about_one_name() -> None:
    rows = [
        paragraph(f"T{at}", f"When was Norland's town {at} built?", f"1{at:03}", f"It was built in 1{at:03}.")
        for at in range(40)
    ]
    rows.append(paragraph("Lakes", "Which country borders the Red Sea?", "Norland", "Norland has the Red Sea."))
    assert sum(bool(sample.evidence) for sample in bridge_samples(rows, OPTIONS)) == 12


def test_the_paragraphs_stand_among_others_of_their_titles() -> None:
    for group in contexts(bridge_samples(squad(), OPTIONS)):
        documents = group[0].documents
        assert len({document.text for document in documents}) == len(documents) >= 8
        titles = {document.metadata["title"] for document in documents}
        asked = {documents[span.document].metadata["title"] for sample in group for span in sample.evidence}
        assert titles == asked

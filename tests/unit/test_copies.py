"""A passage that stands in several places is kept once; what is meant to stand there again is kept as often."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longattncomp import Compressed, Compressor, Settings
from longattncomp.testing import ByteTokenizer, WordScorer

THINGS = ["apples", "bread", "cherries", "dogs", "eggs", "figs", "grapes", "hens", "icicles", "jam", "kites", "lemons"]
SENTENCES = [
    f"{thing.capitalize()} are what neighbour {number} of ours keeps in the shed behind house {number * 7}."
    for number, thing in enumerate(THINGS)
]
PASSAGE = "The lease begins on the first of May. Either side may end it with three months' notice in writing."
OTHERS, MORE = (
    " ".join(f"Nothing of note happened in week {week} of the year {year}." for week in range(30)) for year in (1, 2)
)


def compressed(documents: str | Sequence[str], query: str, token_budget: int = 300, **options: object) -> Compressed:
    compressor = Compressor(WordScorer(), ByteTokenizer(), settings=Settings(node_tokens=64))
    return compressor.compress(query, documents, token_budget=token_budget, **options)


def chunks(sentences: Sequence[str], size: int, overlap: int) -> list[str]:
    return [" ".join(sentences[at : at + size]) for at in range(0, len(sentences) - overlap, size - overlap)]


def distinct(result: Compressed) -> set[str]:
    return {sentence for sentence in SENTENCES if sentence in result.text}


@pytest.mark.parametrize("order", [1, -1])
def test_a_sentence_of_two_overlapping_chunks_is_kept_once(order: int) -> None:
    result = compressed(chunks(SENTENCES, 4, 2)[::order], "Who keeps the dogs?")
    assert result.text.count(SENTENCES[3]) == 1
    assert [node.reason for node in result.all_nodes if node.text.strip() == SENTENCES[3]].count("duplicate") == 1


@settings(max_examples=20)
@given(
    size=st.integers(2, 6),
    overlap=st.integers(1, 5),
    token_budget=st.integers(80, 1200),
    asked=st.sampled_from(THINGS),
    seed=st.integers(0, 9),
)
def test_the_same_budget_holds_more_distinct_text(
    size: int, overlap: int, token_budget: int, asked: str, seed: int
) -> None:
    texts = chunks(SENTENCES, size, min(overlap, size - 1))
    random.Random(seed).shuffle(texts)
    once, often = (
        compressed(texts, f"Who keeps {asked}?", token_budget, deduplicate=deduplicate) for deduplicate in (True, False)
    )
    assert len(distinct(once)) >= len(distinct(often))
    assert once.tokens <= token_budget
    assert all(document.text in texts[document.index] or "[...]" in document.text for document in once.documents)
    assert [(node.document, node.start) for node in once.nodes] == sorted(
        (node.document, node.start) for node in once.nodes
    )
    if once.stop_reason != "all" and overlap < size:
        assert all(once.text.count(sentence) <= 1 for sentence in SENTENCES)


def test_a_third_more_stands_in_a_result_over_chunks_that_overlap() -> None:
    texts = chunks(SENTENCES, 4, 2)
    once, often = (compressed(texts, "Which of our neighbours keeps what?", 900, deduplicate=d) for d in (True, False))
    assert len(distinct(once)) >= 4 / 3 * len(distinct(often))


def test_a_chunk_that_begins_within_a_sentence_repeats_it() -> None:
    whole = " ".join(SENTENCES[:6])
    result = compressed([whole[:330], whole[210:], OTHERS], "Who keeps the dogs?", 500)
    (first, *_) = [node for node in result.all_nodes if node.document == 1]
    assert first.text.strip() == whole[210:].partition(" Dogs")[0]
    assert first.reason == "duplicate"


COPIES = {
    "under a sentence that only has a word of announcements": [
        f"{OTHERS}\n\nThe following year was below all hopes. {PASSAGE} {SENTENCES[0]} {SENTENCES[1]}",
        f"{PASSAGE} {SENTENCES[0]} {SENTENCES[1]} {MORE}",
    ],
    "the same passage in two files": [f"{OTHERS} {PASSAGE}", f"{PASSAGE} {MORE}"],
    "other white space and case": [f"{OTHERS}\n\n{PASSAGE}", PASSAGE.replace(" ", "\n  ", 3).upper() + f"\n\n{MORE}"],
    "a quoted mail": [f"{PASSAGE}\n\n{OTHERS}", f"Fine with me.\n\nOn Monday, Ada wrote:\n> {PASSAGE}\n\n{MORE}"],
    "a quoted mail that is wrapped": [
        f"From: Ada\nSubject: Lease\n\n{PASSAGE}\n\n{OTHERS}",
        f"From: Bob\nSubject: Your mail\n\nFine.\n\nOn Monday, Ada wrote:\n> {PASSAGE[:60]}\n> {PASSAGE[61:]}\n",
    ],
    "rows of a table in two chunks": [
        "name,kept,house\n"
        + "".join(f"{thing},in the shed behind the old mill,{at}\n" for at, thing in enumerate(THINGS[:9])),
        "".join(f"{thing},in the shed behind the old mill,{at}\n" for at, thing in enumerate(THINGS) if at > 5),
    ],
}


@pytest.mark.parametrize("documents", COPIES.values(), ids=COPIES)
def test_copies_are_kept_once(documents: list[str]) -> None:
    result = compressed(documents, "When does the lease begin, and what notice ends it? Who has grapes and figs?", 400)
    assert "duplicate" in {node.reason for node in result.all_nodes}
    words = " ".join(result.text.replace(">", " ").casefold().split())
    for wanted in (
        "the lease begins on the first of may.",
        "three months' notice in writing.",
        "grapes,in the shed behind the old mill",
    ):
        assert words.count(wanted) == (wanted in " ".join(documents[0].casefold().split()))


MEANT = {
    "lines of a log": "".join(
        f"{'INFO' if at % 3 else 'ERROR'} the lease service lost its connection\n" for at in range(30)
    ),
    "equal rows": "item,buyer,price\n" + "lease of one small red car,Ada Miller of Green Street,40\n" * 12,
    "rows of two files": [
        f"day,item,price\n{day},car,9\n" + "lease,the small red car of Ada Miller on the hill,40\n"
        for day in "abcdefgh"
    ],
    "code": "def one():\n    lease = open_lease(1)\n    return lease\n\n" * 8,
    "two speakers": [
        "Ada: Fine. I will sign the lease for the house behind the mill on Friday.",
        "Bob: Well. I will sign the lease for the house behind the mill on Friday.",
        OTHERS,
    ],
    "one speaker on two days": (
        "2026-03-01 Ada: I will sign the lease for the house behind the mill.\n"
        "2026-03-09 Ada: I will sign the lease for the house behind the mill.\n"
        "2026-03-10 Bob: We will see.\n" + f"\n{OTHERS}"
    ),
    "a speaker above each statement": f"Ada:\n{PASSAGE}\n\nBob:\n{PASSAGE}\n\n{OTHERS}",
    "a speaker and a time above each statement": f"ada  10:04 AM\n{PASSAGE}\n\nbob  10:05 AM\n{PASSAGE}\n\n{OTHERS}",
    "lines with a colon": [
        f"The lease of the small flat:\n\n{PASSAGE}\n\n{OTHERS}",
        f"The lease of the large flat:\n\n{PASSAGE}\n\n{MORE}",
    ],
    "long statements": [
        f"{who}:\n{PASSAGE} {PASSAGE} {PASSAGE}\n\n{more}" for who, more in (("Ada", OTHERS), ("Bob", MORE))
    ],
    "what is said of what follows": [
        f"The following is {what}. {PASSAGE} {PASSAGE} {PASSAGE}\n\n{more}"
        for what, more in (("true", OTHERS), ("false", MORE))
    ],
    "what is said of what follows soon": [
        f"The following is {what}. Please do not quote it. {PASSAGE} {PASSAGE} {PASSAGE}\n\n{more}"
        for what, more in (("true", OTHERS), ("false", MORE))
    ],
    "what a paragraph says of the next": [
        f"These parts below are {what}.\n\n{PASSAGE} {PASSAGE} {PASSAGE}\n\n{more}"
        for what, more in (("true", OTHERS), ("false", MORE))
    ],
    "long parts of one text": (
        f"# Small\n\nThe lease of the small one. {PASSAGE} {PASSAGE}\n\n"
        f"# Large\n\nThe lease of the small one. {PASSAGE} {PASSAGE}\n\n# Else\n\n{OTHERS}"
    ),
    "other headings": (
        "# Small\n\nThe lease of the small one takes a year, and has no notice before its end.\n\n"
        "# Large\n\nThe lease of the small one takes a year, and has no notice before its end.\n\n"
        + f"# Else\n\n{OTHERS}"
    ),
    "short lines": [
        f"Yes.\n\nThe lease is mine.\n\n}}\n|---|---|\n\n{OTHERS}",
        f"Yes.\n\nThe lease is mine.\n\n{MORE}",
    ],
    "other signs": [
        f"It is certain that the lease is worth > 5 of them and less than 9. {OTHERS}",
        f"It is certain that the lease is worth < 5 of them and less than 9. {MORE}",
    ],
}


@pytest.mark.parametrize("documents", MEANT.values(), ids=MEANT)
def test_what_is_meant_to_stand_there_again_is_no_copy(documents: str | list[str]) -> None:
    result = compressed(documents, "Who lost or signed the lease?", 400)
    assert result.tokens < result.original_tokens
    assert {node.reason for node in result.all_nodes} <= {"selected", "budget", "lead_in"}


def test_a_footnote_at_the_end_leads_in_both_copies() -> None:
    texts = [
        f"{PASSAGE[:-1]}[1].\n\n{OTHERS}\n\n[1]: The lease of 2019.",
        f"{PASSAGE[:-1]}[1].\n\n{MORE}\n\n[1]: That of 2020.",
    ]
    result = compressed(texts, "When does the lease begin, and what notice ends it?", 400)
    assert result.text.count("three months' notice in writing") == 2


def test_nothing_is_left_out_where_all_fits() -> None:
    documents = COPIES["a quoted mail"]
    assert compressed(documents, "lease", 10_000).text == "\n\n".join(documents)


def test_pinned_text_is_not_kept_again() -> None:
    result = compressed([f"{OTHERS} {PASSAGE}", f"{PASSAGE} {MORE}"], "lease notice", 500, pins=[(1, 0, len(PASSAGE))])
    assert " ".join(result.text.split()).count(PASSAGE) == 1
    assert {node.document for node in result.all_nodes if node.reason == "duplicate"} == {0}

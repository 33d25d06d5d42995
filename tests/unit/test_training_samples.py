"""Pools of documents and what is asked of them: shares, places, exact evidence."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import fmean

import pytest

from longattncomp.data.rows import Evidence, Example, contexts
from longattncomp.errors import InputError
from longattncomp.training.samples.meetings import meeting_samples
from longattncomp.training.samples.mixing import excerpt_samples, mixed, multi_hop_samples, paragraph_samples
from longattncomp.training.samples.queries import SampleOptions, compound, joined
from longattncomp.training.samples.structure import structure_samples
from longattncomp.types import Document

OPTIONS = SampleOptions(documents=20, titles=4, questions=24)
Sampler = Callable[..., Iterator[Example]]


def paragraphs(*, titles: int = 12, each: int = 9, task: str = "squad") -> list[Example]:
    """Each paragraph has two questions; the answer stands in no other paragraph."""
    found = []
    for title in range(titles):
        for number in range(each):
            key = f"k{title}x{number}"
            text = f"T{title}\nFiller of {key}. The key is {key}. It ends."
            documents = (Document(text, id=key, metadata={"title": f"T{title}"}),)
            start = text.index("The key")
            span = Evidence(0, start, text.index(" It ends"))
            found += [Example(f"{key}-{which}", task, f"{which} {key}?", (key,), documents, (span,)) for which in "ab"]
    return found


def rows(count: int = 40) -> list[Example]:
    """Five documents a row, two of them gold; one distractor is common to all rows."""
    found = []
    for number in range(count):
        texts = [f"row {number} document {place}" for place in range(4)]
        documents = tuple(Document(text, id=str(place)) for place, text in enumerate([*texts, "common"]))
        evidence = (Evidence(1, 0, 5), Evidence(3, 4, len(texts[3])))
        found.append(Example(f"r{number}", "hotpotqa", f"row {number}?", ("yes",), documents, evidence))
    return found


def meetings(count: int = 30) -> list[Example]:
    found = []
    for number in range(count):
        word = "".join("abcdefghij"[int(digit)] for digit in f"{number:04d}")
        text = f"meeting\nAnn: everybody mentions things. Bo: {word}word only here. " + "Talk goes on. " * 20
        documents = (Document(text, id="0", metadata={"title": "meeting"}),)
        start = text.index("Bo")
        exact, whole = Evidence(0, start, start + 8), Evidence(0, 0, len(text))
        found += [
            Example(f"m{number}-0", "qmsum", f"What about {word}word?", ("a",), documents, (exact,)),
            Example(f"m{number}-1", "qmsum", f"Who likes {word}word things?", ("a",), documents, (exact,)),
            Example(f"m{number}-2", "qmsum", f"Summarize {word}word wholly", ("a",), documents, (whole,)),
        ]
    return found


CASES = [
    pytest.param(paragraph_samples, paragraphs(), id="paragraphs"),
    pytest.param(multi_hop_samples, rows(), id="multi-hop"),
    pytest.param(meeting_samples, meetings(), id="meetings"),
]


def parts(sample: Example) -> list[str]:
    """Ids of the questions that a query was made of."""
    return sample.id.removesuffix("#compound").removesuffix("#none").split("&")


def quoted(example: Example) -> set[str]:
    return {example.documents[span.document].text[span.start : span.end] for span in example.evidence}


@pytest.mark.parametrize(("sampler", "source"), CASES)
def test_evidence_is_the_sources_own_text(sampler: Sampler, source: list[Example]) -> None:
    known = {example.id: example for example in source}
    samples = list(sampler(source, OPTIONS))
    assert len(samples) > 30
    for sample in samples:
        if not sample.id.endswith("#none"):
            wanted = set().union(*(quoted(known[name]) for name in parts(sample)))
            if sampler is meeting_samples and "-2" in sample.id:  # the whole meeting swallows the shorter spans
                wanted = {max(wanted, key=len)}
            assert quoted(sample) == wanted
            assert sample.answers


@pytest.mark.parametrize(("sampler", "source"), CASES)
def test_documents_stand_unchanged_and_once(sampler: Sampler, source: list[Example]) -> None:
    texts = {document.text for example in source for document in example.documents}
    for context in contexts(sampler(source, OPTIONS)):
        found = [document.text for document in context[0].documents]
        assert len(set(found)) == len(found) <= OPTIONS.documents
        assert texts.issuperset(found)


@pytest.mark.parametrize(("sampler", "source"), CASES)
def test_what_is_relevant_for_nothing_is_not_there(sampler: Sampler, source: list[Example]) -> None:
    known = {example.id: example for example in source}
    found = [sample for sample in sampler(source, OPTIONS) if not sample.evidence]
    assert len(found) > 8
    for sample in found:
        original = known[sample.id.removesuffix("#none")]
        gold = {original.documents[span.document].text for span in original.evidence}
        assert gold.isdisjoint(document.text for document in sample.documents)
        assert (sample.query, sample.answers) == (original.query, ())


def test_a_foreign_question_has_other_paragraphs_of_its_title_or_row_before_it() -> None:
    source = paragraphs()
    titles = {example.id: example.documents[0].metadata["title"] for example in source}
    for sample in paragraph_samples(source, OPTIONS):
        if not sample.evidence:
            assert titles[sample.id.removesuffix("#none")] in {
                document.metadata["title"] for document in sample.documents
            }
    for sample in multi_hop_samples(rows(), OPTIONS):
        if not sample.evidence:
            row = sample.id[1:].removesuffix("#none")
            assert {f"row {row} document 0", f"row {row} document 2"} <= {doc.text for doc in sample.documents}


def test_a_foreign_question_is_dropped_if_its_answer_is_in_the_pool() -> None:
    told = [
        Example(example.id, example.task, example.query, ("It ends",), example.documents, example.evidence)
        for example in paragraphs()
    ]
    assert all(sample.evidence for sample in paragraph_samples(told, OPTIONS))


def test_an_excerpt_is_asked_what_it_answers_and_what_the_rest_does() -> None:
    source = []
    for number in range(60):
        text = " ".join(f"Part {part} of {number} says s{part}x{number}." for part in range(9))
        documents = (Document(text, id=str(number), metadata={"title": "T"}),)
        for part in range(9):
            start = text.index(f"Part {part} of")
            span = Evidence(0, start, text.index(f"s{part}x{number}.") + len(f"s{part}x{number}."))
            source.append(
                Example(f"{number}-{part}", "squad", f"part {part}?", (f"s{part}x{number}",), documents, (span,))
            )
    groups = list(contexts(excerpt_samples(source, SampleOptions(compound=0.0, unanswerable=0.25))))
    assert len(groups) == 60
    assert {text.count("Part") for text in (group[0].documents[0].text for group in groups)} == {1, 2, 3, 4, 5, 6}
    for group in groups:
        text = group[0].documents[0].text
        for sample in group:
            number, _, part = sample.id.removesuffix("#none").partition("-")
            assert (f"s{part}x{number}." in text) == bool(sample.evidence)
            assert not sample.evidence or quoted(sample) == {f"Part {part} of {number} says s{part}x{number}."}
    none = [not sample.evidence for group in groups for sample in group]
    assert 0.2 < fmean(none) < 0.3


def test_a_question_about_a_whole_meeting_is_asked_of_no_other() -> None:
    assert not [sample for sample in meeting_samples(meetings(), OPTIONS) if sample.id.endswith("-2#none")]


def test_gold_that_another_row_brings_is_not_called_missing() -> None:
    source = rows(1)
    evidence = source[0].evidence
    both = [
        Example("x", "hotpotqa", "x?", (), (*source[0].documents,), evidence),
        Example("y", "hotpotqa", "y?", (), (*source[0].documents, Document("more")), evidence),
    ]
    for seed in range(20):
        options = SampleOptions(unanswerable=0.5, compound=0.0, native=0.0, seed=seed)
        for sample in multi_hop_samples(both, options):
            gold = {"row 0 document 1", "row 0 document 3"}
            assert bool(sample.evidence) == bool(gold & {document.text for document in sample.documents})


@pytest.mark.parametrize(("sampler", "source"), CASES)
def test_shares_are_kept(sampler: Sampler, source: list[Example]) -> None:
    options = SampleOptions(documents=20, titles=4, questions=24, unanswerable=0.3, compound=0.2, native=0.0)
    samples = [sample for seed in range(4) for sample in sampler(source, SampleOptions(**fields(options, seed=seed)))]
    none = sum(not sample.evidence for sample in samples) / len(samples)
    several = sum(sample.id.endswith("#compound") for sample in samples) / len(samples)
    assert none == pytest.approx(0.3, abs=0.06)
    assert several == pytest.approx(0.2, abs=0.06)


def fields(options: SampleOptions, **changes: int) -> dict[str, object]:
    return {name: getattr(options, name) for name in SampleOptions.__dataclass_fields__} | changes


@pytest.mark.parametrize(("sampler", "source"), CASES)
def test_the_seed_alone_decides(sampler: Sampler, source: list[Example]) -> None:
    random.seed(1)
    first = list(sampler(source, OPTIONS))
    random.seed(2)
    assert list(sampler(source, OPTIONS)) == first
    assert list(sampler(source, SampleOptions(**fields(OPTIONS, seed=1)))) != first


@pytest.mark.parametrize(("sampler", "source"), CASES)
def test_a_context_comes_once_and_under_its_cap(sampler: Sampler, source: list[Example]) -> None:
    groups = list(contexts(sampler(source, OPTIONS)))
    assert len({id(group[0].documents) for group in groups}) == len(groups)
    assert max(map(len, groups)) <= OPTIONS.questions + 2  # shares are rounded up or down at random


def test_every_paragraph_stands_in_one_pool() -> None:
    source = paragraphs()
    pools = [group[0].documents for group in contexts(paragraph_samples(source, OPTIONS))]
    texts = [document.text for documents in pools for document in documents]
    assert sorted(texts) == sorted({example.documents[0].text for example in source})
    assert all(len(documents) == OPTIONS.documents for documents in pools[:-1])
    assert all(len({document.metadata["title"] for document in documents}) >= 3 for documents in pools[:2])


def test_needles_are_spread_over_the_pool() -> None:
    thirds = [0, 0, 0]
    for seed in range(30):
        for sample in paragraph_samples(paragraphs(), SampleOptions(**fields(OPTIONS, documents=18, seed=seed))):
            for span in sample.evidence:
                thirds[3 * span.document // len(sample.documents)] += 1
    assert min(thirds) > 0.85 * max(thirds)


def test_native_rows_keep_their_own_documents() -> None:
    options = SampleOptions(native=1.0, unanswerable=0.25)
    groups = list(contexts(multi_hop_samples(rows(), options)))
    assert len(groups) == 40
    assert {len(group[0].documents) for group in groups} == {5, 3}  # 3: without the two gold ones
    places = {span.document for group in groups for sample in group for span in sample.evidence}
    assert places == {0, 1, 2, 3, 4}, "a row's own order would leave needles where the file has them"


def test_a_compound_query_has_at_most_so_many_needles() -> None:
    (group, *_) = contexts(multi_hop_samples(rows(), SampleOptions(native=0.0, unanswerable=0.0, compound=0.0)))
    sizes = set()
    for seed in range(60):
        query = compound(group, 8, random.Random(seed))
        assert query is not None
        sizes.add(len(query.evidence))
        assert all(known.query in query.query for known in group if known.id in parts(query))
    assert sizes == {4, 6, 8}
    assert compound(group[:1], 8, random.Random(0)) is None
    assert compound((group[0], group[0]), 8, random.Random(0)) is None, "the same row twice is no compound"


def test_mixed_keeps_contexts_together_and_loses_none() -> None:
    streams = {"a": paragraphs(titles=2), "b": paragraphs(titles=3, task="other")}
    found = list(mixed(streams, seed=3))
    assert sorted(example.id for example in found) == sorted(e.id for stream in streams.values() for e in stream)
    assert all(len(group) == 2 for group in contexts(found))
    assert found == list(mixed(dict(reversed(streams.items())), seed=3))
    assert len({example.task for example in found[:20]}) == 2
    first = list(mixed(streams, weights={"a": 1, "b": 1e-9}))[: len(streams["a"])]
    assert {example.task for example in first} == {"squad"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"documents": 0}, "documents: expected 1 or more, got 0"),
        ({"needles": 1}, "needles: expected 2 or more, got 1"),
        ({"native": 1.5}, "native: expected a share between 0 and 1, got 1.5"),
        ({"unanswerable": 0.9, "compound": 0.1}, "expected less than 1"),
    ],
)
def test_impossible_options_are_refused(changes: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        SampleOptions(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_the_contexts_is_one_long_document_with_the_same_evidence(share: float) -> None:
    apart = list(contexts(paragraph_samples(paragraphs(titles=60), OPTIONS)))
    together = list(contexts(joined((question for context in apart for question in context), share)))
    whole = fmean(len(context[0].documents) == 1 for context in together)
    assert whole == share if share in (0, 1) else 0.2 < whole < 0.8
    for before, after in zip(apart, together, strict=True):
        assert len({id(question.documents) for question in after}) == 1
        for was, now in zip(before, after, strict=True):
            assert (was.query, was.answers) == (now.query, now.answers)
            assert [was.documents[span.document].text[span.start : span.end] for span in was.evidence] == [
                now.documents[span.document].text[span.start : span.end] for span in now.evidence
            ]


def test_rows_that_are_nothing_but_evidence_make_no_empty_context() -> None:
    bare = [
        replace(
            row,
            documents=(row.documents[row.evidence[0].document],),
            evidence=(replace(row.evidence[0], document=0),),
        )
        for row in rows()
    ]
    found = list(multi_hop_samples(bare, replace(OPTIONS, native=1.0, unanswerable=0.5)))
    assert found
    assert all(sample.documents for sample in found)


def test_own_texts_are_asked_for_lines_that_stand_in_them_and_for_what_does_not() -> None:
    found = list(structure_samples(options=SampleOptions(compound=0.2, unanswerable=0.1)))
    told = [example for example in found if example.evidence]
    assert 0.02 < 1 - len(told) / len(found) < 0.2
    assert any("#compound" in example.id for example in told)
    assert {example.task for example in found} > {"table", "json", "code", "diff", "log", "list", "section", "record"}
    for example in told:
        for span in example.evidence:
            text = example.documents[span.document].text
            passage = text[span.start : span.end]
            assert passage.strip()
            assert text.count(passage) == 1 or "#compound" in example.id

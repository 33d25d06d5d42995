"""Chains of assignments and lines with values between paragraphs: what is asked is there, or is not."""

from __future__ import annotations

import re
from itertools import islice

from longattncomp.data.rows import Example, contexts
from longattncomp.training.samples.needles import chain_samples, needle_samples
from longattncomp.training.samples.queries import SampleOptions
from longattncomp.types import Document

PROSE = [
    Example(
        f"q{n}", "squad", "?", (), (Document(f"The town of Alder {n} lies by the river. It has {n} gates. " * 9),), ()
    )
    for n in range(200)
]


def drawn(seed: int = 0, unanswerable: float = 0.25) -> list[tuple[Example, ...]]:
    options = SampleOptions(seed=seed, unanswerable=unanswerable)
    return list(islice(contexts(chain_samples(PROSE, options)), 30))


def test_the_evidence_is_the_whole_chain_of_the_value() -> None:
    for found, *_ in drawn():
        (value,) = re.findall(r"\d{5}", found.query)
        text = found.documents[0].text
        lines = [text[span.start : span.end] for span in found.evidence]
        held = value
        for line in lines:  # each hands on what the one before it got
            name, source = re.fullmatch(r"VAR (\w+) = (?:VAR )?(\w+)", line).groups()  # type: ignore[union-attr]
            assert source == held
            held = name
        assert len(lines) >= 2
        assert not re.search(rf"= VAR {held}\b", text)


def test_a_share_is_asked_for_a_value_that_is_not_there() -> None:
    asked = [question for context in drawn() for question in context]
    missing = [question for question in asked if not question.evidence]
    assert 0.1 < len(missing) / len(asked) < 0.4
    for question in missing:
        (value,) = re.findall(r"\d{5}", question.query)
        assert value not in question.documents[0].text
    assert all(question.evidence for context in drawn(unanswerable=0.0) for question in context)


def test_the_seed_decides() -> None:
    assert drawn() == drawn()
    assert drawn()[0] != drawn(seed=1)[0]


def needles(seed: int = 0, unanswerable: float = 0.25) -> list[tuple[Example, ...]]:
    options = SampleOptions(seed=seed, unanswerable=unanswerable)
    return list(islice(contexts(needle_samples(PROSE, options)), 40))


def test_all_lines_with_an_answer_are_evidence_and_no_other_is() -> None:
    several = 0
    for context in needles():
        text = context[0].documents[0].text
        for question in context:
            lines = [text[span.start : span.end] for span in question.evidence]
            assert len(lines) == len(question.answers)
            for answer in question.answers:
                assert sum(answer in line for line in lines) >= 1
            several += len(lines) >= 8
            starts = [span.start for span in question.evidence]
            assert starts == sorted(set(starts))
    assert several > 20


def test_a_key_without_a_value_stands_nowhere() -> None:
    asked = [question for context in needles() for question in context]
    missing = [question for question in asked if not question.evidence]
    assert 0.1 < len(missing) / len(asked) < 0.4
    for question in missing:
        key = question.id.partition("#")[0].rpartition("-0-")[2]
        assert key in question.query
        assert key not in question.documents[0].text
    assert all(question.evidence for context in needles(unanswerable=0.0) for question in context)


def test_the_seed_decides_the_lines() -> None:
    assert needles() == needles()
    assert needles()[0] != needles(seed=1)[0]

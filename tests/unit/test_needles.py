"""Needles in prose: exact offsets, exact length, the same for the same seed."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from longattncomp.data.needles import Chains, Needles, hide_drawn
from longattncomp.data.rows import Example
from longattncomp.errors import InputError
from longattncomp.evaluation.metrics import strict_recall
from longattncomp.testing import ByteTokenizer

SENTENCE = "the harbour master keeps a book of ships and their cargo since many years ago"


def paragraphs(count: int = 400) -> list[str]:
    rng = random.Random(7)
    return [
        " ".join(" ".join(rng.choices(SENTENCE.split(), k=rng.randint(4, 20))).capitalize() + "." for _ in range(5))
        for _ in range(count)
    ]


PROSE = paragraphs()
KINDS = [
    *(Needles(needles=count) for count in (1, 2, 4, 8)),
    Needles(needles=2, keys=3, distractors=4),
    Chains(),
    Chains(hops=0, distractors=0),
]
count_bytes = ByteTokenizer().count


def made(kind: Needles | Chains, *, examples: int = 3, context_tokens: int = 8000, seed: int = 0) -> list[Example]:
    return [
        hide_drawn(kind.task, kind.draw, PROSE, count_bytes, context_tokens, seed, index) for index in range(examples)
    ]


def evidence(example: Example) -> list[str]:
    return [example.documents[span.document].text[span.start : span.end] for span in example.evidence]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.task)
@pytest.mark.parametrize("tokens", [3000, 40_000])
def test_length(kind: Needles | Chains, tokens: int) -> None:
    for example in made(kind, context_tokens=tokens):
        assert count_bytes(example.documents[0].text) == pytest.approx(tokens, rel=0.02)


@pytest.mark.parametrize("needles", [1, 2, 4, 8])
def test_needles(needles: int) -> None:
    for example in made(Needles(needles=needles)):
        (key,) = re.findall(r"magic numbers for (\w+ \w+) mentioned", example.query)
        lines = [f"One of the special magic numbers for {key} is: {number}." for number in example.answers]
        assert sorted(evidence(example)) == sorted(lines)
        assert len(set(lines)) == needles
        text = example.documents[0].text
        assert text.count("special magic number") == needles
        assert example.task == f"needles-{needles}"
        assert strict_recall({0: [(0, len(text))]}, example.evidence) == 1


def test_several_keys_among_others() -> None:
    (example, *_) = made(Needles(needles=2, keys=3, distractors=4))
    found = re.findall(r"One of the special magic numbers for (\w+ \w+) is: (\d{7})\.", example.documents[0].text)
    asked = re.split(", | and ", example.query.removeprefix("What are all the special magic numbers for ")[:-23])
    assert len(asked) == len(set(asked)) == 3
    assert set(Counter(key for key, _ in found).values()) == {2}
    assert len({key for key, _ in found}) == 7
    assert {number for key, number in found if key in asked} == set(example.answers)
    assert len(example.evidence) == 6
    assert example.task == "needles-2-keys-3-of-7"


def test_chains() -> None:
    for example in made(Chains(hops=4, distractors=2)):
        lines = re.findall(r"^VAR (\w+) = (?:VAR )?(\w+)$", example.documents[0].text, re.MULTILINE)
        assert len(lines) == 15
        (value,) = re.findall(r"\d+", example.query)
        known, found = {}, []
        for name, source in lines:  # a name is given its value before it hands it on
            known[name] = known.get(source, source)
            found += [name] if known[name] == value else []
        assert set(map(str.isdecimal, known.values())) == {True}
        assert len(set(known.values())) == 3
        assert sorted(found) == sorted(example.answers)
        assert [line.split()[1] for line in evidence(example)] == list(example.answers)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.task)
def test_the_haystack_is_left_as_it_is(kind: Needles | Chains) -> None:
    (example, *_) = made(kind)
    text = example.documents[0].text
    text = re.sub(r"\nVAR \w+ = (VAR )?\w+\n|One of the special magic numbers for \w+ \w+ is: \d+\. ?", "", text)
    found = [part.strip() for part in text.split("\n\n")]
    assert set(found[:-1]) <= set(PROSE)
    assert len(set(found)) == len(found)
    assert any(paragraph.startswith(found[-1]) for paragraph in PROSE)


def test_depths_are_uniform() -> None:
    depths = [
        span.start / len(example.documents[0].text)
        for example in made(Needles(needles=4), examples=100, context_tokens=4000)
        for span in example.evidence
    ]
    quarters = Counter(int(depth * 4) for depth in depths)
    assert all(70 < quarters[quarter] < 130 for quarter in range(4))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.task)
def test_the_same_again(kind: Needles | Chains) -> None:
    first = made(kind, examples=4)
    assert made(kind, examples=2) == first[:2]
    assert len({example.query for example in first}) == 4
    assert len({example.documents[0].text[:500] for example in first}) == 4
    other = made(kind, examples=4, seed=1)
    assert not {example.query for example in first} & {example.query for example in other}


@pytest.mark.parametrize(
    ("work", "named"),
    [
        (lambda: made(Needles(), context_tokens=10**6), "pass more"),
        (lambda: made(Needles(needles=8), context_tokens=300), "raise context_tokens"),
        (lambda: made(Chains(hops=30), context_tokens=2300), "sentences"),
    ],
)
def test_what_cannot_be_made(work: object, named: str) -> None:
    with pytest.raises(InputError, match=named):
        work()  # type: ignore[operator]

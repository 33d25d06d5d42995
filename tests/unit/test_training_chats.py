"""Chats for training: who is asked for what, and where it was told."""

from __future__ import annotations

import re
from itertools import islice
from statistics import fmean

from longattncomp.evaluation.rows import Example
from longattncomp.training.chats import Lines, chat_samples
from longattncomp.training.queries import Context, SampleOptions, contexts
from longattncomp.types import Document

TALK = "\n".join(
    f"Grad {'ABC'[n % 3]}: So {{disfmarker}} we looked at channel {n} , and it was fine ." for n in range(60)
)
MEETINGS = [Example("m-0", "qmsum", "?", (), (Document(TALK),), ())]
PARAGRAPHS = [
    Example(f"q{n}", "squad", f"Where is gate {n}?", (), (Document(f"Alder\nThe town has {n} gates. " * 9),), ())
    for n in range(50)
]
LINES = Lines.read()


def drawn(count: int = 30, **options: float) -> list[Context]:
    return list(islice(contexts(chat_samples(MEETINGS, PARAGRAPHS, SampleOptions(**options))), count))  # type: ignore[arg-type]


def single(context: Context) -> list[Example]:
    return [question for question in context if not question.id.endswith(("#compound", "#none"))]


def test_the_evidence_is_every_turn_that_tells_it() -> None:
    asked = [question for context in drawn() for question in single(context)]
    assert len(asked) > 500
    for question in asked:
        told = [question.documents[span.document].text[span.start : span.end] for span in question.evidence]
        assert all(any(answer in line for line in told) for answer in question.answers)
        assert all(any(answer in line for answer in question.answers) for line in told)
        assert not any(line.endswith("\n") for line in told)
    assert 0.1 < fmean(len(question.evidence) > 1 for question in asked) < 0.6


def test_others_tell_the_like_with_another_answer() -> None:
    answers: dict[tuple[str, str], set[str]] = {}
    for context in drawn():
        for question in single(context):
            chat, kind = question.id.rsplit("-", 2)[0], question.id.rsplit("-", 2)[1]
            if not question.id.endswith("-everybody"):
                (answer,) = question.answers
                before = answers.setdefault((chat, kind), set())
                assert answer not in before
                before.add(answer)
    assert fmean(len(found) > 1 for found in answers.values()) > 0.3


def test_what_has_no_evidence_was_told_by_nobody_of_that_name() -> None:
    shares = []
    for context in drawn():
        missing = [question for question in context if question.id.endswith("#none")]
        answered = {question.id for question in single(context)}
        assert not any(question.evidence or question.answers for question in missing)
        assert answered.isdisjoint(question.id.removesuffix("#none") for question in missing)
        shares.append(len(missing) / len(context))
    assert 0.1 < fmean(shares) < 0.4


def test_some_chats_are_with_an_assistant_and_asked_in_the_first_person() -> None:
    assisted = [
        context for context in drawn() if any(re.search(r"\b(I|my|My)\b", question.query) for question in context)
    ]
    assert 5 < len(assisted) < 20
    for context in assisted:
        assert "The town has" in "".join(document.text for document in context[0].documents)


def test_the_seed_decides() -> None:
    assert drawn(3) == drawn(3)
    assert drawn(3)[0] != drawn(3, seed=1)[0]


def test_every_line_has_its_place_for_the_name_or_the_value() -> None:
    for fact in LINES.facts:
        for question in fact.asked:
            assert len(re.findall(r"\{(?:name|whose)\}", question)) == 1, question
        assert all(line.count("{value}") == 1 for line in fact.told), fact.told
        assert all(line.count("{name}") == 1 for line in fact.near), fact.near
        assert len(set(fact.values)) == len(fact.values) >= 4  # as many as may tell it in one chat
        assert len(fact.told) >= 2
    assert len(set(LINES.names)) == len(LINES.names) >= 8

"""Chats for training: who is asked for what, and where it was told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from statistics import fmean

from longattncomp.data.rows import Context, Evidence, Example, contexts
from longattncomp.data.written import written_beside
from longattncomp.evaluation.tasks.chat import chat_lines
from longattncomp.training.samples import chats
from longattncomp.training.samples.chats import Fact, Lines, chat_samples
from longattncomp.training.samples.queries import SampleOptions
from longattncomp.types import Document

TALK = "\n".join(
    f"Grad {'ABC'[n % 3]}: So {{disfmarker}} we looked at channel {n} , and it was fine ." for n in range(60)
)
MEETINGS = [Example("m-0", "qmsum", "?", (), (Document(TALK),), ())]
PARAGRAPHS = [
    Example(f"q{n}", "squad", f"Where is gate {n}?", (), (Document(f"Alder\nThe town has {n} gates. " * 9),), ())
    for n in range(50)
]
LINES = written_beside(chats.__file__, Lines)


def drawn(count: int = 30, **options: float) -> list[Context]:
    return list(islice(contexts(chat_samples(MEETINGS, PARAGRAPHS, SampleOptions(**options))), count))  # type: ignore[arg-type]


def single(context: Context) -> list[Example]:
    return [question for question in context if not question.id.endswith(("#compound", "#none"))]


NAMES = (*LINES.names, *(name for names in LINES.roles for name in names))
TURN = re.compile(
    rf"^(?:\[?[\d: -]{{5,17}}\]? |<|\*\*)?({'|'.join(NAMES)})(?:: | \(\d\d:\d\d\): |, \d\d:\d\d\n|\*\*: |> )", re.M
)
"""How a turn begins in any of the layouts."""


def says(lines: Iterable[str], text: str) -> bool:
    """Whether the text has one of the lines, whatever stands for the name or the value."""
    cut = [line.replace("{name}", "{value}").split("{value}") for line in lines]
    return any(before in text and after in text for before, after in cut)


def turns(context: Context) -> list[tuple[str, Evidence, str]]:
    """Who speaks, where it stands, and what is said."""
    found = []
    for place, document in enumerate(context[0].documents):
        begun = list(TURN.finditer(document.text))
        for one, following in zip(begun, [*begun[1:], None], strict=True):
            said = document.text[one.end() : following.start() if following else None].rstrip()
            found.append((one[1], Evidence(place, one.start(), one.end() + len(said)), said))
    return found


def asked(question: Example) -> tuple[Fact, str]:
    """The kind of fact that a question is for, and of whom."""
    who = question.id.removesuffix("#none").rsplit("-", 1)[1]
    forms = [("I", "my"), (who, f"{who}'s")]
    (fact,) = (
        fact
        for fact in LINES.facts
        if any(question.query == line.format(name=name, whose=whose) for line in fact.asked for name, whose in forms)
    )
    return fact, who


def test_the_evidence_is_every_turn_that_tells_it_and_no_more() -> None:
    several = 0
    for context in drawn():
        spoken = turns(context)
        for question in single(context):
            fact, who = asked(question)
            told = {span for one, span, said in spoken if who in (one, "everybody") and says(fact.told, said)}
            assert set(question.evidence) == told
            several += len(told) > 1
    assert several > 50


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


def test_who_is_asked_in_vain_never_spoke_of_it() -> None:
    shares = []
    for context in drawn():
        spoken = turns(context)
        missing = [question for question in context if question.id.endswith("#none")]
        for question in missing:
            fact, who = asked(question)
            assert not any(one == who and says((*fact.told, *fact.near), said) for one, _, said in spoken)
        shares.append(len(missing) / len(context))
    assert 0.1 < fmean(shares) < 0.4


def test_some_chats_are_with_an_assistant_and_asked_in_the_first_person() -> None:
    assisted = [context for context in drawn() if any(re.search(r"\b(I|my)\b", question.query) for question in context)]
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


def test_what_a_question_is_about_is_no_small_talk() -> None:
    line = TALK.splitlines()[7]
    start = TALK.index(line)
    asked = Example("m-1", "qmsum", "?", (), (Document(TALK),), (Evidence(0, start, start + len(line)),))
    samples = chat_samples([asked], PARAGRAPHS, SampleOptions())
    said = "".join(document.text for context in islice(contexts(samples), 10) for document in context[0].documents)
    assert "channel 8, and" in said
    assert "channel 7, and" not in said


def test_nobody_of_the_evaluation_takes_part() -> None:
    assert set(LINES.names).isdisjoint(chat_lines().people)

"""facts, meetings, paragraphs -> chats, with questions about what someone told in other words."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, islice

from longattncomp.data.rows import Context, Evidence, Example, contexts
from longattncomp.data.written import written_beside
from longattncomp.training.samples.queries import DEFAULT, SampleOptions, ask, generator, unanswerable
from longattncomp.types import Document

_PARAGRAPHS = 2_000
_SMALL_TALK = (15, 240)
_CHARACTERS = (4_000, 24_000)
"""Characters of small talk in a chat."""
_TURNS = (6, 50)
"""Turns of a day."""
_PEOPLE = (2, 8)
_TOLD, _MISSING = (8, 16), (2, 4)
"""Kinds of facts that are told, and kinds that are mentioned without an answer."""
_TELLERS = 4
_ASSISTED = 0.4
_LONG = 0.3
"""Share of the facts that are told inside a longer message."""
_AGAIN = 0.15
"""Share of the facts that are told twice."""
_NEAR = 0.6
_FIRST_DAY = date(2021, 1, 4)
_SPACED = re.compile(r" (?=[,.?!'])")
"""The space that QMSum writes before punctuation."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A kind of fact that people tell of themselves.

    Attributes:
        asked: questions with `{name}` or `{whose}`; they fit "Marta" and "Marta's" as well as "I" and "my".
        told: sentences that tell the fact, with `{value}`, in other words than the questions.
        near: sentences of other people with `{name}`, in words of the questions, but without the answer.
        values: the answers.
    """

    asked: tuple[str, ...]
    told: tuple[str, ...]
    near: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """What was written for training; tasks of the evaluation have other kinds of facts.

    Attributes:
        roles: names of a user and an assistant.
        turns: layouts of a turn, with `{speaker}`, `{text}`, and maybe `{day}` and `{clock}`.
        headings: layouts of the first line of a day, with `{day}`, and maybe `{clock}` and `{number}`.
        names: names of people.
        facts: kinds of facts.
    """

    roles: tuple[tuple[str, str], ...]
    turns: tuple[str, ...]
    headings: tuple[str, ...]
    names: tuple[str, ...]
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class _Turn:
    speaker: str
    text: str
    told: int | None = None
    """Index of the kind of fact that the turn tells."""


_Exchange = tuple[_Turn, ...]
"""A turn, or a turn and its answer."""


def chat_samples(
    meetings: Iterable[Example], paragraphs: Iterable[Example], options: SampleOptions = DEFAULT
) -> Iterator[Example]:
    """Make chats of several days without end, between people or with an assistant; each day is a document.

    Small talk comes from turns of meetings that are no evidence, an assistant's long answers from paragraphs. Several
    people tell a fact of the same kind with different answers, and others mention the matter without an answer.
    Unanswerable questions are about somebody who never told the fact.
    """
    rng = generator(options.seed, "chats")
    talk = [turn for meeting in contexts(meetings) for turn in _small_talk(meeting)]
    answered = [
        (example.query, example.documents[0].text.partition("\n")[2])
        for example, *_ in islice(contexts(paragraphs), _PARAGRAPHS)
    ]
    lines = written_beside(__file__, Lines)
    for number in count():
        yield from _chat(f"chats-{number}", lines, talk, answered, options, rng)


def _small_talk(meeting: Context) -> Iterator[str]:
    """Yield the turns that are no evidence of any question."""
    low, high = _SMALL_TALK
    evidence = [span for question in meeting for span in question.evidence]
    end = 0
    for line in meeting[0].documents[0].text.splitlines(keepends=True):
        start, end = end, end + len(line)
        words = " ".join(word for word in line.partition(": ")[2].split() if not word.startswith("{"))
        text = _SPACED.sub("", words)
        if low <= len(text) <= high and not any(span.start < end and start < span.end for span in evidence):
            yield text


def _chat(
    name: str,
    lines: Lines,
    talk: Sequence[str],
    answered: Sequence[tuple[str, str]],
    options: SampleOptions,
    rng: random.Random,
) -> list[Example]:
    assisted = rng.random() < _ASSISTED
    people = list(rng.choice(lines.roles)) if assisted else rng.sample(lines.names, rng.randint(*_PEOPLE))
    tellers = people[:1] if assisted else people
    told = rng.randint(*_TOLD)
    facts = rng.sample(lines.facts, told + rng.randint(*_MISSING))
    values: dict[tuple[int, str], str] = {}
    for kind, fact in enumerate(facts[:told]):
        own = rng.sample(tellers, rng.randint(1, min(_TELLERS, len(tellers))))
        values |= zip(((kind, who) for who in own), rng.sample(fact.values, len(own)), strict=True)
    turns = [
        _Turn(who, _within(line.format(value=value), talk, rng), kind)
        for (kind, who), value in values.items()
        for line in rng.sample(facts[kind].told, 1 + (rng.random() < _AGAIN))
    ]
    speakers = {
        kind: people[1] if assisted else rng.choice(silent)
        for kind in range(len(facts))
        if (silent := [who for who in people if (kind, who) not in values])
    }
    for kind, speaker in speakers.items():
        others = lines.names if assisted else [who for who in people if who != speaker]
        turns += [
            _Turn(speaker, line.format(name=rng.choice(others)))
            for line in facts[kind].near
            if kind >= told or rng.random() < _NEAR
        ]
    if assisted:
        exchanges = [_answered(turn, people, talk, answered, rng) for turn in turns]
        between = (_answered(None, people, talk, answered, rng) for _ in count())
    else:
        exchanges = [(turn,) for turn in turns]
        between = ((_Turn(rng.choice(people), rng.choice(talk)),) for _ in count())
    documents, evidence = _days(_among(exchanges, between, rng), lines, rng)

    def ask_for(kind: int, who: str, told_by: Sequence[str]) -> Example:
        query = rng.choice(facts[kind].asked)
        query = query.format(name="I", whose="my") if assisted else query.format(name=who, whose=f"{who}'s")
        return Example(
            id=f"{name}-{kind}-{who}",
            task="chats",
            query=query,
            answers=tuple(values[kind, other] for other in told_by),
            documents=documents,
            evidence=tuple(sorted(span for other in told_by for span in evidence[kind, other])),
        )

    singles = [ask_for(kind, who, [who]) for kind, who in values]
    for kind in range(told):
        if len(own := [who for who in people if (kind, who) in values]) > 1:
            singles.append(ask_for(kind, "everybody", own))
    foreign = [
        unanswerable(ask_for(kind, who, []), documents)
        for kind in range(len(facts))
        for who in tellers
        if (kind, who) not in values and speakers[kind] != who
    ]
    return ask(singles, iter(rng.sample(foreign, len(foreign))), options, rng)


def _within(line: str, talk: Sequence[str], rng: random.Random) -> str:
    """Return the line, or a longer message that contains it."""
    if rng.random() >= _LONG:
        return line
    before, after = rng.sample(talk, 2)
    return rng.choice((f"{before} {line}", f"{line} {after}", f"{before} {line} {after}"))


def _answered(
    turn: _Turn | None,
    people: Sequence[str],
    talk: Sequence[str],
    answered: Sequence[tuple[str, str]],
    rng: random.Random,
) -> _Exchange:
    """Make a message of the user and an answer of the assistant; `turn` replaces one of them."""
    asked, answer = rng.choice(answered)
    said = rng.choice((asked, rng.choice(talk)))
    answer = rng.choice((answer, rng.choice(talk)))
    first, second = _Turn(people[0], said), _Turn(people[1], answer)
    if turn is None:
        return first, second
    return (turn, second) if turn.speaker == people[0] else (first, turn)


def _among(exchanges: Sequence[_Exchange], between: Iterator[_Exchange], rng: random.Random) -> list[_Turn]:
    """Shuffle exchanges and small talk."""
    exchanges = list(exchanges)
    room = rng.randint(*_CHARACTERS)
    while room > 0:
        exchanges.append(next(between))
        room -= sum(len(turn.text) for turn in exchanges[-1])
    rng.shuffle(exchanges)
    return [turn for exchange in exchanges for turn in exchange]


def _days(
    turns: Iterable[_Turn], lines: Lines, rng: random.Random
) -> tuple[tuple[Document, ...], Mapping[tuple[int, str], list[Evidence]]]:
    """Write the documents; also return (kind of fact, speaker) -> the turns that tell it."""
    head, line = rng.choice(lines.headings), rng.choice(lines.turns)
    day = _FIRST_DAY + timedelta(days=rng.randrange(1500))
    spans: defaultdict[tuple[int, str], list[Evidence]] = defaultdict(list)
    documents: list[Document] = []
    coming = iter(turns)
    while today := list(islice(coming, rng.randint(*_TURNS))):
        minutes = sorted(rng.choices(range(24 * 60), k=len(today)))
        clocks = [f"{minute // 60:02}:{minute % 60:02}" for minute in minutes]
        text = head.format(day=day, clock=clocks[0], number=len(documents) + 1)
        title = text.strip()
        for turn, clock in zip(today, clocks, strict=True):
            written = line.format(speaker=turn.speaker, clock=clock, day=day, text=turn.text)
            if turn.told is not None:
                place = Evidence(len(documents), len(text), len(text) + len(written.rstrip()))
                spans[turn.told, turn.speaker].append(place)
            text += written
        documents.append(Document(text, title, {"title": title}))
        day += timedelta(days=rng.randint(1, 5))
    return tuple(documents), spans

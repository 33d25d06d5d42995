"""facts, meetings, paragraphs -> chats: what someone told once, in other words than it is asked for."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, islice
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from longattncomp.data.rows import Evidence, Example
from longattncomp.training.samples.queries import (
    DEFAULT,
    Context,
    SampleOptions,
    ask,
    contexts,
    generator,
    unanswerable,
)
from longattncomp.types import Document

_LINES = Path(__file__).parent / "chats.yaml"
_ROLES = (("user", "assistant"), ("User", "Assistant"), ("Human", "AI"), ("Me", "Bot"))
_FORMATS = (
    "{speaker}: {text}\n",
    "{clock} - {speaker}: {text}\n",
    "[{clock}] {speaker}: {text}\n",
    "[{day} {clock}] {speaker}: {text}\n",
    "{speaker} ({clock}): {text}\n\n",
    "{speaker}, {clock}\n{text}\n\n",
    "**{speaker}**: {text}\n\n",
    "<{speaker}> {text}\n",
)
_HEADS = ("{day}\n", "Time: {day} {clock}\n", "Session {number}, {day}\n", "Chat of {day}\n\n", "# {day}\n")
_PARAGRAPHS = 2_000
_SMALL_TALK = (15, 240)
_CHARACTERS = (4_000, 24_000)
"""Of small talk."""
_TURNS = (6, 50)
"""Of a day."""
_PEOPLE = (2, 8)
_TOLD, _MISSING = (8, 16), (2, 4)
"""Kinds of facts that are told, and that are only spoken of."""
_TELLERS = 4
_ASSISTED = 0.4
_LONG = 0.3
"""Share of the facts that are told inside a longer message."""
_AGAIN = 0.15
"""Share of the facts that are told twice."""
_NEAR = 0.6
_FIRST_DAY = date(2021, 1, 4)
_SPACED = re.compile(r" (?=[,.?!'])")
"""How QMSum writes punctuation."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A kind of fact that people tell of themselves.

    Attributes:
        asked: questions with `{name}` or `{whose}`, right for "Marta" and "Marta's" as for "I" and "my".
        told: how one may tell it, with `{value}`, in other words than the questions.
        near: what others say about the matter, with `{name}`, in words of the questions and without the answer.
        values: the answers.
    """

    asked: tuple[str, ...]
    told: tuple[str, ...]
    near: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """What was written for training: none of the facts is of a kind that `evaluation.chat_lines` has."""

    names: tuple[str, ...]
    facts: tuple[Fact, ...]

    @classmethod
    def read(cls) -> Lines:
        return TypeAdapter(cls).validate_python(yaml.safe_load(_LINES.read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True)
class _Turn:
    speaker: str
    text: str
    told: int | None = None
    """The kind of the fact that it tells."""


_Exchange = tuple[_Turn, ...]
"""A turn, or one and its answer."""


def chat_samples(
    meetings: Iterable[Example], paragraphs: Iterable[Example], options: SampleOptions = DEFAULT
) -> Iterator[Example]:
    """Chats of several days, a document a day, between people or with an assistant; without end.

    Small talk are turns of meetings that are nobody's evidence, an assistant's long answers are paragraphs. What is
    asked is also told of other people, and spoken of without the answer; somebody who never told it
    is asked for it as well, with nothing relevant.

    Args:
        meetings: QMSum's examples.
        paragraphs: SQuAD's.
        options: shares of the queries, and the seed.
    """
    rng = generator(options.seed, "chats")
    talk = [turn for meeting in contexts(meetings) for turn in _small_talk(meeting)]
    answered = [
        (example.query, example.documents[0].text.partition("\n")[2])
        for example, *_ in islice(contexts(paragraphs), _PARAGRAPHS)
    ]
    lines = Lines.read()
    for number in count():
        yield from _chat(f"chats-{number}", lines, talk, answered, options, rng)


def _small_talk(meeting: Context) -> Iterator[str]:
    """What no question is about."""
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
    people = list(rng.choice(_ROLES)) if assisted else rng.sample(lines.names, rng.randint(*_PEOPLE))
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
    documents, evidence = _days(_among(exchanges, between, rng), rng)

    def ask_for(kind: int, who: str, told_by: Sequence[str]) -> Example:
        spans = sorted(span for other in told_by for span in evidence[kind, other])
        query = rng.choice(facts[kind].asked)
        query = query.format(name="I", whose="my") if assisted else query.format(name=who, whose=f"{who}'s")
        return Example(
            id=f"{name}-{kind}-{who}",
            task="chats",
            query=query,
            answers=tuple(values[kind, other] for other in told_by),
            documents=documents,
            evidence=tuple(Evidence(*span) for span in spans),
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
    """The line, or a longer message with it."""
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
    """What the user says and the assistant answers, with a turn that one of them has to say."""
    asked, answer = rng.choice(answered)
    said = rng.choice((asked, rng.choice(talk)))
    answer = rng.choice((answer, rng.choice(talk)))
    first, second = _Turn(people[0], said), _Turn(people[1], answer)
    if turn is None:
        return first, second
    return (turn, second) if turn.speaker == people[0] else (first, turn)


def _among(exchanges: Sequence[_Exchange], between: Iterator[_Exchange], rng: random.Random) -> list[_Turn]:
    """What matters, anywhere among small talk."""
    exchanges = list(exchanges)
    room = rng.randint(*_CHARACTERS)
    while room > 0:
        exchanges.append(next(between))
        room -= sum(len(turn.text) for turn in exchanges[-1])
    rng.shuffle(exchanges)
    return [turn for exchange in exchanges for turn in exchange]


def _days(
    turns: Iterable[_Turn], rng: random.Random
) -> tuple[tuple[Document, ...], dict[tuple[int, str], list[tuple[int, int, int]]]]:
    """The documents, and where who told which kind of fact: (document, start, end)."""
    head, line = rng.choice(_HEADS), rng.choice(_FORMATS)
    day = _FIRST_DAY + timedelta(days=rng.randrange(1500))
    spans: dict[tuple[int, str], list[tuple[int, int, int]]] = defaultdict(list)
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
                spans[turn.told, turn.speaker].append((len(documents), len(text), len(text) + len(written.rstrip())))
            text += written
        documents.append(Document(text, title, {"title": title}))
        day += timedelta(days=rng.randint(1, 5))
    return tuple(documents), spans

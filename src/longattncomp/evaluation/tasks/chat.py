"""a seed -> a chat of many days, and a question about what someone told once."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from longattncomp.data.rows import Evidence, Example
from longattncomp.errors import InputError
from longattncomp.evaluation.tasks.chat_lines import ENDINGS, KINDS, MIDDLES, OPENINGS, PEOPLE, PLACES, THINGS, FactKind
from longattncomp.evaluation.tasks.task import Draw
from longattncomp.types import Document

_FIRST_DAY = date(2025, 3, 3)
_DAY_TOKENS = 2048
_LEAST_DAYS = 3
_MORNING, _EVENING = 7 * 60, 23 * 60
"""Minutes after midnight between which people write."""
_CLOCK = "00:00"
_TOKENS_A_FACT = 400
_SAME_PERSON, _SAME_KIND = 4, 5
_NEARBY = 3
"""Lines that speak of the matter in the question's words, without the answer."""


@dataclass(frozen=True, slots=True)
class _Turn:
    speaker: str
    text: str

    def line(self, clock: str) -> str:
        return f"{clock} {self.speaker}: {self.text}\n"


def chats(draw: Draw) -> Iterator[Example]:
    """Chats between ten people, a document a day; the evidence is the one turn that tells what is asked.

    Other turns tell other things of the same person, or the same kind of thing of other people, or
    use the question's words without the answer, which itself is told in other words.

    Raises:
        InputError: the context is too short for them.
    """
    for index in range(draw.examples):
        rng = random.Random(f"{draw.seed} chat {index}")  # noqa: S311 (a sample, no secret)
        query, answer, turns = _told(rng, draw.context_tokens)
        asked = turns[0]
        days = max(_LEAST_DAYS, round(draw.context_tokens / _DAY_TOKENS))
        heads = [f"{_FIRST_DAY + timedelta(days=day)}\n" for day in range(days)]
        room = draw.context_tokens - sum(draw.count(f"{head}\n") for head in heads)
        room -= sum(draw.count(turn.line(_CLOCK)) for turn in turns)
        if room < 0:
            raise InputError(f"expected room for a chat, got {-room} tokens too few: raise context_tokens")
        while True:
            turn = _small_talk(rng)
            room -= draw.count(turn.line(_CLOCK))
            if room < 0:
                break
            turns.append(turn)
        rng.shuffle(turns)
        documents, evidence = _days(heads, turns, asked, rng)
        yield Example(
            id=f"{draw.context_tokens}-{draw.seed}-{index}",
            task="chat",
            query=query,
            answers=(answer,),
            documents=documents,
            evidence=(evidence,),
        )


def _told(rng: random.Random, tokens: int) -> tuple[str, str, list[_Turn]]:
    """The question, its answer, and the turns that matter, that which is asked for first."""
    kind, person = rng.choice(KINDS), rng.choice(PEOPLE)
    values = {own.query: rng.sample(own.values, len(PEOPLE)) for own in KINDS}
    own = [(other, person) for other in KINDS if other is not kind]
    same = [(kind, other) for other in PEOPLE if other != person]
    rng.shuffle(own)
    rng.shuffle(same)
    others = [(other, someone) for other in KINDS for someone in PEOPLE if other is not kind and someone != person]
    rng.shuffle(others)
    rest = [*own[_SAME_PERSON:], *same[_SAME_KIND:], *others][: tokens // _TOKENS_A_FACT]
    facts = [(kind, person), *own[:_SAME_PERSON], *same[:_SAME_KIND], *rest]
    turns = [
        _Turn(someone, rng.choice(told.lines).format(value=values[told.query][PEOPLE.index(someone)]))
        for told, someone in facts
    ]
    turns += _about(kind, person, rng)
    return kind.query.format(name=person), values[kind.query][PEOPLE.index(person)], turns


def _about(kind: FactKind, person: str, rng: random.Random) -> Iterator[_Turn]:
    speakers = rng.sample([someone for someone in PEOPLE if someone != person], _NEARBY)
    yield from (_Turn(speaker, kind.nearby.format(name=person)) for speaker in speakers)


def _small_talk(rng: random.Random) -> _Turn:
    middle = rng.choice(MIDDLES).format(thing=rng.choice(THINGS), place=rng.choice(PLACES))
    opening = rng.choice(OPENINGS)
    text = f"{opening}{middle if opening else middle[0].upper() + middle[1:]}{rng.choice(ENDINGS)}"
    return _Turn(rng.choice(PEOPLE), text)


def _days(
    heads: Sequence[str], turns: Sequence[_Turn], asked: _Turn, rng: random.Random
) -> tuple[tuple[Document, ...], Evidence]:
    documents: list[Document] = []
    evidence = Evidence(0, 0, 0)
    for day, head in enumerate(heads):
        today = turns[len(turns) * day // len(heads) : len(turns) * (day + 1) // len(heads)]
        minutes = sorted(rng.choices(range(_MORNING, _EVENING), k=len(today)))
        text = head
        for turn, minute in zip(today, minutes, strict=True):
            line = turn.line(f"{minute // 60:02}:{minute % 60:02}")
            if turn is asked:
                evidence = Evidence(day, len(text), len(text) + len(line) - 1)
            text += line
        name = head.strip()
        documents.append(Document(text, name, {"title": name}))
    return tuple(documents), evidence

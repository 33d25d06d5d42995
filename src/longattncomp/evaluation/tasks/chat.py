"""a seed -> a chat of many days, and a question about what someone told once."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from longattncomp.data.rows import Evidence, Example
from longattncomp.data.written import written_beside
from longattncomp.errors import InputError
from longattncomp.evaluation.tasks.task import Draw
from longattncomp.types import Document

_FIRST_DAY = date(2025, 3, 3)
_DAY_TOKENS = 2048
_LEAST_DAYS = 3
_MORNING, _EVENING = 7 * 60, 23 * 60  # people write between these minutes after midnight
_CLOCK = "00:00"
_TOKENS_A_FACT = 400
_SAME_PERSON, _SAME_KIND = 4, 5  # facts that every chat has beside the one asked for
_NEARBY = 3  # turns that use the question's words without the answer


@dataclass(frozen=True, slots=True)
class FactKind:
    """A kind of fact that people tell about themselves.

    Attributes:
        query: the question with `{name}`; it shares no words with the lines.
        lines: ways to tell the fact, with `{value}`.
        nearby: a remark with `{name}` that uses the question's words and does not hold the answer.
        values: at least one for each person.
    """

    query: str
    lines: tuple[str, ...]
    nearby: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChatLines:
    """The words that chats are made of; `chat.yaml` says what each list is for."""

    people: tuple[str, ...]
    kinds: tuple[FactKind, ...]
    openings: tuple[str, ...]
    middles: tuple[str, ...]
    endings: tuple[str, ...]
    things: tuple[str, ...]
    places: tuple[str, ...]


@cache
def chat_lines() -> ChatLines:
    """Read the words of the chats from `chat.yaml`."""
    return written_beside(__file__, ChatLines)


@dataclass(frozen=True, slots=True)
class Turn:
    speaker: str
    text: str

    def line(self, clock: str) -> str:
        return f"{clock} {self.speaker}: {self.text}\n"


def chats(draw: Draw) -> Iterator[Example]:
    """Make chats between ten people, with one document a day; the evidence is the turn that holds the answer.

    The other turns are distractors and small talk: they tell other facts about the same person, or the same kind of
    fact about other people, or they use the question's words without the answer. The answer is told in words that the
    question does not use.

    Raises:
        InputError: the context is too short for a chat.
    """
    for index in range(draw.examples):
        rng = random.Random(f"{draw.seed} chat {index}")  # noqa: S311 (a sample, no secret)
        query, answer, turns = _facts(rng, draw.context_tokens)
        asked = turns[0]
        days = max(_LEAST_DAYS, round(draw.context_tokens / _DAY_TOKENS))
        heads = [f"{_FIRST_DAY + timedelta(days=day)}\n" for day in range(days)]
        room = draw.context_tokens - sum(draw.count(f"{head}\n") for head in heads)
        room -= sum(draw.count(turn.line(_CLOCK)) for turn in turns)
        if room < 0:
            raise InputError(f"expected room for a chat, got {-room} tokens too few: raise context_tokens")
        while True:
            turn = small_talk(rng)
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


def _facts(rng: random.Random, tokens: int) -> tuple[str, str, list[Turn]]:
    """Draw a question, its answer, the turn that holds it, and after that turn its distractors."""
    kinds, people = chat_lines().kinds, chat_lines().people
    kind, person = rng.choice(kinds), rng.choice(people)
    values = {each.query: rng.sample(each.values, len(people)) for each in kinds}
    own = [(other, person) for other in kinds if other is not kind]
    same = [(kind, other) for other in people if other != person]
    rng.shuffle(own)
    rng.shuffle(same)
    others = [(other, someone) for other in kinds for someone in people if other is not kind and someone != person]
    rng.shuffle(others)
    rest = [*own[_SAME_PERSON:], *same[_SAME_KIND:], *others][: tokens // _TOKENS_A_FACT]
    facts = [(kind, person), *own[:_SAME_PERSON], *same[:_SAME_KIND], *rest]
    turns = [
        Turn(someone, rng.choice(told.lines).format(value=values[told.query][people.index(someone)]))
        for told, someone in facts
    ]
    speakers = rng.sample([someone for someone in people if someone != person], _NEARBY)
    turns += [Turn(speaker, kind.nearby.format(name=person)) for speaker in speakers]
    return kind.query.format(name=person), values[kind.query][people.index(person)], turns


def small_talk(rng: random.Random) -> Turn:
    lines = chat_lines()
    middle = rng.choice(lines.middles).format(thing=rng.choice(lines.things), place=rng.choice(lines.places))
    opening = rng.choice(lines.openings)
    text = f"{opening}{middle if opening else middle[0].upper() + middle[1:]}{rng.choice(lines.endings)}"
    return Turn(rng.choice(lines.people), text)


def _days(
    heads: Sequence[str], turns: Sequence[Turn], asked: Turn, rng: random.Random
) -> tuple[tuple[Document, ...], Evidence]:
    """Spread the turns over the days, and find the span of the turn that is asked for."""
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

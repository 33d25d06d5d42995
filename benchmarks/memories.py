"""a seed -> a long chat with an assistant in which people tell facts, and ten questions about them."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from longattncomp.evaluation.tasks.chat import chat_lines, small_talk

QUESTIONS = 10
"""Questions about one chat, each about another kind of fact."""

_TURNS = 200
_PEOPLE = 4  # who tell a fact of each kind; one of them is asked about
_AGAIN = 0.15  # part of the facts and of the small talk that is said twice
_NEARBY = 2  # turns that use the words of a question without its answer
_AROUND = 2  # most sentences of small talk beside a fact
_DAYS = 10
_FIRST_DAY = date(2025, 3, 3)
_REPLIES = (
    "Noted.",
    "Thank you, I will remember that.",
    "That is good to know. Is there anything that I should do about it?",
    "I see. Shall I remind you of it at the end of the week?",
    "All right. Let me know if anything changes, and I will keep track of it for you.",
    "Understood. There are many ways to go about this, and most of them work if you start early and stay patient.",
)


@dataclass(frozen=True, slots=True)
class Said:
    """A turn of a chat.

    Attributes:
        role: "user" or "assistant".
        text: with day and speaker, if it is the user's.
    """

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Memories:
    """A chat, and what is asked about it.

    Attributes:
        turns: in order.
        asked: questions and their answers.
    """

    turns: tuple[Said, ...]
    asked: tuple[tuple[str, str], ...]


def memories(seed: str) -> Memories:
    """Make a chat of 200 turns with 40 facts, told in other words than the questions use.

    There are ten kinds of facts, each told by four people, and one person of each kind is asked about. Other turns use
    the questions' words. Some is said twice, on another day. The users' turns name day and speaker in one of three
    ways.
    """
    rng = random.Random(seed)
    kinds = rng.sample(chat_lines().kinds, QUESTIONS)
    write = rng.choice(_WAYS)
    told: list[tuple[str, str]] = []
    asked: list[tuple[str, str]] = []
    for kind in kinds:
        people = rng.sample(chat_lines().people, _PEOPLE)
        values = rng.sample(kind.values, _PEOPLE)
        asked.append((kind.query.format(name=people[0]), values[0]))
        for person, value in zip(people, values, strict=True):
            line = rng.choice(kind.lines).format(value=value)
            parts = [line, *(small_talk(rng).text for _ in range(rng.randint(0, _AROUND)))]
            rng.shuffle(parts)
            told.append((person, " ".join(parts)))
        for person in rng.sample([one for one in chat_lines().people if one != people[0]], _NEARBY):
            told.append((person, kind.nearby.format(name=people[0])))
    while len(told) < _TURNS / 2 / (1 + _AGAIN):
        turn = small_talk(rng)
        told.append((turn.speaker, turn.text))
    told += rng.sample(told, _TURNS // 2 - len(told))
    rng.shuffle(told)
    turns: list[Said] = []
    for place, (person, text) in enumerate(told):
        day = _FIRST_DAY + timedelta(days=place * _DAYS // len(told))
        turns += [Said("user", write(day, person, text)), Said("assistant", rng.choice(_REPLIES))]
    return Memories(tuple(turns), tuple(asked))


_WAYS: tuple[Callable[[date, str, str], str], ...] = (
    lambda day, person, text: f"[{day}] {person}: {text}",
    lambda day, person, text: f"{person} ({day:%a %d %b}): {text}",
    lambda day, person, text: f'On {day:%A} {person} said: "{text}"',
)

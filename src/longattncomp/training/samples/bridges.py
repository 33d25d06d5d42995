"""paragraphs -> questions that take two of them, since one answers what another asks about."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from longattncomp.data.rows import Example
from longattncomp.training.samples.mixing import pool
from longattncomp.training.samples.queries import DEFAULT, SampleOptions, ask, generator, move, unanswerable
from longattncomp.types import Document

_BRIDGES = (2, 4)
"""Bridges over which a context has the paragraphs."""
_PARAGRAPHS = (8, 20)
_AT_ONE_NAME = 12
"""Most bridges over one name: "France" would be in one of twenty."""

_NAME = re.compile(r"(?<!^)\b(?:the )?(?P<name>[A-Z][\w.'’-]+(?: (?:(?:of|the|de|and) )?[A-Z][\w.'’-]+){0,3})")
_LEAST_LETTERS = 5
_MOST_WORDS = 4
_VERB = r"(?:is|was|were|are|has|had|did not|does not|can|\w+ed|\w+s)"
_NOUNS = (
    "act actor album artist author band battle book church city company composer country county district dynasty "
    "emperor empire film game group island king language law network organization party person philosopher president "
    "province queen region religion river school scientist singer song state station team treaty university war"
).replace(" ", "|")
_PHRASES = (
    (re.compile(r"(?:who|what) (?:is|was|are|were) (?:the name of )?(the .+?)\??", re.IGNORECASE), r"\1"),
    (re.compile(r"who (.+?)\??", re.IGNORECASE), r"the person who \1"),
    (re.compile(rf"(?:what|which) ((?:\w+ )?(?:{_NOUNS})) ({_VERB} .+?)\??", re.IGNORECASE), r"the \1 that \2"),
)
"""Questions, and what they ask for as a noun phrase."""


@dataclass(frozen=True, slots=True)
class _Bridge:
    """A question of two, and the paragraphs that hold what it takes."""

    first: Example
    second: Example
    query: str

    @property
    def documents(self) -> tuple[Document, Document]:
        return self.first.documents[0], self.second.documents[0]


def bridge_samples(examples: Iterable[Example], options: SampleOptions = DEFAULT) -> Iterator[Example]:
    """Make contexts of SQuAD paragraphs with questions that each take two of them.

    A name that answers a question about another paragraph gives its place to that question: "When did France ...?"
    becomes "When did the country that borders Andorra ...?". People composed MuSiQue's questions so (Trivedi et al.
    2022, arXiv 2108.00573, section 3). The other paragraphs of a context have the same titles. For an unanswerable
    question both of its paragraphs are left out, though others of a title are there. All examples are held in memory.
    """
    rng = generator(options.seed, "bridges")
    questions = list(examples)
    titles: defaultdict[str, dict[str, Document]] = defaultdict(dict)
    for question in questions:
        (document,) = question.documents
        titles[document.metadata["title"]][document.text] = document
    bridges = list(_bridges(questions, rng))
    while bridges:
        taken = [bridges.pop() for _ in range(min(len(bridges), rng.randint(*_BRIDGES)))]
        needed = [document for bridge in taken for document in bridge.documents]
        near = [document for one in needed for document in titles[one.metadata["title"]].values()]
        size = rng.randint(*_PARAGRAPHS)
        documents, places = pool([*needed, *rng.sample(near, min(len(near), size))][: max(size, len(needed))], rng)
        singles = [_asked(bridge, documents, places) for bridge in taken]
        yield from ask(singles, _foreign(bridges, documents, places, rng), options, rng)


def _asked(bridge: _Bridge, documents: tuple[Document, ...], places: dict[str, int]) -> Example:
    first, second = (move(question, documents, places) for question in (bridge.first, bridge.second))
    return replace(
        second,
        id=f"{second.id}-{first.id}",
        task="bridges",
        query=bridge.query,
        evidence=tuple(sorted({*first.evidence, *second.evidence})),
    )


def _foreign(
    bridges: Sequence[_Bridge], documents: tuple[Document, ...], places: dict[str, int], rng: random.Random
) -> Iterator[Example]:
    titles = {document.metadata["title"] for document in documents}
    text = "\n".join(paragraph.lower() for paragraph in places)
    for bridge in rng.sample(bridges, len(bridges)):
        own = bridge.documents
        near = any(one.metadata["title"] in titles for one in own) and not any(one.text in places for one in own)
        if near and bridge.second.answers[0].lower() not in text:
            yield unanswerable(replace(bridge.second, task="bridges", query=bridge.query), documents)


def _bridges(questions: Sequence[Example], rng: random.Random) -> Iterator[_Bridge]:
    """Find questions with names that others answer, in random order, few over one name."""
    answered: defaultdict[str, list[tuple[Example, str]]] = defaultdict(list)
    for question in questions:
        name = question.answers[0]
        short = len(name) >= _LEAST_LETTERS and len(name.split()) <= _MOST_WORDS
        if short and name[0].isupper() and (phrase := _phrase(question.query)):
            answered[name].append((question, phrase))
    over: defaultdict[str, int] = defaultdict(int)
    for second in rng.sample(questions, len(questions)):
        for match in _NAME.finditer(second.query):
            name = match["name"].removesuffix("'s").removesuffix("’s")
            if name not in answered or over[name] == _AT_ONE_NAME:
                continue
            answer, text = second.answers[0].lower(), second.documents[0].text
            firsts = [
                (first, phrase)
                for first, phrase in answered[name]
                if first.documents[0].text != text
                and name not in phrase
                and answer not in first.documents[0].text.lower()
            ]
            if firsts:
                over[name] += 1
                first, phrase = rng.choice(firsts)
                query = f"{second.query[: match.start()]}{phrase}{second.query[match.start('name') + len(name) :]}"
                yield _Bridge(first, second, query)
                break


def _phrase(query: str) -> str | None:
    """Turn a question into what it asks for: "Who founded it?" into "the person who founded it"."""
    query = " ".join(query.split())
    for pattern, phrase in _PHRASES:
        if match := pattern.fullmatch(query):
            return match.expand(phrase)
    return None

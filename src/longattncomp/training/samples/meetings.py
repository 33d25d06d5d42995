"""QMSum examples -> samples: a whole meeting, its own questions, and questions about other meetings."""

import random
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from itertools import islice

from longattncomp.data.rows import Context, Example, contexts
from longattncomp.training.samples.queries import DEFAULT, SampleOptions, ask, generator, move, unanswerable

_WINDOW = 24
_GENERAL = 0.4
"""A question whose evidence covers a larger share of its meeting is too general to ask about another meeting."""
_RARE = 0.25
"""A word is specific if at most this share of the meetings in memory have it."""
_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True, slots=True)
class _Meeting:
    questions: Context
    words: frozenset[str]
    asked: tuple[tuple[Example, frozenset[str]], ...]
    """Questions that may be asked about another meeting, with their words."""


def meeting_samples(examples: Iterable[Example], options: SampleOptions = DEFAULT) -> Iterator[Example]:
    """Make contexts of one meeting each; unanswerable questions belong to another meeting.

    An unanswerable question has specific words, none of which this meeting has, and its evidence is a small part of its
    own meeting. Questions that share many other words with this meeting come first.
    """
    rng = generator(options.seed, "meetings")
    coming = map(_meeting, contexts(examples))
    window = deque(islice(coming, _WINDOW))
    frequency = Counter(word for meeting in window for word in meeting.words)
    at = 0
    while at < len(window):
        rare = {word for word, count in frequency.items() if count <= _RARE * len(window)}
        yield from _sample(window[at], window, rare, options, rng)
        if at >= _WINDOW // 2 and (meeting := next(coming, None)) is not None:
            frequency.subtract(window.popleft().words)
            window.append(meeting)
            frequency.update(meeting.words)
        else:
            at += 1


def _meeting(context: Context) -> _Meeting:
    asked = [(question, _words(question.query)) for question in context if _coverage(question) <= _GENERAL]
    return _Meeting(context, _words(" ".join(document.text for document in context[0].documents)), tuple(asked))


def _sample(
    meeting: _Meeting, window: Iterable[_Meeting], rare: Set[str], options: SampleOptions, rng: random.Random
) -> list[Example]:
    documents = meeting.questions[0].documents
    places = {document.text: place for place, document in enumerate(documents)}
    candidates = []
    for other in window:
        for question, words in other.asked if other is not meeting else ():
            specific = words & other.words & rare
            if specific and specific.isdisjoint(meeting.words):
                candidates.append((len(words & meeting.words), question))
    rng.shuffle(candidates)
    hardest = sorted(candidates[: 2 * len(meeting.questions)], key=lambda pair: -pair[0])
    foreign = (unanswerable(question, documents) for _, question in hardest)
    return ask([move(question, documents, places) for question in meeting.questions], foreign, options, rng)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


def _coverage(question: Example) -> float:
    covered = sum(span.end - span.start for span in question.evidence)
    return covered / sum(len(document.text) for document in question.documents)

"""(query, nodes) -> scores by the words that both have (BM25)."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, pairwise
from typing import Any

import regex

from longattncomp.chunking.lead_ins import LeadIns
from longattncomp.chunking.sentences import UNSPACED
from longattncomp.errors import InputError
from longattncomp.types import Node, Progress, Query, Scores

# With Korean, which writes particles and words together.
_UNSPACED = rf"[{UNSPACED}\p{{Hangul}}]"
_LETTER = rf"[[\p{{L}}\p{{N}}\p{{M}}]--{_UNSPACED}]"
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+(?:(?:\.|_+)[A-Za-z0-9]+)*")
_WORD = regex.compile(rf"(?V1){_UNSPACED}[{_UNSPACED}\p{{M}}]*|{_LETTER}+(?:(?:\.|_+){_LETTER}+)*")
_CHARACTER = regex.compile(rf"(?V1){_UNSPACED}\p{{M}}*")
_JOINT = re.compile(r"[._]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_TELLING = frozenset(("above", "below", "over", "under", "before", "after"))
"""Words of the list that tell two like lines apart: a refund above 200 euros, and one below."""

_SUFFIX = re.compile(r"(?<=[a-z0-9]{3})(?:ations?|ings?|ions?|ers?|ments?|ly|ed|ies|es|s|e|y)$")
_DOUBLED = re.compile(r"([bdgmnprt])\1$")


@dataclass(frozen=True)
class BM25Scorer:
    """Okapi BM25 over the nodes with their lead-ins, as Lucene computes it; the instruction's share is 0.

    A word of the query counts once and without its English ending; stop words count only in a query that has nothing
    else. An identifier (`snake_case`, `CamelCase`, `dotted.path`) is found whole and by its parts, and text in a script
    without spaces by its characters and their pairs. Where no node has a word of the query, all nodes score the same.

    Attributes:
        k1: how slowly repetitions of a word lose their worth, at least 0.
        b: how much a node loses for its length, in [0, 1].

    Raises:
        InputError: `k1` or `b` is out of its range.
    """

    k1: float = 1.5
    b: float = 0.75

    def __post_init__(self) -> None:
        if not self.k1 >= 0:
            raise InputError(f"expected k1 of at least 0, got {self.k1}")
        if not 0 <= self.b <= 1:
            raise InputError(f"expected b in [0, 1], got {self.b}")

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """Divide the BM25 score of every node by the sum."""
        if not nodes:
            return Scores((), 1.0)
        shares = self.shares(*matches(query.text, LeadIns(nodes).texts()))
        if progress is not None:
            tokens = sum(node.tokens for node in nodes)
            progress(tokens, tokens)
        return Scores(tuple(shares), 0.0)

    def shares(self, n_terms: int, corpus: list[list[int]]) -> list[float]:
        """Divide the BM25 score of every text by the sum, by what `matches` returns for a query and the texts."""
        import bm25s

        if not any(map(any, corpus)):
            return [1 / len(corpus) for _ in corpus]
        index = bm25s.BM25(k1=self.k1, b=self.b, method="lucene")
        # `index.index` would log at every call.
        index.scores = index.build_index_from_ids(list(range(n_terms + 1)), corpus, show_progress=False)
        scores = index.get_scores_from_ids(list(range(1, n_terms + 1))).astype("float64")  # (n_nodes,)
        return list((scores / scores.sum()).tolist())


def matches(query: str, texts: Sequence[str]) -> tuple[int, list[list[int]]]:
    """Number the terms of a query from 1, and replace every term of the texts by its number.

    Terms outside the query become 0, which leaves lengths as they are.

    Returns:
        how many terms the query has, and the numbers in each text.
    """
    asked = _words(query)
    telling = [word for word in asked if word.lower() not in stop_words()]
    terms = dict.fromkeys(chain.from_iterable(map(_terms, telling or asked)))
    ids = {term: index for index, term in enumerate(terms, start=1)}

    @cache
    def ids_of(word: str) -> list[int]:
        return [ids.get(term, 0) for term in _terms(word)]

    return len(ids), [list(chain.from_iterable(map(ids_of, _words(text)))) for text in texts]


@cache
def stop_words() -> frozenset[str]:
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    # The list has the remains of contractions; "d" and "o" are more likely options or variables.
    return frozenset(word for word in STOPWORDS_EN_PLUS if len(word) > 1 or word in "aist") - _TELLING


def _words(text: str) -> list[str]:
    """Split a text into words; an identifier or a run of a script without spaces is one word."""
    if text.isascii():
        return _ASCII_WORD.findall(text)
    return list(_WORD.findall(unicodedata.normalize("NFKC", text)))


def _terms(word: str) -> list[str]:
    """List what one word is found by."""
    characters: list[str] = [] if word.isascii() else _CHARACTER.findall(word)
    if characters:
        return characters + [left + right for left, right in pairwise(characters)]
    terms = [word]
    for part in _JOINT.split(word):
        humps = _HUMP.split(part)
        if part != word:
            terms.append(part)
        if len(humps) > 1:
            terms += humps
    # In measurements this finds as much evidence as a Snowball stemmer.
    return [_DOUBLED.sub(r"\1", _SUFFIX.sub("", term.lower())) for term in terms]


def open_scorer(*_: Any) -> tuple[BM25Scorer, None]:
    """Create the scorer of the methods `bm25` and `bm25-near`."""
    return BM25Scorer(), None

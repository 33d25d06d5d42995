"""query, nodes -> where a summary is wanted, how much each node tells."""

from collections.abc import Sequence

import regex

from longattncomp.scorers.bm25 import stop_words
from longattncomp.types import Node, Query

_SUMMARY = regex.compile(
    r"\b(?:summar(?:y|ies|i[sz]e|i[sz]ing)|tl;?dr|overview|gist|outline|recap|synopsis"
    r"|(?:key|main|important|essential) (?:points?|facts?|ideas?|takeaways?|terms?))\b"
)
_ABOUT_THE_TEXT = regex.compile(
    r"documents?|docs?|texts?|pages?|papers?|articles?|reports?|files?|contents?|contracts?|agreements?|meetings?"
    r"|transcripts?|conversations?|chats?|threads?|discussions?|e?mails?|letters?|books?|chapters?|sections?|stor(?:y|ies)"
    r"|logs?|code|give|write|provide|make|create|please|short|brief(?:ly)?|concise|detailed|words?|sentences?|bullets?"
    r"|list|all|whole|entire|full|following|above|below|everything|contains?"
)
_WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*")
_NUMBER, _NAME = r"\p{N}[\p{N}.,:/-]*", r"\p{Lu}[\p{L}\p{N}-]*"
_BEGUN = r"(?<=[\p{Ll}\p{N},;)(\"'] )"
_FACT = regex.compile(rf"(?:{_NUMBER}|{_BEGUN}{_NAME}|\p{{Lu}}{{2,}})(?: (?:{_NUMBER}|{_NAME}))*")
"""Numbers and names beside each other, as in `3 May 2026` and `Ada Marsh`; a capital may also begin a sentence."""
_NUMBERED = regex.compile(r"\s*\p{N}{1,3}[.)]\s")


def wants_overview(query: Query) -> bool:
    """Say whether a query asks, in English, for a summary of the text as such, and names nothing it is to be about."""
    rest, found = _SUMMARY.subn(" ", query.text.lower())
    return bool(found) and all(word in stop_words() or _ABOUT_THE_TEXT.fullmatch(word) for word in _WORD.findall(rest))


def telling(nodes: Sequence[Node]) -> list[float]:
    """Count each node's numbers and names for each of its tokens, as shares of 1."""
    texts = [_NUMBERED.sub("", node.text, count=1) for node in nodes]
    counts = [len(set(_FACT.findall(text))) / max(1, node.tokens) for text, node in zip(texts, nodes, strict=True)]
    total = sum(counts)
    return [count / total if total else 1 / len(nodes) for count in counts]

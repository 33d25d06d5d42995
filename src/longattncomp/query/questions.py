"""query -> the questions that it consists of."""

import re

from longattncomp.chunking.sentences import sentences
from longattncomp.types import Query

_MOST = 6
_LEAST_WORDS = 3
_PRONOUN = r"(?:I|we|you|they|he|she|it|there|this|that|these|those)\b"
_AUXILIARY = r"(?:is|are|was|were|do|does|did|can|could|may|might|must|shall|should|will|would)\b"
_ASKS = rf"(?:(?:when|where|why)\s+{_AUXILIARY}|(?:what|how)\s+(?:\w+\s+)?{_AUXILIARY}|{_AUXILIARY}\s+{_PRONOUN})"
_NEXT = re.compile(  # a clause with who, whose or which after a mere comma tells more about what stands before it
    rf"(?<!\s)(?:\s*[,;]\s*(?={_ASKS})|(?:\s*[,;])?\s+(?:and|or)\s+(?={_ASKS}|who\b))",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    rf"(?:\w+\s+)??(?:who|whom|whose|what|which|why|how|(?:when|where)\s+{_AUXILIARY}|{_AUXILIARY}|has|have|had)\b",
    re.IGNORECASE,
)


def questions(query: Query) -> list[Query]:
    """Split a query that asks several things, as in `Who let the flat, when does the lease end and may I keep a dog?`.

    Sentences that end with a question mark are told apart in any language, clauses by English words. What needs its
    context, or is no question, is never split off: then the query is the only one.
    """
    text = query.text
    found = [text[start:end].strip() for start, end in sentences(text, 0, len(text))]
    if len(found) > 1 and not all(sentence.endswith(("?", "？", "؟")) for sentence in found):
        return [query]
    parts = [part for sentence in found for part in _clauses(sentence)]
    if not 1 < len(parts) <= _MOST:
        return [query]
    return [Query(part, query.source) for part in parts]


def _clauses(sentence: str) -> list[str]:
    parts = [part.strip() for part in _NEXT.split(sentence)]
    asked = all(_QUESTION.match(part) and len(part.split()) >= _LEAST_WORDS for part in parts)
    return parts if asked else [sentence]

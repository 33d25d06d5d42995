"""arguments of a call -> checked values."""

import json
import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from longattncomp.chunking.sentences import sentences
from longattncomp.counting import first_surrogate
from longattncomp.errors import InputError, warn
from longattncomp.query.exchange import exchange
from longattncomp.query.patterns import QUESTION
from longattncomp.types import Document, Node, Pin, Query, Scores, Span, merged

Documents = str | Document | Sequence[str | Document]

_LONG = 48
"""Words from which a query is searched for its questions."""

_TURN = re.compile(r"^[ \t]*(user|human|customer|assistant|ai|bot|system)[ \t]*:[ \t]*", re.IGNORECASE | re.MULTILINE)
_ASSISTANT = ("assistant", "ai", "bot", "system")
_KEYS = ("question", "query", "q", "prompt", "input", "text")

_ROUNDING = 1e-3
"""Tolerance for the sum of shares that were computed in 16 or 32 bits."""


def as_query(query: str | Query) -> Query:
    """Check a query.

    Raises:
        InputError: it is not a string, or blank.
    """
    text = query.text if isinstance(query, Query) else query
    if not isinstance(text, str):
        raise InputError(f"expected the query as a string, got {type(text).__name__}")
    if not text.strip():
        raise InputError("expected a query, got a blank one: say what the context is read for")
    return query if isinstance(query, Query) else Query(text)


def asking(query: Query) -> Query:
    """Find what a query asks: the last turn of a chat, the question of a JSON object, the questions of a long letter.

    What stands around a question would draw attention to text that is about it. A query without such a part stays as
    it is. A chat begins with a turn: a line of another text that looks like one takes nothing over.
    """
    text = _question_of_json(query.text) or query.text
    turns = list(_TURN.finditer(text)) if _TURN.match(text.lstrip()) else []
    ends = [*(turn.start() for turn in turns[1:]), len(text)]
    said = [text[turn.end() : end].strip() for turn, end in zip(turns, ends, strict=False)]
    last = exchange(["user" if turn[1].lower() not in _ASSISTANT else "assistant" for turn in turns], said)
    if last and last[-1] == len(turns) - 1:
        text = "\n".join(said[index] for index in last)
    if len(text.split()) > _LONG:
        found = [text[start:end].strip() for start, end in sentences(text, 0, len(text))]
        asked = [part for part in found if QUESTION.search(part)]
        while len(asked) > 1 and sum(len(part.split()) for part in asked) > _LONG:
            del asked[len(asked) // 2]  # what a text asks at its ends is its own
        text = " ".join(dict.fromkeys(asked)) or text
    text = text.strip()
    return query if text == query.text or not text else Query(text, query.source)


def _question_of_json(text: str) -> str | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = next((given[key] for key in _KEYS if isinstance(given, dict) and isinstance(given.get(key), str)), None)
    return found if found and found.strip() else None


def as_documents(documents: Documents) -> list[Document]:
    """Check documents, and warn of lone surrogates in them.

    Raises:
        InputError: no document has text, or one is not a string.
    """
    given = [documents] if isinstance(documents, str | Document) else documents
    if not isinstance(given, Sequence) or isinstance(given, bytes | bytearray):
        advice = "decode it first" if isinstance(given, bytes | bytearray) else "give list(...) of what it holds"
        raise InputError(f"expected documents as a string or a sequence, got {type(given).__name__}: {advice}")
    texts: list[Document] = []
    for index, item in enumerate(given):
        document = Document(item) if isinstance(item, str) else item
        if not isinstance(document, Document) or not isinstance(document.text, str):
            found = type(document.text if isinstance(document, Document) else document)
            advice = "; decode it first" if issubclass(found, bytes | bytearray) else ""
            if hasattr(document, "page_content") or hasattr(document, "get_content"):
                advice = "; give its text, or use the adapter of its framework, which gives such objects back"
            raise InputError(
                f"expected document {index} as a string or a longattncomp.Document of one, got "
                f"{found.__module__}.{found.__qualname__}{advice}".replace("builtins.", "")
            )
        if (surrogate := first_surrogate(document.text)) is not None:
            name = document.id or f"document {index}"
            warn(f"{name} has a lone surrogate at character {surrogate}; read as U+FFFD, kept as it is")
        texts.append(document)
    if not any(document.text for document in texts):
        raise InputError(f"expected at least one document with text, got {len(texts)} documents, all empty")
    return texts


def pinned_spans(pins: Iterable[Pin], documents: Sequence[Document]) -> dict[int, list[Span]]:
    """Check pins, and merge them into increasing character ranges by document.

    Raises:
        InputError: a pin has another shape, or lies outside the documents.
    """
    spans: dict[int, list[Span]] = {}
    if not isinstance(pins, Iterable):
        raise InputError(f"expected pins as a sequence, got {pins!r}")
    for pin in pins:
        match (pin, 0, None) if isinstance(pin, int) else pin:
            case (int(index), int(start), int() | None as end):
                pass
            case _:
                raise InputError(f"expected a pin as a document's index or (document, start, end), got {pin!r}")
        if not 0 <= index < len(documents):
            raise InputError(f"expected a pin's document in 0 to {len(documents) - 1}, got {index}")
        length = len(documents[index].text)
        end = length if end is None else end
        if not 0 <= start <= end <= length:
            raise InputError(f"expected a pin within 0 to {length} of document {index}, got {start} to {end}")
        spans.setdefault(index, []).append((start, end))
    return {index: merged(own) for index, own in spans.items()}


def neighbours(
    queries: Sequence[str | Query], contexts: Sequence[Documents]
) -> list[list[tuple[str | Query, Documents]]]:
    """Group neighbouring rows of a batch whose context is the same object.

    Raises:
        InputError: queries and contexts are not lists of one length.
    """
    sizes = [
        len(rows) if isinstance(rows, Sequence) and not isinstance(rows, str) else type(rows).__name__
        for rows in (queries, contexts)
    ]
    if sizes[0] != sizes[1] or not isinstance(sizes[0], int):
        raise InputError(f"expected a list of queries and one context for each, got {sizes[0]} and {sizes[1]}")
    return [list(rows) for _, rows in groupby(zip(queries, contexts, strict=True), key=lambda row: id(row[1]))]


def what_is_wrong(scores: Scores, nodes: Sequence[Node]) -> str:
    """Say why scores are not one share of the mass for each node; "" if they are."""
    if len(scores.nodes) != len(nodes):
        return f"expected one score for each of {len(nodes)} nodes, got {len(scores.nodes)}"
    shares = (*scores.nodes, scores.instruction)
    if (least := min(shares)) < 0:
        return f"expected scores of 0 or more, got {least}: give each node its share of the mass"
    if not (mass := sum(shares)) <= 1 + _ROUNDING:  # false for NaN, too
        return f"expected scores and the instruction's score to sum to 1 at most, got {mass}: divide them by it"
    if scores.chance is not None and not 0 <= scores.chance <= 1:
        return f"expected a chance in [0, 1], or None, got {scores.chance}"
    return ""

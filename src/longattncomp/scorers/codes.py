"""ranks, entries of a log -> which belong to the best one by a code, such as the number of a request."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines.entries import LEVELS, UNDATED
from longattncomp.chunking.lines.kinds import TURN
from longattncomp.types import Node, Query

_GAIN = 4.0
"""What the rank of an entry with a code of the best one is multiplied by, up to that one's."""

_BELOW = 1 - 1e-9
"""Part of the rank of the best entry that the others keep below."""

_NEAREST = 5
"""How many entries with a code come with it, the best one and the nearest to it."""

_SHARE = 0.5
"""Most of a document's entries that may have a code: one that more have tells nothing."""

_LETTERS = 3
"""Least letters and digits of a code."""

_BEGINNING = re.compile(
    r"[\[(<\"]?(?:\d{4}[-/]\d{2}[-/]\d{2}[T ]\d|\d{2}:\d{2}:\d{2}|[A-Z][a-z]{2} {1,2}\d{1,2} \d{2}:\d{2})\S*\s*"
    rf"|{UNDATED}|\[?(?:TRACE|DEBUG|INFO|WARN|ERROR)\b|\[?(?:{LEVELS})(?:[\]:|]|  )|\s*(?=\{{)"
)
"""A date and a time, a time with seconds, what else an entry begins with, how bad it is, or an object of JSON."""

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}[\d:.,]*Z?)?|\d{1,2}:\d{2}:[\d:.,]+Z?|(?<!\S)[+-]\d{4}\b")
"""A date, a time or an offset from UTC, which is no code."""

_WORD = re.compile(r"(?<![\w.-])[\w-]++(?![:.]\d)")
"""A word or a whole number that is no part of a time, an address or a number with a point."""


def is_entry(text: str) -> bool:
    """Whether a text begins as an entry of a log or of lines of JSON does, and no one speaks in it."""
    match = _BEGINNING.match(text)
    return match is not None and not TURN.match(text, match.end())


def with_its_codes(ranks: Sequence[float], *, nodes: Sequence[Node], query: Query) -> list[float]:
    """Raise the entries of a log that share a code with the best node, if that is one.

    What a question asks of a request, a worker or a call stands in other entries than the one that it describes, and
    these have none of its words. Codes that the query has itself are left to its words.

    Returns:
        the ranks, (n_nodes,), 0 for what is not ranked; none of those raised reaches the best one's.
    """
    found = list(ranks)
    best = max(range(len(ranks)), key=ranks.__getitem__, default=0)
    if not any(ranks) or not is_entry(nodes[best].text):
        return found
    document = [index for index, node in enumerate(nodes) if node.document == nodes[best].document and ranks[index]]
    codes = {index: _codes(nodes[index].text) for index in document}
    asked = query.text.lower()
    for code in codes[best]:
        having = [index for index in document if code in codes[index]]
        if code in asked or len(having) > max(2, _SHARE * len(document)):
            continue
        for index in sorted(having, key=lambda index: abs(index - best))[:_NEAREST]:
            found[index] = max(found[index], min(_GAIN * ranks[index], _BELOW * ranks[best]))
    return found


def _codes(text: str) -> set[str]:
    match = _BEGINNING.match(text)
    words = _WORD.findall(_TIME.sub(" ", text[match.end() if match else 0 :]).lower())
    return {word for word in words if len(word) >= _LETTERS and any(map(str.isdigit, word))}

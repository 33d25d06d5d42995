"""query, texts -> the query with words of the texts in place of its misspelt ones."""

from collections.abc import Iterable, Sequence

import regex

from longattncomp.types import Node, Query, Tokenizer

_WORD = regex.compile(r"(?<![\p{L}\p{N}_./@-])\p{L}{4,30}(?![\p{L}\p{N}_./@-])")


def respelled(query: Query, nodes: Sequence[Node], tokenizer: Tokenizer) -> Query:
    """Replace words that no node has, and that are none of the tokenizer's tokens, by the one that they are next to.

    A word is next to another with the same first letter if one letter is left out, added or another, or two neighbours
    are exchanged; of four letters only the last. A query without such words is returned as it is.
    """
    found: dict[str, str] = {}
    for word in {match[0].lower() for match in _WORD.finditer(query.text)}:
        if len(tokenizer.encode(f" {word}").ids) > 1 and not any(word in node.text.lower() for node in nodes):
            close = {near for near in _like(word, nodes) if _next_to(word, near)}
            if len(close) == 1:
                found[word] = close.pop()
    if not found:
        return query

    def replaced(match: regex.Match[str]) -> str:
        near: str = found.get(match[0].lower(), match[0])
        return near.capitalize() if match[0][0].isupper() else near

    return Query(_WORD.sub(replaced, query.text), query.source)


def _like(word: str, nodes: Iterable[Node]) -> set[str]:
    """Find words of the same first letter and about the same length."""
    size = rf"{{{len(word) - 2},{len(word)}}}"
    same = regex.compile(rf"(?<![\p{{L}}\p{{N}}_]){word[0]}\p{{L}}{size}(?![\p{{L}}\p{{N}}_])", regex.IGNORECASE)
    return {match[0].lower() for node in nodes for match in same.finditer(node.text)}


def _next_to(word: str, near: str) -> bool:
    short, long = sorted((word, near), key=len)
    if len(short) < len(long):
        return len(word) > 4 and any(long[:at] + long[at + 1 :] == short for at in range(len(long)))
    differing = [at for at, (one, other) in enumerate(zip(word, near, strict=True)) if one != other]
    if len(differing) == 2:
        first, second = differing
        return second == first + 1 and (word[first], word[second]) == (near[second], near[first])
    return len(word) > 4 and len(differing) == 1

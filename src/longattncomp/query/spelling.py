"""query, texts -> the query with words of the texts in place of its misspelt ones."""

import re
from collections import defaultdict
from collections.abc import Sequence

import regex

from longattncomp.types import Node, Query, Tokenizer

_WORD = regex.compile(r"(?<![\p{L}\p{N}_./@-])\p{L}{4,30}(?![\p{L}\p{N}_./@-])")


def respelled(query: Query, nodes: Sequence[Node], tokenizer: Tokenizer) -> Query:
    """Replace words that no node has, and that are none of the tokenizer's tokens, by the one that they are next to.

    A word is next to another with the same first letter if one letter is left out, added or another, but not the last
    one, in which words of one stem differ, or if two neighbours are exchanged; of four letters only that. A query
    without such words is returned as it is.
    """
    asked = {match[0].lower() for match in _WORD.finditer(query.text)}
    rare = [word for word in asked if len(tokenizer.encode(f" {word}").ids) > 1]
    if not rare:
        return query
    known = {word for node in nodes for word in re.findall(r"\w+", node.text.lower())}
    text = "\n".join(known)
    like: defaultdict[tuple[str, int], list[str]] = defaultdict(list)  # by first letter and length
    for word in filter(str.isalpha, known):
        like[word[0], len(word)].append(word)
    found: dict[str, str] = {}
    for word in rare:
        if word not in text:
            sizes = range(len(word) - 1, len(word) + 2)
            close = [near for size in sizes for near in like[word[0], size] if _next_to(word, near)]
            if len(close) == 1:
                found[word] = close[0]
    if not found:
        return query

    def replaced(match: regex.Match[str]) -> str:
        near: str = found.get(match[0].lower(), match[0])
        return near.capitalize() if match[0][0].isupper() else near

    return Query(_WORD.sub(replaced, query.text), query.source)


def _next_to(word: str, near: str) -> bool:
    short, long = sorted((word, near), key=len)
    if len(short) < len(long):
        return len(word) > 4 and any(long[:at] + long[at + 1 :] == short for at in range(len(long) - 1))
    differing = [at for at, (one, other) in enumerate(zip(word, near, strict=True)) if one != other]
    if len(differing) == 2:
        first, second = differing
        return second == first + 1 and (word[first], word[second]) == (near[second], near[first])
    return len(word) > 4 and len(differing) == 1 and differing[0] < len(word) - 1

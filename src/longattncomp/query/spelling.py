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
    without such words is returned as it is. Capitals within a word are a name of code.
    """
    asked = {match[0].lower() for match in _WORD.finditer(query.text) if match[0][1:].islower()}
    rare = [word for word in asked if len(tokenizer.encode(f" {word}").ids) > 1]
    text = "\n".join(node.text for node in nodes).lower() if rare else ""
    absent = [word for word in rare if word not in text]
    if not absent:
        return query
    like: defaultdict[tuple[str, int], list[str]] = defaultdict(list)  # by first letter and length
    for word in filter(str.isalpha, set(re.findall(r"\w+", text))):
        like[word[0], len(word)].append(word)
    found: dict[str, str] = {}
    for word in absent:
        sizes = range(len(word) - 1, len(word) + 2)
        close = [near for size in sizes for near in like[word[0], size] if _next_to(word, near)]
        if len(close) == 1:
            found[word] = close[0]
    if not found:
        return query

    def replaced(match: regex.Match[str]) -> str:
        word: str = match[0]
        if word.lower() not in found or not word[1:].islower():
            return word
        return found[word.lower()].capitalize() if word[0].isupper() else found[word.lower()]

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

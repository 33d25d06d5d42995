"""HTML -> its cards: elements like others beside them that begin with a heading, as those of products do."""

import re
from collections import defaultdict
from itertools import pairwise

_TAG = re.compile(
    r"<(?P<closes>/?)(?:(?P<name>article|section|li|div)|(?P<level>h[1-6]))\b(?P<values>[^<>]*+)>", re.IGNORECASE
)
_CLASS = re.compile(r"\bclass\s*=\s*[\"']?([\w-]*)", re.IGNORECASE)
_TEXT = re.compile(r">[^<]*[^\s<]")
_LONGEST = 1500  # characters of a card
_BETWEEN = 200  # characters of tags between two cards

CARD_TOKENS = 128
"""Longest card that stays whole, in tokens."""


def boxes(text: str) -> dict[int, int]:
    """Find where cards begin, and where each ends: they have one heading, above all other text, and stand beside
    others, unlike what holds a heading of the text below it.
    """
    found: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    opened: list[tuple[int, tuple[str, str], int]] = []  # where each begins, its kind, and headings before it
    headings: list[int] = []
    told = 0  # where the last heading ends
    for tag in _TAG.finditer(text):
        if tag["level"]:
            told = tag.end()
            if not tag["closes"]:
                headings.append(tag.start())
        elif not tag["closes"]:
            named = _CLASS.search(tag["values"])
            opened.append((tag.start(), (tag["name"].lower(), named[1] if named else ""), len(headings)))
        elif opened and opened[-1][1][0] == tag["name"].lower():
            start, kind, before = opened.pop()
            short = tag.end() - start <= _LONGEST
            single = short and len(headings) == before + 1
            if single and not _TEXT.search(text, start, headings[before]) and _TEXT.search(text, told - 1, tag.end()):
                found[kind].append((start, tag.end()))
    cards: dict[int, int] = {}
    for own in found.values():
        for one, other in pairwise(own):
            if 0 <= other[0] - one[1] <= _BETWEEN and not _TEXT.search(text, one[1] - 1, other[0]):
                cards.update((one, other))
    return cards

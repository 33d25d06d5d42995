"""query, nodes -> which nodes have the names and numbers that the query asks for."""

from collections.abc import Collection

import regex

from longattncomp.chunking.lead_ins import LeadIns
from longattncomp.chunking.sentences import UNSPACED

_WORD = regex.compile(r"[\p{L}\p{N}_][\p{L}\p{N}\p{M}_./:@#$&+-]*[\p{L}\p{N}_]|[\p{L}\p{N}]")
_QUOTED = regex.compile(r"[\"“„«`]([^\"“”„«»`\n]{2,60})[\"”“»`]|(?<!\w)'([^'\n]{2,60})'(?!\w)")
_NAME = regex.compile(
    r"\p{N}|[\p{L}\p{N}][_/@][\p{L}\p{N}]|\p{Ll}\p{Lu}|\p{L}{2}\.\p{L}{2}|^\p{Lu}{2,}(?:-\p{Lu}+)*$|^\p{Ll}+(?:-\p{Ll}+)+$"
)
_KEY = regex.compile(  # alone on its line, above what it leads in: `billing:`, `"billing": {`, `[billing]`
    r"^[ \t]*(?:[\"']?([\p{L}\p{N}_-]{3,40})[\"']?:[ \t]*\{?|\[([\p{L}\p{N}_-]{3,40})\])[ \t]*$", regex.MULTILINE
)
_SENTENCE_STOP = regex.compile(r"[.:/#$&+-]+$")

_SCRIPT = regex.compile(rf"(?V1){UNSPACED}+")
"""Words without spaces around them, such as those of Japanese."""

_JOINT = regex.compile(r"[.#]|::|->")
_UNIT = regex.compile(r"^[a-zµ%]{1,3}(?![\p{L}\p{N}])")
"""Of a number, right behind it."""

_LETTERS = 3
"""Least characters of a part of a dotted name."""

_ABOVE = 1.5
"""What an identifier counts in a lead-in: what is below its name is about it, while others only mention it."""

_FEW = 3
"""Most nodes that may have an identifier: one that many have does not tell which of them is meant."""


def identifiers(query: str) -> list[str]:
    """List the words of a query that name one thing: numbers, codes, paths, names of code, quoted words, compounds."""
    found = [match[1] or match[2] for match in _QUOTED.finditer(query)]
    words = [_SENTENCE_STOP.sub("", word) for word in _WORD.findall(_SCRIPT.sub(" ", query))]
    shouted = query.upper() == query
    found += [word for word in words if _NAME.search(word) and not (shouted and word.isalpha())]
    return list(dict.fromkeys(word.strip().lower() for word in found if word.strip()))


def named(query: str, leads: LeadIns, echoes: Collection[int] = (), *, titles: Collection[str] = ()) -> list[float]:
    """Count for each node the identifiers of the query that stand in it or in its lead-ins.

    A word of the query is one, too, where it is the key of a section, and so are a part of a dotted name that stands
    nowhere whole, and in a lead-in one of the `titles`, the names in the query. Only those count that at most `_FEW`
    nodes have, `echoes` of the query and what leads in most of the nodes aside.
    """
    counts = [0.0] * len(leads.nodes)
    texts = [node.text.lower() for node in leads.nodes]

    def with_it(name: str) -> set[int]:
        return {index for index, text in enumerate(texts) if _has(text, name)}

    having = {identifier: with_it(identifier) for identifier in identifiers(query)}
    for identifier in [one for one, own in having.items() if not own]:
        for part in _JOINT.split(identifier):
            if len(part) >= _LETTERS and part not in having:
                having[part] = with_it(part)
    for word in {_SENTENCE_STOP.sub("", word).lower() for word in _WORD.findall(query)}.difference(having):
        having[word] = set()
    for index, text in enumerate(texts):
        for match in _KEY.finditer(text):
            having.get(match[1] or match[2], set()).add(index)
    for title in {title.lower() for title in titles}.difference(having):
        own = with_it(title)
        having[title] = own.intersection(leads.served) if len(own) <= _FEW else set()
    led = len(texts) - len(leads.served)
    aside = {*echoes, *(lead for lead, nodes in leads.served.items() if 2 * len(nodes) > led)}
    for own in having.values():
        own -= aside
        if not 0 < len(own) <= _FEW:
            continue
        for index, above in enumerate(leads.of):
            counts[index] += float(index in own) if own.isdisjoint(above) else _ABOVE
    return counts


def _has(text: str, identifier: str) -> bool:
    """Whether an identifier stands in a text as a whole word or number, which may have a unit behind it: 20kg.

    851 is part of 613,851 and of 851.5.
    """
    inside = ".,:" if len(identifier) == 3 else ".:"
    at = text.find(identifier)
    while at >= 0:
        before, after = text[max(0, at - 2) : at], text[at + len(identifier) : at + len(identifier) + 4]
        if identifier.isdecimal():
            after = _UNIT.sub("", after)
        if not (
            (identifier[0].isalnum() and _joins(before[::-1], inside))
            or (identifier[-1].isalnum() and _joins(after, inside))
        ):
            return True
        at = text.find(identifier, at + 1)
    return False


def _joins(beside: str, inside: str) -> bool:
    """Whether the characters beside a word, the nearest first, belong to it."""
    if _SCRIPT.match(beside):
        return False
    return beside[:1].isalnum() or (beside[:1] in inside and beside[1:2].isdigit() and bool(beside[:1]))

"""query, nodes -> what each adds to the query; scores in which mere copies of it count for little."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher
from itertools import chain, groupby, pairwise

import regex

from longattncomp.chunking.sentences import UNSPACED
from longattncomp.inputs import asking
from longattncomp.query.patterns import INSTRUCTION
from longattncomp.scorers.bm25 import stop_words
from longattncomp.types import Node, Query, Scores

_COPIED = 0.8
"""Part of the query's words that a copy has, in its order."""

_ANCHOR = 3
"""Words in a row that a copy shares with the query."""

_ANSWERED = 0.25
"""Least worth of a question that other text follows, which may be its answer."""

_REPEATED = 0.001
"""Worth of a mere copy, which in a chat may be the user's own turn: it comes after evidence and before the rest."""

_MARKS = "?？؟"
_ASCII_WORD = re.compile(r"[A-Za-z0-9_]+|\?")
_WORD = regex.compile(rf"(?V1){UNSPACED}\p{{M}}*|[[\p{{L}}\p{{N}}\p{{M}}_]--{UNSPACED}]+|[{_MARKS}]")
_STATEMENT = re.compile(r"[.。!！][\"'”’»)\]」』*_]*\s*\Z")


def without_echoes(scores: Scores, worth: Sequence[float]) -> Scores:
    """Multiply each node's share by its `novelty`, and scale all shares, the instruction's too, to the sum they had.

    A softmax gives about this where the copies are not there.
    """
    shares = [share * part for share, part in zip(scores.nodes, worth, strict=True)]
    left, mass = sum(shares) + scores.instruction, sum(scores.nodes) + scores.instruction
    if not left or min(worth, default=1.0) == 1.0:
        return scores
    return Scores(tuple(share * mass / left for share in shares), scores.instruction * mass / left)


def novelty(query: Query, nodes: Sequence[Node]) -> list[float]:
    """Say how much each node adds to the query: a thousandth if it only repeats it, 1 if it does not repeat it.

    A copy has at least four fifths of the query's words in its order, and its first words or a question mark: "Paris is
    the capital of France" does not repeat "Is Paris the capital of France?". A node with a copy is worth its other
    words divided by the copied ones. Under a quarter it is a mere copy, but not if other text follows in the node or
    its document: there the answer of a FAQ stands. Nothing repeats one or two words, or a statement, whose copy may be
    what is looked for.
    """
    worth = [1.0] * len(nodes)
    text = asking(query).text
    asked = [word.lower() for word in _tokens(text) if word not in _MARKS]
    is_statement = _STATEMENT.search(text) and not INSTRUCTION.match(text)
    if len(asked) < _ANCHOR or (is_statement and not any(mark in text for mark in _MARKS)):
        return worth
    near = _near(asked, nodes)
    empty = {*asked, *_MARKS, *stop_words()}
    found: dict[int, tuple[int, int, bool]] = {}  # words copied, words added, whether text follows in the node
    for (_, close), group in groupby(range(len(nodes)), key=lambda index: (nodes[index].document, near[index])):
        if not close:
            continue
        run = list(group)
        tokens = [_tokens(nodes[index].text) for index in run]
        copied = _copied(asked, list(chain.from_iterable(tokens)))
        start = 0
        for index, own in zip(run, tokens, strict=True):
            inside = [place - start for place in range(start, start + len(own)) if place in copied]
            start += len(own)
            if inside:
                # A capital tells the month from the verb: "May" may be the answer.
                added = {at for at, word in enumerate(own) if word not in empty and word.lower() not in asked}
                # An answer to "A or B?" has only words of the query.
                rest = own[inside[-1] + 1 :]
                follows = max(added, default=-1) > inside[-1] or (len(rest) > 1 and rest[0] in _MARKS)
                found[index] = len(inside), len(added), follows
    for index, (copies, more, follows) in found.items():
        if index + 1 < len(nodes) and index + 1 not in found:
            follows |= nodes[index + 1].document == nodes[index].document
        worth[index] = min(1.0, more / copies)
        if worth[index] < _ANSWERED:
            worth[index] = _ANSWERED if follows and copies <= len(asked) else _REPEATED
    return worth


def _near(asked: Sequence[str], nodes: Sequence[Node]) -> list[bool]:
    """Say which nodes have a third of the query's telling words, as a part of a copy has."""
    # Of characters of a script without spaces, only pairs tell.
    pairs = {left + right for left, right in pairwise(asked) if len(left + right) == 2 and not (left + right).isascii()}
    stop = stop_words()
    telling = pairs | {word for word in asked if word not in stop and (len(word) > 1 or word.isdigit())} or set(asked)
    texts = (_normal(node.text).lower() for node in nodes)
    return [3 * sum(word in text for word in telling) >= len(telling) for text in texts]


def _copied(asked: Sequence[str], tokens: Sequence[str]) -> Collection[int]:
    """Find the places of tokens that stand in a copy of the query; question marks only tell that one is a question."""
    places = [place for place, token in enumerate(tokens) if token not in _MARKS]
    words = [tokens[place].lower() for place in places]
    anchors = {tuple(asked[at : at + _ANCHOR]): at for at in reversed(range(len(asked) - _ANCHOR + 1))}
    matcher = SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(asked)
    copied: set[int] = set()
    for place, anchor in enumerate(zip(*(words[at:] for at in range(_ANCHOR)), strict=False)):
        if anchor not in anchors or place in copied:
            continue
        start = max(0, place - anchors[anchor])
        matcher.set_seq1(words[start : start + len(asked) + len(asked) // 4])
        blocks = [block for block in matcher.get_matching_blocks() if block.size]
        if sum(block.size for block in blocks) < _COPIED * len(asked):
            continue
        last = places[start + blocks[-1].a + blocks[-1].size - 1]
        asks = last + 1 < len(tokens) and tokens[last + 1] in _MARKS
        if asks or (blocks[0].b == 0 and blocks[0].size >= _ANCHOR):
            copied.update(start + block.a + at for block in blocks for at in range(block.size))
    return {places[place] for place in copied}


def _tokens(text: str) -> list[str]:
    return _ASCII_WORD.findall(text) if text.isascii() else _WORD.findall(_normal(text))


def _normal(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", text)

"""turns of a conversation -> exchanges; kept spans of an exchange -> text with role labels."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
from longattncomp import CompressedDocument
from longattncomp.adapters import acknowledges

Turn = tuple[str, str]
"""(role, text)."""

_MARKS = ("?", "？", "؟")
_ASKS_FIRST = re.compile(r"[^.!?？؟。！\n]*(?:\?(?=\s)|[？؟])")
"""A question that begins a turn, which need not end there: "What is it called? I forgot." """

_SHORT = 6  # words


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn, or what asks and what answers it, so that an answer is found with its question."""

    text: str  # the turns, each as `role: text`
    starts: tuple[int, ...]  # the character offset of each turn
    roles: tuple[str, ...]  # of each turn

    @classmethod
    def of(cls, turns: list[Turn]) -> Exchange:
        lines = [f"{role}: {text}" for role, text in turns]
        starts = accumulate((len(line) + 1 for line in lines[:-1]), initial=0)
        return cls("\n".join(lines), tuple(starts), tuple(role for role, _ in turns))

    def labelled(self, document: CompressedDocument, gap_mark: str) -> str:
        """Join the kept spans; a span that begins inside a turn gets the role of that turn."""
        return gap_mark.join(self._piece(start, end) for start, end in document.spans)

    def role(self, at: int) -> str:
        """Return who says the character at an offset."""
        return self.roles[bisect_right(self.starts, at) - 1]

    def is_edge(self, at: int) -> bool:
        """Whether a turn begins or ends at an offset, but for space."""
        below = bisect_left(self.starts, at)
        stop = self.starts[below] if below < len(self.starts) else len(self.text)
        return not self.text[at:stop].strip() or (below > 0 and not self.text[self.starts[below - 1] : at].strip())

    def _piece(self, start: int, end: int) -> str:
        text = self.text[start:end].lstrip()  # a line break before a turn ends the turn before
        start, text = end - len(text), text.rstrip()
        turn = bisect_right(self.starts, start) - 1
        return text if start == self.starts[turn] else f"{self.roles[turn]}: {text}"


def text_of(message: ChatMessage) -> str:
    """Return the text blocks of a message, without images and calls."""
    return "\n".join(block.text for block in message.blocks if isinstance(block, TextBlock))


def exchanges(turns: Iterable[Turn]) -> list[Exchange]:
    """Group turns into exchanges, in order; what was said in the same words before stands where it was said last."""
    groups: list[list[Turn]] = []
    for turn in turns:
        if not (groups and _answers(turn, groups[-1])):
            groups.append([])
        groups[-1].append(turn)
    found = {exchange.text: exchange for exchange in map(Exchange.of, reversed(groups))}
    return list(found.values())[::-1]


def joined(
    spoken: Sequence[Exchange], documents: Iterable[CompressedDocument], *, separator: str, gap_mark: str
) -> str:
    """Join what is kept of exchanges, in order, with the gap mark between two where it might be misread.

    That is where a turn is cut, or where something is missing between turns of two roles: what is below would stand
    there as the answer to what is above. Whole turns of one role are only joined.
    """
    gap = f"{separator}{gap_mark.strip()}{separator}" if gap_mark.strip() else separator
    text, after, spoke = "", 0, ""  # the exchange that goes on what is kept, -1 if it is cut, and who spoke last
    for document in documents:
        exchange, (start, end) = spoken[document.index], (document.spans[0][0], document.spans[-1][1])
        cut = not exchange.is_edge(start) or after < 0
        follows = document.index == after and not exchange.text[:start].strip()
        if text:
            text += separator if follows or not (cut or spoke != exchange.role(start)) else gap
        text += exchange.labelled(document, gap_mark)
        spoke = exchange.role(end - 1)
        after = document.index + 1 if exchange.is_edge(end) else -1
    return text


def _answers(turn: Turn, group: list[Turn]) -> bool:
    """Whether a turn answers a question that begins or ends the turns before it; what a user answers is short."""
    if turn[0] == MessageRole.USER.value:
        return group[-1][0] != turn[0] and group[-1][1].endswith(_MARKS) and len(turn[1].split()) <= _SHORT
    if acknowledges(turn[1]):
        return False
    asked = group[0][1]
    return asked.rstrip('"”’) ').endswith(_MARKS) or _ASKS_FIRST.match(asked) is not None


def latest(text: str, token_budget: int, count: Callable[[str], int]) -> str:
    """Return the end of a text that fits: whole lines, or words if the last line does not fit, or characters."""
    text = text.rstrip("\n")
    for start_of in (r"^", r"\S+", r"\S"):
        starts = [match.start() for match in re.finditer(start_of, text, re.MULTILINE)]
        first = bisect_left(starts, True, key=lambda start: count(text[start:]) <= token_budget)
        if first < len(starts):
            return text[starts[first] :]
    return ""

"""turns of a conversation -> exchanges; kept spans of an exchange -> text with role labels."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
from longattncomp import CompressedDocument

Turn = tuple[str, str]
"""(role, text)."""

_MARKS = ("?", "？", "؟")

_SHORT = 6  # words


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn, or a question and what answers it, so that an answer is found with its question."""

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


def _answers(turn: Turn, group: list[Turn]) -> bool:
    """Whether a turn answers the question that the turns before it end with; what a user answers is short."""
    if turn[0] == MessageRole.USER.value:
        return group[-1][0] != turn[0] and group[-1][1].endswith(_MARKS) and len(turn[1].split()) <= _SHORT
    return group[0][1].rstrip('"”’) ').endswith(_MARKS)


def latest(text: str, token_budget: int, count: Callable[[str], int]) -> str:
    """Return the end of a text that fits: whole lines, or words if the last line does not fit, or characters."""
    text = text.rstrip("\n")
    for start_of in (r"^", r"\S+", r"\S"):
        starts = [match.start() for match in re.finditer(start_of, text, re.MULTILINE)]
        first = bisect_left(starts, True, key=lambda start: count(text[start:]) <= token_budget)
        if first < len(starts):
            return text[starts[first] :]
    return ""

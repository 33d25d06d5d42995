"""roles and texts of a chat -> the messages that say what the user wants."""

from collections.abc import Sequence

import regex

from longattncomp.query.patterns import INSTRUCTION, QUESTION_MARK

USERS = ("user", "human")
_ASSISTANTS = ("assistant", "ai", "model")
# A character of these scripts is about half a word.
_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]{1,2}|[\p{L}\p{N}\p{M}'’]+")
_ANSWER_WORDS = 6
_ELLIPTIC_WORDS = 3
_MESSAGES = 6
"""Most messages of an exchange."""


def exchange(roles: Sequence[str], texts: Sequence[str]) -> list[int]:
    """Return the index of the user's last message; before it, where it is a short answer, what it answers.

    "Yes, please." means something only after the question that was asked, and after what the user wanted before.

    Args:
        roles: of each message, in lower case.
        texts: of each message.

    Returns:
        Increasing indices of messages of the user and the assistant that have text; nothing if no user's has.
    """
    found: list[int] = []
    for index in range(len(texts) - 1, -1, -1):
        if not texts[index].strip() or not (roles[index] in USERS or (found and roles[index] in _ASSISTANTS)):
            continue
        found.append(index)
        if (roles[index] in USERS and not _is_short(texts[index])) or len(found) == _MESSAGES:
            break
    return found[::-1]


def _is_short(text: str) -> bool:
    if len(text) > 200 or INSTRUCTION.match(text.strip()):
        return False
    words = len(_WORD.findall(text))
    return words <= (_ELLIPTIC_WORDS if QUESTION_MARK.search(text) else _ANSWER_WORDS)

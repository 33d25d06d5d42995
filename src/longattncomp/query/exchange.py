"""roles and texts of a chat -> the messages that say what the user wants."""

from collections.abc import Iterable, Sequence

import regex

from longattncomp.query.patterns import INSTRUCTION, QUESTION_MARK

USERS = ("user", "human")
_ASSISTANTS = ("assistant", "ai", "model")
# A character of these scripts is about half a word.
_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]{1,2}|[\p{L}\p{N}\p{M}'’]+")
_WORDS_OF_ANSWER = 6
_ELLIPTIC_WORDS = 3
"""Most words of a question that leaves out what it is about, and of an answer that another one follows."""
_MESSAGES = 6
"""Most messages of an exchange."""
_EARLIER = 400
"""Characters of an earlier message, from its end, where a message most often asks."""


def exchange(roles: Sequence[str], texts: Sequence[str]) -> list[int]:
    """Return the index of the user's last message; before it, where it is a short answer, what it answers.

    "Yes, please." means something only after the question that was asked, and after what the user wanted before. Roles
    are in lower case.

    Returns:
        Increasing indices of messages of the user and the assistant that have text; nothing if no user's has.
    """
    found: list[int] = []
    for index in range(len(texts) - 1, -1, -1):
        if not texts[index].strip() or not (roles[index] in USERS or (found and roles[index] in _ASSISTANTS)):
            continue
        found.append(index)
        most = _WORDS_OF_ANSWER if len(found) == 1 else _ELLIPTIC_WORDS
        if (roles[index] in USERS and not _is_short(texts[index], most)) or len(found) == _MESSAGES:
            break
    return found[::-1]


def _is_short(text: str, most: int) -> bool:
    if len(text) > _EARLIER or INSTRUCTION.match(text.strip()):
        return False
    return len(_WORD.findall(text)) <= (_ELLIPTIC_WORDS if QUESTION_MARK.search(text) else most)


def last_said(turns: Iterable[tuple[str, str]]) -> str:
    """Join the texts of the user's last message and of what it answers, see `exchange`; "" without a user's message.

    Args:
        turns: role and text of each message of a chat.
    """
    spoken = [(role.lower(), text) for role, text in turns]
    found = exchange([role for role, _ in spoken], [text for _, text in spoken])
    texts = [spoken[index][1] for index in found]
    return "\n".join([*(text[-_EARLIER:] for text in texts[:-1]), *texts[-1:]])

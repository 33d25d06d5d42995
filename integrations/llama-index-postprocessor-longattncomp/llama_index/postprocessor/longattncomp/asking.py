"""messages -> what their user wants."""

from __future__ import annotations

from collections.abc import Iterable

from llama_index.core.base.llms.types import ChatMessage
from longattncomp.adapters import last_said

from llama_index.postprocessor.longattncomp.archive import text_of


def asked_in(messages: Iterable[ChatMessage], asked: str = "") -> str:
    """Return the text of the last user message, after what it answers if it is a short answer, or "".

    The user's message, where it is known as `asked`, need not be among the messages yet.
    """
    turns = [(message.role.value, text_of(message)) for message in messages]
    last = next((text for role, text in reversed(turns) if role == "user" and text.strip()), "")
    if asked.strip() and asked != last:
        turns.append(("user", asked))
    return last_said(turns)

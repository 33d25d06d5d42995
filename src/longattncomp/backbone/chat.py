"""a model's folder -> the tokens that its chat template puts around what a user says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longattncomp.errors import BrokenModelError, UnsupportedModelError

_SAID = "WHAT-THE-USER-SAYS"
"""Stands for it while a chat template is filled in."""


@dataclass(frozen=True, slots=True)
class UserTurn:
    """The frame of one user's turn.

    Attributes:
        before: token ids from the first on, special ones included.
        after: token ids up to where the model's answer begins.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]


def user_turn(folder: Path) -> UserTurn | None:
    """Read the chat template; a model that answers without thinking aloud first, where its template lets one choose.

    Args:
        folder: Hugging Face layout.

    Returns:
        None for a model without a chat template, or with one that does not show what the user says once.

    Raises:
        BrokenModelError: the template cannot be used.
    """
    from transformers import AutoTokenizer

    if not (folder / "chat_template.jinja").is_file() and not (folder / "tokenizer_config.json").is_file():
        return None
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        frame = user_frame(tokenizer) if tokenizer.chat_template else None
        if frame is None:
            return None
        ids = [tuple(tokenizer(part, add_special_tokens=False)["input_ids"]) for part in frame]
    except (UnsupportedModelError, OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenModelError(f"cannot use the chat template in {folder}: {error}") from error
    return UserTurn(*ids)


def user_frame(tokenizer: Any) -> tuple[str, str] | None:
    """What a chat template puts before and after what a user says, up to where the answer begins.

    Args:
        tokenizer: as transformers opens it, with a chat template.

    Returns:
        None if the template does not show what the user says exactly once.

    Raises:
        UnsupportedModelError: the template fails.
    """
    from jinja2 import TemplateError

    try:
        text: str = tokenizer.apply_chat_template(
            [{"role": "user", "content": _SAID}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,  # for templates that know it: an answer is to follow at once
        )
    except (TemplateError, ValueError, KeyError, TypeError) as error:
        raise UnsupportedModelError(f"the chat template of {tokenizer.name_or_path} fails: {error}") from error
    if text.count(_SAID) != 1:
        return None
    before, after = text.split(_SAID)
    return before, after

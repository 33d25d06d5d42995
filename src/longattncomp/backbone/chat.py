"""a model's folder -> the tokens that its chat template puts around a user's message."""

from pathlib import Path
from typing import Any

from longattncomp.errors import BrokenModelError, UnsupportedModelError

_PLACEHOLDER = "WHAT-THE-USER-SAYS"
"""Stands for the user's message while a chat template is rendered."""


def user_turn(folder: Path) -> tuple[list[int], list[int]] | None:
    """Render the chat template of a model folder, without a thinking phase where the template offers that choice.

    Returns:
        The token ids before and after a user's message, up to the answer, special ones included. None for a model
        without a chat template, or with one that does not show the message exactly once.

    Raises:
        BrokenModelError: the template cannot be used.
    """
    from transformers import AutoTokenizer

    if not (folder / "chat_template.jinja").is_file() and not (folder / "tokenizer_config.json").is_file():
        return None
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        frame = user_frame(tokenizer) if tokenizer.chat_template else None
        if frame is None:
            return None
        before, after = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in frame)
        return before, after
    except (UnsupportedModelError, OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenModelError(f"cannot use the chat template in {folder}: {error}") from error


def user_frame(tokenizer: Any) -> tuple[str, str] | None:
    """Return what a tokenizer's chat template puts before and after a user's message, up to the answer.

    Returns:
        None if the template does not show the message exactly once.

    Raises:
        UnsupportedModelError: the template fails.
    """
    from jinja2 import TemplateError

    try:
        text: str = tokenizer.apply_chat_template(
            [{"role": "user", "content": _PLACEHOLDER}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,  # templates that know this option let the answer begin at once
        )
    except (TemplateError, ValueError, KeyError, TypeError) as error:
        raise UnsupportedModelError(f"the chat template of {tokenizer.name_or_path} fails: {error}") from error
    before, *after = text.split(_PLACEHOLDER)
    return (before, after[0]) if len(after) == 1 else None

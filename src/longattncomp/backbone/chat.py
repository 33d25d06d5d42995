"""a model's folder -> the tokens that its chat template puts around what a user says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from longattncomp.errors import BrokenModelError

_SAID = "WHAT-THE-USER-SAYS"


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
        None for a model without a chat template.

    Raises:
        BrokenModelError: the template cannot be used.
    """
    from jinja2 import TemplateError
    from transformers import AutoTokenizer

    if not (folder / "chat_template.jinja").is_file() and not (folder / "tokenizer_config.json").is_file():
        return None
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        if not tokenizer.chat_template:
            return None
        text: str = tokenizer.apply_chat_template(
            [{"role": "user", "content": _SAID}], add_generation_prompt=True, tokenize=False, enable_thinking=False
        )
        before, _, after = text.partition(_SAID)
        ids = [tuple(tokenizer(part, add_special_tokens=False)["input_ids"]) for part in (before, after)]
    except (TemplateError, OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenModelError(f"cannot use the chat template in {folder}: {error}") from error
    return UserTurn(*ids)

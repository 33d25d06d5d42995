"""a model's folder -> how it was trained to be asked: a prompt's token ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from longattncomp.backbone.chat import user_frame
from longattncomp.backbone.loading import quiet_transformers
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.errors import BrokenModelError, UnsupportedModelError

_PLACE = "LongAttnCompPrompt"
"""Stands for the prompt in the text of a form."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """What follows a prompt, tokenised as the two would be in one go.

    Attributes:
        back: how many of the prompt's last tokens it replaces, for a token may span the joint.
        ids: its tokens.
    """

    back: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """Special tokens as ids and plain text between them, `_PLACE` where the prompt goes.

    Only the template's special tokens are special: `<|im_end|>` in a document is plain text.
    """

    tokenizer: DraftTokenizer
    pieces: tuple[int | str, ...]

    def ids(self, prompt: str) -> list[int]:
        """Token ids of a prompt."""
        ids: list[int] = []
        for piece in self.pieces:
            ids += [piece] if isinstance(piece, int) else self.tokenizer.encode(_filled(piece, prompt)).ids
        return ids

    def follow(self, prompt: str, text: str) -> Continuation:
        """Token ids of a text after a prompt, a space between them unless the prompt ends in white space."""
        last = self.pieces[-1]
        joint = "" if isinstance(last, int) else _filled(last, prompt)
        space = " " if joint and not joint[-1].isspace() else ""
        before = self.tokenizer.encode(joint).ids
        after = self.tokenizer.encode(joint + space + text.strip()).ids
        same = shared(before, after)
        return Continuation(len(before) - same, tuple(after[same:]))


def open_transformers_tokenizer(folder: Path) -> Any:
    """Open a tokenizer as transformers does, which knows the chat template and turns ids into text.

    Raises:
        BrokenModelError: it cannot be read.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    # A class of its own may replace what tokenizer.json says.
    kind = PreTrainedTokenizerFast if (folder / "tokenizer.json").is_file() else AutoTokenizer
    try:
        with quiet_transformers():
            return kind.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # tokenizers raises bare Exception
        raise BrokenModelError(f"cannot read a tokenizer from {folder}: {error}") from error


def read_form(opened: Any, tokenizer: DraftTokenizer) -> Form:
    """The form of a model: its chat template if it has one, else the plain prompt after its first tokens (BOS).

    Args:
        opened: the tokenizer as transformers opens it.
        tokenizer: the same one, which takes special tokens as plain text.

    Raises:
        UnsupportedModelError: the chat template fails, or does not show what the user says once.
    """
    if not opened.chat_template:
        return Form(tokenizer, (*tokenizer.prefix, _PLACE))
    frame = user_frame(opened)
    if frame is None:
        raise UnsupportedModelError(
            f"expected the chat template of {opened.name_or_path} to show what the user says once, got "
            f"{opened.chat_template!r:.200}"
        )
    filled = _PLACE.join(frame)
    special: dict[str, int | str] = {
        token.content: index for index, token in opened.added_tokens_decoder.items() if token.special
    }
    longest_first = sorted(special, key=len, reverse=True)
    texts = re.split(f"({'|'.join(map(re.escape, longest_first))})", filled) if special else [filled]
    return Form(tokenizer, tuple(special.get(text, text) for text in texts if text))


def shared(first: Sequence[int], second: Sequence[int]) -> int:
    """How many ids both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _filled(piece: str, prompt: str) -> str:
    return piece.replace(_PLACE, prompt.rstrip(" "))

"""(model's folder, prompt) -> the token ids of the prompt, in the model's chat template."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from longattncomp.backbone.chat import user_frame
from longattncomp.backbone.loading import end_tokens, quiet_transformers
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.errors import BrokenModelError, UnsupportedModelError

_PLACEHOLDER = "LongAttnCompPrompt"


@dataclass(frozen=True, slots=True)
class Continuation:
    """A text that follows a prompt, tokenised as if the two were one text."""

    back: int  # number of the prompt's last tokens that it replaces, since a token may span the boundary
    ids: tuple[int, ...]  # token ids of the text


@dataclass(frozen=True, slots=True)
class PromptForm:
    """A chat template: special tokens as ids, and text between them with a placeholder for the prompt.

    Only the template's own special tokens are special: `<|im_end|>` in a document is plain text.
    """

    tokenizer: DraftTokenizer
    pieces: tuple[int | str, ...]

    def ids(self, prompt: str) -> list[int]:
        """Return the token ids of a prompt."""
        return self._ids([piece if isinstance(piece, int) else _filled(piece, prompt) for piece in self.pieces])

    def _ids(self, pieces: Sequence[int | str]) -> list[int]:
        ids: list[int] = []
        for piece in pieces:
            ids += [piece] if isinstance(piece, int) else self.tokenizer.encode(piece).ids
        return ids

    def around(self, end: str) -> tuple[list[int], list[int]]:
        """Return the token ids before a prompt, and those of a text that ends the prompt with all that follows it."""
        at = next(at for at, piece in enumerate(self.pieces) if isinstance(piece, str) and _PLACEHOLDER in piece)
        first, _, rest = str(self.pieces[at]).partition(_PLACEHOLDER)
        before, after = self.pieces[:at], (end.rstrip(" ") + rest, *self.pieces[at + 1 :])
        return self._ids((*before, *filter(None, [first]))), self._ids(after)

    def follow(self, prompt: str, text: str) -> Continuation:
        """Return the token ids of a text after a prompt, behind a space unless the prompt ends in white space."""
        last = self.pieces[-1]
        joint = "" if isinstance(last, int) else _filled(last, prompt)
        space = " " if joint and not joint[-1].isspace() else ""
        before = self.tokenizer.encode(joint).ids
        after = self.tokenizer.encode(joint + space + text.strip()).ids
        same = common_prefix(before, after)
        return Continuation(len(before) - same, tuple(after[same:]))


def open_transformers_tokenizer(folder: Path) -> Any:
    """Open a tokenizer by transformers, for the chat template and for turning ids into text.

    Raises:
        BrokenModelError: the tokenizer cannot be read.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    # AutoTokenizer may pick a class that overrides tokenizer.json.
    kind = PreTrainedTokenizerFast if (folder / "tokenizer.json").is_file() else AutoTokenizer
    try:
        with quiet_transformers():
            return kind.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # tokenizers raises bare Exception
        raise BrokenModelError(f"cannot read a tokenizer from {folder}: {error}") from error


def read_form(opened: Any, tokenizer: DraftTokenizer) -> PromptForm:
    """Read a model's chat template; without one, the prompt follows the tokenizer's first tokens (BOS).

    The tokenizer is given as transformers opens it, and as one that takes special tokens as plain text.

    Raises:
        UnsupportedModelError: the chat template fails, or does not show the user's message exactly once.
    """
    if not opened.chat_template:
        return PromptForm(tokenizer, (*tokenizer.prefix, _PLACEHOLDER))
    frame = user_frame(opened)
    if frame is None:
        raise UnsupportedModelError(
            f"expected the chat template of {opened.name_or_path} to show the user's message exactly once, got "
            f"{opened.chat_template!r:.200}"
        )
    filled = _PLACEHOLDER.join(frame)
    special: dict[str, int | str] = {
        token.content: index for index, token in opened.added_tokens_decoder.items() if token.special
    }
    longest_first = sorted(special, key=len, reverse=True)
    texts = re.split(f"({'|'.join(map(re.escape, longest_first))})", filled) if special else [filled]
    return PromptForm(tokenizer, tuple(special.get(text, text) for text in texts if text))


def answer_ends(model: Any, opened: Any) -> frozenset[int]:
    """Collect the tokens that end an answer: all special tokens, and those that the model's configuration names."""
    return end_tokens(model).union(index for index, token in opened.added_tokens_decoder.items() if token.special)


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """Count the ids that both sequences begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _filled(piece: str, prompt: str) -> str:
    return piece.replace(_PLACEHOLDER, prompt.rstrip(" "))

"""text -> the draft model's token ids and character offsets."""

from __future__ import annotations

from array import array
from operator import itemgetter
from pathlib import Path
from sys import getsizeof

from tokenizers import Tokenizer

from longattncomp.counting import count_tokens, encodable, pieces
from longattncomp.errors import BrokenModelError
from longattncomp.runtime.recent import Recent
from longattncomp.types import Encoding

_REMEMBERED = 24_000_000
"""Bytes of texts and encodings that are cached: nodes and segments are cut from the same texts."""

_ENTRY_BYTES = 600
"""Bytes of one entry beside its text and numbers."""

_MOST_WORDS = 1 << 22
"""Largest token id, several times that of any tokenizer: a list of all ids is made."""

_SPACE_MARKS = "\u0120\u2581"  # of byte-level BPE and of SentencePiece


class DraftTokenizer:
    """A fast tokenizer that is never changed after it is opened, hence safe under threads.

    Special tokens are neither added nor recognised: `<|im_end|>` in a document is plain text.

    Attributes:
        prefix: ids of the special tokens that the model expects first (BOS), if any.
        words: (vocabulary,) a number for each token id, equal for tokens that differ only in case and leading space.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True
        self.prefix: tuple[int, ...] = tuple(tokenizer.encode("").ids)
        self.words = _words(tokenizer.get_vocab())
        self._tokenizer = tokenizer
        self._recent: Recent[str, tuple[array[int], array[int]]] = Recent(
            _REMEMBERED, lambda text, found: _ENTRY_BYTES + getsizeof(text) + sum(map(getsizeof, found))
        )

    @classmethod
    def from_folder(cls, folder: Path) -> DraftTokenizer:
        """Open `tokenizer.json`, or let transformers convert another format; raise BrokenModelError without one."""
        file = folder / "tokenizer.json"
        try:
            if file.is_file():
                return cls(Tokenizer.from_file(str(file)))
            from transformers import AutoTokenizer

            opened = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            return cls(opened.backend_tokenizer)
        except BaseException as error:
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":  # Rust's, and no Exception
                raise BrokenModelError(f"cannot read a tokenizer from {folder}: {error}") from error
            raise

    def encode(self, text: str) -> Encoding:
        if (found := self._recent.get(text)) is None:
            found = self._encoded(encodable(text))
            self._recent.put(text, found)
        ids, ends = found
        return Encoding(ids.tolist(), ends.tolist())

    def _encoded(self, text: str) -> tuple[array[int], array[int]]:
        ids, ends = array("i"), array("i")
        start = 0
        for piece in pieces(self._tokenizer, text):
            # A batch of one: a plain `encode` holds the interpreter's lock, which blocks every event loop.
            (encoding,) = self._tokenizer.encode_batch([piece], add_special_tokens=False)
            ids.extend(encoding.ids)
            ends.extend(start + end for _, end in encoding.offsets)
            start += len(piece)
        return ids, ends

    def count(self, text: str) -> int:
        return count_tokens(self._tokenizer, text)


def _words(vocabulary: dict[str, int]) -> tuple[int, ...]:
    largest = max(vocabulary.values(), default=-1)
    if largest > _MOST_WORDS:
        raise ValueError(f"expected token ids up to {_MOST_WORDS:,}, got {largest:,}")
    words = list(range(largest + 1))
    first: dict[str, int] = {}
    for token, index in sorted(vocabulary.items(), key=itemgetter(1)):
        bare = token.lstrip(_SPACE_MARKS).lower()
        words[index] = first.setdefault(bare, index) if bare else index
    return tuple(words)

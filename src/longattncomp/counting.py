"""a target's tokenizer -> a function that counts tokens."""

import re
from collections.abc import Callable, Iterator, Mapping, Sized
from functools import partial
from hashlib import blake2b
from itertools import islice
from operator import index
from pathlib import Path
from typing import Any, SupportsIndex

from longattncomp.errors import InputError
from longattncomp.runtime.cancellation import step
from longattncomp.runtime.recent import Recent

Counter = Callable[[str], int]

_SURROGATE = re.compile("[\ud800-\udfff]")

_PIECE = 1 << 16
"""Characters that are tokenized at once; each token takes hundreds of bytes while the tokenizer works."""

_CUT = re.compile(r"(?<=\S\n)(?=\w)|(?<=\w)(?= \w)")
"""Places where most tokenizers end a token: after a line end, before a space."""

_REMEMBERED = 4096
"""Texts whose counts are remembered, 300 bytes each."""

_AROUND = 256  # characters on either side that are tokenized to check a place
_TRIED = 32


def encodable(text: str) -> str:
    """Replace lone surrogates, which no tokenizer can encode, by U+FFFD; the length stays."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def first_surrogate(text: str) -> int | None:
    """Return the offset of the first lone surrogate, or None."""
    found = None if text.isascii() else _SURROGATE.search(text)
    return found.start() if found else None


def pieces(tokenizer: Any, text: str) -> Iterator[str]:
    """Cut a long text without lone surrogates where that does not change the tokens of a fast tokenizer.

    Yields:
        Pieces that tile the text; the whole text for a tokenizer that does not work word by word.
    """
    step()
    start = 0
    while len(text) - start > _PIECE:
        places = (match.start() for match in _CUT.finditer(text, start + _PIECE))
        cut = next((place for place in islice(places, _TRIED) if _stay(tokenizer, text, place)), len(text))
        yield text[start:cut]
        step(cut - start)
        start = cut
    if start < len(text) or not text:
        yield text[start:]
        step(len(text) - start)


def _stay(tokenizer: Any, text: str, place: int) -> bool:
    """Whether a cut here leaves the tokens around it as they are."""
    before, after = text[max(0, place - _AROUND) : place], text[place : place + _AROUND]
    both, *parts = tokenizer.encode_batch([before + after, before, after], add_special_tokens=False)
    left, right = (part.ids for part in parts)
    if not left or not right or both.ids != [*left, *right]:
        return False
    return bool(both.word_ids[len(left) - 1] != both.word_ids[len(left)])


def count_tokens(tokenizer: Any, text: str) -> int:
    """Count the tokens of a text with a fast tokenizer, without special tokens.

    Batches of one release the interpreter's lock for other threads, and without offsets they take half the time.
    """
    return sum(
        len(encoding)
        for piece in pieces(tokenizer, encodable(text))
        for encoding in tokenizer.encode_batch_fast([piece], add_special_tokens=False)
    )


def remembering(count: Counter) -> Counter:
    """Count a text that was counted before at once; digests of the texts are kept, not the texts."""
    known: Recent[bytes, int] = Recent(_REMEMBERED, lambda *_: 1)

    def counted(text: str) -> int:
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        tokens = known.get(digest)
        if tokens is None:
            tokens = count(text)
            known.put(digest, tokens)
        return tokens

    return counted


_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def counter(tokenizer: Any) -> Counter:
    """Make a function that counts the tokens of a text, without special tokens.

    Args:
        tokenizer: a tokenizer object of tokenizers, transformers or tiktoken; any other object
            with `encode(text)`; a callable that returns a number or a sequence of tokens; a
            tiktoken model or encoding name; a path to a `tokenizer.json` or to its folder; a
            Hugging Face id such as `Qwen/Qwen3-8B`.

    Raises:
        InputError: the tokenizer is none of these, or cannot be found.
    """
    if isinstance(tokenizer, str | Path):
        return _by_name(str(tokenizer))
    # Take the tokenizer behind an `encode` method, which can be copied. The `encode` of tiktoken, which LlamaIndex's
    # documentation sets, fails on a text that names a special token.
    method = tokenizer.func if isinstance(tokenizer, partial) else tokenizer
    owner = getattr(method, "__self__", None)
    if hasattr(owner, "backend_tokenizer") or (method is tokenizer and hasattr(owner, "encode_ordinary")):
        tokenizer = owner
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if hasattr(backend, "to_str") and hasattr(backend, "encode"):
        # A copy, because a shared tokenizer fails with "Already borrowed" when another thread changes its padding.
        from tokenizers import Tokenizer

        own = Tokenizer.from_str(backend.to_str())
        own.no_truncation()
        own.no_padding()
        return lambda text: count_tokens(own, text)
    if hasattr(tokenizer, "num_special_tokens_to_add"):  # a slow tokenizer of transformers
        return lambda text: len(tokenizer.encode(encodable(text), add_special_tokens=False))
    if hasattr(tokenizer, "encode_ordinary"):
        return lambda text: len(tokenizer.encode_ordinary(encodable(text)))
    if hasattr(tokenizer, "encode"):
        count = getattr(tokenizer, "count", None) or (lambda text: len(tokenizer.encode(text)))
        return lambda text: _number(count(encodable(text)))
    if callable(tokenizer):
        return lambda text: _number(tokenizer(encodable(text)))
    raise InputError(
        "expected a target tokenizer (an object with encode(), a function from text to a count, a tiktoken name, a "
        f"Hugging Face id or a path), got {type(tokenizer).__name__}"
    )


def _number(counted: object) -> int:
    if isinstance(counted, Mapping):  # what calling a transformers tokenizer gives
        counted = counted.get("input_ids")
    if isinstance(counted, Sized):
        return len(counted)
    if isinstance(counted, SupportsIndex) and (number := index(counted)) >= 0:
        return number
    raise InputError(f"expected the target tokenizer to return a count or a sequence of tokens, got {counted!r}")


def _by_name(name: str) -> Counter:
    path = Path(name).expanduser()
    if path.is_dir():
        path /= "tokenizer.json"
    if path.is_file():
        from tokenizers import Tokenizer

        try:
            return counter(Tokenizer.from_file(str(path)))
        except Exception as error:  # tokenizers raises bare Exception
            raise InputError(f"cannot read a tokenizer from {path}: {error}") from error
    if _HUB_ID.fullmatch(name):
        from huggingface_hub import hf_hub_download

        try:
            return _by_name(hf_hub_download(name, "tokenizer.json"))
        except Exception as error:  # no network, no such repository, no such file in it, no right to read it
            raise InputError(
                f"no tokenizer file at {name!r}, and none of that id on the Hugging Face hub or in its cache: {error}"
            ) from error
    try:
        import tiktoken
    except ImportError:
        raise InputError(
            f"no tokenizer file at {name!r}; if it is a tiktoken name: pip install 'longattncomp[tiktoken]'"
        ) from None
    try:
        encoding = tiktoken.get_encoding(name) if name in tiktoken.list_encoding_names() else None
        return counter(encoding or tiktoken.encoding_for_model(name))
    except KeyError:
        raise InputError(
            "expected a path to a tokenizer.json, a Hugging Face id with a slash, or a tiktoken name such as "
            f"{tiktoken.list_encoding_names()[-1]!r}, got {name!r}"
        ) from None
    except Exception as error:  # the first use of an encoding downloads it, through requests
        raise InputError(f"cannot load the tiktoken encoding for {name!r}: {error}") from error

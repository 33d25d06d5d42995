"""Every kind of target tokenizer that a caller may have at hand."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longattncomp import Compressor, Settings, counting
from longattncomp.counting import count_tokens, counter, encodable, first_surrogate, pieces
from longattncomp.errors import InputError
from longattncomp.scorers.baselines import FirstTokensScorer
from longattncomp.testing import ByteTokenizer, save_tokenizer

TEXT = "lower low <end> 日本 low"


def hf() -> Any:
    """Bytes, the merge "low" and a special token, with a template that adds another."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*letters, "lo", "low", "<begin>", "<end>"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("l", "o"), ("lo", "w")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<begin>", "<end>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<begin> $A", special_tokens=[("<begin>", vocabulary["<begin>"])]
    )
    return tokenizer


def transformers_fast() -> Any:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_object=hf(), pad_token="<end>")


def tiktoken_encoding() -> Any:
    """The same merge, built here: nothing is downloaded."""
    import tiktoken

    ranks = {bytes([value]): value for value in range(256)} | {b"lo": 256, b"low": 257}
    return tiktoken.Encoding("tiny", pat_str=r" ?\w+|\W", mergeable_ranks=ranks, special_tokens={"<end>": 258})


# "lower low <end> 日本 low": low e r, space low, space, <end>, space 3 + 3 bytes, space low
HF_TOKENS = 3 + 2 + 1 + 1 + 7 + 2
TIKTOKEN_TOKENS = HF_TOKENS + 4  # <end> is plain text for it: five characters


def test_a_tokenizers_tokenizer_without_its_special_tokens() -> None:
    assert len(hf().encode(TEXT)) == HF_TOKENS + 1
    assert counter(hf())(TEXT) == HF_TOKENS
    assert counter(hf())("") == 0


def test_a_transformers_fast_tokenizer() -> None:
    tokenizer = transformers_fast()
    assert len(tokenizer(TEXT)["input_ids"]) == HF_TOKENS + 1
    assert counter(tokenizer)(TEXT) == HF_TOKENS


def test_a_transformers_slow_tokenizer() -> None:
    from transformers import ByT5Tokenizer

    tokenizer = ByT5Tokenizer()
    assert len(tokenizer.encode("abc")) == 4
    assert counter(tokenizer)("abc") == 3


def test_a_tiktoken_encoding() -> None:
    count = counter(tiktoken_encoding())
    assert count(TEXT) == TIKTOKEN_TOKENS  # <end> in a document is text and no error
    assert count("low low") == 3
    assert counter(tiktoken_encoding().encode)(TEXT) == TIKTOKEN_TOKENS
    assert counter(partial(tiktoken_encoding().encode, allowed_special="all"))(TEXT) == HF_TOKENS


@pytest.mark.parametrize("truncated", [True, False])
def test_truncation_and_padding_of_the_callers_tokenizer_do_not_count(truncated: bool) -> None:
    tokenizer = hf()
    if truncated:
        tokenizer.enable_truncation(2)
    else:
        tokenizer.enable_padding(length=100, pad_id=0, pad_token="!")
    assert counter(tokenizer)(TEXT) == HF_TOKENS
    assert (tokenizer.truncation is not None) == truncated  # and it is left as it was
    assert (tokenizer.padding is not None) != truncated


def test_any_object_with_encode() -> None:
    assert counter(SimpleNamespace(encode=lambda text: text.split()))(" a b  c ") == 3
    assert counter(SimpleNamespace(encode=lambda text: np.zeros(len(text))))("abc") == 3


def test_an_object_of_our_own_tokenizer_protocol() -> None:
    from longattncomp.backbone.tokenizer import DraftTokenizer

    assert counter(ByteTokenizer())("é!") == 3
    assert counter(DraftTokenizer(hf()))("lower") == 3


@pytest.mark.parametrize(
    "count",
    [
        len,
        list,
        str.encode,
        lambda text: np.int64(len(text)),
        lambda text: np.arange(len(text)),
        lambda text: {"input_ids": list(text), "attention_mask": [1]},
    ],
)
def test_a_callable(count: Callable[[str], Any]) -> None:
    assert counter(count)("abc") == 3
    assert isinstance(counter(count)("abc"), int)


def test_calling_a_transformers_tokenizer() -> None:
    tokenizer = transformers_fast()
    assert counter(lambda text: tokenizer(text, add_special_tokens=False))(TEXT) == HF_TOKENS


def test_a_file_or_its_folder(tmp_path: Path) -> None:
    hf().save(str(tmp_path / "tokenizer.json"))
    for name in (tmp_path / "tokenizer.json", str(tmp_path / "tokenizer.json"), tmp_path, str(tmp_path)):
        assert counter(name)(TEXT) == HF_TOKENS


def test_a_tiktoken_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import tiktoken

    # As if downloaded before; gpt-4 is a model's name for this encoding.
    monkeypatch.setitem(tiktoken.registry.ENCODINGS, "cl100k_base", tiktoken_encoding())
    assert counter("cl100k_base")(TEXT) == TIKTOKEN_TOKENS
    assert counter("gpt-4")(TEXT) == TIKTOKEN_TOKENS


def test_the_settings_name_one_and_the_argument_wins(tmp_path: Path) -> None:
    hf().save(str(tmp_path / "tokenizer.json"))
    settings = Settings(target_tokenizer=str(tmp_path))

    def tokens(**target: Any) -> int:
        return Compressor(FirstTokensScorer(), ByteTokenizer(), **target).compress("q", TEXT).tokens

    assert tokens() == len(TEXT.encode())
    assert tokens(settings=settings) == HF_TOKENS
    assert tokens(settings=settings, target_tokenizer=len) == len(TEXT)


# Errors.


@pytest.mark.parametrize("wrong", [3, 1.5, object(), ["cl100k_base"], b"cl100k_base"])
def test_neither_of_these(wrong: object) -> None:
    with pytest.raises(InputError, match=rf"expected a target tokenizer \(.*\), got {type(wrong).__name__}"):
        counter(wrong)


@pytest.mark.parametrize("result", [1.5, -1, None, object(), {}])
def test_a_callable_that_returns_no_count(result: object) -> None:
    with pytest.raises(
        InputError, match="expected the target tokenizer to return a count or a sequence of tokens, got"
    ):
        counter(lambda _: result)("abc")


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(
        InputError, match=r"expected a path to a tokenizer.json, a Hugging Face id.* tiktoken name such as .*, got 'nam"
    ):
        counter("name-of-nothing")


def test_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a path to a tokenizer\.json, a Hugging Face id"):
        counter(tmp_path)


def test_a_name_without_tiktoken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    with pytest.raises(InputError, match=r"no tokenizer file at 'cl100k_base'.*pip install 'longattncomp\[tiktoken\]'"):
        counter("cl100k_base")


@pytest.mark.parametrize("content", ["", "{", "{}", "[1, 2]", "\x00\x01"])
def test_a_broken_file(tmp_path: Path, content: str) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text(content)
    with pytest.raises(InputError, match=r"cannot read a tokenizer from .*tokenizer\.json: "):
        counter(file)


# Lone surrogates, which no tokenizer can encode.


def test_lone_surrogates_are_counted_as_the_replacement_character() -> None:
    text = "a\ud800b\udfff"
    assert encodable(text) == "a\ufffdb\ufffd"
    assert encodable("日本") == "日本"
    assert (first_surrogate(text), first_surrogate("日本"), first_surrogate("ab")) == (1, None, None)
    for target in (hf(), transformers_fast(), tiktoken_encoding(), str.encode, ByteTokenizer()):
        assert counter(target)(text) == counter(target)("a\ufffdb\ufffd") == 8


# A long text, a piece at a time.


def trained(how: str) -> Any:
    """Merges over spaces and line ends, as far as the way of taking a text apart allows them."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    llama = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer = Tokenizer(models.BPE())
    if how == "gpt":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    elif how == "llama":
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(llama), "isolated"), plain])
    elif how == "prefix":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    elif how == "metaspace":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    elif how == "one word":
        tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    text = "a low b.\n\nlower low\n  a low a low 12\n" * 20
    trainer = trainers.BpeTrainer(
        vocab_size=400, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


PARTS = ["a", "low", " a", " low", " lower", " ", "  ", "\n", "\n\n", "\r\n", ".", "12", "\u0301", "日", "'s"]
TOKENIZERS = {how: trained(how) for how in ("gpt", "llama", "prefix", "metaspace", "one word")}


@pytest.mark.parametrize("how", TOKENIZERS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.sampled_from(PARTS), max_size=200), size=st.integers(1, 60))
def test_pieces_have_the_tokens_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, how: str, parts: list[str], size: int
) -> None:
    from longattncomp.backbone.tokenizer import DraftTokenizer

    text, tokenizer = "".join(parts), TOKENIZERS[how]
    (whole,) = tokenizer.encode_batch([text], add_special_tokens=False)
    monkeypatch.setattr(counting, "_PIECE", size)

    assert "".join(pieces(tokenizer, text)) == text
    assert count_tokens(tokenizer, text) == len(whole)
    found = DraftTokenizer(tokenizer).encode(text)
    assert list(found.ids) == whole.ids
    assert list(found.ends) == [end for _, end in whole.offsets]


@pytest.mark.parametrize(("how", "cut"), [("gpt", True), ("llama", True), ("one word", False)])
def test_a_long_text_is_cut_where_the_tokenizer_takes_it_word_by_word(
    monkeypatch: pytest.MonkeyPatch, how: str, cut: bool
) -> None:
    monkeypatch.setattr(counting, "_PIECE", 100)
    text = "a low b.\nlower low\n" * 100
    longest = max(len(piece) for piece in pieces(TOKENIZERS[how], text))
    assert longest < 200 if cut else longest == len(text)


def test_no_text_is_one_piece() -> None:
    assert list(pieces(hf(), "")) == [""]
    assert list(pieces(hf(), "a low")) == ["a low"]


# Threads.


@contextmanager
def changing(change: Callable[[], object]) -> Iterator[None]:
    """Another thread that does something again and again meanwhile."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            change()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("make", [hf, transformers_fast])
def test_a_shared_tokenizer_may_change_meanwhile(make: Callable[[], Any]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    shared = make()
    backend = getattr(shared, "backend_tokenizer", shared)

    def change() -> None:
        backend.enable_truncation(3)
        backend.enable_padding(length=50, pad_id=0, pad_token="!")
        backend.encode_batch([TEXT] * 4)
        backend.no_truncation()
        backend.no_padding()

    count = counter(shared)
    with changing(change), ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: count(TEXT), range(2000)))
        made_meanwhile = [counter(shared)(TEXT) for _ in range(30)]
    assert set(counts) | set(made_meanwhile) == {HF_TOKENS}


def test_the_callers_tokenizer_is_never_asked() -> None:
    """Some versions of tokenizers fail with "Already borrowed" when a shared one is used in two threads."""

    class Borrowed:
        def to_str(self) -> str:
            return str(hf().to_str())

        def encode(self, *_: object, **__: object) -> object:
            raise RuntimeError("Already borrowed")

    assert counter(Borrowed())(TEXT) == HF_TOKENS
    assert counter(SimpleNamespace(backend_tokenizer=Borrowed(), encode=Borrowed().encode))(TEXT) == HF_TOKENS


def test_a_hub_id(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def download(name: str, file: str) -> str:
        asked.append((name, file))
        if name == "nobody/nothing":
            raise OSError("offline")
        return str(save_tokenizer(tmp_path) / file)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    assert counter("Qwen/Qwen3-8B")("Ada signed.") == 11
    assert asked == [("Qwen/Qwen3-8B", "tokenizer.json")]
    with pytest.raises(InputError, match=r"no tokenizer file at 'nobody/nothing', and none of that id.*offline"):
        counter("nobody/nothing")

"""What every soft method owes to its callers."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from pydantic import SecretStr

from longattncomp import Document
from longattncomp.errors import BrokenModelError, HeadMismatchError, InputError, LongAttnCompWarning
from longattncomp.runtime.stores import LMDBStore
from longattncomp.soft import SoftContext, SoftReader
from longattncomp.soft.adapter import Adapter, load_adapter, untrained
from longattncomp.soft.methods import METHODS
from longattncomp.soft.target import Target
from longattncomp.testing import save_draft_model

DOCUMENTS = ["The lease was signed by Ada Marsh on 3 May. The rent is nine pounds.", "", "鲸鱼吃磷虾。蓝鲸最大。", "x"]
ASK = "Who signed the lease?"


@pytest.fixture(scope="module")
def target(toy_chat_folder: Path) -> Target:
    found = Target(str(toy_chat_folder), model_dir=toy_chat_folder, device="cpu", dtype="float32")
    found.ends = frozenset()  # a random model ends most answers at once
    return found


def made(method: str, target: Target, *, seed: int = 0, ratios: tuple[int, ...] = (2, 5)) -> Adapter:
    """An adapter with small random updates of every linear layer."""
    start = untrained(method, target, ratios)
    torch.manual_seed(seed)
    linear = {
        name: module for name, module in target.model.base_model.named_modules() if isinstance(module, torch.nn.Linear)
    }
    lora = {
        name: (0.1 * torch.randn(2, module.in_features), 0.1 * torch.randn(module.out_features, 2))
        for name, module in linear.items()
    }
    weights = {
        name: weight + 0.1 * torch.randn_like(weight) * (weight.ndim > 0) for name, weight in start.weights.items()
    }
    return Adapter(start.config, lora, weights)


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Passes(SoftReader):
    """A reader that counts the pieces that it compresses."""

    encoded = 0

    def _encoded(self, chosen: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        self.encoded += len(chosen)
        return super()._encoded(chosen)


def reader(method: str, target: Target, **options: object) -> Passes:
    return Passes(target, made(method, target), **options)  # type: ignore[arg-type]


def vectors(context: SoftContext) -> list[torch.Tensor]:
    return [piece.vectors for piece in context.pieces]


def test_a_context_says_what_it_takes(method: str, target: Target) -> None:
    soft = reader(method, target)
    context = soft.compress(DOCUMENTS)
    assert len(context) == len(DOCUMENTS)
    assert context.tokens == sum(target.tokenizer.count(text) for text in DOCUMENTS)
    assert context.nbytes == sum(own.nbytes for own in vectors(context)) > 0
    assert (context.method, context.ratio) == (method, 2)
    assert soft._memory(context).position == soft.target.before().position + context.positions
    smaller = Passes(target, made(method, target), ratio=5).compress(DOCUMENTS)
    assert smaller.nbytes < 0.6 * context.nbytes


def test_documents_come_go_and_change_places_without_being_compressed_again(method: str, target: Target) -> None:
    soft = reader(method, target)
    whole = soft.compress(DOCUMENTS)
    before = soft.encoded
    turned = soft.compress(DOCUMENTS[::-1])
    assert soft.encoded == before
    for context in (whole.take([3, 2, 1, 0]), whole.take([3]) + whole.take([2, 1]) + whole.take([0])):
        assert all(map(torch.equal, vectors(context), vectors(turned)))
        assert soft.likelihood(ASK, ["Ada"], context) == soft.likelihood(ASK, ["Ada"], turned)
    assert soft.likelihood(ASK, ["Ada"], turned) != soft.likelihood(ASK, ["Ada"], whole)
    assert len(whole.take([])) == 0
    with pytest.raises(InputError, match="from 0 to 3, got 4"):
        whole.take([4])


def test_the_vectors_of_a_document_do_not_depend_on_its_company(method: str, target: Target) -> None:
    alone, together = reader(method, target).compress(DOCUMENTS[0]), reader(method, target).compress(DOCUMENTS)
    for own, other in zip(vectors(alone), vectors(together), strict=False):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-4)


def test_answers_depend_on_the_context_and_are_the_same_again(method: str, target: Target) -> None:
    soft = reader(method, target)
    context, other = soft.compress(DOCUMENTS), soft.compress("Whales eat krill.")
    first = soft.answer(ASK, context)
    assert first
    assert first == soft.answer(ASK, context) == reader(method, target).answer(ASK, context)
    assert first == "".join(soft.stream(ASK, context)).rstrip()
    assert first == asyncio.run(soft.aanswer(ASK, context))
    assert soft.likelihood(ASK, ["Ada"], context) != soft.likelihood(ASK, ["Ada"], other)
    assert soft.likelihood(ASK, ["Ada"], None) != soft.likelihood(ASK, ["Ada"], context)
    assert len(list(soft.stream(ASK, context, answer_tokens=3))) <= 3
    assert soft.likelihood(ASK, [], context) == []


@pytest.mark.parametrize("text", ["a", "\n", "x" * 700, "租" * 300, "One. " * 200, "e\u0301\u0301" * 40])
def test_texts_of_any_form_are_compressed_whole(text: str, method: str, target: Target) -> None:
    soft = reader(method, target)
    context = soft.compress(Document(text))
    assert context.tokens == target.tokenizer.count(text)
    assert max(piece.tokens for piece in context.pieces) <= METHODS[method].piece_tokens
    assert soft.likelihood(ASK, ["Ada"], context)[0] < 0


def test_a_second_reader_over_the_same_store_compresses_nothing(method: str, target: Target, tmp_path: Path) -> None:
    first = reader(method, target, store=LMDBStore(tmp_path / "store"))
    context = first.compress(DOCUMENTS)
    again = Passes(target, made(method, target), store=LMDBStore(tmp_path / "store"))
    assert all(map(torch.equal, vectors(again.compress(DOCUMENTS[::-1][2:])), vectors(context.take([1, 0]))))
    assert again.encoded == 0
    assert again.answer(ASK, again.compress(DOCUMENTS)) == first.answer(ASK, context)


QUESTIONS, CORPUS = 20, 100


def corpus() -> list[str]:
    return [f"Box {number} holds a {['red', 'green', 'blue'][number % 3]} key." for number in range(CORPUS)]


def test_a_corpus_is_compressed_once_and_asked_many_times(method: str, target: Target) -> None:
    texts = corpus()
    soft = reader(method, target)
    whole = soft.compress(texts)
    before = soft.encoded
    rng = random.Random(0)
    for _ in range(QUESTIONS):
        chosen = rng.sample(range(CORPUS), rng.randint(1, 8))
        question = f"What does box {chosen[0]} hold?"
        context = soft.compress([texts[index] for index in chosen])
        (found,) = soft.likelihood(question, ["red"], context)
        assert soft.likelihood(question, ["red"], whole.take(chosen)) == [found]
        fresh = reader(method, target)
        assert fresh.likelihood(question, ["red"], fresh.compress([texts[index] for index in chosen])) == [
            pytest.approx(found, abs=1e-4)
        ]
    assert soft.encoded == before


SECOND = """
import sys
from longattncomp.soft import SoftReader

folder, adapter, method, store = sys.argv[1:]
reader = SoftReader.from_pretrained(folder, method=method, adapter=adapter, store=store, model_dir=folder, device="cpu")
reader._encoded = None  # whoever compresses ends here
texts = [f"Box {number} holds a {'red green blue'.split()[number % 3]} key." for number in range(100)]
print(reader.likelihood("What does box 7 hold?", ["red"], reader.compress(texts[::9])))
"""


@pytest.mark.long
def test_a_second_process_over_the_same_store_compresses_nothing(
    method: str, toy_chat_folder: Path, target: Target, tmp_path: Path
) -> None:
    made(method, target).save(adapter := tmp_path / "adapter.safetensors")
    options = {"adapter": adapter, "store": tmp_path / "store", "model_dir": tmp_path, "device": "cpu"}
    first = SoftReader.from_pretrained(toy_chat_folder, method=method, **options)
    first.compress(corpus())
    expected = first.likelihood("What does box 7 hold?", ["red"], first.compress(corpus()[::9]))
    command = [sys.executable, "-c", SECOND, toy_chat_folder, adapter, method, tmp_path / "store"]
    told = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stdout
    assert json.loads(told) == expected


class FailingStore:
    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        raise OSError("no route to host")

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        raise OSError("disk full")


class DamagedStore(dict[str, bytes]):
    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self[key][:-1] + b"?" if key in self else None for key in keys]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        self.update(key_value_pairs)


def test_a_store_that_fails_costs_a_reading_and_never_an_answer(method: str, target: Target) -> None:
    right = reader(method, target)
    expected = right.answer(ASK, right.compress(DOCUMENTS))
    soft = reader(method, target, store=FailingStore())
    with pytest.warns(LongAttnCompWarning, match="compressed again|kept in memory"):
        context = soft.compress(DOCUMENTS)
    assert soft.answer(ASK, context) == expected


def test_damaged_entries_are_never_used(method: str, target: Target) -> None:
    store = DamagedStore()
    context = reader(method, target, store=store).compress(DOCUMENTS)
    assert len(store) == len({piece.name for piece in context.pieces})
    again = reader(method, target, store=store)
    with pytest.warns(LongAttnCompWarning, match="damaged"):
        found = again.compress(DOCUMENTS)
    assert again.encoded == len(store)
    assert all(map(torch.equal, vectors(found), vectors(context)))


def test_entries_of_another_store_key_do_not_count(method: str, target: Target) -> None:
    store = DamagedStore()
    reader(method, target, store=store, store_key=SecretStr("theirs")).compress(DOCUMENTS)
    store.mget = lambda keys: [store.get(key) for key in keys]  # type: ignore[method-assign]
    again = reader(method, target, store=store, store_key=SecretStr("theirs"))
    again.compress(DOCUMENTS)
    assert again.encoded == 0
    ours = reader(method, target, store=store, store_key=SecretStr("ours"))
    with pytest.warns(LongAttnCompWarning, match="without this store_key"):
        ours.compress(DOCUMENTS)
    assert ours.encoded > 0


def test_another_adapter_ratio_or_method_takes_nothing_from_the_store(method: str, target: Target) -> None:
    store: dict[str, bytes] = {}

    class Store:
        def mget(self, keys: Sequence[str]) -> list[bytes | None]:
            return [store.get(key) for key in keys]

        def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
            store.update(key_value_pairs)

    for other in METHODS:
        for ratio in (2, 5):
            for seed in (0, 1):
                soft = Passes(target, made(other, target, seed=seed), ratio=ratio, store=Store())
                soft.compress(DOCUMENTS)
                assert soft.encoded > 0


def test_bad_input_has_its_error(method: str, target: Target, tmp_path: Path) -> None:
    soft = reader(method, target)
    context = soft.compress(DOCUMENTS)
    for documents in ([], "", ["", ""], [1]):
        with pytest.raises(InputError, match="document"):
            soft.compress(documents)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="too many: take fewer documents"):
        soft.answer("who? " * 500, context)
    long = soft.compress("The lease was signed in May. " * 100)
    smaller = "take ratio=5, take fewer" if method == "compllm" else "many: take fewer"  # anchors keep their places
    with pytest.raises(InputError, match=smaller):
        soft.answer("a" * 600, long)
    with pytest.raises(InputError, match="expected a question"):
        soft.answer("  ", context)
    with pytest.raises(InputError, match="answer_tokens"):
        soft.answer(ASK, context, answer_tokens=0)
    with pytest.raises(InputError, match="2 or 5; got 3"):
        Passes(target, made(method, target), ratio=3)
    for other in METHODS:
        theirs = Passes(target, made(other, target), ratio=5).compress(DOCUMENTS)
        with pytest.raises(InputError, match="compress the documents"):
            soft.answer(ASK, theirs)
        with pytest.raises(InputError, match="compress both with the same reader"):
            context + theirs


def test_an_adapter_is_kept_in_a_file_for_its_own_target(method: str, target: Target, tmp_path: Path) -> None:
    file = tmp_path / "adapter.safetensors"
    made(method, target).save(file)
    rounded = load_adapter(file)
    rounded.save(file)
    assert load_adapter(file).mark == rounded.mark
    assert load_adapter(file).config == rounded.config
    other = tmp_path / "other"
    other.mkdir()
    save_draft_model(other, seed=1)
    with pytest.raises(HeadMismatchError, match="trained on another"):
        SoftReader.from_pretrained(other, method=method, adapter=file, model_dir=tmp_path)
    with pytest.raises(InputError, match=r"no adapter ships for .*give\s+adapter=FILE"):
        SoftReader.from_pretrained(other, method=method, model_dir=tmp_path)
    with pytest.raises(InputError, match="expected one of compllm, sac"):
        SoftReader.from_pretrained(other, method="bm25", model_dir=tmp_path)
    with pytest.raises(InputError, match=f"give method='{method}'"):
        SoftReader.from_pretrained(
            other, method="sac" if method == "compllm" else "compllm", adapter=file, model_dir=tmp_path
        )
    file.write_bytes(b"nothing")
    with pytest.raises(BrokenModelError, match="cannot read the adapter"):
        load_adapter(file)


def test_vectors_for_a_server_are_those_of_the_context(target: Target) -> None:
    import base64
    import io

    soft = reader("compllm", target)
    context = soft.compress(DOCUMENTS)
    part = soft.prompt_embeds(context)
    assert part["type"] == "prompt_embeds"
    raw = base64.b64decode(part["data"], validate=True)
    found = torch.load(io.BytesIO(raw), weights_only=True)
    assert (found.shape, found.dtype) == ((context.positions, 32), torch.float32)
    assert len(raw) < found.nbytes + 4096
    first = torch.cat([piece.vectors for piece in context.documents[0]])
    assert torch.equal(found[: len(first)], first)
    other = reader("sac", target)
    theirs = other.compress(DOCUMENTS)
    with pytest.raises(InputError, match="no server takes"):
        other.prompt_embeds(theirs)

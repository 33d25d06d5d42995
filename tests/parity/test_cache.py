"""Cached segments against segments that are read again: the same scores, and no text is read twice."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from heads import DictStore, head_for
from naive import LAYERS, cut, prose

from longattncomp import Compressor, Settings
from longattncomp.backbone.forward import Backbone
from longattncomp.chunking.segments import segments
from longattncomp.errors import InputError, LongAttnCompWarning
from longattncomp.runtime.stores import LMDBStore
from longattncomp.scorers.cross_attention import reading
from longattncomp.scorers.cross_attention.cascade import CascadeScorer
from longattncomp.scorers.cross_attention.head import CrossAttentionHead
from longattncomp.scorers.cross_attention.key_cache import KeyCache
from longattncomp.scorers.cross_attention.keys import Keys
from longattncomp.scorers.cross_attention.layout import INSTRUCTION, QUESTION
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.testing import ByteTokenizer, save_draft_model
from longattncomp.types import Node, Prepared, Query, Scores

FAMILIES = ("llama", "gemma3_text", "qwen3")
PLACES = ("after", "alone")
KINDS = (*PLACES, "cascade")
SEGMENT = 128
PLENTY = 10**9
ROUNDED = 1e-2
"""Most that rounding keys to 8 bits changes of a share; 5e-4 was measured, and 0.1 is between two questions."""


def story(seed: int, length: int) -> str:
    """Sentences, at whose ends segments may end."""
    return " ".join(prose(1000 * seed + number, 45).capitalize() for number in range(length))


TEXTS = [story(1, 9), story(2, 1), story(3, 12), prose(4, 300)]
NODES = cut(TEXTS, 48)
QUERY, OTHER = Query("Who signed the LEASE in 1997?"), Query("Where is the garden wall, and who paid?")
Scorer = CrossAttentionScorer | CascadeScorer


@dataclass(frozen=True, eq=False)
class Toy:
    """One model and a head for each place."""

    folder: Path
    backbone: Backbone
    heads: dict[str, CrossAttentionHead]

    def one(self, place: str, cache: KeyCache | None, **options: Any) -> CrossAttentionScorer:
        return CrossAttentionScorer(self.backbone, self.heads[place], ByteTokenizer(), cache=cache, **options)

    def scorer(self, kind: str, cache: KeyCache | None) -> Scorer:
        if kind == "cascade":
            return CascadeScorer(self.one("alone", cache), self.one("after", cache))
        return self.one(kind, cache)


def opened(folder: Path, *, layers: int = LAYERS, dtype: str = "float32") -> Toy:
    backbone = Backbone.open(folder, layers, device="cpu", dtype=dtype)
    return Toy(folder, backbone, {place: head_for(backbone, place, segment_tokens=SEGMENT) for place in PLACES})


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Toy]:
    known: dict[str, Toy] = {}

    def of(family: str) -> Toy:
        if family not in known:
            known[family] = opened(save_draft_model(tmp_path_factory.mktemp("toy"), family))
        return known[family]

    return of


@pytest.fixture(scope="module")
def toy(toys: Callable[[str], Toy]) -> Toy:
    return toys("llama")


@pytest.fixture(autouse=True)
def _few_tokens_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longattncomp.scorers.cross_attention.cascade.LEAST", 300)


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_KEPT_TOKENS", 200)
    monkeypatch.setattr("longattncomp.backbone.forward._BATCH_TOKENS", {"cpu": 300})


@contextmanager
def watching(*toys: Toy) -> Iterator[list[str]]:
    """The texts of contexts that go through the models; a byte is a token, so that they can be read off."""
    texts: list[str] = []

    def see(_module: object, _args: object, kwargs: dict[str, Any]) -> None:
        if "position_ids" in kwargs:  # several short segments after the instruction, or questions over what was read
            first = (kwargs["position_ids"] == len(INSTRUCTION)).nonzero().tolist()
            bounds = pairwise([*(place for _, place in first), None])
            read = [bytes(kwargs["input_ids"][0, start:end].tolist()) for start, end in bounds]
        else:
            read = [bytes(row.tolist()).partition(INSTRUCTION.encode())[2] for row in kwargs["input_ids"]]
        found = [text.rstrip(b"\0").decode() for text in read]
        texts.extend(text for text in found if text and not text.startswith(QUESTION))

    hooks = [one.backbone._model.register_forward_pre_hook(see, with_kwargs=True) for one in toys]
    try:
        yield texts
    finally:
        for hook in hooks:
            hook.remove()


@cache
def without_cache(toy: Toy, kind: str, query: Query = QUERY) -> Scores:
    """The scores of all nodes."""
    return toy.scorer(kind, None).score(query, NODES)


def parts_of(nodes: Sequence[Node]) -> list[str]:
    """The texts of its segments."""
    return [bytes(part.ids).decode() for part in segments(nodes, ByteTokenizer(), segment_tokens=SEGMENT)]


def assert_same(found: Scores, expected: Scores, *, relative: float = 1e-5) -> None:
    assert found.nodes == pytest.approx(expected.nodes, rel=relative, abs=1e-7)
    assert found.instruction == pytest.approx(expected.instruction, rel=relative, abs=1e-7)


def read_again(toy: Toy, kind: str, before: Sequence[Node], after: Sequence[Node]) -> list[str]:
    """What a question over one context reads after a question over another; its scores are those without a cache."""
    kept = toy.scorer(kind, KeyCache(PLENTY))
    kept.score(QUERY, before)
    with watching(toy) as texts:
        found = kept.score(QUERY, after)
    assert_same(found, toy.scorer(kind, None).score(QUERY, after), relative=ROUNDED)
    return texts


def test_the_toy_tells_contexts_and_questions_apart(toy: Toy) -> None:
    """Else the tests below would hold for scores of anything."""
    assert len(parts_of(NODES)) > 8
    for kind in KINDS:
        found = toy.scorer(kind, None).score(QUERY, NODES)
        others = [toy.scorer(kind, None).score(OTHER, NODES), toy.scorer(kind, None).score(QUERY, NODES[::-1])]
        for other in others:
            with pytest.raises(AssertionError):
                assert_same(found, other, relative=ROUNDED)


# --- the same scores ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_with_a_cache_as_without(family: str, kind: str, toys: Callable[[str], Toy]) -> None:
    toy = toys(family)
    kept = toy.scorer(kind, KeyCache(PLENTY))

    for query in (QUERY, OTHER, QUERY):
        cold, warm = kept.score(query, NODES), kept.score(query, NODES)

        assert_same(cold, without_cache(toy, kind, query), relative=ROUNDED)
        assert_same(warm, cold)


@pytest.mark.parametrize("kind", PLACES)
def test_with_a_cache_as_without_in_one_pass(kind: str, toy: Toy) -> None:
    causal = replace(toy, heads={kind: head_for(toy.backbone, kind, encoding="causal")})
    plain, kept = (causal.one(kind, cache) for cache in (None, KeyCache(PLENTY)))

    cold = kept.score(QUERY, NODES)
    with watching(toy) as texts:
        warm = kept.score(QUERY, NODES)

    assert_same(cold, plain.score(QUERY, NODES), relative=ROUNDED)
    assert_same(warm, cold)
    assert texts == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_questions_over_what_is_kept(kind: str, toy: Toy) -> None:
    kept = toy.scorer(kind, KeyCache(PLENTY))
    queries = [QUERY, OTHER, Query("?"), QUERY]
    cold = kept.score_batch(queries, NODES)
    with watching(toy) as texts:
        warm = kept.score_batch(queries, NODES)

    assert texts == []
    for one, other, query in zip(cold, warm, queries, strict=True):
        assert_same(one, without_cache(toy, kind, query), relative=ROUNDED)
        assert_same(other, one)


def test_a_list_that_was_changed_is_another_context(toy: Toy) -> None:
    """Layouts are remembered for the sequence that comes again, which may not be what it was."""
    for kind in KINDS:
        kept = toy.scorer(kind, KeyCache(PLENTY))
        nodes = list(NODES)
        kept.score(QUERY, nodes)
        nodes[3:9] = []

        assert_same(kept.score(QUERY, nodes), toy.scorer(kind, None).score(QUERY, list(nodes)), relative=ROUNDED)


# --- nothing twice ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_second_question_reads_nothing_again(family: str, kind: str, toys: Callable[[str], Toy]) -> None:
    toy = toys(family)
    kept = toy.scorer(kind, KeyCache(PLENTY))
    with watching(toy) as first:
        kept.score(QUERY, NODES)
    with watching(toy) as second:
        kept.score(OTHER, NODES)
        kept.score(OTHER, tuple(NODES))
        kept.score_batch([QUERY, OTHER], [*NODES])

    assert sorted(first) == sorted(parts_of(NODES))
    assert second == []


@pytest.mark.parametrize("kind", PLACES)
def test_a_question_costs_its_own_tokens(kind: str, toy: Toy) -> None:
    kept = toy.scorer(kind, KeyCache(PLENTY))
    kept.score(QUERY, NODES)
    tokens: list[int] = []
    hook = toy.backbone._model.register_forward_pre_hook(
        lambda _module, _args, kwargs: tokens.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    try:
        kept.score(OTHER, NODES)
    finally:
        hook.remove()

    asked = len(INSTRUCTION + QUESTION + OTHER.text) + 64  # with padding
    assert sum(tokens) <= asked * (len(parts_of(NODES)) if kind == "after" else 1)


def test_a_cascade_reads_a_segment_once_for_each_place(toy: Toy) -> None:
    kept = toy.scorer("cascade", KeyCache(PLENTY))
    with watching(toy) as texts:
        for query in (QUERY, OTHER, Query("rent"), QUERY):
            kept.score(query, NODES)

    parts = parts_of(NODES)
    assert {texts.count(part) for part in parts} <= {1, 2}
    assert len(parts) < len(texts) < 2 * len(parts)  # what no question chose was read by `alone` only


@pytest.mark.parametrize("kind", PLACES)
def test_a_document_among_other_documents_is_not_read_again(kind: str, toy: Toy) -> None:
    first, other = cut([TEXTS[0], TEXTS[2], TEXTS[1]], 48), cut([story(9, 5), TEXTS[2], TEXTS[0]], 48)

    assert sorted(read_again(toy, kind, first, other)) == sorted(parts_of(cut([story(9, 5)], 48)))


@pytest.mark.parametrize("kind", PLACES)
def test_other_nodes_of_the_same_text_are_not_read_again(kind: str, toy: Toy) -> None:
    assert read_again(toy, kind, NODES, cut(TEXTS, 20)) == []


@pytest.mark.parametrize("added", [" Paid.", f" {story(7, 1)}", f" {story(8, 6)}"], ids=["word", "sentence", "six"])
@pytest.mark.parametrize("kind", PLACES)
def test_what_is_appended_is_read_with_the_last_segment(kind: str, added: str, toy: Toy) -> None:
    before, after = cut([TEXTS[0], TEXTS[2]], 48), cut([TEXTS[0], TEXTS[2] + added], 48)

    texts = read_again(toy, kind, before, after)

    tail = parts_of(before)[-1] + added
    assert sorted(texts) == sorted(part for part in parts_of(after) if part in tail)
    assert sum(map(len, texts)) == len(tail)


@pytest.mark.parametrize("at", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("kind", PLACES)
def test_an_edit_is_read_with_what_lies_nearby(kind: str, at: float, toy: Toy) -> None:
    text = story(5, 60)
    place = int(at * len(text))
    edited = text[:place] + "Oh! " + text[place + 1 :]

    texts = read_again(toy, kind, cut([text], 48), cut([edited], 48))

    assert any("Oh! " in part for part in texts)
    starts = sorted(edited.index(part) for part in texts)
    assert place - SEGMENT <= starts[0] <= place
    assert starts[-1] <= place + 6 * SEGMENT
    assert sum(map(len, texts)) <= 8 * SEGMENT < len(text) / 2


# --- what may not be shared -----------------------------------------------------------------------


def swapped(toy: Toy, *names: str, place: str = "after") -> Toy:
    """The toy with other weights in its head."""
    head = head_for(toy.backbone, place, segment_tokens=SEGMENT)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name in names:
            weight = head.get_parameter(name)
            weight.add_(0.3 * torch.randn(weight.shape, generator=generator))
    return replace(toy, heads=toy.heads | {place: head})


def other_head(toy: Toy, tmp_path: Path, place: str) -> CrossAttentionScorer:
    return swapped(toy, "k_proj.weight", place=place).one(place, None)


def other_norm(toy: Toy, tmp_path: Path, place: str) -> CrossAttentionScorer:
    return swapped(toy, "norm.weight", place=place).one(place, None)


def other_rotary(toy: Toy, tmp_path: Path, place: str) -> CrossAttentionScorer:
    config = replace(toy.heads[place].config, rotary=not toy.heads[place].config.rotary)
    head = CrossAttentionHead(toy.backbone.scoring_layer, config).eval()
    return replace(toy, heads={place: head}).one(place, None)


def other_dtype(toy: Toy, tmp_path: Path, place: str) -> CrossAttentionScorer:
    return opened(toy.folder, dtype="bfloat16").one(place, None)


def other_seed(toy: Toy, tmp_path: Path, place: str) -> CrossAttentionScorer:
    return opened(save_draft_model(tmp_path, seed=1)).one(place, None)


def other_depth(toy: Toy, tmp_path: Path, place: str) -> CrossAttentionScorer:
    return opened(toy.folder, layers=LAYERS + 1).one(place, None)


def other_instruction(toy: Toy, tmp_path: Path, place: str) -> CrossAttentionScorer:
    return toy.one(place, None, prefix=[5])


def with_cache(scorer: CrossAttentionScorer, cache: KeyCache) -> CrossAttentionScorer:
    prefix = scorer.frame.instruction[: -len(INSTRUCTION)]  # a byte is a token
    return CrossAttentionScorer(scorer.backbone, scorer.head, ByteTokenizer(), prefix=prefix, cache=cache)


def names_of(scorer: CrossAttentionScorer) -> set[str]:
    """The names that its cache keeps the segments of NODES under."""
    return set(scorer.frame.context(NODES).names(scorer.reader._digest))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "change",
    [other_head, other_norm, other_rotary, other_dtype, other_seed, other_depth, other_instruction],
    ids=lambda change: change.__name__,
)
def test_what_depends_on_something_else_is_read_anew(
    change: Callable[[Toy, Path, str], CrossAttentionScorer], place: str, toy: Toy, tmp_path: Path
) -> None:
    store = DictStore()
    cache = KeyCache(PLENTY, store)
    base, other = toy.one(place, cache), with_cache(change(toy, tmp_path, place), cache)
    first = base.score(QUERY, NODES)

    found = other.score(QUERY, NODES)

    assert not names_of(base) & names_of(other)
    assert found == with_cache(other, KeyCache(PLENTY)).score(QUERY, NODES)
    if change is not other_dtype:
        with pytest.raises(AssertionError):
            assert_same(found, first, relative=1e-3)
    assert_same(base.score(QUERY, NODES), first)
    assert len(store.values) == (2 * len(parts_of(NODES)) if place == "alone" else 0)


@pytest.mark.parametrize("place", PLACES)
def test_what_does_not_depend_on_it_is_shared(place: str, toy: Toy) -> None:
    """Keys do not depend on how the query is read, nor on who opened the model."""
    cache = KeyCache(PLENTY)
    toy.one(place, cache).score(QUERY, NODES)
    again = opened(toy.folder)
    asks_otherwise = swapped(again, "q_proj.weight", "row_gate", "match_strength", "head_weights", place=place)
    with watching(again) as texts:
        found = asks_otherwise.one(place, cache).score(QUERY, NODES)

    assert texts == []
    assert_same(found, asks_otherwise.one(place, None).score(QUERY, NODES), relative=ROUNDED)


def test_places_that_share_their_keys_share_no_more_than_them(toy: Toy) -> None:
    """Two heads with the same keys: what `alone` kept has no memory to ask over."""
    config = replace(toy.heads["after"].config, query_place="alone")
    alone = CrossAttentionHead(toy.backbone.scoring_layer, config).eval()
    cache = KeyCache(PLENTY, DictStore())
    replace(toy, heads={"alone": alone}).one("alone", cache).score(QUERY, NODES)

    found = toy.one("after", cache).score(QUERY, NODES)

    assert_same(found, without_cache(toy, "after"), relative=ROUNDED)


# --- bounds -------------------------------------------------------------------------------------


@cache
def size_of(toy: Toy, kind: str) -> int:
    """Bytes that the cache takes for all nodes."""
    kept = KeyCache(PLENTY)
    toy.scorer(kind, kept).prepare(NODES)
    return kept._recent.used


def test_memories_take_two_bytes_a_number(toy: Toy) -> None:
    """A backbone in fp32 would fill the cache with half as many segments."""
    cache = KeyCache(PLENTY)
    scorer = toy.one("after", cache)
    scorer.prepare(NODES)

    kept = cache.get(dict.fromkeys(sorted(names_of(scorer)), (0, 0, 0)), with_key_values=True)

    assert toy.backbone.dtype == torch.float32
    assert {part.dtype for read in kept.values() for pair in read.key_values or () for part in pair} == {torch.bfloat16}


@pytest.mark.parametrize("share", [0.0, 0.05, 0.4, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_a_cache_too_small_for_the_context(kind: str, share: float, toy: Toy) -> None:
    most = int(share * size_of(toy, kind))
    cache = KeyCache(most)
    kept = toy.scorer(kind, cache)
    expected = without_cache(toy, kind)
    counts = []
    for _ in range(3):
        with watching(toy) as texts:
            assert_same(kept.score(QUERY, NODES), expected, relative=ROUNDED)
        counts.append(sum(map(len, texts)))
        assert cache._recent.used <= most

    if share >= 0.4:
        assert counts[1] < counts[0]
    if kind != "cascade":  # a question of which needs less than all
        assert counts[1] > 0


def test_contexts_in_turn_through_a_cache_for_one(toy: Toy) -> None:
    other = cut([story(number, 9) for number in (21, 22)], 48)
    cache = KeyCache(size_of(toy, "after"))
    kept = toy.scorer("after", cache)
    for nodes in (NODES, other, NODES, other):
        assert_same(kept.score(QUERY, nodes), toy.scorer("after", None).score(QUERY, nodes), relative=ROUNDED)
        with watching(toy) as texts:
            kept.score(OTHER, nodes)
        assert texts == []  # the last one is always whole


# --- reading ahead ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_after_prepare_a_question_reads_nothing(kind: str, toy: Toy) -> None:
    kept = toy.scorer(kind, KeyCache(PLENTY))
    steps: list[tuple[int, int]] = []

    prepared = kept.prepare(NODES, progress=lambda *step: steps.append(step))

    tokens = sum(map(len, TEXTS))
    assert prepared == Prepared(tokens, tokens, tokens)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert {total for _, total in steps} == {steps[-1][0]}
    with watching(toy) as texts:
        found = kept.score(QUERY, NODES)
        assert kept.prepare(NODES) == Prepared(tokens, tokens, 0)
    assert texts == []
    assert_same(found, without_cache(toy, kind), relative=ROUNDED)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("_small_batches")
def test_prepare_goes_on_where_it_was_stopped(kind: str, toy: Toy) -> None:
    kept = toy.scorer(kind, KeyCache(PLENTY))
    steps: list[int] = []

    def stop(done: int, total: int) -> None:
        steps.append(done)
        if len(steps) in (2, 4):
            raise InterruptedError

    with watching(toy) as texts:
        for _ in range(2):
            with pytest.raises(InterruptedError):
                kept.prepare(NODES, progress=stop)
        prepared = kept.prepare(NODES, progress=stop)

    tokens = sum(map(len, TEXTS))
    times = 2 if kind == "cascade" else 1
    assert 0 == steps[0] < steps[1] < steps[3] < times * tokens
    assert (steps[2], steps[4]) == (steps[1], steps[3])
    assert prepared == Prepared(tokens, tokens, tokens if kind == "cascade" else tokens - steps[3])
    assert sorted(texts) == sorted(parts_of(NODES) * times)


@pytest.mark.usefixtures("_small_batches")
def test_an_interrupted_question_keeps_what_it_read(toy: Toy) -> None:
    kept = toy.scorer("after", KeyCache(PLENTY))

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise InterruptedError

    with watching(toy) as texts:
        with pytest.raises(InterruptedError):
            kept.score(QUERY, NODES, progress=stop)
        found = kept.score(QUERY, NODES)

    assert sorted(texts) == sorted(parts_of(NODES))
    assert_same(found, toy.scorer("after", None).score(QUERY, NODES), relative=ROUNDED)


@pytest.mark.parametrize("kind", KINDS)
def test_prepare_without_a_cache_is_an_error(kind: str, toy: Toy) -> None:
    for nodes in (NODES, []):
        with pytest.raises(InputError, match=r"nothing that is read would be kept.*cache_bytes.*key_store"):
            toy.scorer(kind, None).prepare(nodes)


@pytest.mark.parametrize("kind", KINDS)
def test_prepare_of_nothing(kind: str, toy: Toy) -> None:
    assert toy.scorer(kind, KeyCache(PLENTY)).prepare([]) == Prepared(0, 0, 0)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95, 0.98])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("_small_batches")
def test_prepare_with_too_little_room_warns(kind: str, share: float, toy: Toy) -> None:
    most = int(share * size_of(toy, kind))
    cache = KeyCache(most)
    kept = toy.scorer(kind, cache)

    with pytest.warns(LongAttnCompWarning, match="more are not kept: raise cache_bytes"):
        prepared = kept.prepare(NODES)

    assert prepared.tokens == sum(map(len, TEXTS))
    assert prepared.ready < prepared.tokens
    assert cache._recent.used <= most
    with watching(toy) as texts:
        found = kept.score(QUERY, NODES)
    assert_same(found, without_cache(toy, kind), relative=ROUNDED)
    if kind != "cascade":
        assert sum(map(len, texts)) <= prepared.tokens - prepared.ready


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_twice_is_read_once(kind: str, cached: bool, toy: Toy) -> None:
    nodes = cut([TEXTS[0], TEXTS[1], TEXTS[0], TEXTS[0]], 48)
    with watching(toy) as texts:
        found = toy.scorer(kind, KeyCache(PLENTY) if cached else None).score(QUERY, nodes)
    assert sorted(set(texts)) == sorted(texts if kind != "cascade" else {*texts})
    length = sum(node.document == 0 for node in nodes)
    shares = [sum(found.nodes[at : at + length]) for at in (0, len(nodes) - 2 * length, len(nodes) - length)]
    assert shares == pytest.approx([shares[0]] * 3, rel=1e-4 if kind != "cascade" else 1.0)


def test_prepare_through_a_compressor(toy: Toy) -> None:
    tokens = sum(map(len, TEXTS))
    settings = Settings(node_tokens=48)
    compressor = Compressor(toy.one("after", KeyCache(PLENTY)), ByteTokenizer(), settings=settings)

    assert compressor.prepare(TEXTS) == Prepared(tokens, tokens, tokens)
    assert compressor.prepare(TEXTS[:2]).read == 0
    with watching(toy) as texts:
        compressor.compress("Who?", TEXTS, token_budget=300)
        compressor.compress("Who?", TEXTS[1:], token_budget=300)
    assert texts == []

    compressor = Compressor(toy.one("after", None), ByteTokenizer(), settings=settings)
    with pytest.raises(InputError, match="cache_bytes"):
        compressor.prepare(TEXTS)


# --- between processes ----------------------------------------------------------------------------


@pytest.mark.parametrize("most", [0, PLENTY])
def test_another_process_reads_nothing(most: int, toy: Toy, tmp_path: Path) -> None:
    first = toy.one("alone", KeyCache(most, LMDBStore(tmp_path / "keys")))
    tokens = sum(map(len, TEXTS))
    assert first.prepare(NODES) == Prepared(tokens, tokens, tokens)
    expected = first.score(QUERY, NODES)

    again = opened(toy.folder)
    later = again.one("alone", KeyCache(most, LMDBStore(tmp_path / "keys")))
    with watching(again) as texts:
        found = later.score(QUERY, NODES)
        assert later.prepare(NODES) == Prepared(tokens, tokens, 0)

    assert texts == []
    assert_same(found, expected)


def test_another_process_of_a_cascade_reads_what_it_looks_at(toy: Toy, tmp_path: Path) -> None:
    expected = toy.scorer("cascade", KeyCache(PLENTY, LMDBStore(tmp_path / "keys"))).score(QUERY, NODES)

    again = opened(toy.folder)
    with watching(again) as texts:
        found = again.scorer("cascade", KeyCache(PLENTY, LMDBStore(tmp_path / "keys"))).score(QUERY, NODES)

    assert_same(found, expected)
    assert 0 < sum(map(len, texts)) < 300 + SEGMENT + sum(map(len, TEXTS)) / 4


def test_the_query_after_keeps_nothing_between_processes(toy: Toy) -> None:
    """What it asks over are keys and values of all layers, forty times the size."""
    store = DictStore()
    toy.one("after", KeyCache(PLENTY, store)).score(QUERY, NODES)

    assert store.values == {}


def test_damaged_values_of_a_store_are_read_again(toy: Toy) -> None:
    store = DictStore()
    expected = toy.one("alone", KeyCache(PLENTY, store)).score(QUERY, NODES)
    rng = random.Random(0)
    damaged = sorted(store.values)[::3]
    for name in damaged:
        value = bytearray(store.values[name])
        value[rng.randrange(len(value))] ^= 1 << rng.randrange(8)
        store.values[name] = bytes(value)

    later = toy.one("alone", KeyCache(PLENTY, store))
    with watching(toy) as texts, pytest.warns(LongAttnCompWarning, match=f"{len(damaged)} entries .* damaged") as seen:
        found = later.score(QUERY, NODES)

    assert len(seen) == 1
    assert len(texts) == len(damaged)
    assert_same(found, expected, relative=ROUNDED)
    with watching(toy) as texts:  # what was read again has mended the store
        toy.one("alone", KeyCache(PLENTY, store)).score(QUERY, NODES)
    assert texts == []


def test_values_of_another_shape_are_read_again(toy: Toy) -> None:
    """With a right checksum, as whoever can write the store can make it."""
    store = DictStore()
    expected = toy.one("alone", KeyCache(PLENTY, store)).score(QUERY, NODES)
    for name, data in store.values.items():
        keys = Keys.from_bytes(data, name)
        assert keys is not None
        store.values[name] = Keys(keys.values[:-1], keys.scales[:-1]).to_bytes(name)

    with pytest.warns(LongAttnCompWarning, match="damaged"):
        found = toy.one("alone", KeyCache(0, store)).score(QUERY, NODES)

    assert_same(found, expected, relative=ROUNDED)


def test_values_under_each_other_s_names_are_read_again(toy: Toy) -> None:
    store = DictStore()
    expected = toy.one("alone", KeyCache(PLENTY, store)).score(QUERY, NODES)
    store.values = dict(zip(store.values, reversed(store.values.values()), strict=True))

    with pytest.warns(LongAttnCompWarning, match="damaged"):
        found = toy.one("alone", KeyCache(0, store)).score(QUERY, NODES)

    assert_same(found, expected, relative=ROUNDED)


# --- threads --------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.5, 10.0], ids=["too small", "plenty"])
@pytest.mark.parametrize("kind", KINDS)
def test_threads_over_overlapping_contexts(kind: str, share: float, toy: Toy) -> None:
    contexts = [TEXTS[:3], TEXTS[1:], [TEXTS[3], TEXTS[0]]]
    questions = ["Who signed?", "Where is the garden wall?", "rent", "1997", "Who paid the deposit?"]
    jobs = [(question, contexts[(own + number) % 3]) for own in range(6) for number, question in enumerate(questions)]
    settings = Settings(node_tokens=48, token_budget=300)

    def compressor(cache: KeyCache | None) -> Compressor:
        return Compressor(toy.scorer(kind, cache), ByteTokenizer(), settings=settings)

    cache = KeyCache(int(share * size_of(toy, kind)))
    serial = compressor(None)
    known = {(question, id(texts)): serial.compress(question, texts) for question in questions for texts in contexts}
    together = compressor(cache)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda job: together.compress(*job), jobs))

    assert len(found) == 2 * len(known)
    for (question, texts), one in zip(jobs, found, strict=True):
        expected = known[question, id(texts)]
        assert one.scores == pytest.approx(expected.scores, rel=ROUNDED, abs=1e-7)
        assert one.instruction_score == pytest.approx(expected.instruction_score, rel=ROUNDED)
    assert cache._recent.used <= cache._recent.most

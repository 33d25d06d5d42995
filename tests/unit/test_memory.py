"""What is remembered between calls counts every byte that it holds, however small the contexts are."""

from __future__ import annotations

import gc
import random
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from torch import Tensor

from longattncomp import Compressor
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.chunking.nodes import chunk
from longattncomp.chunking.segments import Segment, segments
from longattncomp.counting import remembering
from longattncomp.scorers.cross_attention.layout import ContextLayout
from longattncomp.scorers.cross_attention.matching import Words
from longattncomp.types import Document

WORDS = ["lease", "the", "signed", "Ada", "Marsh", "roof", "1987", "rent", "where", "garden"]


def text(seed: int, words: int = 20) -> str:
    draw = random.Random(seed)
    return f"Number {seed}. " + ". ".join(" ".join(draw.choices(WORDS, k=5)) for _ in range(words // 5))


@pytest.fixture(params=["longattncomp", "longattncomp-alone"])
def compressor(request: pytest.FixtureRequest, toy_folder: Path) -> Compressor:
    options: dict[str, Any] = {"layers": 2, "head": "untrained", "device": "cpu", "dtype": "float32"}
    return Compressor.from_pretrained(toy_folder, method=request.param, cache_bytes=300_000, **options)


def remembered(compressor: Compressor) -> list[Any]:
    scorer: Any = compressor.scorer
    caches = [
        compressor._pipeline._cut,
        scorer.frame._remembered,
        scorer.tokenizer._recent,
        scorer.reader.cache._recent,
    ]
    return list({id(cache): cache for cache in (*caches, compressor.tokenizer._recent)}.values())  # type: ignore[attr-defined]


def test_small_contexts_leave_little_behind(compressor: Compressor) -> None:
    for cache in remembered(compressor):
        cache.most = min(cache.most, 10_000_000)

    def ask(first: int, count: int) -> int:
        for number in range(first, first + count):
            compressor.compress(f"Where is the garden {number}?", [text(number)], token_budget=60)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = ask(0, 20)
        after = ask(20, 40)
    finally:
        tracemalloc.stop()

    for cache in remembered(compressor):
        assert cache.used <= cache.most
    assert after - before < 40 * 5_000


@pytest.mark.long
def test_five_thousand_small_contexts(compressor: Compressor) -> None:
    process = psutil.Process()
    for number in range(200):
        compressor.compress(f"Where is the garden {number}?", [text(-1 - number)], token_budget=60)
    before = process.memory_info().rss
    for number in range(5_000):
        compressor.compress(f"Where is the garden {number}?", [text(number, 60)], token_budget=60)
    gc.collect()

    assert process.memory_info().rss - before < 50e6 + 300_000


def test_rare_words_take_no_more_room_than_frequent_ones() -> None:
    few = Words([Segment((1, 2, 3), (0, 0, 1))], 2, ())
    high = Words([Segment((1, 2, 2_000_000_000), (0, 0, 1))], 2, ())

    assert high.nbytes == few.nbytes < 100
    assert high.rarity([2_000_000_000, 1_999_999_999, 2_000_000_001, 1]).tolist() == few.rarity([3, 0, 9, 1]).tolist()


@pytest.mark.parametrize("words", [5, 400])
def test_a_layout_counts_all_that_it_will_hold(toy_folder: Path, words: int) -> None:
    tokenizer = DraftTokenizer.from_folder(toy_folder)
    vocabulary = np.array(tokenizer.words)
    nodes = tuple(chunk([Document(text(number, words)) for number in range(3)], tokenizer, node_tokens=32))
    parts = tuple(segments(nodes, tokenizer, segment_tokens=100))
    layout = ContextLayout(nodes, parts, Words(parts, len(nodes), vocabulary))
    said = layout.nbytes
    for index in range(len(parts)):
        layout.columns(index, "cpu")  # type: ignore[arg-type]
    layout.names("digest")
    assert layout.neighbours is not None

    assert _held(layout, {id(vocabulary)}) <= said == layout.nbytes


def test_long_texts_are_not_kept_for_their_counts() -> None:
    calls: list[int] = []
    count = remembering(lambda text: calls.append(1) or len(text))
    long = [str(number) * 1_000_000 for number in range(9)]
    tracemalloc.start()
    try:
        first = [count(one) for one in long]
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()

    assert [count(one) for one in long] == first
    assert len(calls) == len(long)
    assert count("\ud800") == 1


def test_compressors_with_other_defaults_share_what_is_remembered(compressor: Compressor) -> None:
    other = compressor.configured(token_budget=50)

    assert other._pipeline._cut is compressor._pipeline._cut
    assert (other.settings.token_budget, other.scorer) == (50, compressor.scorer)


def _held(value: Any, seen: set[int]) -> int:
    """Bytes of an object and of all that it refers to, each counted once."""
    if id(value) in seen or isinstance(value, type) or callable(value):
        return 0
    seen.add(id(value))
    size = sys.getsizeof(value)
    if isinstance(value, Tensor):
        return size + value.nbytes
    if isinstance(value, np.ndarray):
        return size
    if isinstance(value, dict):
        return size + sum(_held(one, seen) for pair in value.items() for one in pair)
    if isinstance(value, tuple | list | set | frozenset):
        return size + sum(_held(one, seen) for one in value)
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    parts = [getattr(value, name) for name in slots if hasattr(value, name)]
    return size + sum(_held(part, seen) for part in (*parts, *getattr(value, "__dict__", {}).values()))

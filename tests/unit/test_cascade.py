"""The cascade: few segments, many segments, and what becomes of those not looked at."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from toy import segments_of

from longattncomp import Compressor, Query
from longattncomp.errors import HeadMismatchError, InputError
from longattncomp.scorers.cross_attention.cascade import LEAST, CascadeScorer
from longattncomp.scorers.cross_attention.key_cache import KeyCache
from longattncomp.scorers.cross_attention.layout import INSTRUCTION
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer

QUERY = Query("Who signed the lease?")
TEXTS = [f"Entry {number}. The rent of house {number} is due on Fridays. Nobody paid. " * 2 for number in range(60)]

METHODS = {"alone": "longattncomp-alone", "after": "longattncomp"}
OPTIONS: dict[str, Any] = {"dtype": "float32", "device": "cpu", "node_tokens": 32}


@pytest.fixture(scope="module")
def both(toy_folder: Path) -> dict[str, Compressor]:
    with segments_of(128):
        return {
            place: Compressor.from_pretrained(toy_folder, method=method, layers=2, **OPTIONS)
            for place, method in METHODS.items()
        }


@pytest.fixture(scope="module")
def cascade(both: dict[str, Compressor]) -> CascadeScorer:
    alone, after = both["alone"].scorer, both["after"].scorer
    assert isinstance(alone, CrossAttentionScorer)
    assert isinstance(after, CrossAttentionScorer)
    return CascadeScorer(alone, after)


def test_few_tokens_are_all_looked_at(cascade: CascadeScorer, both: dict[str, Compressor]) -> None:
    nodes = both["after"].nodes(TEXTS[:20])
    sizes = cascade.after.frame.context(nodes).sizes
    assert len(sizes) > 1
    assert LEAST / 2 < sum(sizes) <= LEAST
    assert cascade.score(QUERY, nodes) == cascade.after.score(QUERY, nodes)


@pytest.mark.parametrize("least", [LEAST, 512])
def test_after_ranks_what_alone_chose_and_alone_the_rest(
    cascade: CascadeScorer, both: dict[str, Compressor], least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longattncomp.scorers.cross_attention.cascade.LEAST", least)
    nodes = both["after"].nodes(TEXTS)
    context = cascade.after.frame.context(nodes)
    alone = cascade.alone.score(QUERY, nodes)
    steps: list[tuple[int, int]] = []
    found = cascade.score(QUERY, nodes, progress=lambda *step: steps.append(step))

    def mass(units: set[int]) -> float:
        return sum(alone.nodes[unit] for unit in units)

    segments = [{unit for unit in part.units if unit >= 0} for part in context.parts]
    best = sorted(range(len(segments)), key=lambda number: -mass(segments[number]))
    room = max(least, sum(context.sizes) / 4)
    before = [0, *accumulate(context.sizes[number] for number in best)]
    chosen = [number for number, already in zip(best, before, strict=False) if already < room]
    assert 1 < len(chosen) < len(segments)
    assert room <= sum(context.sizes[number] for number in chosen) < room + max(context.sizes)
    looked_at = set().union(*(segments[number] for number in chosen))
    (seen,) = cascade.after.score_segments([QUERY], context, [chosen])

    assert found.instruction == seen.instruction
    assert sum(found.nodes) + found.instruction == pytest.approx(1)
    for part, of in ((looked_at, seen), (set(range(len(nodes))) - looked_at, alone)):
        assert len({round(found.nodes[unit] / of.nodes[unit], 6) for unit in part}) == 1
    spread = 1 - found.instruction
    assert sum(found.nodes[unit] for unit in looked_at) == pytest.approx(spread * mass(looked_at) / sum(alone.nodes))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert len({total for _, total in steps}) == 1
    assert steps[-1][0] == steps[-1][1]


def test_segments_not_looked_at_are_not_read_by_after(
    cascade: CascadeScorer, both: dict[str, Compressor], monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = both["after"].nodes(TEXTS)
    sizes = cascade.after.frame.context(nodes).sizes
    read: list[int] = []
    backbone = cascade.after.backbone
    instruction = len(INSTRUCTION)  # a byte is a token

    def counted(contexts: Sequence[Sequence[int]], *rest: Any, real: Any = backbone.read, **more: Any) -> Any:
        read.extend(len(ids) - instruction for ids in contexts)
        return real(contexts, *rest, **more)

    # What the bounded memory of `both` holds is not read, so neither scorer here has any.
    fresh = CascadeScorer(without_cache(cascade.alone), without_cache(cascade.after))
    monkeypatch.setattr(backbone, "read", counted)
    fresh.score(QUERY, nodes)
    seen = [size for size in read if size > 0]  # the instruction by itself is read once
    assert LEAST <= sum(seen) < LEAST + max(sizes) < sum(sizes)


def without_cache(scorer: CrossAttentionScorer) -> CrossAttentionScorer:
    return CrossAttentionScorer(scorer.backbone, scorer.head, scorer.tokenizer)


def test_many_questions_are_as_one_by_one(cascade: CascadeScorer, both: dict[str, Compressor]) -> None:
    nodes = both["after"].nodes(TEXTS)
    queries = [QUERY, Query("What is due on Fridays?"), Query("house 7")]
    for one, other in zip(cascade.score_batch(queries, nodes), [cascade.score(q, nodes) for q in queries], strict=True):
        assert one.nodes == pytest.approx(other.nodes, rel=1e-4)


@pytest.mark.parametrize("head", ["untrained", None, "file"])
def test_a_cascade_needs_two_heads(toy_folder: Path, tmp_path: Path, head: str | None) -> None:
    file = tmp_path / "head.safetensors"
    file.touch()
    with pytest.raises(InputError, match=r"two trained heads.*alone\.safetensors and after\.safetensors"):
        Compressor.from_pretrained(
            toy_folder, method="longattncomp-cascade", head=file if head == "file" else head, layers=2
        )


def test_heads_of_both_places_lie_in_one_folder(
    cascade: CascadeScorer, toy_folder: Path, tmp_path: Path, both: dict[str, Compressor]
) -> None:
    cascade.alone.head.save(tmp_path / "alone.safetensors")
    cascade.after.head.save(tmp_path / "after.safetensors")
    opened = Compressor.from_pretrained(toy_folder, method="longattncomp-cascade", head=tmp_path, **OPTIONS)
    nodes = opened.nodes(TEXTS)
    assert opened.scorer.score(QUERY, nodes) == cascade.score(QUERY, nodes)
    alone = Compressor.from_pretrained(toy_folder, method="longattncomp-alone", head=tmp_path, **OPTIONS)
    assert alone.scorer.score(QUERY, nodes) == cascade.alone.score(QUERY, nodes)


def test_what_alone_read_stays_for_the_next_question(
    cascade: CascadeScorer, both: dict[str, Compressor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the segments that each question looks at fill the cache."""
    monkeypatch.setattr("longattncomp.scorers.cross_attention.cascade.LEAST", 512)
    whole = KeyCache(10**9)
    nodes = both["after"].nodes(TEXTS)
    with_cache(cascade.alone, whole).prepare(nodes)
    small = KeyCache(int(1.5 * whole._recent.used))
    tight = CascadeScorer(with_cache(cascade.alone, small), with_cache(cascade.after, small))
    for number in range(0, 60, 10):
        tight.score(Query(f"What of house {number}?"), nodes)
        names = set(tight.alone.frame.context(nodes).names(tight.alone.reader._digest))
        assert small.get(sorted(names), with_key_values=False).keys() == names
    assert small._recent.used > whole._recent.used


def with_cache(scorer: CrossAttentionScorer, cache: KeyCache) -> CrossAttentionScorer:
    return CrossAttentionScorer(scorer.backbone, scorer.head, scorer.tokenizer, cache=cache)


@pytest.mark.parametrize("change", [{"encoding": "causal"}, {"segment_tokens": 64}])
def test_both_heads_must_read_the_same_segments(
    change: dict[str, Any], cascade: CascadeScorer, toy_folder: Path, tmp_path: Path
) -> None:
    cascade.alone.head.save(tmp_path / "alone.safetensors")
    after = copy.deepcopy(cascade.after.head)
    after.config = replace(after.config, **change)
    after.save(tmp_path / "after.safetensors")
    with pytest.raises(HeadMismatchError, match=r"segments of one length.*segmented text and 128 tokens"):
        Compressor.from_pretrained(toy_folder, method="longattncomp-cascade", head=tmp_path, **OPTIONS)

"""Short segments that share a pass against the same segments read one by one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from heads import head_for
from naive import VARIANTS, Place, Toy, assert_same, cut, prose

from longattncomp.scorers.cross_attention import reading
from longattncomp.scorers.cross_attention.key_cache import KeyCache
from longattncomp.scorers.cross_attention.layout import INSTRUCTION
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.testing import ByteTokenizer
from longattncomp.types import Query

LENGTHS = (12, 1, 40, 12, 128, 7, 90, 25, 3, 64)
NODES = cut([prose(seed, length) for seed, length in enumerate(LENGTHS)], 200)
QUERIES = [Query("Who signed the lease in 1997?"), Query("garden"), Query("Where is the garden wall, and who paid?")]


@pytest.mark.parametrize("variant", VARIANTS)
def test_states_and_memories_are_those_of_one_by_one(variant: str, toys: Callable[[str], Toy]) -> None:
    backbone = toys(variant).backbone
    instruction = list(INSTRUCTION.encode())
    texts = [list(node.text.encode()) for node in NODES]
    (before,) = backbone.read([instruction], keep=True)
    alone = {one.index: one for one in backbone.read([[*instruction, *ids] for ids in texts], keep=True)}

    (found,) = backbone.ask([before.key_values or ()], texts, keep=True)

    start = len(instruction)
    for index, (states, rotary, memory) in enumerate(zip(found.states, found.rotaries, found.key_values, strict=True)):
        expected = alone[index]
        torch.testing.assert_close(states, expected.states[start:], rtol=1e-4, atol=1e-5)
        for own, whole in zip(rotary, expected.rotary, strict=True):
            torch.testing.assert_close(own, whole[:, start : start + len(texts[index])])
        for pair, whole_pair in zip(memory, expected.key_values or (), strict=True):
            torch.testing.assert_close(pair, whole_pair, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_queries", [1, 3])
@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("place", ["after", "alone"])
def test_scores_are_those_of_one_by_one(
    place: Place, cached: bool, n_queries: int, toys: Callable[[str], Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = toys("llama").backbone
    head = head_for(backbone, place, segment_tokens=128)
    passes: list[int] = []
    hook = backbone._model.register_forward_pre_hook(lambda *_: passes.append(1))
    scores, counts = [], []
    for short_tokens, pack_tokens in ((0, 256), (64, 60), (128, 10_000)):
        monkeypatch.setattr(reading, "_SHORT_TOKENS", short_tokens)
        monkeypatch.setattr(reading, "_PACK_TOKENS", pack_tokens)
        passes.clear()
        scorer = CrossAttentionScorer(backbone, head, ByteTokenizer(), cache=KeyCache(10**9) if cached else None)
        first = scorer.score_batch(QUERIES[:n_queries], NODES)
        counts.append(len(passes))
        scores.append((first, scorer.score_batch(QUERIES[:n_queries], NODES)))
    hook.remove()

    for both in scores[1:]:
        for own, alone in zip(both, scores[0], strict=True):
            for found, expected in zip(own, alone, strict=True):
                assert_same(found, expected, tolerance=1e-4 if cached else 1e-5)  # rounding to 8 bits may tip over
    assert counts[2] < counts[0]

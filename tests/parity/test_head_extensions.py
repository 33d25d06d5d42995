"""What a head learns beyond the paper against the same in full, and many queries against one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from heads import head_for
from naive import Extensions, Place, Toy, assert_same, cut, naive, packed, prose
from torch import Tensor

from longattncomp.backbone import forward
from longattncomp.errors import LongAttnCompWarning
from longattncomp.scorers.cross_attention import logsumexp as streaming
from longattncomp.scorers.cross_attention.head import EXTENSIONS, CrossAttentionHead
from longattncomp.scorers.cross_attention.keys import JoinedKeys
from longattncomp.scorers.cross_attention.logsumexp import block_mass, log_shares, segment_mass
from longattncomp.scorers.cross_attention.matching import Match
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.testing import ByteTokenizer
from longattncomp.types import Node, Query, Scores

FAMILIES = ("llama", "gemma3_text", "qwen3")
TEXTS = [prose(1, 210).title(), prose(2, 40), prose(3, 333), prose(4, 64)]
QUERY = Query("Who signed the LEASE in 1997?")
NODES = cut(TEXTS, 48)
SEGMENT = 128


def folded(byte: int) -> int:
    return ord(chr(byte).lower()) if byte < 128 else byte


def some(*without: str) -> Extensions:
    """Random extensions but for those named."""
    generator = torch.Generator().manual_seed(0)
    found = Extensions(
        head_weights=torch.randn(4, generator=generator),
        row_gate=0.3 * torch.randn(32, generator=generator),
        rarity=0.4,
        match_strength=torch.randn(4, generator=generator),
        spread=torch.randn(3, generator=generator),
        spread_gate=0.1 * torch.randn(3, 32, generator=generator),
        spread_breadth=torch.randn(3, generator=generator),
        word=folded,
    )
    off = {
        "head_weights": torch.zeros(4),
        "row_gate": torch.zeros(32),
        "rarity": 0.0,
        "match_strength": torch.zeros(4),
        "spread": torch.full((3,), -torch.inf),
        "spread_gate": torch.zeros(3, 32),
        "spread_breadth": torch.zeros(3),
        "word": int,
    }
    return replace(found, **{name: off[name] for name in without})


def extended(toy: Toy, place: Place, extensions: Extensions, longest: int | None) -> CrossAttentionHead:
    head = head_for(
        toy.backbone, place, encoding="segmented" if longest else "causal", segment_tokens=longest or SEGMENT
    )
    with torch.no_grad():
        head.head_weights.copy_(extensions.head_weights)
        head.row_gate.copy_(extensions.row_gate)
        head.rarity.fill_(extensions.rarity)
        head.match_strength.copy_(extensions.match_strength)
        head.spread.copy_(extensions.spread)
        head.spread_gate.copy_(extensions.spread_gate)
        head.spread_breadth.copy_(extensions.spread_breadth)
    return head


def scorer(toy: Toy, place: Place, extensions: Extensions, *, longest: int | None = SEGMENT) -> CrossAttentionScorer:
    return CrossAttentionScorer(
        toy.backbone,
        extended(toy, place, extensions, longest),
        ByteTokenizer(),
        words=[extensions.word(byte) for byte in range(256)],
    )


@pytest.mark.parametrize("longest", [None, SEGMENT])
@pytest.mark.parametrize("place", ["after", "alone"])
@pytest.mark.parametrize("family", FAMILIES)
def test_an_extended_head_is_the_whole_matrix(
    family: str, place: Place, longest: int | None, toys: Callable[[str], Toy]
) -> None:
    toy = toys(family)
    extensions = some()

    found = scorer(toy, place, extensions, longest=longest).score(QUERY, NODES)

    assert_same(found, naive(toy.whole, QUERY.text, NODES, place=place, longest=longest, extensions=extensions))


def test_each_extension_matters_to_the_test_above(toys: Callable[[str], Toy]) -> None:
    def found(extensions: Extensions) -> Scores:
        return naive(toys("llama").whole, QUERY.text, NODES, place="after", longest=SEGMENT, extensions=extensions)

    full = found(some())
    for name in (*EXTENSIONS, "word"):
        with pytest.raises(AssertionError):
            assert_same(found(some(name)), full, tolerance=1e-4)


def test_matching_reaches_the_nodes_of_every_segment(toys: Callable[[str], Toy]) -> None:
    """A node with the query's rare byte gets nearly all the mass, wherever it stands."""
    only = some("head_weights", "row_gate", "rarity", "spread", "spread_gate", "spread_breadth")
    method = scorer(toys("llama"), "alone", replace(only, match_strength=torch.full((4,), 40.0)))
    for index, node in enumerate(NODES):
        marked = [*NODES[:index], replace(node, text=f"~{node.text[1:]}"), *NODES[index + 1 :]]

        assert method.score(Query("~"), marked).nodes[index] > 0.99


def test_no_extension_is_the_paper_s_formula(toys: Callable[[str], Toy]) -> None:
    toy = toys("llama")
    none = some(*EXTENSIONS)

    found = scorer(toy, "after", none).score(QUERY, NODES)

    assert_same(found, naive(toy.whole, QUERY.text, NODES, place="after", longest=SEGMENT))


# --- gradients --------------------------------------------------------------------------------


def test_gradients_are_those_of_the_whole_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "_BLOCK", 7)
    generator = torch.Generator().manual_seed(3)

    def leaf(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()

    queries, keys, strength, heads, rows = leaf(4, 10, 8), leaf(2, 30, 8), leaf(4), leaf(4), leaf(10)
    units = torch.arange(30) // 5  # some units stand in one block only, some in two
    match = Match(
        torch.randint(6, (10,), generator=generator),
        torch.randint(-1, 6, (30,), generator=generator),
        torch.rand(10, generator=generator, dtype=torch.float64),
    )
    weights = heads.log_softmax(0)[:, None] + rows.log_softmax(0)
    leaves = (queries, keys, strength, heads, rows)
    target = torch.rand(6, generator=generator, dtype=torch.float64)

    mass = segment_mass(queries, keys, units, 6, match=match, strength=strength)
    found = log_shares(mass, weights)
    gradients = torch.autograd.grad(found @ target, leaves, retain_graph=True)

    logits = torch.einsum("hmd,hnd->hmn", queries, keys.repeat_interleave(2, dim=0))
    logits = logits + strength[:, None, None] * match.rarity[:, None] * (match.query[:, None] == match.context)
    attention = (logits.softmax(dim=-1) * weights.exp()[..., None]).sum(dim=(0, 1))
    expected = torch.stack([attention[units == unit].sum() for unit in range(6)]).log()
    torch.testing.assert_close(found, expected)
    for one, other in zip(gradients, torch.autograd.grad(expected @ target, leaves), strict=True):
        torch.testing.assert_close(one, other)


def test_units_without_tokens_have_no_share_and_no_gradient() -> None:
    units = torch.tensor([[[0.5, -torch.inf, 0.2], [0.1, -torch.inf, 0.3]]], dtype=torch.float64, requires_grad=True)

    found = log_shares(units, torch.full((1, 2), 0.5, dtype=torch.float64).log())
    (gradient,) = torch.autograd.grad(found[0], units)

    assert found.exp()[1] == 0
    assert gradient.isfinite().all()
    assert not gradient[..., 1].any()


# --- many queries at once ---------------------------------------------------------------------

QUERIES = [QUERY, Query("?"), Query(prose(9, 100)), Query("rent"), QUERY, Query("Where is the garden wall? " * 6)]


def assert_as_one_by_one(method: CrossAttentionScorer, queries: Sequence[Query], nodes: Sequence[Node]) -> None:
    found = method.score_batch(queries, nodes)

    assert len(found) == len(queries)
    for query, one in zip(queries, found, strict=True):
        assert_same(one, method.score(query, nodes))


@pytest.mark.parametrize("longest", [None, SEGMENT])
@pytest.mark.parametrize("place", ["after", "alone"])
@pytest.mark.parametrize("family", ["llama", "gemma3_text", "mistral"])
def test_a_batch_of_queries_is_each_alone(
    family: str, place: Place, longest: int | None, toys: Callable[[str], Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "_ASKED_TOKENS", 150)  # so that the questions are asked in several packs
    method = scorer(toys(family), place, some(), longest=longest)

    assert_as_one_by_one(method, QUERIES, NODES)


@pytest.mark.parametrize("place", ["after", "alone"])
def test_a_batch_of_queries_over_a_node_longer_than_a_segment(place: Place, toys: Callable[[str], Toy]) -> None:
    nodes = [*NODES[:3], Node(1, 0, 500, prose(8, 500), 500), Node(2, 0, 2, "ok", 2)]
    assert nodes[3].tokens > 3 * SEGMENT

    assert_as_one_by_one(scorer(toys("llama"), place, some()), QUERIES[:4], nodes)


def test_the_queries_tell_each_other_apart(toys: Callable[[str], Toy]) -> None:
    """Else the tests above would hold for a scorer that asks one question only."""
    found = scorer(toys("llama"), "after", some()).score_batch(QUERIES[:4], NODES)

    for index, one in enumerate(found):
        for other in found[:index]:
            with pytest.raises(AssertionError):
                assert_same(one, other, tolerance=1e-4)


@pytest.mark.parametrize("place", ["after", "alone"])
def test_a_batch_reads_the_context_once(
    place: Place, toys: Callable[[str], Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = toys("llama")
    method = scorer(toy, place, some())
    read: list[int] = []
    hook = toy.backbone._model.register_forward_pre_hook(
        lambda _module, _args, kwargs: read.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    calls: list[tuple[int, int]] = []
    try:
        method.score_batch(QUERIES[:1], NODES)
        one = sum(read)
        read.clear()
        method.score_batch([QUERY] * 20, NODES, progress=lambda done, total: calls.append((done, total)))
    finally:
        hook.remove()

    # Twenty questions of at most 64 tokens, padding included, each once per segment or once in all.
    parts = len(packed(NODES, SEGMENT))
    assert sum(read) <= one + 20 * 64 * (parts if place == "after" else 4)
    assert sum(read) < 20 * one / 2
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})
    assert calls[-1][0] == calls[-1][1] >= sum(node.tokens for node in NODES)


@pytest.mark.parametrize("place", ["after", "alone"])
def test_only_the_query_that_is_too_long_is_cut(place: Place, toys: Callable[[str], Toy]) -> None:
    method = scorer(toys("llama"), place, some())
    queries = [QUERY, Query(prose(5, 3000)), Query("rent")]

    with pytest.warns(LongAttnCompWarning, match="3000 tokens") as warned:
        found = method.score_batch(queries, NODES[:3])

    assert len(warned) == 1
    assert_same(found[0], method.score(QUERY, NODES[:3]))
    assert_same(found[2], method.score(queries[2], NODES[:3]))


def test_an_empty_batch(toys: Callable[[str], Toy]) -> None:
    method = scorer(toys("llama"), "after", some())

    assert method.score_batch([], NODES) == []
    assert method.score_batch(QUERIES[:2], []) == [Scores((), 1.0)] * 2


@pytest.mark.parametrize("logits_at_once", [1, 700, 1 << 22])
@pytest.mark.parametrize("apart", [1.0, 400.0])
def test_a_block_at_once_is_the_sum_with_gradients(
    apart: float, logits_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quick sum, also where rows lie too far apart for one number to keep their exponentials in range."""
    monkeypatch.setattr(streaming, "_LOGITS", logits_at_once)
    draw = torch.Generator().manual_seed(0)
    queries = torch.randn(4, 7, 8, generator=draw) * torch.tensor([1.0, apart, 1, 1, 1, 1, 1])[:, None]
    keys = torch.randn(2, 90, 8, generator=draw)
    units = torch.arange(90) // 13 + (torch.arange(90) // 13 > 3).long()  # unit 4 has no column
    words = torch.randint(0, 9, (97,), generator=draw)
    match = Match(words[:7], words[7:], torch.rand(7, generator=draw))
    strength = torch.tensor([0.5, 2.0, 0.0, 1.0])

    found = block_mass(queries, JoinedKeys(keys, None), units, 8, match=match, strength=strength)

    expected = segment_mass(queries, keys, units, 8, match=match, strength=strength)
    torch.testing.assert_close(found.amax(dim=-1), expected.amax(dim=-1), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(found.softmax(dim=-1), expected.softmax(dim=-1), rtol=1e-4, atol=1e-6)
    assert (found[..., 4] == -torch.inf).all()

"""The streamed scores against the formulas of the design (section 5), computed in full and naively."""

from __future__ import annotations

import contextlib
import importlib
import math
import warnings
from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from heads import head_for
from hypothesis import assume, given
from hypothesis import strategies as st
from naive import LAYERS, VARIANTS, Place, Toy, assert_same, cut, naive, packed, prose, scale
from torch import Tensor

from longattncomp.backbone import forward
from longattncomp.chunking.nodes import chunk
from longattncomp.scorers.cross_attention import logsumexp as streaming
from longattncomp.scorers.cross_attention.head import CrossAttentionHead, HeadConfig, logits, untrained_head
from longattncomp.scorers.cross_attention.layout import INSTRUCTION, QUESTION
from longattncomp.scorers.cross_attention.logsumexp import log_shares, unit_logsumexp
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.testing import ByteTokenizer
from longattncomp.types import Document, Node, Query, Scores

Encoding = Literal["causal", "segmented"]


# --- the scorer -------------------------------------------------------------------------------


def scorer(toy: Toy, place: Place, encoding: Encoding, segment_tokens: int = 128) -> CrossAttentionScorer:
    head = head_for(toy.backbone, place, encoding=encoding, segment_tokens=segment_tokens)
    return CrossAttentionScorer(toy.backbone, head, ByteTokenizer())


TEXTS = [prose(1, 210), prose(2, 40), prose(3, 333), prose(4, 64)]
QUERY = Query("Who signed the lease in 1997?")
NODES = cut(TEXTS, 48)


@pytest.mark.parametrize("place", ["after", "alone"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_causal_is_the_whole_matrix(variant: str, place: Place, toys: Callable[[str], Toy]) -> None:
    toy = toys(variant)

    found = scorer(toy, place, "causal").score(QUERY, NODES)

    assert_same(found, naive(toy.whole, QUERY.text, NODES, place=place, longest=None))


@pytest.mark.parametrize("place", ["after", "alone"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_segmented_is_one_softmax_over_all_segments(variant: str, place: Place, toys: Callable[[str], Toy]) -> None:
    toy = toys(variant)
    assert len(packed(NODES, 128)) > 4
    owners = [unit for part in packed(NODES, 128) for unit in {unit for _, unit in part}]
    assert len(owners) > len(set(owners))  # a node in two segments

    found = scorer(toy, place, "segmented", 128).score(QUERY, NODES)

    assert_same(found, naive(toy.whole, QUERY.text, NODES, place=place, longest=128))


def test_the_toy_tells_the_settings_apart(toys: Callable[[str], Toy]) -> None:
    """Else the parity above would hold for a scorer that ignores them."""
    found = [
        naive(toys("llama").whole, QUERY.text, NODES, place=place, longest=longest)
        for place in ("after", "alone")
        for longest in (None, 128)
    ]
    found.append(naive(toys("llama").whole, "Where is the garden wall?", NODES, place="after", longest=None))

    for index, one in enumerate(found):
        assert max(one.nodes) > 1.1 * min(one.nodes)
        for other in found[:index]:
            with pytest.raises(AssertionError):
                assert_same(one, other, tolerance=1e-4)


@pytest.mark.parametrize("place", ["after", "alone"])
def test_more_columns_and_rows_than_one_block(place: Place, toys: Callable[[str], Toy]) -> None:
    toy = toys("llama")
    assert streaming._BLOCK < 1100
    long = cut([prose(5, 700), prose(6, 500)], 100)
    asked = prose(7, 1100)

    columns = scorer(toy, place, "causal").score(QUERY, long)
    rows = scorer(toy, place, "segmented", 256).score(Query(asked), NODES)

    assert_same(columns, naive(toy.whole, QUERY.text, long, place=place, longest=None))
    assert_same(rows, naive(toy.whole, asked, NODES, place=place, longest=256))


@pytest.mark.parametrize("place", ["after", "alone"])
@pytest.mark.parametrize("encoding", ["causal", "segmented"])
def test_blocks_of_any_size_give_the_same(
    place: Place, encoding: Encoding, toys: Callable[[str], Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    method = scorer(toys("qwen3"), place, encoding)
    expected = method.score(QUERY, NODES)

    for size in (7, 128):
        monkeypatch.setattr(streaming, "_BLOCK", size)
        assert_same(method.score(QUERY, NODES), expected, tolerance=1e-6)


@pytest.mark.parametrize("place", ["after", "alone"])
@pytest.mark.parametrize("encoding", ["causal", "segmented"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_shares_sum_to_one(variant: str, place: Place, encoding: Encoding, toys: Callable[[str], Toy]) -> None:
    found = scorer(toys(variant), place, encoding).score(QUERY, NODES)

    assert found.instruction + sum(found.nodes) == pytest.approx(1, abs=1e-4)
    assert all(0 < share < 1 for share in (found.instruction, *found.nodes))


@pytest.mark.parametrize("place", ["after", "alone"])
@pytest.mark.parametrize("encoding", ["causal", "segmented"])
def test_coarse_nodes_have_the_mass_of_the_fine_ones_they_hold(
    place: Place, encoding: Encoding, toys: Callable[[str], Toy]
) -> None:
    method = scorer(toys("llama"), place, encoding, segment_tokens=512)
    # The lengths are whole multiples, so that both cuts fill the same segments.
    lengths = (512, 1024, 512) if encoding == "segmented" else (300, 600, 77)
    documents = [Document(prose(length, length)) for length in lengths]
    fine = chunk(documents, ByteTokenizer(), node_tokens=64, boundary="exact")
    coarse = chunk(documents, ByteTokenizer(), node_tokens=256, boundary="exact")
    assert fine == cut([document.text for document in documents], 64)
    assert coarse == cut([document.text for document in documents], 256)

    found = method.score(QUERY, fine)
    wanted = method.score(QUERY, coarse)

    summed = [
        sum(
            share
            for share, part in zip(found.nodes, fine, strict=True)
            if part.document == node.document and node.start <= part.start < node.end
        )
        for node in coarse
    ]
    assert_same(Scores(tuple(summed), found.instruction), wanted, tolerance=1e-6)


def test_a_node_over_several_segments_has_the_sum_of_its_pieces(toys: Callable[[str], Toy]) -> None:
    toy = toys("llama")
    text = prose(8, 500)

    found = scorer(toy, "after", "segmented", 100).score(QUERY, [Node(0, 0, 500, text, 500)])

    # The pieces end at sentence ends where there are some; here there are none before the last.
    pieces = naive(toy.whole, QUERY.text, cut([text], 100), place="after", longest=100)
    assert_same(found, Scores((sum(pieces.nodes),), pieces.instruction))


@pytest.mark.parametrize("place", ["after", "alone"])
def test_batches_do_not_matter(place: Place, toys: Callable[[str], Toy], monkeypatch: pytest.MonkeyPatch) -> None:
    method = scorer(toys("gemma3_text"), place, "segmented")
    found = []
    for limit in (1, 400, 1 << 20):
        monkeypatch.setitem(forward._BATCH_TOKENS, "cpu", limit)
        found.append(method.score(QUERY, NODES))

    assert_same(found[0], found[1])
    assert_same(found[0], found[2])


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_segment_depends_on_its_own_text_only(variant: str, toys: Callable[[str], Toy]) -> None:
    method = scorer(toys(variant), "after", "segmented", 64)
    nodes = cut([prose(seed, 64) for seed in range(6)], 64)
    order = [3, 0, 5, 1, 4, 2]

    found = method.score(QUERY, nodes)
    shuffled = method.score(QUERY, [nodes[index] for index in order])

    assert_same(shuffled, Scores(tuple(found.nodes[index] for index in order), found.instruction))


def test_a_segment_may_not_pass_the_window(toys: Callable[[str], Toy]) -> None:
    from longattncomp.errors import InputError

    with pytest.raises(InputError, match="segment_tokens=2048"):
        scorer(toys("llama"), "after", "segmented", 2048)
    with pytest.raises(InputError, match="segmented"):
        scorer(toys("llama"), "after", "causal").score(QUERY, cut([prose(1, 2100)], 64))


def test_a_long_query_keeps_its_end_with_a_warning(toys: Callable[[str], Toy]) -> None:
    from longattncomp.errors import LongAttnCompWarning

    toy = toys("llama")
    nodes = NODES[:2]
    room = 2048 - len(INSTRUCTION) - len(QUESTION) - sum(node.tokens for node in nodes)
    asked = prose(9, 3000)

    with pytest.warns(LongAttnCompWarning, match="3000 tokens"):
        found = scorer(toy, "after", "segmented", 128).score(Query(asked), nodes)

    assert_same(found, naive(toy.whole, asked[-room:], nodes, place="after", longest=None))


def test_no_sequence_passes_the_window(toys: Callable[[str], Toy]) -> None:
    from longattncomp.errors import LongAttnCompError

    toy = toys("llama")
    lengths: list[int] = []
    hook = toy.backbone._model.register_forward_pre_hook(
        lambda _module, _args, kwargs: lengths.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    with warnings.catch_warnings(), contextlib.suppress(LongAttnCompError):  # refusing is as good
        warnings.simplefilter("ignore")
        scorer(toy, "after", "segmented", 1900).score(QUERY, [Node(index, 0, 2, "ab", 2) for index in range(940)])
    hook.remove()

    assert max(lengths, default=0) <= 2048


# --- queries and keys -------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_queries_and_keys_are_those_inside_the_model(
    variant: str, toys: Callable[[str], Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What transformers hands to its own attention function in layer L, rotated and normed."""
    toy = toys(variant)
    family = importlib.import_module(type(toy.whole.model).__module__)
    genuine = family.eager_attention_forward
    seen: dict[int, tuple[Tensor, Tensor, float]] = {}

    def spy(module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Any, **options: Any) -> Any:
        seen[module.layer_idx] = (query[0], key[0], options.get("scaling", module.scaling))
        return genuine(module, query, key, value, mask, **options)

    monkeypatch.setattr(family, "eager_attention_forward", spy)
    ids = list(prose(1, 150).encode())
    with torch.inference_mode():
        toy.whole(torch.tensor([ids]))
    query, key, scaling = seen[LAYERS]
    head = untrained_head(toy.backbone, "after")

    (reading,) = toy.backbone.read([ids])
    states, rotary = reading.states, reading.rotary
    queries, keys = head.queries(states, rotary), head.keys(states, rotary)

    assert queries.shape == (4, 150, 8)
    assert keys.shape == (2, 150, 8)
    assert scaling == pytest.approx(scale(toy.whole.config))
    torch.testing.assert_close(queries, query * scaling, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(keys, key, rtol=1e-4, atol=1e-4)
    repeated = family.repeat_kv(key[None], 2)[0]
    torch.testing.assert_close(
        logits(queries, keys), query @ repeated.transpose(-1, -2) * scaling, rtol=1e-4, atol=1e-3
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_rotary_they_are_those_before_it(variant: str, toys: Callable[[str], Toy]) -> None:
    toy = toys(variant)
    attention = toy.whole.model.layers[LAYERS].self_attn
    seen: dict[str, Tensor] = {}

    def heads_first(output: Tensor) -> Tensor:  # Gemma norms after the transposition, Qwen before
        if output.shape[-2:] == (149, 8):
            return output
        return output.reshape(149, -1, 8).transpose(0, 1)

    hooks = [
        getattr(attention, f"{name}_norm" if hasattr(attention, "q_norm") else f"{name}_proj").register_forward_hook(
            lambda _module, _args, output, name=name: seen.update({name: heads_first(output[0])})
        )
        for name in "qk"
    ]
    ids = list(prose(2, 149).encode())
    with torch.inference_mode():
        toy.whole(torch.tensor([ids]))
    for hook in hooks:
        hook.remove()
    head = untrained_head(toy.backbone, "alone")

    (reading,) = toy.backbone.read([ids])
    states, rotary = reading.states, reading.rotary

    expected = seen["q"] * scale(toy.whole.config)
    torch.testing.assert_close(head.queries(states, rotary), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(head.keys(states, rotary), seen["k"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("place", ["after", "alone"])
@pytest.mark.parametrize("rotary", [True, False])
def test_rotary_follows_the_head_not_the_place(place: Place, rotary: bool, toys: Callable[[str], Toy]) -> None:
    toy = toys("llama")
    config = HeadConfig(toy.backbone.fingerprint, LAYERS, place, rotary=rotary)
    head = CrossAttentionHead(toy.backbone.scoring_layer, config)
    (reading,) = toy.backbone.read([list(b"the lease")])
    states, rotations = reading.states, reading.rotary

    changed = head.keys(states, (rotations[0] * 0, rotations[1]))

    assert torch.equal(changed, head.keys(states, rotations)) is not rotary


# --- streaming --------------------------------------------------------------------------------


@st.composite
def blocks(draw: st.DrawFn) -> tuple[Tensor, Tensor, int]:
    heads, rows, columns, n_units = (draw(st.integers(low, high)) for low, high in ((1, 3), (1, 3), (0, 12), (1, 6)))
    size = draw(st.sampled_from([2.0**-20, 1.0, 128.0, 2.0**13, 2.0**100]))
    numbers = st.floats(-size, size, width=32)
    values = draw(st.lists(numbers, min_size=heads * rows * columns, max_size=heads * rows * columns))
    units = draw(st.lists(st.integers(0, n_units - 1), min_size=columns, max_size=columns))
    return torch.tensor(values).reshape(heads, rows, columns), torch.tensor(units, dtype=torch.int64), n_units


@given(blocks())
def test_unit_logsumexp_is_torch_s_per_unit(block: tuple[Tensor, Tensor, int]) -> None:
    values, units, n_units = block

    found = unit_logsumexp(values, units, n_units)

    assert found.shape == (*values.shape[:2], n_units)
    for unit in range(n_units):
        expected = values.double()[..., units == unit].logsumexp(dim=-1)
        torch.testing.assert_close(found[..., unit].double(), expected, rtol=1e-5, atol=1e-5)


@given(blocks(), st.integers(0, 12))
def test_two_blocks_add_up_to_one(block: tuple[Tensor, Tensor, int], at: int) -> None:
    values, units, n_units = block

    halves = [
        unit_logsumexp(values[..., :at], units[:at], n_units),
        unit_logsumexp(values[..., at:], units[at:], n_units),
    ]

    torch.testing.assert_close(torch.logaddexp(*halves), unit_logsumexp(values, units, n_units), rtol=1e-5, atol=1e-5)


@given(blocks())
def test_coarser_units_follow_from_finer_ones(block: tuple[Tensor, Tensor, int]) -> None:
    values, units, n_units = block
    fine = unit_logsumexp(values, units, 2 * n_units)

    coarse = unit_logsumexp(values, units // 2, n_units)

    torch.testing.assert_close(torch.logaddexp(fine[..., ::2], fine[..., 1::2]), coarse, rtol=1e-5, atol=1e-5)


@given(blocks())
def test_shares_are_the_mean_of_softmax_over_columns(block: tuple[Tensor, Tensor, int]) -> None:
    values, units, n_units = block
    assume(len(units) > 0)
    matrix = values.double().softmax(dim=-1).mean(dim=(0, 1))  # over columns, (n,)
    expected = [float(matrix[units == unit].sum()) for unit in range(n_units)]

    even = torch.full(values.shape[:2], -math.log(values.shape[0] * values.shape[1]), dtype=torch.float64)

    found = log_shares(unit_logsumexp(values, units, n_units).double(), even).exp()

    # A float32 log-sum-exp near 1e4 is known to 1e-3 only.
    tolerance = max(1e-5, 4e-7 * float(values.abs().max()))
    assert found.tolist() == pytest.approx(expected, abs=min(tolerance, 1.0))
    assert float(found.sum()) == pytest.approx(1)

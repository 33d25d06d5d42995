"""The scores of the design (section 5), computed in full, (n_heads, m, n) at once, without the code under test."""

from __future__ import annotations

import importlib
import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from longattncomp.backbone.config import SUPPORTED
from longattncomp.backbone.forward import Backbone
from longattncomp.chunking.segments import segments
from longattncomp.scorers.cross_attention.layout import INSTRUCTION, QUESTION
from longattncomp.scorers.cross_attention.spreading import SCALES
from longattncomp.testing import ByteTokenizer, save_draft_model
from longattncomp.types import Node, Scores

LAYERS = 2
WORDS = ("lease", "rent", "tenant", "signed", "1997", "the", "of", "paid", "landlord", "deposit", "garden", "wall")
Place = Literal["after", "alone"]
MIXED = "gemma3_text, every second layer full"  # so that layer L is a full one; the toy's all slide
YARN = "llama, yarn"  # cos and sin are scaled
VARIANTS = (*SUPPORTED, MIXED, YARN)


@dataclass(frozen=True)
class Toy:
    """One model twice: as transformers opens it whole, and as we do."""

    whole: Any
    backbone: Backbone

    @classmethod
    def of(cls, variant: str, folder: Path) -> Toy:
        """Write a random model of a variant and open it."""
        from transformers import AutoModelForCausalLM

        save_draft_model(folder, variant.partition(",")[0])
        config = json.loads((folder / "config.json").read_text())
        if variant == MIXED:
            config["layer_types"] = ["full_attention", "sliding_attention"] * 2
        if variant == YARN:
            config["rope_parameters"] = {
                "rope_type": "yarn",
                "rope_theta": 10000.0,
                "factor": 4.0,
                "original_max_position_embeddings": 512,
            }
        (folder / "config.json").write_text(json.dumps(config))
        whole = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        return cls(whole.eval(), Backbone.open(folder, LAYERS, device="cpu", dtype="float32"))


def assert_same(found: Scores, expected: Scores, tolerance: float = 1e-5) -> None:
    assert len(found.nodes) == len(expected.nodes)
    pairs = zip((found.instruction, *found.nodes), (expected.instruction, *expected.nodes), strict=True)
    assert max(abs(one - other) for one, other in pairs) <= tolerance


def prose(seed: int, length: int) -> str:
    words = random.Random(seed).choices(WORDS, k=length)
    return " ".join(words)[: length - 1] + "."


def cut(texts: Sequence[str], size: int) -> list[Node]:
    """Nodes of at most `size` bytes of ASCII texts."""
    return [
        Node(index, start, min(start + size, len(text)), text[start : start + size], len(text[start : start + size]))
        for index, text in enumerate(texts)
        for start in range(0, len(text), size)
    ]


def packed(nodes: Sequence[Node], longest: int | None) -> list[list[tuple[int, int]]]:
    """Segments as (byte, node or -1) pairs; in one segment "\\n\\n" stands between documents."""
    if longest is not None:  # where they end is held by tests/unit/test_chunking.py
        parts = segments(nodes, ByteTokenizer(), segment_tokens=longest)
        return [list(zip(part.ids, part.units, strict=True)) for part in parts]
    result: list[tuple[int, int]] = []
    for index, node in enumerate(nodes):
        if index and nodes[index - 1].document != node.document:
            result += [(10, -1), (10, -1)]
        result += [(byte, index) for byte in node.text.encode()]
    return [result]


def scale(config: Any) -> float:
    return float(getattr(config, "query_pre_attn_scalar", config.head_dim)) ** -0.5


@dataclass(frozen=True)
class Projected:
    """Of one sequence, by the whole model's own layer L.

    Attributes:
        normed: (n, width) what goes into the projections.
        queries: (n_heads, n, head_dim)
        keys: (n_heads, n, head_dim), key heads repeated.
    """

    normed: Tensor
    queries: Tensor
    keys: Tensor


def projections(whole: Any, ids: Sequence[int], *, rotary: bool) -> Projected:
    family = importlib.import_module(type(whole.model).__module__)
    tokens = torch.tensor([ids])
    layer, config = whole.model.layers[LAYERS], whole.config
    attention = layer.self_attn
    states = layer.input_layernorm(whole(tokens, output_hidden_states=True).hidden_states[LAYERS])
    shape = (1, len(ids), -1, config.head_dim)
    query, key = attention.q_proj(states).view(shape), attention.k_proj(states).view(shape)
    if hasattr(attention, "q_norm"):
        query, key = attention.q_norm(query), attention.k_norm(key)
    query, key = query.transpose(1, 2), key.transpose(1, 2)
    if rotary:
        kinds = [config.layer_types[LAYERS]] if config.model_type == "gemma3_text" else []
        cos, sin = whole.model.rotary_emb(states, torch.arange(len(ids))[None], *kinds)
        query, key = family.apply_rotary_pos_emb(query, key, cos, sin)
    return Projected(states[0], query[0], key[0].repeat_interleave(query.shape[1] // key.shape[1], dim=0))


@dataclass(frozen=True)
class Extensions:
    """What a head may have beyond the paper.

    Attributes:
        head_weights: (n_heads,)
        row_gate: (width,)
        rarity: of one unit of inverse document frequency.
        match_strength: (n_heads,)
        spread: (n_scales,) logits, beside 0 for what stays.
        spread_gate: (n_scales, width) what the query's mean state adds to them.
        spread_breadth: (n_scales,) what each unit of the logarithm of 1 / sum of squared shares adds.
        word: byte -> word.
    """

    head_weights: Tensor
    row_gate: Tensor
    rarity: float
    match_strength: Tensor
    spread: Tensor
    spread_gate: Tensor
    spread_breadth: Tensor
    word: Callable[[int], int]


def inverse_document_frequency(word: int, nodes: Sequence[Node], of: Callable[[int], int]) -> float:
    found = sum(word in {of(byte) for byte in node.text.encode()} for node in nodes)
    return math.log(1 + (len(nodes) - found + 0.5) / (found + 0.5)) if found else 0.0


@torch.inference_mode()
def naive(
    whole: Any,
    query: str,
    nodes: Sequence[Node],
    *,
    place: Place,
    longest: int | None,
    extensions: Extensions | None = None,
) -> Scores:
    """The paper's formula, with a head's extensions if given; one segment if `longest` is None."""
    config = whole.config
    more = extensions or Extensions(
        torch.zeros(config.num_attention_heads),
        torch.zeros(config.hidden_size),
        0.0,
        torch.zeros(config.num_attention_heads),
        torch.full((len(SCALES),), -torch.inf),
        torch.zeros(len(SCALES), config.hidden_size),
        torch.zeros(len(SCALES)),
        int,
    )
    instruction, question, asked = INSTRUCTION.encode(), QUESTION.encode(), query.encode()
    rotary = place == "after"
    parts = packed(nodes, longest)
    rare = torch.tensor([inverse_document_frequency(more.word(byte), nodes, more.word) for byte in asked])
    blocks = []  # per segment: (n_heads, m, n) logits
    gates = []  # per segment: (m,)
    means = []  # per segment: (width,) of the query's states
    for part in parts:
        context = [*instruction, *(byte for byte, _ in part)]
        if place == "after":
            reading = asking = projections(whole, [*context, *question, *asked], rotary=rotary)
        else:
            asking = projections(whole, [*instruction, *question, *asked], rotary=rotary)
            reading = projections(whole, context, rotary=rotary)
        rows, columns = asking.queries[:, -len(asked) :], reading.keys[:, : len(context)]
        block = torch.einsum("hmd,hnd->hmn", rows.double(), columns.double()) * scale(config)
        same = torch.tensor([[more.word(byte) == more.word(other) for other, _ in part] for byte in asked])
        block[..., len(instruction) :] += more.match_strength[:, None, None] * (rare[:, None] * same)
        blocks.append(block)
        gates.append(asking.normed[-len(asked) :] @ more.row_gate + more.rarity * rare)
        means.append(asking.normed[-len(asked) :].mean(dim=0))
    highest = torch.cat(blocks, dim=-1).amax(dim=-1, keepdim=True)

    masses = torch.zeros(*blocks[0].shape[:2], 1 + len(nodes), dtype=torch.float64)
    for part, block in zip(parts, blocks, strict=True):
        exponentials = (block - highest).exp()
        masses[..., 0] += exponentials[..., : len(instruction)].sum(dim=-1) / len(parts)
        for column, (_, unit) in enumerate(part, start=len(instruction)):
            if unit >= 0:
                masses[..., 1 + unit] += exponentials[..., column]
    shares = masses / masses.sum(dim=-1, keepdim=True)  # (n_heads, m, 1 + n_nodes)
    heads = more.head_weights.double().softmax(dim=0)
    counted = torch.stack(gates).double().mean(dim=0).softmax(dim=0)  # (m,)
    instruction_share, *found = torch.einsum("h,m,hmu->u", heads, counted, shares).tolist()
    breadth = math.log(sum(found) ** 2 / sum(share**2 for share in found))
    given = more.spread + more.spread_gate @ torch.stack(means).mean(dim=0) + more.spread_breadth * breadth
    return Scores(spread(found, nodes, torch.cat([torch.zeros(1), given]).softmax(0).tolist()), instruction_share)


def spread(shares: Sequence[float], nodes: Sequence[Node], parts: Sequence[float]) -> tuple[float, ...]:
    """Node by node, what each keeps and gives to the nodes of its document, itself included."""
    middles = [sum(before.tokens for before in nodes[:index]) + node.tokens / 2 for index, node in enumerate(nodes)]
    found = [parts[0] * share for share in shares]
    for giver, share in enumerate(shares):
        takers = [taker for taker, node in enumerate(nodes) if node.document == nodes[giver].document]
        for part, scale in zip(parts[1:], SCALES, strict=True):
            pulls = [nodes[taker].tokens * math.exp(-abs(middles[taker] - middles[giver]) / scale) for taker in takers]
            for taker, pull in zip(takers, pulls, strict=True):
                found[taker] += part * share * pull / sum(pulls)
    return tuple(found)

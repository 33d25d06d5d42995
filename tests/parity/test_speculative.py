"""Speculative Prefill against the formula of the design (section 5), from eager attention over the whole sequence."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from naive import cut, prose
from torch import Tensor

from longattncomp.backbone import attention, lookahead
from longattncomp.backbone.config import SUPPORTED
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.backbone.whole import open_whole
from longattncomp.scorers.speculative import ANSWER, INSTRUCTION, QUESTION, SpeculativePrefillScorer, windows
from longattncomp.testing import save_draft_model
from longattncomp.types import Node, Query

LOOK_AHEAD, POOL = 8, 13
MIXED = "gemma3_text, every second layer full"
VARIANTS = (*SUPPORTED, MIXED)
QUERY = Query("Who signed the lease?")
SMALL = 220  # tokens of a window: a few nodes beside the instruction, the query and what is decoded


@dataclass(frozen=True)
class Toy:
    """One model twice.

    Attributes:
        eager: as transformers opens it, with its slow attention.
        folder: where it lies.
        tokenizer: its own.
    """

    eager: Any
    folder: Path
    tokenizer: DraftTokenizer

    def opened(self) -> Any:
        model, _ = open_whole(str(self.folder), model_dir=self.folder / "cache", device="cpu", dtype="float32")
        return model

    def ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text).ids)


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Toy]:
    known: dict[tuple[str, int], Toy] = {}

    def of(variant: str, window: int = 2048) -> Toy:
        from transformers import AutoModelForCausalLM

        if (variant, window) not in known:
            folder = save_draft_model(tmp_path_factory.mktemp("toy"), variant.partition(",")[0])
            config = json.loads((folder / "config.json").read_text())
            config |= {"max_position_embeddings": window, "eos_token_id": None, "tie_word_embeddings": False}
            if variant == MIXED:
                config["layer_types"] = ["full_attention", "sliding_attention"] * 2
            (folder / "config.json").write_text(json.dumps(config))
            (folder / "generation_config.json").unlink()
            with warnings.catch_warnings(action="ignore"):  # the output layer is missing
                eager = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
            torch.manual_seed(0)
            torch.nn.init.normal_(eager.lm_head.weight)  # tied to the embedding, it would say the same token over
            eager.save_pretrained(folder)
            known[variant, window] = Toy(eager.eval(), folder, DraftTokenizer.from_folder(folder))
        return known[variant, window]

    return of


def decoded(eager: Any, prompt: Sequence[int], ends: Sequence[int] = ()) -> list[int]:
    """The prompt and what is decoded after it, without a cache."""
    ids = list(prompt)
    for _ in range(LOOK_AHEAD):
        token = int(eager(torch.tensor([ids])).logits[0, -1].argmax())
        if token in ends:
            break
        ids.append(token)
    return ids


@torch.inference_mode()
def naive_importance(eager: Any, prompt: Sequence[int], ends: Sequence[int] = ()) -> tuple[Tensor, int]:
    """(n,) of each position of the prompt, and how many steps that is the mean of."""
    n = len(prompt)
    ids = decoded(eager, prompt, ends)
    layers = torch.cat(eager(torch.tensor([ids]), output_attentions=True).attentions).double()
    rows = layers[:, :, n - 1 :, :n]  # (n_layers, n_heads, steps, n), in which the decoded columns are left out
    rows = rows / rows.sum(dim=-1, keepdim=True)
    pooled = torch.zeros_like(rows)
    for at in range(n):
        pooled[..., at] = rows[..., max(0, at - POOL // 2) : at + POOL // 2 + 1].sum(dim=-1) / POOL
    return pooled.flatten(0, 1).amax(dim=0).mean(dim=0), rows.shape[2]


def naive_shares(toy: Toy, nodes: Sequence[Node], spans: Sequence[tuple[int, int]] | None = None) -> list[float]:
    """Node by node, from the context laid out token by token."""
    context: list[tuple[int, int]] = []  # (id, node or -1); a byte is a token
    for index, node in enumerate(nodes):
        if index and nodes[index - 1].document != node.document:
            context += [(token, -1) for token in toy.ids("\n\n")]
        context += [(token, index) for token in toy.ids(node.text)]
    found: list[list[float]] = [[] for _ in nodes]
    before, after = toy.ids(INSTRUCTION), toy.ids(f"{QUESTION}{QUERY.text}{ANSWER}")
    for start, end in spans or [(0, len(context))]:
        part = context[start:end]
        prompt = [*before, *(token for token, _ in part), *after]
        importance, _ = naive_importance(toy.eager, prompt)
        for (_, owner), value in zip(part, importance[len(before) :].tolist(), strict=False):
            if owner >= 0:
                found[owner].append(value * len(prompt))
    means = [sum(values) / len(values) for values in found]
    return [mean / sum(means) for mean in means]


def uneven() -> list[Node]:
    """Nodes of 1 to 90 tokens from four documents; a sliding window of 64 tokens sees the last four."""
    texts = [prose(1, 130), "x", prose(2, 90), prose(4, 12)]
    return [
        *cut(texts[:1], 20),
        Node(1, 0, 1, texts[1], 1),
        Node(2, 0, 90, texts[2], 90),
        *(Node(3, start, start + 3, texts[3][start : start + 3], 3) for start in range(0, 12, 3)),
    ]


@pytest.mark.parametrize("variant", VARIANTS)
def test_agrees_with_eager_attention(variant: str, toys: Callable[..., Toy]) -> None:
    toy, nodes = toys(variant), uneven()

    found = SpeculativePrefillScorer(toy.opened(), toy.tokenizer).score(QUERY, nodes)

    assert found.nodes == pytest.approx(naive_shares(toy, nodes), abs=1e-4, rel=1e-4)
    assert found.instruction == 0
    assert len(set(found.nodes)) >= 4


@pytest.mark.parametrize(("variant", "shortest"), [("llama", 7), ("qwen3", 7), (MIXED, 1)])
def test_agrees_when_the_prompt_is_read_in_pieces(
    variant: str, shortest: int, toys: Callable[..., Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    toy, nodes = toys(variant), uneven()
    expected = naive_shares(toy, nodes)

    for piece in (shortest, 37, 100):
        monkeypatch.setattr(lookahead, "_PIECE", piece)
        found = SpeculativePrefillScorer(toy.opened(), toy.tokenizer).score(QUERY, nodes)
        assert found.nodes == pytest.approx(expected, abs=1e-4, rel=1e-4)


@pytest.mark.parametrize("variant", ["llama", MIXED])
def test_agrees_on_the_kernel_for_bf16(variant: str, toys: Callable[..., Toy], monkeypatch: pytest.MonkeyPatch) -> None:
    """In fp32 here: with pieces and single rows, it has to do more than read a whole sequence."""
    monkeypatch.setattr(lookahead, "_PIECE", 150)  # more than a block of rows, less than the prompt
    toy, nodes = toys(variant), uneven()
    model = toy.opened()
    attention.register()
    model.set_attn_implementation(attention.NAME)

    found = SpeculativePrefillScorer(model, toy.tokenizer).score(QUERY, nodes)

    assert found.nodes == pytest.approx(naive_shares(toy, nodes), abs=1e-4, rel=1e-4)


@pytest.mark.parametrize("variant", ["llama", "gemma3_text"])
def test_agrees_over_windows(variant: str, toys: Callable[..., Toy]) -> None:
    toy = toys(variant, SMALL)
    nodes = [*uneven(), Node(4, 0, 200, prose(3, 200), 200)]  # the last is longer than a window
    scorer = SpeculativePrefillScorer(toy.opened(), toy.tokenizer)
    room = SMALL - LOOK_AHEAD - len(f"{INSTRUCTION}{QUESTION}{QUERY.text}{ANSWER}")
    units = [0] * 20 + [1] * 20 + [2] * 20 + [3] * 20 + [4] * 20 + [5] * 20 + [6] * 10 + [-1] * 2 + [7] + [-1] * 2
    units += [8] * 90 + [-1] * 2
    units += [9] * 3 + [10] * 3 + [11] * 3 + [12] * 3 + [-1] * 2 + [13] * 200
    spans = list(windows(units, room))
    assert len(spans) > 3
    assert len({end - start for start, end in spans}) > 1

    found = scorer.score(QUERY, nodes)

    assert found.nodes == pytest.approx(naive_shares(toy, nodes, spans), abs=1e-4, rel=1e-4)


@pytest.mark.parametrize("kind", [int, list])
def test_an_end_of_sequence_token_ends_the_look_ahead(kind: type, toys: Callable[..., Toy]) -> None:
    toy = toys("qwen3")
    prompt = toy.ids(prose(5, 120))
    free = decoded(toy.eager, prompt)[len(prompt) :]
    end = next(token for token in free[2:] if token not in free[:2])
    kept = free.index(end)
    model = toy.opened()
    model.generation_config.eos_token_id = end if kind is int else [255, end]

    def fold(below: Tensor, layer: Tensor) -> Tensor:
        assert layer.sum(dim=-1) == pytest.approx(1)
        pooled = torch.nn.functional.avg_pool1d(layer[None], POOL, stride=1, padding=POOL // 2)[0]
        return torch.maximum(below, pooled.amax(dim=0))

    rows = list(lookahead.LookAhead(model).steps(prompt, LOOK_AHEAD, fold))

    expected, steps = naive_importance(toy.eager, prompt, [end])
    assert len(rows) == steps == kept + 1 < LOOK_AHEAD + 1
    torch.testing.assert_close(torch.stack(rows).mean(dim=0).double(), expected, atol=1e-5, rtol=1e-4)


def test_the_model_is_as_it_was_for_others(toys: Callable[..., Toy]) -> None:
    toy = toys(MIXED)
    model, prompt = toy.opened(), torch.tensor([toy.ids(prose(6, 100))])
    with torch.inference_mode():
        before = model(prompt).logits
        scorers = [SpeculativePrefillScorer(model, toy.tokenizer) for _ in range(2)]
        assert scorers[0].score(QUERY, uneven()) == scorers[1].score(QUERY, uneven())
        assert torch.equal(model(prompt).logits, before)

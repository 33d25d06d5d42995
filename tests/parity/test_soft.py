"""What a target reads from vectors, against one plain pass over everything with a mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import DynamicCache

from longattncomp.backbone.loading import cache_argument
from longattncomp.soft.adapter import untrained
from longattncomp.soft.anchors import Anchors
from longattncomp.soft.concepts import Concepts
from longattncomp.soft.methods import METHODS
from longattncomp.soft.places import anchors
from longattncomp.soft.reader import SoftReader
from longattncomp.soft.target import Memory, Target
from longattncomp.soft.turning import turned

EXACT = {"rtol": 0, "atol": 1e-4}
IDS = [7 * n % 200 + 3 for n in range(60)]
ASKED = [90, 17, 4, 33, 120]
RATIO = 5


def opened(folder: Path, dtype: str = "float32") -> Target:
    return Target(str(folder), model_dir=folder, device="cpu", dtype=dtype)


@pytest.fixture(scope="module")
def target(toy_chat_folder: Path) -> Target:
    return opened(toy_chat_folder)


@pytest.fixture(scope="module")
def sac(target: Target) -> Anchors:
    soft = untrained("sac", target, (RATIO,)).open(target)
    assert isinstance(soft, Anchors)
    return soft


def naive(target: Target, ids: list[int], seen: Tensor, marked: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Logits after each of all tokens, from one pass with a mask (rows, columns); `marked` is added to some rows."""
    embeddings = target.embed(ids)
    if marked is not None:
        places, vector = marked
        embeddings = embeddings.clone()
        embeddings[places] += vector
    with torch.no_grad():
        return target.model(inputs_embeds=embeddings[None], attention_mask=seen[None, None], use_cache=False).logits[0]


def causal(n: int) -> Tensor:
    return torch.ones(n, n).tril().bool()


@torch.no_grad()
def test_embeddings_are_read_as_ids_are(target: Target) -> None:
    expected = target.model(input_ids=torch.tensor([IDS]), use_cache=False).logits
    found = target.read(Memory(), target.embed(IDS)[None], last=len(IDS))
    torch.testing.assert_close(found.logits, expected, **EXACT)


@torch.no_grad()
def test_a_memory_goes_on_where_it_ended_and_stays_as_it_is(target: Target) -> None:
    memory = target.read(Memory(), target.embed(IDS)[None]).memory
    size = memory.nbytes
    once, again = (target.read(memory, target.embed(ASKED)[None]).logits for _ in range(2))
    expected = target.read(Memory(), target.embed(IDS + ASKED)[None]).logits
    torch.testing.assert_close(once, expected, **EXACT)
    assert torch.equal(once, again)
    assert memory.nbytes == size


def expected_after(target: Target, soft: Anchors, ids: list[int], after: list[int], *, size: int = 510) -> Tensor:
    """Logits after `after`, where what the template puts before is seen whole, and of the text only anchors."""
    before = target.form.around("")[0]
    n, everything = len(before), [*before, *ids, *after]
    seen = causal(len(everything))
    chosen = []
    for start in range(0, len(ids), size):
        own = slice(n + start, n + min(start + size, len(ids)))
        seen[own] = False
        seen[own, own] = True
        chosen += [own.start + place for place in anchors(own.stop - own.start, RATIO)]
    seen[n + len(ids) :, n : n + len(ids)] = False
    seen[n + len(ids) :, chosen] = True
    return naive(target, everything, seen, (torch.tensor(chosen), soft.weights["anchor"]))


@torch.no_grad()
def test_anchors_in_the_memory_are_the_full_pass_with_all_other_columns_masked(target: Target, sac: Anchors) -> None:
    (vectors,) = sac.encode([IDS], RATIO)
    memory = sac.memory(target.before(), [[(len(IDS), vectors)]])
    found = target.read(memory, target.embed(ASKED)[None], last=len(ASKED)).logits[0]
    torch.testing.assert_close(found, expected_after(target, sac, IDS, ASKED)[-len(ASKED) :], **EXACT)


@torch.no_grad()
def test_pieces_that_were_read_apart_are_put_where_they_belong(target: Target, sac: Anchors) -> None:
    parts = [IDS[:25], IDS[25:50], IDS[50:]]
    made = sac.encode(parts, RATIO)
    memory = sac.memory(target.before(), [[(len(part), own)] for part, own in zip(parts, made, strict=True)])
    assert memory.position == len(target.form.around("")[0]) + len(IDS)
    found = target.read(memory, target.embed(ASKED)[None], last=len(ASKED)).logits[0]
    torch.testing.assert_close(found, expected_after(target, sac, IDS, ASKED, size=25)[-len(ASKED) :], **EXACT)


@torch.no_grad()
def test_an_answer_from_anchors_is_that_of_full_passes(target: Target) -> None:
    reader = SoftReader(target, untrained("sac", target, (RATIO,)))
    text = "The lease was signed in May."
    asked = target.form.around("\n\nWho signed?")[1]
    ids = list(target.tokenizer.encode(text).ids)
    written: list[int] = []
    while len(written) < 12:
        soft = reader._soft
        assert isinstance(soft, Anchors)
        token = int(expected_after(target, soft, ids, asked + written)[-1].argmax())
        if token in target.ends:
            break
        written.append(token)
    assert len(written) > 3
    found = reader.answer("Who signed?", reader.compress(text), answer_tokens=12)
    assert found == target.text(written).strip()


@torch.no_grad()
@pytest.mark.parametrize(("far", "error"), [(150, 1e-4), (1500, 1e-3)])  # the library's own angles are of fp32
def test_turned_keys_are_keys_that_were_read_there(far: int, error: float, target: Target) -> None:
    """Values and states do not depend on where the whole stands."""

    def read(places: Tensor) -> DynamicCache:
        cache = DynamicCache()
        options: dict[str, Any] = {cache_argument(target.model): cache}
        mask = torch.ones(1, 1, len(IDS), len(IDS), dtype=torch.bool)
        target.model(inputs_embeds=target.embed(IDS)[None], attention_mask=mask, position_ids=places[None], **options)
        return cache

    here, there = read(torch.arange(len(IDS))), read(far + torch.arange(len(IDS)))
    frequencies = target.model.base_model.rotary_emb.inv_freq
    for layer, other in zip(here.layers, there.layers, strict=True):
        moved = turned(layer.keys, torch.full((len(IDS),), far), frequencies)
        torch.testing.assert_close(moved, other.keys, rtol=0, atol=error)
        torch.testing.assert_close(layer.values, other.values, rtol=0, atol=error)
        assert (layer.keys - other.keys).abs().max() > 0.1


@torch.no_grad()
@pytest.mark.parametrize("method", METHODS)
def test_rows_together_are_each_alone(method: str, target: Target) -> None:
    soft = untrained(method, target, (RATIO,)).open(target)
    parts = [IDS[:20], IDS[20:23], IDS[23:24], IDS[30:49]]
    together = soft.encode(parts, RATIO)
    for part, own in zip(parts, together, strict=True):
        (alone,) = soft.encode([part], RATIO)
        torch.testing.assert_close(own, alone, **EXACT)
        assert own.shape == soft.shape(len(part), RATIO)


@torch.no_grad()
def test_concepts_are_read_between_the_tokens_of_the_template(toy_chat_folder: Path, target: Target) -> None:
    """With a matrix that reads nothing they are sums of embeddings, and at a ratio of one the text itself."""
    soft = untrained("compllm", target, (1, 2)).open(target)
    assert isinstance(soft, Concepts)
    (whole,), (half,) = soft.encode([IDS], 1), soft.encode([IDS[:5]], 2)
    torch.testing.assert_close(whole, target.embed(IDS), **EXACT)
    own = target.embed(IDS[:5])
    torch.testing.assert_close(half, torch.stack([*own[:4].view(2, 2, -1).sum(1) / 2**0.5, own[4]]), **EXACT)
    memory = soft.memory(target.before(), [[(len(IDS), whole)]])
    asked = target.form.around("\n\nWho?")[1]
    found = target.read(memory, target.embed(asked)[None]).logits[0]
    everything = [*target.form.around("")[0], *IDS, *asked]
    torch.testing.assert_close(found, naive(target, everything, causal(len(everything)))[-1:], **EXACT)


@torch.no_grad()
def test_what_the_matrix_reads_comes_from_the_slots(target: Target) -> None:
    soft = untrained("compllm", target, (2,)).open(target)
    assert isinstance(soft, Concepts)
    (before,) = soft.encode([IDS[:20]], 2)
    soft.weights["readout"].copy_(torch.eye(32))  # type: ignore[index]
    (found,) = soft.encode([IDS[:20]], 2)
    row = torch.cat([target.embed(IDS[:20]), target.embed([0] * 10)])
    states = target.model.base_model(inputs_embeds=row[None], use_cache=False).last_hidden_state[0, 20:]
    torch.testing.assert_close(found - before, soft.weights["scale"] * states, **EXACT)


def test_a_target_with_windows_is_read_by_concepts_only(tmp_path: Path) -> None:
    from longattncomp.errors import UnsupportedModelError
    from longattncomp.testing import save_draft_model

    target = opened(save_draft_model(tmp_path, "gemma3_text"))
    with pytest.raises(UnsupportedModelError, match="take method='compllm'"):
        untrained("sac", target, (5,)).open(target)
    soft = untrained("compllm", target, (1,)).open(target)
    with torch.no_grad():
        memory = soft.memory(Memory(), [[(len(IDS), soft.encode([IDS], 1)[0])]])
        found = target.read(memory, target.embed(ASKED)[None]).logits
        expected = target.model(input_ids=torch.tensor([IDS + ASKED]), use_cache=False).logits[:, -1:]
    torch.testing.assert_close(found, expected, **EXACT)  # the embedding's own scale is in it once


@torch.no_grad()
def test_positions_with_gaps_need_a_mask(target: Target) -> None:
    """If this fails, transformers reads positions in another way, and `Target.read` should be looked at."""
    places = torch.tensor([[*range(10), *range(30, 40)]])
    rows = target.embed(IDS[:20])[None]
    bare = target.model(inputs_embeds=rows, position_ids=places, use_cache=False).logits
    masked = target.model(
        inputs_embeds=rows, position_ids=places, attention_mask=causal(20)[None, None], use_cache=False
    ).logits
    assert (bare - masked).abs().max() > 0.1

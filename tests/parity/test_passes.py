"""Requests that share a pass get the results that each would get alone."""

from __future__ import annotations

import gc
import random
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.lookahead import LookAhead
from longattncomp.backbone.passes import masks
from longattncomp.runtime.processors import Processors
from longattncomp.testing import save_draft_model

Request = tuple[str, list[list[int]], list[list[int]]]
"""What is wanted; token ids of contexts; and of questions."""

DRAW = random.Random(0)


def sequences(*lengths: int) -> list[list[int]]:
    return [DRAW.choices(range(256), k=length) for length in lengths]


READING: list[Request] = [
    ("read", sequences(90, 30), []),
    ("read", sequences(100), sequences(9)),
    ("read", sequences(70, 110), sequences(5, 17)),
    ("keep", sequences(95), sequences(12)),
    ("keep", sequences(40, 7), []),
    ("read", sequences(101), sequences(3)),
    ("read", sequences(300), []),
]
ASKING: list[Request] = [
    ("ask", sequences(90, 85), sequences(6)),
    ("ask", sequences(80), sequences(11, 2)),
    ("ask", sequences(99, 60, 3), sequences(20, 1, 30)),
    ("ask", sequences(400), sequences(8)),
    ("ask", sequences(88), sequences(6)),
]


@pytest.fixture(scope="module", params=["llama", "gemma3_text", "mistral"])
def backbone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    folder: Path = save_draft_model(tmp_path_factory.mktemp("toy"), request.param)
    return Backbone.open(folder, 2, device="cpu", dtype="float32")


def caller(backbone: Backbone, request: Request) -> Callable[[], list[Tensor]]:
    """Prepare a request, and return the call that a thread makes for it."""
    what, contexts, questions = request
    if what == "ask":
        read = {one.index: one.key_values for one in backbone.read(contexts, keep=True)}
        kept = [read[index] for index in range(len(contexts))]

        def asked() -> list[Tensor]:
            found = sorted(backbone.ask(kept, questions), key=lambda one: one.index)  # type: ignore[arg-type]
            return [
                tensor for one in found for pair in zip(one.states, one.rotaries, strict=True) for tensor in flat(pair)
            ]

        return asked

    def wanted() -> list[Tensor]:
        found = sorted(backbone.read(contexts, questions, keep=what == "keep"), key=lambda one: one.index)
        return [
            tensor
            for one in found
            for tensor in (
                one.states,
                *one.asked,
                *one.rotary,
                *(part for pair in one.key_values or () for part in pair),
            )
        ]

    return wanted


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if condition():
            return
        time.sleep(0.001)
    pytest.fail("the condition never held")


def flat(pair: tuple[Tensor, tuple[Tensor, Tensor]]) -> Sequence[Tensor]:
    return pair[0], *pair[1]


@pytest.mark.parametrize("requests", [READING, ASKING, READING + ASKING], ids=["reading", "asking", "both"])
def test_together_as_alone(requests: list[Request], backbone: Backbone) -> None:
    calls = [caller(backbone, request) for request in requests]
    passes: list[int] = []
    gate = threading.Event()

    def count(_: Any, args: Any, options: dict[str, Any]) -> None:
        passes.append(len(options["input_ids"]))
        gate.wait(timeout=10)

    hook = backbone._model.register_forward_pre_hook(count, with_kwargs=True)
    try:
        gate.set()
        expected = [call() for call in calls]
        apart, passes[:] = list(passes), []
        gate.clear()
        with ThreadPoolExecutor(len(calls) + 1) as pool:
            first = pool.submit(lambda: list(backbone.read(sequences(5))))
            running = [pool.submit(call) for call in calls]
            wait_for(lambda: len(backbone._turns._line) == len(calls))
            gate.set()
            first.result()
            found = [one.result() for one in running]
    finally:
        hook.remove()

    for own, alone in zip(found, expected, strict=True):
        assert len(own) == len(alone)
        for tensor, reference in zip(own, alone, strict=True):
            torch.testing.assert_close(tensor, reference, rtol=1e-4, atol=1e-5)
    assert len(passes) - 1 <= len(apart) - 2
    assert sum(passes) - 1 == sum(apart)


def test_a_model_ends_with_who_has_it(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    folder = save_draft_model(tmp_path)
    gc.collect()
    gc.disable()
    try:
        backbone = Backbone.open(folder, 2, device="cpu", dtype="float32")
        list(backbone.read(sequences(5)))
        layers = weakref.ref(backbone._model)
        del backbone
        wait_for(lambda: layers() is None)  # its thread has put the last pass away

        look = LookAhead(AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa"))
        list(look.steps([1, 2, 3], 1, lambda folded, _: folded))
        whole = weakref.ref(look._model)
        del look
        wait_for(lambda: whole() is None)
    finally:
        gc.enable()


def test_a_pass_has_at_most_the_threads_of_who_asks(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    hook = backbone._model.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        monkeypatch.setattr(Processors, "threads", lambda _, most: most)
        list(backbone.read(sequences(5)))
    finally:
        torch.set_num_threads(before)
        hook.remove()
    assert seen == [3]


@pytest.mark.parametrize(
    ("types", "sliding_window", "expected"),
    [
        (None, None, "full"),
        (None, 4, "sliding"),
        (["full_attention"] * 2, 4, "full"),  # Qwen's deeper layers have the window
        (["full_attention", "sliding_attention"], 4, "each its own"),
    ],
)
def test_layers_that_see_everything_have_no_window(
    types: list[str] | None, sliding_window: int | None, expected: str
) -> None:
    config = SimpleNamespace(layer_types=types, sliding_window=sliding_window)
    full, sliding = torch.ones(1), torch.zeros(1)
    found = masks(config, full, sliding)
    named = {"full": full, "sliding": sliding}
    if expected in named:
        assert found is named[expected]
    else:
        assert found == {"full_attention": full, "sliding_attention": sliding}

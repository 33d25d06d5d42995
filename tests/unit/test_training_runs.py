"""A stage of several runs: the mean of their weights, measured on what no run saw; a stopped one goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.evaluation.rows import Evidence, Example
from longattncomp.scorers.head import CrossAttentionHead, load_head, untrained_head
from longattncomp.training.loop import HEAD, LOG, Trained, train, validation_loss
from longattncomp.training.queries import Context
from longattncomp.training.runs import run_folders, train_stage
from longattncomp.training.stages import Stage
from longattncomp.training.states import Reader
from longattncomp.types import Document

STAGE = Stage(name="toy", sources={}, segment_tokens=128, node_tokens=16, epochs=2, batch=2, validation=0.25, runs=3)
Train = Callable[..., Trained]


@pytest.fixture(scope="module")
def contexts() -> list[Context]:
    """A context for each sign: one of its documents says where the sign is."""
    found: list[Context] = []
    for sign in "!#$%&*+<":
        documents = tuple(Document(id=str(n), text=f"Box {n} holds {sign if n == 2 else n} of it.") for n in range(4))
        evidence = (Evidence(2, 0, len(documents[2].text)),)
        queries = (f"box {sign}?", f"where is {sign}?", f"{sign} {sign}")
        found.append(tuple(Example(f"{sign}{q}", "toy", q, (sign,), documents, evidence) for q in queries))
    return found


@pytest.fixture(scope="module")
def reader(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(
        Backbone.open(toy_folder, 2, device="cpu", dtype="float32"),
        DraftTokenizer.from_folder(toy_folder),
        query_place=STAGE.query_place,
        segment_tokens=STAGE.segment_tokens,
        node_tokens=STAGE.node_tokens,
        folder=tmp_path_factory.mktemp("states"),
        most_bytes=10**8,
    )


def fresh(reader: Reader) -> CrossAttentionHead:
    head = untrained_head(reader.backbone, STAGE.query_place)
    head.extend()
    return head


@pytest.fixture(scope="module")
def whole(contexts: list[Context], reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Path]:
    out = tmp_path_factory.mktemp("whole")
    return train_stage(STAGE, contexts, fresh(reader), reader, out), out


def logs(out: Path) -> list[list[dict[str, float]]]:
    return [[json.loads(line) for line in (run / LOG).read_text().splitlines()] for run in run_folders(STAGE, out)]


def test_the_head_is_the_mean_of_its_runs(
    whole: tuple[Trained, Path], contexts: list[Context], reader: Reader, tmp_path: Path
) -> None:
    trained, out = whole
    runs = [load_file(run / HEAD) for run in run_folders(STAGE, out)]
    assert len(runs) == 3
    assert not runs[0]["q_proj.weight"].equal(runs[1]["q_proj.weight"])
    assert trained.head == out / HEAD
    for name, weight in load_file(trained.head).items():
        torch.testing.assert_close(weight, sum((run[name] for run in runs), torch.zeros(())) / 3)

    head = load_head(trained.head, reader.backbone)
    assert trained.validation == validation_loss(STAGE, contexts, head, reader)
    assert head.config.trained["toy"]["validation_loss"] == trained.validation
    assert head.config.trained["toy"]["runs"] == 3

    first = train(replace(STAGE, runs=1), contexts, fresh(reader), reader, tmp_path)
    assert_close(load_file(first.head), runs[0])
    assert first.validation == pytest.approx(min(line.get("validation", 9) for line in logs(out)[0]), rel=1e-5)


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, weight in found.items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-5, atol=1e-6)


def test_runs_ask_in_other_orders(whole: tuple[Trained, Path]) -> None:
    trained, out = whole
    losses = [[line["loss"] for line in lines if "loss" in line] for lines in logs(out)]
    assert len({tuple(run) for run in losses}) == 3
    assert trained.steps == trained.taken == sum(map(len, losses))


def test_what_was_stopped_goes_on_with_the_run_it_was_in(
    whole: tuple[Trained, Path], contexts: list[Context], reader: Reader, tmp_path: Path
) -> None:
    expected, out = whole
    seen: list[tuple[int, int]] = []
    of_first = sum("loss" in line for line in logs(out)[0])
    done = 0
    for taken in (of_first - 1, 1, 2, expected.steps):
        trained = train_stage(
            STAGE,
            contexts,
            fresh(reader),
            reader,
            tmp_path,
            most_steps=taken,
            progress=lambda *counts: seen.append(counts),
        )
        done = min(done + taken, expected.steps)
        assert trained.steps == done
        assert trained.complete == (done == expected.steps)
        assert (tmp_path / HEAD).exists() == trained.complete

    assert [number for number, _ in seen] == list(range(1, expected.steps + 1))
    assert all(total >= number for number, total in seen)
    assert seen[-1] == (expected.steps, expected.steps)
    assert_close(load_file(trained.head), load_file(expected.head))
    assert trained.validation == pytest.approx(expected.validation, rel=1e-5)

"""Training an adapter on a toy model: it learns to read, goes on after a kill, and gradients are the naive ones."""

from __future__ import annotations

import gzip
import json
import os
import random
import socket
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from longattncomp.cli import app
from longattncomp.data.rows import Context
from longattncomp.data.sources import read_source
from longattncomp.errors import InputError
from longattncomp.soft import SoftReader
from longattncomp.soft.adapter import load_adapter, untrained
from longattncomp.soft.target import Target
from longattncomp.training import soft_stages
from longattncomp.training.checkpoints import LOG
from longattncomp.training.samples.reading import continuation_samples, reading_samples
from longattncomp.training.soft_loop import ADAPTER, train_soft
from longattncomp.training.soft_objective import SoftObjective
from longattncomp.training.soft_stages import SOFT_STAGES, SoftStage, read_readings
from longattncomp.training.steps import Trained

TOY = SoftStage(
    name="toy",
    method="sac",
    sources={"squad": 100},
    ratios={2: 1, 4: 1},
    losses={"states": 1.0, "answers": 0.5},
    rank=4,
    epochs=2,
    batch=6,
    adapter_rate=2e-2,
    validation=0.2,
    validation_questions=6,
    validation_steps=5,
)
STAGES = {
    "sac": TOY,
    "compllm": replace(TOY, method="compllm", weight_rate=1.0, by_dimension=True),
    "divergence": replace(TOY, losses={"divergence": 1.0}),
    "answers": replace(TOY, method="compllm", weight_rate=1.0, losses={"answers": 1.0}),
    "continue": replace(TOY, task="continue", losses={"answers": 1.0}),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    rng = random.Random(0)
    with gzip.open(folder / "squad-train.jsonl.gz", "wt", encoding="utf-8") as stream:
        for number in range(10):
            sign = chr(ord("a") + number)
            filler = " ".join(rng.choices(("hens", "cows", "eat", "see", "corn"), k=4))
            paragraph = f"Box {sign} holds it. {filler}. The end."
            row = {"title": f"T{number // 4}", "paragraph": paragraph, "answer": sign, "answer_start": 4}
            for which in range(2):
                stream.write(json.dumps(row | {"id": f"{number}-{which}", "query": f"box {which}?"}) + "\n")
    return folder


@pytest.fixture(scope="module")
def target(toy_chat_folder: Path) -> Target:
    return Target(str(toy_chat_folder), model_dir=toy_chat_folder, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def contexts(data: Path) -> list[Context]:
    return list(read_readings(TOY, data))


def logged(out: Path, key: str) -> list[float]:
    lines = [json.loads(line) for line in (out / LOG).read_text().splitlines()]
    return [line[key] for line in lines if key in line]


def trained(stage: SoftStage, contexts: Sequence[Context], target: Target, out: Path, **options: Any) -> Trained:
    return train_soft(stage, contexts, target, out, **options)


@pytest.mark.parametrize(
    "name", [name if name in ("compllm", "sac") else pytest.param(name, marks=pytest.mark.long) for name in STAGES]
)
def test_the_loss_falls_and_the_target_stays(name: str, data: Path, target: Target, tmp_path: Path) -> None:
    stage = replace(STAGES[name], epochs=16, ratios={2: 1})
    frozen = {key: weight.clone() for key, weight in target.model.state_dict().items()}
    result = trained(stage, list(read_readings(stage, data))[:4], target, tmp_path)
    losses = logged(tmp_path, "loss")
    assert result.complete
    assert sum(losses[-3:]) < 0.975 * sum(losses[:3]), losses
    assert all(torch.equal(weight, frozen[key]) for key, weight in target.model.state_dict().items())
    right, another = logged(tmp_path, "right"), logged(tmp_path, "another")
    assert logged(tmp_path, "validation") == [a - b for a, b in zip(right, another, strict=True)]
    assert result.validation == min(logged(tmp_path, "validation"))
    adapter = load_adapter(tmp_path / ADAPTER)
    assert adapter.config.trained["toy"]["losses"] == stage.losses
    assert adapter.mark != untrained(stage.method, target, (2,)).mark


def test_what_is_saved_reads_as_it_did_while_training(contexts: list[Context], target: Target, tmp_path: Path) -> None:
    stage = replace(TOY, epochs=4)
    start = untrained("sac", target, (2, 4))
    objective = SoftObjective(stage, target, start, seed=0)
    for weight in objective.parameters():
        weight.data += 0.02 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
    right, other = objective.nats(contexts[0], [0], contexts[1], 2)
    objective.adapter({}).save(tmp_path / ADAPTER)
    reader = SoftReader(target, load_adapter(tmp_path / ADAPTER), ratio=2)
    example = contexts[0][0]
    for expected, read in ((right, contexts[0]), (other, contexts[1])):
        found = reader.likelihood(example.query, example.answers[:1], reader.compress(read[0].documents))
        assert -found[0] == pytest.approx(expected.item(), abs=0.05)  # the file is rounded to bf16


@pytest.mark.parametrize("method", ["sac", "compllm"])
def test_stopped_and_resumed_is_the_same_run(
    method: str, contexts: list[Context], target: Target, tmp_path: Path
) -> None:
    stage = STAGES[method]
    trained(stage, contexts, target, tmp_path / "whole")
    first = trained(stage, contexts, target, tmp_path / "parts", most_steps=3)
    assert not first.complete
    last = trained(stage, contexts, target, tmp_path / "parts")
    assert last.complete
    assert last.taken == last.steps - 3
    assert (tmp_path / "parts" / LOG).read_text() == (tmp_path / "whole" / LOG).read_text()
    whole, parts = (load_file(tmp_path / name / ADAPTER) for name in ("whole", "parts"))
    assert all(torch.equal(weight, parts[name]) for name, weight in whole.items())
    with pytest.raises(InputError, match="holds another run"):
        trained(stage, contexts, target, tmp_path / "parts", seed=1)


SCRIPT = """
    import sys
    from pathlib import Path
    from longattncomp.soft.target import Target
    from longattncomp.training.soft_loop import train_soft
    from longattncomp.training.soft_stages import SoftStage, read_readings

    model, rows, out = map(Path, sys.argv[1:])
    stage = {stage}
    target = Target(str(model), model_dir=model, device="cpu", dtype="float32")
    train_soft(stage, list(read_readings(stage, rows)), target, out)
"""


@pytest.mark.long
@pytest.mark.parametrize("method", ["sac", "compllm"])
def test_two_processes_train_the_adapter_of_one(
    method: str, data: Path, contexts: list[Context], toy_chat_folder: Path, target: Target, tmp_path: Path
) -> None:
    stage = STAGES[method]
    trained(stage, contexts, target, tmp_path / "one")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).format(stage=repr(stage)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), *map(str, (toy_chat_folder, data, tmp_path / "two"))]
    processes = [
        subprocess.Popen(
            command, env=os.environ | shared | {"RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE, text=True
        )
        for rank in "01"
    ]
    for process in processes:
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors[-3000:]
    assert logged(tmp_path / "two", "loss") == pytest.approx(logged(tmp_path / "one", "loss"), rel=1e-3)
    one, two = (load_file(tmp_path / name / ADAPTER) for name in ("one", "two"))
    for name, weight in one.items():
        near = {"rtol": 1e-2, "atol": 1e-2 * float(weight.abs().max())}  # of bf16
        torch.testing.assert_close(two[name], weight, **near)


def test_a_stage_goes_on_with_the_adapter_of_another(contexts: list[Context], target: Target, tmp_path: Path) -> None:
    trained(replace(TOY, name="before"), contexts, target, tmp_path / "a")
    start = load_adapter(tmp_path / "a" / ADAPTER)
    objective = SoftObjective(TOY, target, start, seed=0)
    again = objective.adapter({})
    for name, pair in start.lora.items():
        assert all(torch.allclose(old.float(), new) for old, new in zip(pair, again.lora[name], strict=True))
    trained(replace(TOY, epochs=1), contexts, target, tmp_path / "b", start=start)
    assert set(load_adapter(tmp_path / "b" / ADAPTER).config.trained) == {"before", "toy"}
    with pytest.raises(InputError, match="adapters of shape"):
        SoftObjective(replace(TOY, rank=2), target, start, seed=0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("method", ["sac", "compllm"])
def test_gradients_reach_all_that_makes_vectors(
    method: str, dtype: str, contexts: list[Context], toy_chat_folder: Path
) -> None:
    """Keys and values of the last layer come before its queries and everything after them."""
    target = Target(str(toy_chat_folder), model_dir=toy_chat_folder, device="cpu", dtype=dtype)
    objective = SoftObjective(STAGES[method], target, untrained(method, target, (2, 4)), seed=0)
    for weight in objective.parameters():
        assert weight.dtype == torch.float32
        weight.data += 0.01
    objective([(contexts[0], [0], 2)]).backward()
    (encoder,) = objective._encoder
    touched = {
        name for name, weight in encoder.named_parameters() if weight.requires_grad and weight.grad.abs().sum() > 0
    }
    every = {name for name, weight in encoder.named_parameters() if weight.requires_grad}
    last = ("q_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    unused = {name for name in every if name.startswith("layers.3.") and any(part in name for part in last)}
    assert every - touched == (unused if method == "sac" else set())
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in objective.weights)
    assert not any(weight.requires_grad for weight in target.model.parameters())


def test_the_gradient_of_an_anchor_is_that_of_the_naive_formula(contexts: list[Context], target: Target) -> None:
    """By a small step of the anchor embedding, from losses alone."""
    stage = replace(TOY, losses={"answers": 1.0})
    objective = SoftObjective(stage, target, untrained("sac", target, (2,)), seed=0)
    work = [(contexts[0], [0], 2)]
    objective(work).backward()
    (anchor,) = objective.weights
    direction = torch.randn(anchor.shape, generator=torch.Generator().manual_seed(0))
    step = 1e-3
    with torch.no_grad():
        anchor += step * direction
        above = objective(work)
        anchor -= 2 * step * direction
        below = objective(work)
    assert anchor.grad is not None
    assert ((above - below) / (2 * step)).item() == pytest.approx((anchor.grad @ direction).item(), rel=0.05, abs=1e-3)


def test_no_work_has_no_loss(target: Target) -> None:
    objective = SoftObjective(TOY, target, untrained("sac", target, (2,)), seed=0)
    loss = objective([])
    loss.backward()
    assert loss.item() == 0.0
    assert all(weight.grad is not None for weight in objective.parameters())


def test_samples_hold_what_answers_them(data: Path) -> None:
    found = list(reading_samples(read_source("squad", folder=data), distractors=2, seed=0))
    assert len(found) == 20
    assert {len(example.documents) for example in found} == {1, 2, 3}
    for example in found:
        assert any(f"Box {example.answers[0]} holds" in document.text for document in example.documents)
        assert len({document.text for document in example.documents}) == len(example.documents)
    halves = list(continuation_samples(read_source("squad", folder=data), distractors=1, seed=0))
    assert halves
    for example in halves:
        assert not example.query
        assert example.answers[0] not in example.documents[-1].text


@pytest.mark.parametrize("stage", SOFT_STAGES.values(), ids=lambda stage: stage.name)
def test_the_stages_that_ship_are_for_methods_that_there_are(stage: SoftStage) -> None:
    from longattncomp.soft.methods import METHODS

    assert stage.method in METHODS
    assert {2, 4} == set(stage.ratios) if stage.method == "compllm" else {5, 15} == set(stage.ratios)


def test_the_command_line_trains_what_a_reader_opens(
    data: Path, toy_chat_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(soft_stages.SOFT_STAGES, "toy", replace(TOY, epochs=1))
    monkeypatch.setitem(soft_stages.SOFT_STAGES, "more", replace(TOY, name="more", epochs=1))
    for name, value in {"MODEL": toy_chat_folder, "DTYPE": "float32", "MODEL_DIR": tmp_path / "cache"}.items():
        monkeypatch.setenv(f"LONGATTNCOMP_{name}", str(value))

    def run(*arguments: object) -> Any:
        return CliRunner().invoke(app, ["train", "--data", str(data), *map(str, arguments)])

    found = run("--stage", "toy", "--stage", "more", "--out", tmp_path / "out")
    assert found.exit_code == 0, found.output
    written = json.loads(found.stdout.splitlines()[-1])
    assert written["head"] == str(tmp_path / "out" / ADAPTER)
    assert (tmp_path / "out" / "toy" / "loss.png").is_file()
    reader = SoftReader.from_pretrained(toy_chat_folder, method="sac", adapter=tmp_path / "out" / ADAPTER)
    assert reader.answer("box 1?", reader.compress("Box a holds it.")) is not None
    mixed = run("--stage", "toy", "--stage", "1", "--out", tmp_path / "other")
    assert mixed.exit_code == 2
    assert "train different things" in mixed.stderr
    monkeypatch.setitem(soft_stages.SOFT_STAGES, "toy", replace(TOY, method="compllm"))
    wrong = run("--stage", "toy", "--start", tmp_path / "out" / ADAPTER, "--out", tmp_path / "other")
    assert wrong.exit_code == 3
    assert "expected an adapter for compllm" in wrong.stderr

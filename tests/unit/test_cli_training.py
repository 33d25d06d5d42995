"""`train`, `samples` and `probe` on the command line, on the toy model."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from safetensors.torch import load_file
from typer.testing import CliRunner

from longattncomp.cli import app
from longattncomp.scorers.cross_attention.head import read_head_config
from longattncomp.training import stages
from longattncomp.training.samples.queries import SampleOptions
from longattncomp.training.stages import Stage

Run = Callable[..., Result]

FIRST = Stage(
    name="first",
    sources={"squad": 4},
    samples=SampleOptions(documents=4, titles=2, questions=8),
    layers=2,
    segment_tokens=256,
    node_tokens=64,
    favoured_heads=(1,),
    epochs=1,
    batch=4,
    validation=0.25,
)
TOY = {
    "first": FIRST,
    "second": replace(FIRST, name="second", learning_rate=1e-3),
    "alone": replace(FIRST, name="alone", query_place="alone", rotary=False),
    "plain": replace(FIRST, name="plain", extensions=()),
}


@pytest.fixture
def run(toy_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    for name, stage in TOY.items():
        monkeypatch.setitem(stages.STAGES, name, stage)
    for name, value in {"MODEL": toy_folder, "DTYPE": "float32", "MODEL_DIR": tmp_path / "cache"}.items():
        monkeypatch.setenv(f"LONGATTNCOMP_{name}", str(value))
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with SQuAD rows: four titles, three paragraphs each, two questions each."""
    rows = []
    for title in ("Bees", "Boats", "Bells", "Books"):
        for number in range(3):
            paragraph = f"{title} number {number} are old. They came from town {number} in May."
            for answer in (f"{title} number {number}", f"town {number}"):
                rows.append(
                    {
                        "id": f"{title}-{number}-{answer[:4]}",
                        "title": title,
                        "paragraph": paragraph,
                        "query": f"What of {answer}?",
                        "answer": answer,
                        "answer_start": paragraph.index(answer),
                    }
                )
    folder = tmp_path_factory.mktemp("data")
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "squad-train.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    return folder


def last_line(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_one_stage_after_the_other(run: Run, data: Path, tmp_path: Path) -> None:
    result = run("train", "--stage", "first", "--stage", "second", "--data", data, "--out", tmp_path / "out")
    found = last_line(result)
    assert [stage["stage"] for stage in found["stages"]] == ["first", "second"]
    for stage in found["stages"]:
        assert stage["complete"]
        assert stage["contexts"] > 1
        assert stage["questions"] > stage["contexts"]
        assert stage["validation"] > 0
        assert (tmp_path / "out" / stage["stage"] / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert found["peak_bytes"] > 1e7
    final = tmp_path / "out" / "head.safetensors"
    assert found["head"] == str(final)
    assert final.read_bytes() == (tmp_path / "out" / "second" / "head.safetensors").read_bytes()
    config = read_head_config(final)
    assert list(config.trained) == ["first", "second"]
    assert (config.layers, config.segment_tokens, config.query_place) == (2, 256, "after")
    weights = load_file(tmp_path / "out" / "first" / "head.safetensors")["head_weights"]
    assert weights.abs().max() < 1  # nobody knows which heads of this model to favour
    assert "peak memory" in result.stderr
    for heading in ("contexts", "questions", "validation loss", "seconds"):
        assert heading in result.stdout


def test_what_was_stopped_goes_on_to_the_same_head(run: Run, data: Path, tmp_path: Path) -> None:
    def train(out: str, *more: object) -> Result:
        return run("train", "--stage", "first", "--stage", "second", "--data", data, "--out", tmp_path / out, *more)

    whole = last_line(train("whole"))
    stopped = train("parts", "--steps", 1)
    part = last_line(stopped)
    assert part["head"] is None
    assert [(stage["steps"], stage["complete"]) for stage in part["stages"]] == [(1, False)]
    assert part["stages"][0]["validation"] is None
    assert "stopped after 1 steps of stage first: the same command goes on" in stopped.stderr
    assert not (tmp_path / "parts" / "head.safetensors").exists()

    of_first = whole["stages"][0]["steps"]
    exactly = last_line(train("parts", "--steps", of_first - 1))
    assert [stage["stage"] for stage in exactly["stages"]] == ["first"]
    assert exactly["stages"][0]["complete"]
    assert exactly["head"] is None, "the second stage is still to come"

    rest = last_line(train("parts"))
    assert [stage["complete"] for stage in rest["stages"]] == [True, True]
    parts, at_once = (load_file(tmp_path / name / "head.safetensors") for name in ("parts", "whole"))
    assert all(parts[name].equal(at_once[name]) for name in at_once)


def test_a_run_that_is_complete_is_left_alone(run: Run, data: Path, tmp_path: Path) -> None:
    first = last_line(run("train", "--stage", "first", "--data", data, "--out", tmp_path))
    again = last_line(run("train", "--stage", "first", "--data", data, "--out", tmp_path))
    (one,), (other,) = first["stages"], again["stages"]
    assert (one["steps"], one["validation"]) == (other["steps"], other["validation"])
    assert other["taken"] == 0
    assert other["complete"]


def test_another_seed_is_another_run(run: Run, data: Path, tmp_path: Path) -> None:
    found = [
        last_line(run("train", "--stage", "first", "--data", data, "--out", tmp_path / str(seed), "--seed", seed))
        for seed in (1, 2)
    ]
    assert found[0]["stages"][0]["validation"] != found[1]["stages"][0]["validation"]


def test_it_starts_from_a_head(run: Run, data: Path, tmp_path: Path) -> None:
    last_line(run("train", "--stage", "first", "--data", data, "--out", tmp_path / "a"))
    head = tmp_path / "a" / "head.safetensors"
    last_line(run("train", "--stage", "second", "--data", data, "--out", tmp_path / "b", "--start", head))
    assert list(read_head_config(tmp_path / "b" / "head.safetensors").trained) == ["first", "second"]


def test_extensions_of_a_head_without_them_are_switched_on(run: Run, data: Path, tmp_path: Path) -> None:
    last_line(run("train", "--stage", "plain", "--data", data, "--out", tmp_path / "a"))
    head = tmp_path / "a" / "head.safetensors"
    assert not load_file(head)["match_strength"].any()
    found = last_line(run("train", "--stage", "first", "--data", data, "--out", tmp_path / "b", "--start", head))
    assert found["stages"][0]["validation"] > 0
    assert load_file(tmp_path / "b" / "head.safetensors")["match_strength"].all()


def test_a_head_for_another_place_of_the_query_is_refused(run: Run, data: Path, tmp_path: Path) -> None:
    last_line(run("train", "--stage", "first", "--data", data, "--out", tmp_path / "a"))
    head = tmp_path / "a" / "head.safetensors"
    result = run("train", "--stage", "alone", "--data", data, "--out", tmp_path / "b", "--start", head)
    assert result.exit_code == 3
    assert "start from another head or from none" in result.stderr


def test_a_query_alone_is_trained_too(run: Run, data: Path, tmp_path: Path) -> None:
    last_line(run("train", "--stage", "alone", "--data", data, "--out", tmp_path))
    config = read_head_config(tmp_path / "head.safetensors")
    assert (config.query_place, config.rotary) == ("alone", False)


def test_states_are_kept_where_models_are(run: Run, data: Path, tmp_path: Path) -> None:
    last_line(run("train", "--stage", "first", "--data", data, "--out", tmp_path / "a"))
    assert any((tmp_path / "cache" / "states").iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "--stage", "third", "--data", "DATA"], 2, "got 'third'"),
        (["train", "--stage", "first", "--stage", "alone", "--data", "DATA"], 2, "train them apart"),
        (["train", "--stage", "first", "--data", "nowhere"], 2, "found none at nowhere"),
        (["train", "--stage", "first", "--data", "."], 2, "squad-train.jsonl.gz"),
        (["train", "--stage", "first", "--data", "DATA", "--draft", "no-such-model"], 3, "no draft model"),
        (["train", "--stage", "first", "--data", "DATA", "--start", "nope.safetensors"], 3, "nope.safetensors"),
        (["train", "--stage", "first", "--data", "DATA", "--steps", "0"], 2, "--steps"),
    ],
)
def test_failures_of_train(run: Run, data: Path, tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    given = [str(data) if argument == "DATA" else argument for argument in arguments]
    result = run(*given, "--out", tmp_path / "out")
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert result.stdout == ""


def test_a_missing_library_is_named_before_the_work(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("train", "--stage", "first", "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "found no matplotlib: pip install 'longattncomp[training]'" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["train", "samples"])
def test_public_sets_need_their_library(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    result = run(command, "--stage", "first", *["--out", tmp_path / "out"] * (command == "train"))
    assert result.exit_code == 2
    assert "found no datasets: pip install 'longattncomp[training]'" in result.stderr


def test_no_network_is_bad_input(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> object:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(stages, "read_contexts", unreachable)
    result = run("samples", "--stage", "first", "--data", data)
    assert result.exit_code == 2
    assert "no route to host; give --data" in result.stderr


def test_a_cache_of_states_that_cannot_be_written(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LONGATTNCOMP_MODEL_DIR", str(tmp_path / "file" / "cache"))
    result = run("train", "--stage", "first", "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 4
    assert "LONGATTNCOMP_MODEL_DIR" in result.stderr


def test_an_out_that_cannot_be_written(run: Run, data: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    result = run("train", "--stage", "first", "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 5


def test_only_the_main_process_prints(run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelerate.state.PartialState.is_main_process", False)
    result = run("train", "--stage", "first", "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert not (tmp_path / "out" / "first" / "head.safetensors").exists()


@pytest.mark.slow
@pytest.mark.long
def test_two_processes_print_once(data: Path, toy_folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "train_toy.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_cli_training import TOY\n"
        "from longattncomp.cli import app\n"
        "from longattncomp.training.stages import STAGES\n"
        "STAGES.update(TOY)\n"
        "app()\n"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    # With --cpu it would start one process, unless there is an MPI; the command itself asks for the CPU.
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
    plain = ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", port]
    train = ["train", "--stage", "first", "--stage", "second", "--data", data, "--out", tmp_path / "out"]
    settings = {"MODEL": toy_folder, "DTYPE": "float32", "DEVICE": "cpu", "MODEL_DIR": tmp_path / "cache"}
    done = subprocess.run(
        [sys.executable, *launch, *plain, script, *train],
        env=os.environ
        | {"OMP_NUM_THREADS": "1", "HF_HOME": str(tmp_path)}
        | {f"LONGATTNCOMP_{name}": str(value) for name, value in settings.items()},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "out" / "second" / "state" / "random_states_1.pkl").is_file(), "two processes took part"
    assert done.stdout.count("validation loss") == 1
    assert json.loads(done.stdout.splitlines()[-1])["head"] == str(tmp_path / "out" / "head.safetensors")


def test_samples_are_described(run: Run, data: Path, tmp_path: Path) -> None:
    result = run("samples", "--stage", "first", "--data", data, "--plot", tmp_path / "samples.png")
    assert result.exit_code == 0, result.output
    assert "none relevant" in result.stdout
    assert (tmp_path / "samples.png").read_bytes().startswith(b"\x89PNG")


def test_samples_of_some_contexts(run: Run, data: Path) -> None:
    result = run("samples", "--stage", "first", "--data", data, "--count", 1)
    (row,) = (line.split() for line in result.stdout.splitlines() if " squad " in line)
    assert "1" in row[:5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stage", "third"], "got 'third'"),
        (["--stage", "first", "--plot", "no/such/folder.png"], "a folder that exists"),
        (["--stage", "first", "--count", "0"], "--count"),
    ],
)
def test_failures_of_samples(run: Run, data: Path, arguments: list[str], message: str) -> None:
    result = run("samples", *arguments, "--data", data)
    assert result.exit_code == 2, result.output
    assert message in result.stderr


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    documents = [{"id": str(n), "title": "", "text": f"Text {n} says that number {n} is here. " * 3} for n in range(3)]
    lines = [
        {
            "id": str(n),
            "task": "toy",
            "query": f"Where is number {n}?",
            "evidence": [{"document": str(n), "start": 0, "end": 20}],
        }
        for n in range(3)
    ]
    lines[0]["documents"] = documents
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def probe(run: Run, *arguments: object) -> Result:
    return run("probe", *arguments, "--node-tokens", 64, "--segment-tokens", 256)


def test_probe_ends_with_one_line_of_json(run: Run, rows: Path) -> None:
    result = probe(run, rows, "--layers", "1,3")
    found = last_line(result)
    assert [depth["layers"] for depth in found["depths"]] == [1, 3]
    assert all(len(depth["heads"]) == 4 for depth in found["depths"])
    assert all(0 <= value <= 1 for depth in found["depths"] for value in depth["heads"])
    assert all(depth["questions"] == 3 for depth in found["depths"])
    assert (found["place"], len(found["best"])) == ("after", 6)
    assert "L = 3" in result.stdout
    assert result.stdout.count("*") == 6


def test_probe_alone_and_of_fewer_questions(run: Run, rows: Path) -> None:
    found = last_line(probe(run, rows, "--layers", 2, "--place", "alone", "--limit", 2))
    assert found["place"] == "alone"
    assert found["depths"][0]["questions"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nope.jsonl", "--layers", "2"], 2, "nope.jsonl"),
        (["ROWS", "--layers", "2,x"], 2, "got '2,x'"),
        (["ROWS", "--layers", "0"], 2, "got '0'"),
        (["ROWS", "--layers", "40"], 3, "40"),
        (["ROWS", "--layers", "2", "--limit", "0"], 2, "limit 0"),
        (["ROWS", "--layers", "2", "--node-tokens", "512"], 2, "at most segment_tokens=256"),
        (["ROWS", "--layers", "2", "--model", "no-such-model"], 3, "no draft model"),
    ],
)
def test_failures_of_probe(run: Run, rows: Path, arguments: list[str], code: int, message: str) -> None:
    given = [str(rows) if argument == "ROWS" else argument for argument in arguments]
    result = run("probe", "--segment-tokens", 256, *given)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert result.stdout == ""


def test_probe_names_what_it_lacks(run: Run, rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    result = run("probe", rows)
    assert result.exit_code == 2
    assert "pip install 'longattncomp[training]'" in result.stderr


def test_files_of_all_stages_are_looked_for_first(run: Run, data: Path, tmp_path: Path) -> None:
    started = run("train", "--stage", "1", "--stage", "2", "--data", data, "--out", tmp_path / "out")
    assert started.exit_code == 2
    assert "2wiki-train.jsonl.gz, hotpotqa-train.jsonl.gz, musique-train.jsonl.gz, qmsum-train.jsonl.gz" in " ".join(
        started.stderr.split()
    )
    public = run("train", "--stage", "2", "--out", tmp_path / "out")
    assert public.exit_code == 2
    assert "qmsum" in public.stderr or "datasets" in public.stderr


def test_a_setting_chooses_the_depth(run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGATTNCOMP_LAYERS", "1")
    found = last_line(run("train", "--stage", "first", "--data", data, "--out", tmp_path))
    assert read_head_config(Path(found["head"])).layers == 1

"""The command line, on the toy model."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distributions, version
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from longattncomp import Settings
from longattncomp.cli import app
from longattncomp.errors import InputError
from longattncomp.evaluation.run_folder import begin
from longattncomp.evaluation.targets.spending import Prices, Spent
from longattncomp.evaluation.targets.target import Target, open_target
from longattncomp.soft.adapter import untrained
from longattncomp.soft.target import Target as SoftTarget

PROSE = "The lease was signed by Ada in May. " * 20 + "Nobody else was there. " * 20


@pytest.fixture
def run(toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in {
        "MODEL": str(toy_folder),
        "LAYERS": "2",
        "DTYPE": "float32",
        "NODE_TOKENS": "32",
    }.items():
        monkeypatch.setenv(f"LONGATTNCOMP_{name}", value)

    def invoke(*arguments: str, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)

    return invoke


def test_text_goes_to_stdout_and_the_rest_to_stderr(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text(PROSE)
    result = run("compress", file, "--query", "Who signed?", "--budget", "100")
    assert result.exit_code == 0
    assert 0 < len(result.stdout.encode()) <= 101
    assert f"{len(PROSE):,} tokens ->" in result.stderr
    assert "of 100 allowed" in result.stderr


def test_json_has_every_node_and_its_fate(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text(PROSE)
    result = run("compress", file, "--query", "Who signed?", "--budget", "100", "--json")
    found = json.loads(result.stdout)
    assert found["tokens"] == len(found["text"]) <= 100
    kept = [node for node in found["nodes"] if node["reason"] == "selected"]
    assert found["documents"][0]["id"] == str(file)
    assert "".join(PROSE[node["start"] : node["end"]] for node in kept) == found["text"].replace("\n[...]\n", "")
    assert found["nodes"][-1]["end"] == len(PROSE)


def test_folders_are_read_in_order_without_hidden_and_binary_files(run: Any, tmp_path: Path) -> None:
    for name, content in {
        "b.txt": b"second",
        "a/x.txt": b"first",
        ".git/config": b"hidden",
        "c.bin": b"\0\1binary",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    result = run("compress", tmp_path, "--query", "what?", "--json")
    found = json.loads(result.stdout)
    assert found["text"] == "first\n\nsecond"
    assert "skipped" in result.stderr
    assert "c.bin: binary" in result.stderr


def test_bytes_without_any_encoding_survive(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Guesses:
        def best(self) -> None:
            return None

    monkeypatch.setattr("charset_normalizer.from_bytes", lambda _: Guesses())
    content = b"caf\xe9 \xff\xfe done\r\n"
    result = run("compress", "-", "--query", "what?", stdin=content)
    assert result.exit_code == 0
    assert result.stdout_bytes == content + b"\n"
    assert "- has a lone surrogate" in result.stderr


def test_the_name_of_each_file_stands_before_its_text_inside_the_budget(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(PROSE)
    (tmp_path / "b.txt").write_text(PROSE.replace("Ada", "Bo"))
    folder = run("compress", tmp_path, "-q", "Who signed?", "-b", "400")
    assert folder.stdout.startswith(f"==> {tmp_path / 'a.txt'} <==\n")
    assert len(folder.stdout.encode()) <= 401
    several = run("compress", tmp_path / "a.txt", tmp_path / "b.txt", "-q", "Who signed?")
    assert several.stdout == (
        f"==> {tmp_path / 'a.txt'} <==\n{PROSE}\n\n==> {tmp_path / 'b.txt'} <==\n{PROSE.replace('Ada', 'Bo')}\n"
    )
    assert "==>" not in run("compress", tmp_path, "-q", "Who signed?", "--no-names").stdout
    assert "==>" not in run("compress", tmp_path / "a.txt", "-q", "Who signed?").stdout
    tight = run("compress", tmp_path, "-q", "Who signed?", "-b", "30")
    assert 0 < len(tight.stdout.encode()) <= 31
    assert "the names of the files are left out" in tight.stderr


def test_a_share_of_the_text_and_another_tokenizer(run: Any, toy_folder: Path) -> None:
    share = json.loads(run("compress", "-q", "Who?", "-b", "20%", "--json", stdin=PROSE.encode()).stdout)
    assert "2,147" not in run("compress", "-q", "Who?", "-b", "100%", stdin=PROSE.encode()).stderr
    assert share["token_budget"] == len(PROSE) // 5
    counted = ["compress", "-q", "Who?", "--target-tokenizer", toy_folder, "--json"]
    assert json.loads(run(*counted, stdin=PROSE.encode()).stdout)["original_tokens"] == len(PROSE)


def test_the_version_is_shown(run: Any) -> None:
    assert run("--version").stdout.strip() == version("longattncomp")


def test_a_share_stays_within_a_budget_that_is_set(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGATTNCOMP_TOKEN_BUDGET", "9")
    found = json.loads(run("compress", "-q", "Who?", "-b", "90%", "--json", stdin=PROSE.encode()).stdout)
    assert found["tokens"] <= found["token_budget"] == 9


def test_html_is_written(run: Any, tmp_path: Path) -> None:
    result = run("compress", "--query", "<b>?", "--html", tmp_path / "r.html", stdin=PROSE.encode())
    assert result.exit_code == 0
    assert "&lt;b&gt;?" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_settings_file_and_options_in_their_order(run: Any, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("token_budget: 50\nmethod: bm25\n")
    by_file = run("compress", "-q", "Ada", "--settings", tmp_path / "s.yaml", "--json", stdin=PROSE.encode())
    assert json.loads(by_file.stdout)["token_budget"] == 50
    both = run("compress", "-q", "Ada", "--settings", tmp_path / "s.yaml", "-b", "60", "--json", stdin=PROSE.encode())
    assert json.loads(both.stdout)["token_budget"] == 60


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["compress", "no-such-file", "-q", "x"], 2, "found nothing at no-such-file"),
        (["compress", "-", "-q", " "], 2, "expected a query"),
        (
            ["compress", "-", "-q", "x", "--budget", "0"],
            2,
            "4% or 0.04 (of the context), got '0'",
        ),
        (["compress", "-", "-q", "x", "--top-p", "2"], 2, "top_p"),
        (["compress", "-", "-q", "x", "--model", "no-such-model"], 3, "no draft model 'no-such-model'"),
        (["compress", "-", "-q", "x", "--settings", "nope.yaml"], 2, "nope.yaml"),
        (["compress", "-", "-q", "x", "--html", "no/such/folder.html"], 2, "a folder that exists"),
        (["compress", "-", "-q", "x", "--budget", "much"], 2, "(of the context), got 'much'"),
        (["compress", "-", "-q", "x", "--budget", "200%"], 2, "(of the context), got '200%'"),
        (["compress", "-", "-q", "x", "--budget", "adaptive"], 2, "(of the context), got 'adaptive'"),
        (["compress", "-", "-q", "x", "--min-relevance", "2"], 2, "min_relevance"),
        (["compress", "-", "-q", "x", "--key-store", "keys"], 2, "add --method longattncomp-alone or"),
        (["eval", "nope.jsonl", "-b", "10%"], 2, "nope.jsonl"),
        (["eval", "nope.jsonl", "-b", "much"], 2, "got 'much'"),
    ],
)
def test_failures_have_a_message_and_a_code(run: Any, arguments: list[str], code: int, message: str) -> None:
    result = run(*arguments, stdin=PROSE.encode())
    assert result.exit_code == code, result.stderr
    assert message in result.stderr
    assert result.stdout == ""


def test_a_cache_that_cannot_be_written_has_its_code(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    monkeypatch.setenv("LONGATTNCOMP_MODEL_DIR", str(tmp_path / "file" / "cache"))
    result = run("compress", "-", "-q", "x", "--model", tmp_path / "m.gguf", stdin=b"text")
    assert result.exit_code == 4
    assert "LONGATTNCOMP_MODEL_DIR" in result.stderr


def test_info_names_what_it_found(run: Any, toy_folder: Path) -> None:
    result = run("info")
    assert result.exit_code == 0
    assert str(toy_folder) in result.stdout
    assert "float32" in result.stdout


def test_info_names_the_files_of_settings_and_the_one_that_is_wrong(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = tmp_path / "longattncomp.yaml"
    wrong.write_text("token_budget: abc\n")
    result = run("info")
    assert result.exit_code == 2
    assert f"settings      {wrong}\n" in result.stdout
    assert f"settings      {tmp_path / '.env'} (there is none)\n" in result.stdout
    assert f"token_budget in {wrong}: " in result.stderr


def test_a_long_text_s_progress_is_shown_from_the_first_stage_on(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, int, int]] = []

    @contextmanager
    def bar(label: str) -> Iterator[Any]:
        yield lambda done, total, now=label: shown.append((now, done, total))

    monkeypatch.setattr("longattncomp.cli.compression.progress_bar", bar)
    (tmp_path / "long.txt").write_text("".join(f"Line {n} says little.\n" for n in range(9_000)) + "The key is red.\n")
    result = run("compress", tmp_path / "long.txt", "-q", "Which key?", "--method", "bm25", "--budget", 40)
    assert result.exit_code == 0, result.stderr
    assert [label for label, _ in groupby(label for label, _, _ in shown)] == ["cutting", "reading", "selecting"]
    for label in ("cutting", "selecting"):
        steps = [(done, total) for name, done, total in shown if name == label]
        assert steps == sorted(steps)
        assert len(steps) > 2
        assert 0 < steps[0][0] < steps[0][1] / 2
        assert steps[-1][0] > 0.99 * steps[-1][1]


@pytest.mark.parametrize("gpu", [False, True])
def test_info_says_what_a_build_without_cuda_would_save(
    gpu: bool, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr("torch.version.cuda", None)
    assert "build without CUDA, " in run("info").stdout
    for name, files in {
        "torch": "torch/lib/libtorch_cuda.so,,2000000000\ntorch/lib/libtorch_cpu.so,,400000000\n",
        "nvidia-cublas": "nvidia/libcublas.so,,600000000\n",
        "tritonclient": "x.so,,9000000000\n",
    }.items():
        record = tmp_path / f"{name.replace('-', '_')}-1.dist-info"
        record.mkdir()
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (record / "RECORD").write_text(files)
    installed = list(distributions(path=[str(tmp_path)]))
    monkeypatch.setattr("longattncomp.cli.environment.distributions", lambda: installed)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setenv("LONGATTNCOMP_DEVICE", "cpu")
    result = run("info")
    assert "build for CUDA 13.0" in result.stdout
    assert ("2.6 GB smaller" in result.stdout) != gpu
    assert ("whl/cpu" in result.stdout) != gpu


def test_eval_ends_with_one_line_of_json(run: Any, tmp_path: Path) -> None:
    text = PROSE + "The key is under the mat. " + PROSE
    start = text.index("The key")
    row = {
        "id": "1",
        "task": "toy",
        "query": "Where is the key?",
        "answers": ["under the mat"],
        "documents": [{"id": "d", "title": "House", "text": text}],
        "evidence": [{"document": "d", "start": start, "end": start + 25}],
    }
    file = tmp_path / "rows.jsonl.gz"
    file.write_bytes(gzip.compress((json.dumps(row) + "\n").encode()))
    result = run("eval", file, "--budget", "10%", "--budget", "200")
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout.splitlines()[-1])["rows"]
    assert [row["method"] for row in rows] == ["longattncomp", "bm25", "random", "first", "last"] * 2
    assert all(row["recall"]["mean"] == 1.0 for row in rows if row["method"] == "bm25")
    assert [row["budget"] for row in rows] == ["200"] * 5 + ["10%"] * 5  # the smallest first
    assert all(row["tokens"] <= 200 for row in rows[:5])


def test_evaluation_goes_on_in_its_folder(run: Any, tmp_path: Path) -> None:
    command = ("eval", "chat@8k", "--limit", 1, "--method", "bm25", "--method", "last", "--out", tmp_path / "out")
    first = run(*command)
    assert first.exit_code == 0, first.stderr
    records = (tmp_path / "out" / "records.jsonl").read_text()
    assert len(records.splitlines()) == 2
    assert "report:" in first.stderr
    page = (tmp_path / "out" / "report.html").read_text()
    assert "chat@8k" in page
    assert "longattncomp eval" not in first.stdout

    again = run(*command)
    assert json.loads(again.stdout.splitlines()[-1]) == json.loads(first.stdout.splitlines()[-1])
    assert (tmp_path / "out" / "records.jsonl").read_text() == records

    more = run("eval", "cwe@8k", "--limit", 1, "--method", "bm25", "--out", tmp_path / "out")
    assert more.exit_code == 0, more.stderr
    assert {row["task"] for row in json.loads(more.stdout.splitlines()[-1])["rows"]} == {"chat@8k", "cwe@8k"}

    other = run(*command, "--seed", 1)
    assert other.exit_code == 2
    assert "holds a run with other seed" in other.stderr


def test_a_folder_knows_its_run(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More may come later; what the records rest on may not change."""
    row = {"id": "1", "task": "t", "query": "pigs", "answers": ["six"], "documents": [{"id": "d", "text": "six pigs"}]}
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out"
    rows.write_text(json.dumps(row) + "\n")
    command = ("eval", rows, "--method", "bm25", "--out", out, "-b")
    assert run(*command, "10%", "-b", "0.1").exit_code == 0
    assert len((out / "records.jsonl").read_text().splitlines()) == 1  # one budget, written twice
    more = run("eval", "chat@8k", "--limit", 1, "--method", "last", "--data", tmp_path, "--out", out)
    assert more.exit_code == 0, more.stderr
    assert run(*command, "50%", "--method", "last").exit_code == 0
    began = (out / "run.json").read_text()
    assert json.loads(began)["data"] == str(tmp_path)
    assert [path.name for path in out.iterdir() if path.suffix == ".new"] == []

    def refused(what: str, *rest: Any) -> None:
        result = run(*command, "10%", *rest)
        assert result.exit_code == 2
        assert what in " ".join(result.stderr.split())
        assert (out / "run.json").read_text() == began

    refused("a run with other data", "--data", out)
    rows.write_text(json.dumps(row | {"query": "six"}) + "\n")
    refused("a run with other files")
    rows.write_text(json.dumps(row) + "\n")
    monkeypatch.setattr("longattncomp.evaluation.run_folder.__version__", "9.9")
    refused("a run with other longattncomp")


def test_a_head_that_was_trained_again_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = tmp_path / "head.safetensors"
    head.write_bytes(b"first")
    settings = Settings.load(head=head)
    given: dict[str, Any] = {"settings": settings, "reads": (), "seed": 0, "data": None, "target": "openai:toy"}
    monkeypatch.setenv("OPENAI_BASE_URL", "http://here/v1")
    assert begin(tmp_path / "out", **given) == begin(tmp_path / "out", **given)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://there/v1")
    with pytest.raises(InputError, match="a run with other endpoint"):
        begin(tmp_path / "out", **given)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://here/v1")
    head.write_bytes(b"second")
    with pytest.raises(InputError, match="a run with other heads"):
        begin(tmp_path / "out", **given)


@pytest.mark.parametrize("content", ['{"seed": ', "[1]", '{"files": 3}', "\x00"])
def test_a_folder_whose_beginning_cannot_be_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match=r"run\.json: expected how .*or give another folder to --out"):
        begin(tmp_path, settings=Settings.load(), reads=(), seed=0, data=None, target=None)


def test_evaluation_says_what_an_endpoint_charged(run: Any, toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = open_target(str(toy_folder), model_dir=toy_folder, device="cpu", dtype="float32")

    def opened(*_: object, prices: Prices | None, **__: object) -> Target:
        target.spent = Spent(paid=3, prompt_tokens=2_000_000, completion_tokens=500, prices=prices)  # type: ignore[attr-defined]
        return target

    monkeypatch.setattr("longattncomp.evaluation.targets.target.open_target", opened)
    asked = ("eval", "chat@8k", "--limit", 1, "--method", "bm25", "--target", "openai:toy")
    for price, shown in (
        ((), "500 completion tokens; "),
        (("--price", 0.15, 0.6), "500 completion tokens, cost 0.3003; "),
    ):
        found = run(*asked, *price)
        assert found.exit_code == 0, found.stderr
        assert f"3 answers paid: 2000000 prompt and {shown}" in found.stderr


@pytest.mark.parametrize(
    ("target", "price", "message"),
    [("openai:toy", (-1, 0), "prices of 0 or more"), ("toy", (1, 1), "behind an endpoint")],
)
def test_evaluation_refuses_a_price(run: Any, target: str, price: tuple[int, int], message: str) -> None:
    found = run("eval", "chat@8k", "--target", target, "--price", *price)
    assert found.exit_code == 2
    assert message in found.stderr


def test_evaluation_shows_its_tasks(run: Any) -> None:
    shown = run("eval", "--list")
    assert shown.exit_code == 0
    assert "niah-single@32k" in shown.stdout
    assert "squad-dev.jsonl.gz" in shown.stdout
    nothing = run("eval")
    assert nothing.exit_code == 2
    assert "--list" in nothing.stderr


def test_evaluation_with_a_target(run: Any, toy_folder: Path) -> None:
    found = run("eval", "chat@8k", "--limit", 1, "--method", "bm25", "--budget", "20%", "--target", toy_folder)
    assert found.exit_code == 0, found.stderr
    rows = json.loads(found.stdout.splitlines()[-1])["rows"]
    read = {row["method"]: row for row in rows if row.get("target")}
    assert read.keys() == {"bm25", "full", "none", "oracle"}
    assert all(row["likelihood"]["mean"] < 0 for row in read.values())


def test_evaluation_of_vectors(run: Any, toy_chat_folder: Path, tmp_path: Path) -> None:
    target = SoftTarget(str(toy_chat_folder), model_dir=tmp_path, device="cpu", dtype="float32")
    options: list[Any] = ["--limit", 1, "--target", toy_chat_folder, "--out", tmp_path / "out"]
    for method in ("compllm", "sac"):
        untrained(method, target, (2, 5)).save(adapter := tmp_path / f"{method}.safetensors")
        options += ["--method", method, "--adapter", adapter]
    found = run("eval", "niah-single@1k", *options, "--method", "bm25", "--budget", "50%")
    assert found.exit_code == 0, found.stderr
    rows = json.loads(found.stdout.splitlines()[-1])["rows"]
    read = {(row["method"], row["budget"]): row for row in rows if row.get("target")}
    assert read.keys() >= {("compllm", "50%"), ("sac", "50%"), ("compllm", "20%"), ("sac", "20%"), ("bm25", "50%")}
    assert read["sac", "20%"]["likelihood"]["mean"] < 0
    assert read["sac", "20%"]["share"] == pytest.approx(0.2, abs=0.01)
    untrained("sac", target, (3,)).save(adapter)
    changed = run("eval", "niah-single@1k", *options)
    assert changed.exit_code == 2
    assert "other files" in changed.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "sac"], "expected a local --target"),
        (["--method", "sac", "--target", "openai:toy"], "expected a local --target"),
        (["--method", "bm25", "--adapter", "a.safetensors"], "--method compllm or sac"),
    ],
)
def test_evaluation_of_vectors_needs_a_local_target(
    run: Any, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    found = run("eval", "niah-single@1k", *options)
    assert found.exit_code == 2
    assert message in found.stderr


def test_evaluation_looks_for_all_files_before_it_measures(run: Any, tmp_path: Path) -> None:
    found = run("eval", "chat@8k", "hotpotqa", "--limit", 1, "--method", "bm25", "--data", tmp_path)
    assert found.exit_code == 2
    assert "hotpotqa-train.jsonl.gz" in found.stderr
    assert "chat@8k" not in found.stderr  # no bar yet


def test_a_folder_knows_the_rows_of_its_tasks(run: Any, tmp_path: Path) -> None:
    row = {"id": "1", "task": "t", "query": "pigs", "answers": ["six"], "documents": [{"id": "d", "text": "six pigs"}]}
    rows = tmp_path / "qmsum-dev.jsonl.gz"
    rows.write_bytes(gzip.compress(json.dumps(row).encode()))
    command = ("eval", "qmsum-dev", "--method", "bm25", "--data", tmp_path, "--out", tmp_path / "out")
    assert run(*command).exit_code == 0
    rows.write_bytes(gzip.compress(json.dumps(row | {"query": "six"}).encode()))
    again = run(*command)
    assert again.exit_code == 2
    assert "holds a run with other files" in " ".join(again.stderr.split())


def test_what_an_earlier_task_is_does_not_change(run: Any, tmp_path: Path) -> None:
    """Common words are in no average, whoever goes on in the folder."""
    command = ("eval", "--limit", 1, "--method", "bm25", "--out", tmp_path)
    assert run(*command, "cwe@8k", "niah-single@8k").exit_code == 0
    found = run(*command, "chat@8k")
    assert json.loads(found.stdout.splitlines()[-1])["left_out"] == ["cwe@8k"]

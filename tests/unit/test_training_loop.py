"""Training a head on a toy model: it learns, keeps the best, goes on after a kill, and adds up over processes."""

from __future__ import annotations

import gzip
import json
import math
import os
import random
import socket
import string
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from longattncomp.backbone.forward import Backbone, EncodedContext, EncodedQuestions
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.chunking.nodes import chunk
from longattncomp.data.rows import Context, Evidence, Example
from longattncomp.errors import HeadMismatchError, InputError
from longattncomp.scorers.cross_attention.head import (
    EXTENSIONS,
    CrossAttentionHead,
    HeadConfig,
    load_head,
    read_adapters,
    read_head_config,
)
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.scorers.relevance import Calibration
from longattncomp.training import loop, relevance
from longattncomp.training.checkpoints import LOG
from longattncomp.training.loop import HEAD, Trained, train
from longattncomp.training.lora import adapted_layers
from longattncomp.training.losses import listwise
from longattncomp.training.objective import Objective
from longattncomp.training.samples.queries import SampleOptions
from longattncomp.training.stages import STAGES, Stage, read_contexts
from longattncomp.training.states import StateReader
from longattncomp.types import Query

Place = Literal["after", "alone"]
LAYERS = 2
PROJECTIONS = {"norm.weight", "q_proj.weight", "k_proj.weight"}
TOY = Stage(
    name="toy",
    sources={"squad": 100},
    samples=SampleOptions(documents=4, titles=2, questions=4),
    segment_tokens=128,
    node_tokens=32,
    epochs=2,
    batch=6,
    learning_rate=1e-3,
    weight_rate=0.2,
    validation=0.2,
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Paragraphs of which each has a sign of its own, and questions for the sentence that holds it."""
    folder = tmp_path_factory.mktemp("rows")
    rng = random.Random(0)
    with gzip.open(folder / "squad-train.jsonl.gz", "wt", encoding="utf-8") as stream:
        for number, sign in enumerate(string.digits + "!#$%&*+<=>@^~|"):
            filler = [" ".join(rng.choices(("hens", "cows", "eat", "see", "corn"), k=4)) + "." for _ in range(2)]
            at = rng.randrange(3)
            paragraph = " ".join([*filler[:at], f"Box {sign} holds it.", *filler[at:]])
            row = {"title": f"T{number // 4}", "paragraph": paragraph, "answer": sign, "ambiguous": False}
            row["answer_start"] = paragraph.index(sign)
            for which, query in enumerate((f"box {sign}?", f"{sign} {sign} where?")):
                stream.write(json.dumps(row | {"id": f"{number}-{which}", "query": query}) + "\n")
    return folder


@pytest.fixture(scope="module")
def contexts(rows: Path) -> list[Context]:
    found = list(read_contexts(TOY, rows))
    assert len(found) > 4
    assert any(not example.evidence for context in found for example in context)
    return found


@pytest.fixture(scope="module")
def backbone(toy_folder: Path) -> Backbone:
    return Backbone.open(toy_folder, LAYERS, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def tokenizer(toy_folder: Path) -> DraftTokenizer:
    return DraftTokenizer.from_folder(toy_folder)


class Bench:
    """Trains fresh heads, all on the same states."""

    def __init__(
        self, folder: Path, backbone: Backbone, tokenizer: DraftTokenizer, states: Path, contexts: Sequence[Context]
    ) -> None:
        self.folder = folder
        self.backbone = backbone
        self.tokenizer = tokenizer
        self._states = states
        self._contexts = contexts

    def reader(self, stage: Stage = TOY, backbone: Backbone | None = None) -> StateReader:
        return StateReader(backbone or self.backbone, self.tokenizer, stage, folder=self._states, most_bytes=10**8)

    def head(self, place: Place = "after", *, extended: bool = True) -> CrossAttentionHead:
        config = HeadConfig(
            self.backbone.fingerprint,
            self.backbone.layers,
            place,
            rotary=place == "after",
            segment_tokens=TOY.segment_tokens,
        )
        head = CrossAttentionHead(self.backbone.scoring_layer, config)
        if extended:
            head.extend()
        return head

    def train(self, stage: Stage, out: Path, **options: Any) -> tuple[Trained, CrossAttentionHead]:
        head = options.pop("head", None) or self.head(stage.query_place, extended=bool(stage.extensions))
        contexts = options.pop("contexts", self._contexts)
        backbone, layers = self.backbone, None
        if stage.adapted_layers:
            head.config = replace(head.config, rotary=False)
            backbone, layers = adapted_layers(self.folder, LAYERS, stage, {}, device="cpu", dtype="float32", seed=0)
        return train(stage, contexts, head, self.reader(stage, backbone), out, layers=layers, **options), head


@pytest.fixture(scope="module")
def bench(
    toy_folder: Path,
    backbone: Backbone,
    tokenizer: DraftTokenizer,
    contexts: list[Context],
    tmp_path_factory: pytest.TempPathFactory,
) -> Bench:
    return Bench(toy_folder, backbone, tokenizer, tmp_path_factory.mktemp("states"), contexts)


def logged(out: Path, key: str) -> dict[int, float]:
    lines = [json.loads(line) for line in (out / LOG).read_text().splitlines()]
    return {line["step"]: line[key] for line in lines if key in line}


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def assert_same_weights(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, weight in found.items():
        # The last digits of a matrix product may depend on where in memory its operands lie.
        torch.testing.assert_close(
            weight, expected[name], rtol=1e-5, atol=1e-6, msg=lambda why, name=name: f"{name}: {why}"
        )


# --- what is learned --------------------------------------------------------------------------


LEARNING = replace(TOY, epochs=8, learning_rate=5e-3, weight_rate=0.5)
ADAPTING = replace(TOY, rotary=False, adapted_layers=1, rank=4, adapter_rate=5e-3)


@pytest.mark.parametrize(
    ("stage", "share"),
    [
        pytest.param(LEARNING, 0.6, id="after"),
        pytest.param(replace(LEARNING, query_place="alone"), 0.6, id="alone"),
        pytest.param(replace(LEARNING, loss="bce"), 0.8, id="bce"),
        pytest.param(replace(ADAPTING, epochs=8, weight_rate=0.5), 0.6, id="adapters"),
    ],
)
def test_the_loss_falls(stage: Stage, share: float, bench: Bench, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []

    trained, _ = bench.train(stage, tmp_path, progress=lambda done, total: steps.append((done, total)))

    losses = list(logged(tmp_path, "loss").values())
    assert [done for done, _ in steps] == list(range(1, trained.steps + 1))
    assert {total for _, total in steps} == {trained.steps} == {len(losses)}
    epoch = trained.steps // stage.epochs
    assert mean(losses[-epoch:]) < share * mean(losses[:epoch])
    validations = logged(tmp_path, "validation")
    assert list(validations) == [epoch * number for number in range(1, stage.epochs + 1)]
    assert trained.validation == min(validations.values()) < validations[epoch]


def test_the_head_is_calibrated_by_questions_that_were_kept_out(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for least in (1000, 1):
        monkeypatch.setattr(relevance, "_LEAST", least)
        bench.train(replace(TOY, epochs=1, validation=0.5), tmp_path / str(least))
        found.append(read_head_config(tmp_path / str(least) / HEAD).calibration)
    assert found[0] is None
    assert isinstance(found[1], Calibration)


def test_the_rate_rises_and_falls_to_nothing(bench: Bench, tmp_path: Path) -> None:
    stage = replace(TOY, epochs=4, warm_up=0.25)

    trained, _ = bench.train(stage, tmp_path)

    rates = [TOY.learning_rate * rate for rate in _rates(trained.steps, 0.25)]
    assert list(logged(tmp_path, "rate").values()) == pytest.approx(rates[1:], abs=1e-9)  # of the step to come


def _rates(steps: int, warm_up: float) -> list[float]:
    rising = warm_up * steps
    return [min(1, (step + 1) / rising) * (1 + math.cos(math.pi * step / steps)) / 2 for step in range(steps + 1)]


def test_a_gradient_that_is_no_number_changes_nothing(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longattncomp.training.losses.listwise", lambda log_shares, _: (log_shares * torch.nan).sum())
    before = bench.head().state_dict()

    with pytest.warns(UserWarning, match="the gradient is not a number"):
        trained, head = bench.train(TOY, tmp_path)

    assert trained.complete
    assert_same_weights(head.state_dict(), before)


def test_the_best_checkpoint_is_kept(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = replace(TOY, epochs=3)
    after: list[dict[str, Tensor]] = []
    script = iter([3.0, 1.0, 2.0])

    def validate(objective: Any, *_: Any) -> tuple[float, list[Any]]:
        after.append({name: weight.clone() for name, weight in objective.head.state_dict().items()})
        return next(script), []

    monkeypatch.setattr(loop, "_validate", validate)

    trained, head = bench.train(stage, tmp_path)

    assert trained.validation == 1.0
    assert list(logged(tmp_path, "validation").values()) == [3.0, 1.0, 2.0]
    assert_same_weights(load_file(trained.head), after[1])
    assert_same_weights(head.state_dict(), after[2])
    assert not torch.equal(after[1]["q_proj.weight"], after[2]["q_proj.weight"])


def test_what_is_kept_of_the_start_is_saved_and_not_trained_on(bench: Bench, tmp_path: Path) -> None:
    stage = replace(TOY, epochs=2, kept=0.25)
    before = bench.head().state_dict()
    _, whole = bench.train(replace(stage, kept=0.0), tmp_path / "whole")

    bench.train(stage, tmp_path / "kept", most_steps=4)
    trained, head = bench.train(stage, tmp_path / "kept")

    assert_same_weights(head.state_dict(), whole.state_dict())
    assert logged(tmp_path / "kept", "validation") != logged(tmp_path / "whole", "validation")
    final = {name: 0.25 * before[name] + 0.75 * weight for name, weight in head.state_dict().items()}
    saved = load_file(trained.head)
    assert trained.validation == list(logged(tmp_path / "kept", "validation").values())[-1]
    assert_same_weights(saved, final)
    assert not torch.allclose(saved["q_proj.weight"], head.q_proj.weight)


def test_the_validation_is_the_mean_loss_of_contexts_never_trained_on(
    bench: Bench, contexts: list[Context], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[bool, set[int]] = {True: set(), False: set()}
    losses = Objective.losses

    def spy(objective: Objective, work: Any) -> Any:
        seen[objective.training].update(id(layout) for layout, _, _ in work)
        return losses(objective, work)

    made: dict[int, Context] = {}
    layout = StateReader.layout

    def remember(reader: StateReader, examples: Context) -> Any:
        found = layout(reader, examples)
        made[id(found)] = examples
        return found

    monkeypatch.setattr(Objective, "losses", spy)
    monkeypatch.setattr(StateReader, "layout", remember)

    trained, _ = bench.train(TOY, tmp_path)

    assert seen[True].isdisjoint(seen[False])
    assert len(seen[True] | seen[False]) == len(contexts)
    kept_out = [made[key] for key in seen[False]]
    assert len(kept_out) == max(1, round(0.2 * len(contexts)))
    found = load_head(trained.head, bench.backbone)
    scorer = _scorer(bench, found, rounded=True)
    assert trained.validation == pytest.approx(
        mean([_listwise_by_hand(scorer, bench, example) for context in kept_out for example in context]), rel=1e-4
    )


def _listwise_by_hand(scorer: CrossAttentionScorer, bench: Bench, example: Example) -> float:
    nodes = chunk(example.documents, bench.tokenizer, node_tokens=TOY.node_tokens)
    scores = scorer.score(Query(example.query), nodes)
    if not example.evidence:
        return -math.log(scores.instruction)
    overlaps = [
        sum(
            len(range(max(span.start, node.start), min(span.end, node.end)))
            for span in example.evidence
            if span.document == node.document
        )
        for node in nodes
    ]
    pairs = zip(overlaps, scores.nodes, strict=True)
    return -sum(overlap / sum(overlaps) * math.log(share) for overlap, share in pairs if overlap)


# --- the objective and the scorer -------------------------------------------------------------


class Rounded:
    """A backbone whose states are those that the reader keeps."""

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backbone, name)

    def read(self, *texts: Any, **options: Any) -> Iterator[EncodedContext]:
        for reading in self._backbone.read(*texts, **options):
            asked = tuple(states.bfloat16() for states in reading.asked)
            yield replace(reading, states=reading.states.bfloat16(), asked=asked)

    def ask(self, *texts: Any, **options: Any) -> Iterator[EncodedQuestions]:
        for asked in self._backbone.ask(*texts, **options):
            yield replace(asked, states=tuple(states.bfloat16() for states in asked.states))


def _scorer(bench: Bench, head: CrossAttentionHead, *, rounded: bool) -> CrossAttentionScorer:
    backbone: Any = Rounded(bench.backbone) if rounded else bench.backbone
    return CrossAttentionScorer(
        backbone,
        head,
        bench.tokenizer,
        prefix=bench.tokenizer.prefix,
        words=bench.tokenizer.words,
    )


def changed(head: CrossAttentionHead) -> CrossAttentionHead:
    generator = torch.Generator().manual_seed(2)
    for weight in head.parameters():
        weight.data += 0.3 * torch.randn(weight.shape, generator=generator)
    return head.eval()


@pytest.mark.parametrize("place", ["after", "alone"])
def test_the_objective_sees_what_the_scorer_gives(place: Place, bench: Bench, contexts: list[Context]) -> None:
    head = changed(bench.head(place))
    reader = bench.reader(replace(TOY, query_place=place))
    objective = Objective(head, reader, listwise)
    for context in contexts[:3]:
        layout = reader.layout(context)
        assert len(layout.segment_ids) > 1
        numbers = [len(context) - 1, 0, 1]

        with torch.no_grad():
            found = [shares.exp() for shares in objective.log_shares(layout, reader.states(layout), numbers)]

        nodes = chunk(context[0].documents, bench.tokenizer, node_tokens=TOY.node_tokens)
        queries = [Query(context[number].query) for number in numbers]
        same = _scorer(bench, head, rounded=True).score_batch(queries, nodes)
        near = _scorer(bench, head, rounded=False).score_batch(queries, nodes)
        for shares, scores, exact in zip(found, same, near, strict=True):
            assert shares.tolist() == pytest.approx([scores.instruction, *scores.nodes], abs=1e-5)
            assert shares.tolist() == pytest.approx([exact.instruction, *exact.nodes], abs=0.05)


def test_the_objective_is_the_sum_over_questions(bench: Bench, contexts: list[Context]) -> None:
    reader = bench.reader()
    objective = Objective(changed(bench.head()), reader, listwise)
    layouts = [reader.layout(context) for context in contexts[:2]]
    work = [(layout, reader.states(layout), (1, 0)) for layout in layouts]

    with torch.no_grad():
        found = objective(work)
        expected = sum(float(objective([(layout, states, [number])])) for layout, states, n in work for number in n)

    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("extended", [True, False])
def test_no_work_has_no_loss_and_no_slope(extended: bool, bench: Bench) -> None:
    objective = Objective(bench.head(extended=extended).requires_grad_(), bench.reader(), listwise)

    found = objective([])
    found.backward()

    assert float(found.detach()) == 0
    for name, weight in objective.head.named_parameters():
        assert weight.grad is not None, name
        assert not weight.grad.any(), name


# --- killed and resumed -----------------------------------------------------------------------

DROPPED = replace(TOY, dropout=0.3, epochs=3)


@pytest.fixture(scope="module")
def uninterrupted(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("uninterrupted")
    bench.train(DROPPED, out)
    return out


def assert_same_run(found: Path, expected: Path) -> None:
    assert_same_weights(load_file(found / HEAD), load_file(expected / HEAD))
    for key in ("loss", "rate", "validation"):
        assert logged(found, key) == pytest.approx(logged(expected, key), rel=1e-5)
    assert_same_weights(
        load_file(found / "state" / "model.safetensors"), load_file(expected / "state" / "model.safetensors")
    )


def test_stopped_and_resumed_is_the_same_run(uninterrupted: Path, bench: Bench, tmp_path: Path) -> None:
    total = len(logged(uninterrupted, "loss"))
    runs = 0
    done = 0
    while done < total:
        torch.rand(runs + 1)  # whatever came before
        trained, _ = bench.train(DROPPED, tmp_path, most_steps=4)
        assert trained.steps == min(done + 4, total)
        done = trained.steps
        runs += 1

    assert runs > 2
    assert_same_run(tmp_path, uninterrupted)


@pytest.mark.parametrize("kills", [1, pytest.param(3, marks=pytest.mark.long)])
def test_killed_and_resumed_is_the_same_run(kills: int, uninterrupted: Path, bench: Bench, tmp_path: Path) -> None:
    """Steps after the last checkpoint are made again."""
    total = len(logged(uninterrupted, "loss"))
    for last in sorted([total // 3 + 2, 1, total - 1][:kills]):
        with pytest.raises(KeyboardInterrupt):
            bench.train(DROPPED, tmp_path, progress=lambda done, _, last=last: _kill(done, last))
        assert len(logged(tmp_path, "loss")) == last

    bench.train(DROPPED, tmp_path)

    assert_same_run(tmp_path, uninterrupted)


def _kill(done: int, last: int) -> None:
    if done == last:
        raise KeyboardInterrupt


@pytest.mark.parametrize(("name", "damaged"), [("model.safetensors", b""), ("run.json", b"{")])
def test_a_damaged_checkpoint(name: str, damaged: bytes, bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "run"
    bench.train(DROPPED, out, most_steps=1)
    (out / "state" / name).write_bytes(damaged)

    with pytest.raises(InputError, match=r"state, which is damaged"):
        bench.train(DROPPED, out, most_steps=1)


def test_a_run_that_is_done_stays_as_it_is(uninterrupted: Path, bench: Bench) -> None:
    before = {file: file.read_bytes() for file in (uninterrupted / HEAD, uninterrupted / LOG)}

    trained, _ = bench.train(DROPPED, uninterrupted)

    assert trained.validation == min(logged(uninterrupted, "validation").values())
    assert {file: file.read_bytes() for file in before} == before


def test_adapters_are_saved_and_go_on_with_the_head(bench: Bench, tmp_path: Path) -> None:
    trained, _ = bench.train(ADAPTING, tmp_path / "whole")
    for steps in (2, None):
        parts, _ = bench.train(ADAPTING, tmp_path / "parts", most_steps=steps)

    assert parts.complete
    assert_same_weights(load_file(parts.head), load_file(trained.head))
    adapters = read_adapters(trained.head)
    assert {name.split(".")[1] for name in adapters} == {"1"}
    assert all(b.abs().sum() > 0 for _, b in adapters.values())
    backbone = Backbone.open(bench.folder, LAYERS, device="cpu", dtype="float32", adapters=adapters)
    assert load_head(trained.head, backbone).config.trained["toy"]["adapted_layers"] == 1
    with pytest.raises(HeadMismatchError):
        load_head(trained.head, bench.backbone)


def test_another_run_is_not_gone_on_with(bench: Bench, contexts: list[Context], tmp_path: Path) -> None:
    bench.train(DROPPED, tmp_path, most_steps=1)
    before = (tmp_path / LOG).read_bytes()

    (first, *rest), *more = contexts
    moved = replace(first, evidence=(*first.evidence, Evidence(0, 0, 1)))
    others: list[dict[str, Any]] = [
        {"seed": 1},
        {"contexts": contexts[1:]},
        {"contexts": [(moved, *rest), *more]},
        {"head": bench.head("after", extended=False)},
    ]
    for stage, options in [(replace(DROPPED, clip=0.5), {}), *((DROPPED, other) for other in others)]:
        with pytest.raises(InputError, match="holds another run"):
            bench.train(stage, tmp_path, **options)

    assert (tmp_path / LOG).read_bytes() == before


def test_dropout_and_seed_matter_to_the_tests_above(uninterrupted: Path, bench: Bench, tmp_path: Path) -> None:
    first = logged(uninterrupted, "loss")[1]
    for number, (stage, seed) in enumerate([(replace(DROPPED, dropout=0.0), 0), (DROPPED, 1)]):
        bench.train(stage, tmp_path / str(number), seed=seed, most_steps=1)
        assert logged(tmp_path / str(number), "loss")[1] != first


# --- what changes, and what is recorded -------------------------------------------------------


def test_without_extensions_only_the_papers_weights_change(bench: Bench, tmp_path: Path) -> None:
    for extensions, expected in (((), PROJECTIONS), (EXTENSIONS, PROJECTIONS.union(EXTENSIONS))):
        start = bench.head(extended=bool(extensions)).state_dict()
        assert set(start) == PROJECTIONS.union(EXTENSIONS)

        _, head = bench.train(replace(TOY, extensions=extensions), tmp_path / str(len(extensions)))

        found = head.state_dict()
        assert {name for name in found if not torch.equal(found[name], start[name])} == expected


def test_a_checkpoint_opens_and_records_its_stages(bench: Bench, tmp_path: Path) -> None:
    first, _ = bench.train(TOY, tmp_path / "1")
    second_stage = replace(TOY, name="second", segment_tokens=192, epochs=1)
    second, _ = bench.train(second_stage, tmp_path / "2", head=load_head(first.head, bench.backbone))

    found = load_head(second.head, bench.backbone)

    assert list(found.config.trained) == ["toy", "second"]
    assert found.config.segment_tokens == 192
    assert found.config.trained["toy"]["validation_loss"] == first.validation
    assert found.config.trained["toy"]["sources"] == {"squad": 100}
    assert found.config.trained["toy"]["samples"]["documents"] == 4
    assert found.config.trained["second"]["validation_loss"] == second.validation
    start = load_head(first.head, bench.backbone)
    assert not torch.equal(found.q_proj.weight, start.q_proj.weight)
    assert start.config.trained.keys() == {"toy"}
    assert not found.training


def test_too_few_contexts(bench: Bench, contexts: list[Context], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 2 contexts to train on, got 1"):
        bench.train(TOY, tmp_path, contexts=contexts[:1])


def _paper() -> Stage:
    stage = STAGES.get("paper") or Stage(
        name="paper", sources={}, loss="bce", extensions=(), learning_rate=2e-4, dropout=0.1, epochs=15
    )
    return replace(
        stage,
        sources={"squad": 2},
        samples=replace(TOY.samples, seed=stage.samples.seed),
        layers=LAYERS,
        segment_tokens=128,
        node_tokens=32,
    )


def test_the_papers_stage_runs(bench: Bench, rows: Path, tmp_path: Path) -> None:
    stage = _paper()
    assert (stage.loss, stage.extensions, stage.dropout, stage.epochs) == ("bce", (), 0.1, 15)
    assert (stage.learning_rate, stage.weight_decay, stage.batch, stage.clip) == (2e-4, 0.01, 8, 1.0)
    assert (stage.instruction_weight, stage.validation) == (0.8, 0.05)
    contexts = list(read_contexts(stage, rows))
    assert len(contexts) == 2

    trained, head = bench.train(stage, tmp_path, contexts=contexts)

    losses = list(logged(tmp_path, "loss").values())
    epoch = len(losses) // 15
    assert trained.steps == 15 * epoch
    assert len(logged(tmp_path, "validation")) == 15
    assert all(map(math.isfinite, losses))
    start = bench.head(extended=False)
    assert not torch.equal(head.q_proj.weight, start.q_proj.weight)
    assert all(torch.equal(head.get_parameter(name), start.get_parameter(name)) for name in EXTENSIONS)
    assert load_head(trained.head, bench.backbone).config.trained["paper"]["loss"] == "bce"


# --- several processes ------------------------------------------------------------------------

SCRIPT = """
    import sys
    from pathlib import Path

    import torch

    torch.set_num_threads(1)
    from longattncomp.backbone.forward import Backbone
    from longattncomp.backbone.tokenizer import DraftTokenizer
    from longattncomp.scorers.cross_attention.head import CrossAttentionHead, HeadConfig
    from longattncomp.training.lora import adapted_layers
    from longattncomp.training.loop import train
    from longattncomp.training.samples.queries import SampleOptions
    from longattncomp.training.stages import Stage, read_contexts
    from longattncomp.training.states import StateReader

    model, rows, states, out = map(Path, sys.argv[1:])
    stage = {stage}
    backbone = Backbone.open(model, {layers}, device="cpu", dtype="float32")
    config = HeadConfig(backbone.fingerprint, backbone.layers, "after", rotary=False)
    lower, layers = adapted_layers(model, {layers}, stage, {{}}, device="cpu", dtype="float32", seed=0)
    reader = StateReader(lower, DraftTokenizer.from_folder(model), stage, folder=states, most_bytes=10**8)
    head = CrossAttentionHead(backbone.scoring_layer, config)
    head.extend()
    train(stage, list(read_contexts(stage, rows)), head, reader, out, layers=layers)
"""


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [1, pytest.param(2, marks=pytest.mark.long)])
def test_two_processes_train_the_head_of_one(
    epochs: int, bench: Bench, toy_folder: Path, rows: Path, tmp_path: Path
) -> None:
    stage = replace(ADAPTING, epochs=epochs)
    bench.train(stage, tmp_path / "one")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).format(stage=repr(stage), layers=LAYERS))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    # These are the variables that `accelerate launch` sets; the launcher itself takes seconds to start.
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), *map(str, (toy_folder, rows, tmp_path / "states", tmp_path / "two"))]
    processes = [
        subprocess.Popen(
            command,
            env=os.environ | shared | {"RANK": rank, "LOCAL_RANK": rank, "HF_HOME": str(tmp_path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    for process in processes:
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors[-3000:]

    assert (tmp_path / "two" / "state" / "random_states_1.pkl").is_file()
    one, two = load_file(tmp_path / "one" / HEAD), load_file(tmp_path / "two" / HEAD)
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=1e-4, atol=1e-4 * float(weight.abs().max()))
    for key in ("loss", "validation"):
        assert logged(tmp_path / "two", key) == pytest.approx(logged(tmp_path / "one", key), rel=1e-4)


def test_what_one_stage_keeps_out_the_next_keeps_out(
    bench: Bench, contexts: list[Context], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the second would be measured on what the first was trained on."""

    class DrawnError(Exception):
        pass

    def kept_out(given: list[Context], seed: int = 0) -> set[int]:
        drawn: list[int] = []

        def batches(_: Any, order: list[int], *__: Any) -> None:
            drawn.extend(order)
            raise DrawnError

        monkeypatch.setattr(loop, "batches", batches)
        with pytest.raises(DrawnError):
            bench.train(TOY, tmp_path, contexts=given, seed=seed)
        return {id(context) for number, context in enumerate(given) if number not in drawn}

    everything = kept_out([*contexts, *(tuple(context[:1]) for context in contexts)])
    some = [context for context in contexts if id(context) in everything] + contexts[:3]
    assert kept_out(some[::-1]) & everything
    assert kept_out(contexts) == kept_out(contexts[::-1])
    assert len({frozenset(kept_out(contexts, seed)) for seed in range(5)}) > 1

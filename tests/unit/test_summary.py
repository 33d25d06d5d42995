"""Records averaged by hand: rows, gains, averages, losses and the tables made of them."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from recorded import record, task
from rich.console import Console

from longattncomp.errors import InputError
from longattncomp.evaluation.records import Record
from longattncomp.evaluation.report.overview import overview, written
from longattncomp.evaluation.report.summarise import summarise
from longattncomp.evaluation.report.summary import Row, Summary, losses
from longattncomp.evaluation.report.tables import markdown, render, to_json
from longattncomp.evaluation.tasks.task import Metric


def row(summary: Summary, method: str, **where: Any) -> Row:
    given = {"task": "farm", "budget": "10", "target": None} | where
    (found,) = [
        one for one in summary.rows if one.method == method and all(getattr(one, key) == given[key] for key in given)
    ]
    return found


def test_a_row_by_hand() -> None:
    summary = summarise(
        [
            record("a", "bm25", 1.0, seconds=1.0, answer=1.0),
            record("b", "bm25", 0.5, seconds=9.0, tokens=30),
            record("c", "bm25", 0.0, seconds=2.0, tokens=20, context_tokens=50),
        ],
        {},
    )
    (found,) = summary.rows
    assert (found.n, found.measure, found.target) == (3, "recall", None)
    assert found.recall is not None
    assert found.strict is not None
    assert found.answer is not None
    assert (found.recall.mean, found.answer.mean, found.strict.mean) == (0.5, 1.0, pytest.approx(1 / 3))
    assert 0 <= found.recall.low < 0.5 < found.recall.high <= 1
    assert (found.tokens, found.share, found.seconds) == (20, pytest.approx((0.1 + 0.3 + 0.4) / 3), 2.0)
    assert found.gain is None
    assert found.few
    assert (found.choice, found.f1) == (None, None)


def test_a_gain_pairs_examples_whatever_their_order() -> None:
    ours, theirs = {"a": 1.0, "b": 0.8, "c": 0.6}, {"c": 0.5, "a": 0.9, "b": 0.7, "d": 0.0}
    records = [record(name, "bm25", value) for name, value in theirs.items()]
    records += [record(name, "longattncomp", value) for name, value in ours.items()]
    gain = row(summarise(records, {}), "bm25").gain
    assert gain is not None
    # Each difference is 0.1, so that any wrong pairing widens the interval; d has no pair.
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1))


def test_methods_of_one_length_are_drawn_alike() -> None:
    values = [0.1, 0.9, 0.4, 0.7, 0.2]
    records = [record(str(place), "bm25", value) for place, value in enumerate(values)]
    records += [record(str(place), "minilm", value) for place, value in reversed(list(enumerate(values)))]
    summary = summarise(records, {}, seed=3)
    assert row(summary, "bm25").recall == row(summary, "minilm").recall


def test_rows_come_by_task_size_of_the_budget_and_method() -> None:
    records = [
        record("a", method, 1.0, budget=budget, context_tokens=1000)
        for budget in ("adaptive", "500", "20%", "100")
        for method in ("mine", "longattncomp", "oracle", "random")
    ]
    rows = summarise(records, {}).rows
    assert list(dict.fromkeys(one.budget for one in rows)) == ["100", "20%", "500", "adaptive"]
    assert [one.method for one in rows[:4]] == ["longattncomp", "random", "mine", "oracle"]


def test_what_was_kept_counts_once_for_all_targets() -> None:
    records = [
        record(name, method, recall, target=target, choice=choice, likelihood=-choice)
        for name, recall, choice in (("a", 1.0, 0.0), ("b", 0.0, 1.0))
        for method in ("bm25", "longattncomp")
        for target in ("small", "large")
    ]
    records += [record("a", "bm25", 1.0), record("c", "bm25", 1.0)]
    summary = summarise(records, {"farm": task("farm", metric="choice")})
    assert summary.targets == (None, "small", "large")
    assert row(summary, "bm25").n == 3
    assert row(summary, "bm25").choice is None
    read = row(summary, "bm25", target="small")
    assert (read.n, read.measure, read.recall) == (2, "choice", None)
    assert read.score == read.choice
    assert read.likelihood is not None
    assert read.likelihood.mean == -0.5


@pytest.mark.parametrize(
    ("metric", "given", "measure"),
    [
        ("exact", {"f1": 0.5, "exact": 0.0}, "exact"),
        ("recall", {"f1": 0.5, "exact": 0.0}, "f1"),
        ("choice", {"f1": None, "likelihood": -1.0}, "likelihood"),
    ],
)
def test_what_a_target_is_judged_by(metric: Metric, given: dict[str, Any], measure: str) -> None:
    records = [record("a", "bm25", 1.0, target="small", **given)]
    found = row(summarise(records, {"farm": task("farm", metric=metric)}), "bm25", target="small")
    assert found.measure == measure


def test_full_and_none_stand_at_each_budget_of_a_target() -> None:
    records = [
        *(record("a", "longattncomp", 1.0, budget=budget, target="small", f1=0.5) for budget in ("10", "20")),
        record("a", "full", 1.0, budget="100%", tokens=100, target="small", f1=0.75),
        record("a", "none", 0.0, budget="0", tokens=0, target="small", f1=0.25),
    ]
    summary = summarise(records, {})
    assert [(one.budget, one.method) for one in summary.rows if one.target] == [
        (budget, method) for budget in ("10", "20") for method in ("longattncomp", "full", "none")
    ]
    assert {one.method for one in summary.rows if one.target is None} == {"longattncomp"}
    gain = row(summary, "none", target="small", budget="20").gain
    assert gain is not None
    assert gain.mean == 0.25


def test_averages_weigh_tasks_alike_and_leave_some_out() -> None:
    farm = [record(str(place), "bm25", 1.0) for place in range(9)]
    zoo = [record("a", "bm25", 0.5, task="zoo"), record("b", "bm25", 0.0, task="zoo")]
    words = [record("a", "bm25", 0.0, task="words")]
    tasks = {"farm": task("farm"), "zoo": None, "words": task("words", averaged=False)}
    summary = summarise(farm + zoo + words, tasks)
    (average,) = summary.averages
    assert (average.tasks, average.n, average.score.mean) == (2, 11, 0.625)
    assert (average.score.low, average.score.high) == (0.5, 0.75)  # only zoo's examples differ
    assert summary.left_out == ("words",)


def test_no_average_of_a_method_that_lacks_a_task() -> None:
    records = [record("a", method, 1.0, task=name) for name in ("farm", "zoo") for method in ("bm25", "longattncomp")]
    records.append(record("a", "random", 0.0))
    summary = summarise(records, {})
    assert [one.method for one in summary.averages] == ["longattncomp", "bm25"]
    assert overview(summary).averages == {"bm25": 1.0, "longattncomp": 1.0}
    assert [one.gain is None for one in summary.averages] == [True, False]


def test_likelihoods_are_in_no_average() -> None:
    records = [record("a", "bm25", 1.0, task=name, target="small", likelihood=-2.0) for name in ("farm", "zoo")]
    summary = summarise(records, {})
    assert [one.target for one in summary.averages] == [None]
    assert not overview(summary, target="small").averages


def test_examples_without_evidence() -> None:
    records = [record("a", "bm25", None, depth=None, answer=1.0), record("b", "bm25", 0.5)]
    summary = summarise(records, {})
    assert (summary.rows[0].n, summary.skipped) == (1, 1)
    only_answers = summarise(records[:1], {})
    assert (only_answers.rows[0].measure, only_answers.averages, only_answers.skipped) == ("answer", (), 1)


@pytest.mark.parametrize("records", [[], [record("a", "bm25", None)]])
def test_nothing_to_average(records: list[Record]) -> None:
    with pytest.raises(InputError, match=f"recall, an answer or a target's score, got {len(records)} without"):
        summarise(records, {})


def test_losses_largest_first() -> None:
    means = {
        ("farm", "bm25"): 0.75, ("farm", "minilm"): 1.0, ("farm", "longattncomp"): 0.5, ("farm", "oracle"): 1.0,
        ("zoo", "bm25"): 0.25, ("zoo", "longattncomp"): 0.25, ("zoo", "oracle"): 1.0,
        ("sea", "bm25"): 0.25, ("sea", "longattncomp"): 0.0,
    }  # fmt: skip
    records = [record("a", method, mean, task=name) for (name, method), mean in means.items()]
    found = losses(summarise(records, {}))
    assert [(one.ours.task, one.best.method, one.others) for one in found] == [
        ("farm", "minilm", ("bm25",)),
        ("sea", "bm25", ()),
    ]
    assert found[0].best.gain is not None
    assert found[0].best.gain.high == -0.5


def test_a_loss_is_on_the_examples_that_both_have() -> None:
    """Whoever lacks the hard examples has the higher mean, and is neither better nor best."""
    ours, theirs = {"a": 1.0, "b": 0.0, "c": 0.0}, {"a": 0.75}
    records = [record(name, "longattncomp", value) for name, value in ours.items()]
    records += [record(name, "bm25", value) for name, value in theirs.items()]
    summary = summarise(records, {})
    assert row(summary, "bm25").score.mean > row(summary, "longattncomp").score.mean
    assert losses(summary) == ()
    assert overview(summary).columns[0].best == {"longattncomp"}
    worse = [record(name, "longattncomp", value) for name, value in {"a": 0.5, "b": 1.0, "c": 1.0}.items()]
    (lost,) = losses(summarise([*worse, *records[3:]], {}))
    assert lost.behind.mean == -0.25


def test_adaptive_is_shown_and_compared_nowhere() -> None:
    records = [
        record("a", method, recall, task=name, budget="adaptive", tokens=tokens)
        for name in ("farm", "zoo")
        for method, recall, tokens in (("bm25", 1.0, 1234), ("longattncomp", 0.5, 5))
    ]
    summary = summarise(records, {})
    assert (summary.averages, losses(summary)) == ((), ())
    seen = overview(summary)
    assert (dict(seen.averages), [column.best for column in seen.columns]) == ({}, [frozenset()] * 2)
    assert "| bm25 | 100.0 (1,234 tokens) | 100.0 (1,234 tokens) |" in markdown(summary)


def test_no_context_can_win() -> None:
    records = [
        record("a", "longattncomp", 1.0, target="small", f1=0.25),
        record("a", "none", 0.0, budget="0", target="small", f1=0.5),
        record("a", "full", 1.0, budget="100%", target="small", f1=1.0),
    ]
    (found,) = losses(summarise(records, {}))
    assert (found.best.method, found.best.gain.mean if found.best.gain else None) == ("none", -0.25)


def test_no_losses_without_ours() -> None:
    assert losses(summarise([record("a", "bm25", 1.0)], {})) == ()


def test_markdown() -> None:
    means = {"random": 0.1, "bm25": 0.9, "longattncomp": 0.9004, "oracle": 1.0}
    records = [
        record(str(place), method, mean, task=name, budget=budget)
        for name, count in (("a|b", 30), ("zoo", 2), ("words", 30))
        for budget in ("5%", "10%", "20%")
        for method, mean in means.items()
        for place in range(count)
    ]
    summary = summarise(records, {"words": task("words", averaged=False)})
    assert markdown(summary).splitlines() == [
        "| method | average | a\\|b, 10% | zoo, 10% | words, 10% † |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| n |  | 30 | 2* | 30 |",
        "| measure |  | recall | recall | recall |",
        "| longattncomp | **90.0** | **90.0** | **90.0** | **90.0** |",
        "| bm25 | **90.0** | **90.0** | **90.0** | **90.0** |",
        "| random | 10.0 | 10.0 | 10.0 | 10.0 |",
        "| oracle | 100.0 | 100.0 | 100.0 | 100.0 |",
        "",
        "\\* few rows: fewer than 30 examples.",
        "† not in the average.",
    ]


def test_a_table_for_each_task_and_target() -> None:
    summary = summarise(
        [
            record("a", "bm25", 1.0, task="farm [b]", target="small [x]", f1=0.5, likelihood=-1.234),
            record("a", "longattncomp", 0.0, task="farm [b]", target="small [x]", f1=0.25, likelihood=-2.0),
            record("b", "bm25", None, task="farm [b]"),
            *(record("a", method, 1.0, task="zoo") for method in ("bm25", "longattncomp")),
        ],
        {"zoo": None},
    )
    console = Console(file=io.StringIO(), width=120)
    render(summary, console)
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    for text in (
        "farm [b]: evidence kept, %", "farm [b]: answers of small [x], %", "100.0 to 100.0", "-100.0", "-1.23", "1*",
        "Average of the tasks that count", "few rows: fewer than 30", "No recall for 1 example without evidence.",
    ):  # fmt: skip
        assert text in drawn
    assert "Not in the averages" not in drawn


def test_json_is_one_line_without_what_is_not_there() -> None:
    line = to_json(summarise([record("a", "bm25", 1 / 3)], {}))
    assert "\n" not in line
    found = json.loads(line)
    whole = {"mean": 0.333333, "low": 0.333333, "high": 0.333333}
    assert found["rows"] == [
        {
            "task": "farm", "budget": "10", "method": "bm25", "measure": "recall", "n": 1, "recall": whole,
            "strict": {"mean": 0, "low": 0, "high": 0}, "tokens": 10, "share": 0.1, "seconds": 0.5,
        }
    ]  # fmt: skip
    assert (found["averages"], found["left_out"], found["skipped"]) == ([], [], 0)


def test_numbers_are_written_without_a_negative_zero() -> None:
    assert [written("recall", value) for value in (-0.0001, 0.5, -0.125)] == ["0.0", "50.0", "-12.5"]
    assert [written("likelihood", value) for value in (-0.001, -1.006)] == ["0.00", "-1.01"]

"""The page of an evaluation: whole, inert, and open about losses."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from recorded import record, task

from longattncomp.evaluation.records import Record
from longattncomp.evaluation.report import html
from longattncomp.evaluation.report.html import RunDescription, page
from longattncomp.evaluation.report.plots import Picture
from longattncomp.evaluation.report.summarise import summarise

RUN = RunDescription(
    command="longattncomp eval farm --out x",
    machine="2 cores",
    date="2026-01-02",
    versions={"torch": "2.6"},
    settings={"top_p": "0.5", "order": "score"},
)
HOSTILE = "</title></style><script>document.title = 'ran'</script><img src=x onerror=alert(1)> \"'{{ 7 * 7 }}\ud800"


def two_tasks() -> list[Record]:
    means = {("farm", "bm25"): 0.25, ("farm", "longattncomp"): 0.5, ("zoo", "bm25"): 0.5, ("zoo", "longattncomp"): 0.5}
    return [record(str(place), method, mean, task=name) for (name, method), mean in means.items() for place in range(3)]


def section(text: str, heading: str) -> str:
    """The words of a section, without tags."""
    found = text[text.index(f"<h2>{heading}</h2>") :]
    return " ".join(re.sub(r"<[^>]*>", " ", found[: found.index("</section>")]).split())


def test_everything_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "_ABOUT", {"bm25": "words in common"})
    tasks = {"farm": task("farm"), "zoo": task("zoo", averaged=False)}
    text = page(summarise(two_tasks(), tasks), tasks, RUN)
    for words in (
        "longattncomp eval farm --out x",
        "2 cores",
        "2026-01-02",
        "torch 2.6",
        "settings top_p=0.5, order=score",
    ):
        assert words in section(text, "How it was run")
    assert "bm25 words in common" in section(text, "Methods")
    assert "longattncomp not described" in section(text, "Methods")
    assert "zoo not in averages about zoo" in section(text, "Tasks")
    assert "Not in averages: zoo. Such a task asks for what is everywhere" in section(text, "Methods by tasks")
    assert "n = 3, few rows" in section(text, "Methods by tasks")
    assert "50.0 50.0 to 50.0" in section(text, "All numbers")


def test_rows_of_a_file() -> None:
    assert "farm rows of a file" in section(page(summarise(two_tasks(), {}), {"farm": None}, RUN), "Tasks")


def test_nothing_is_lost() -> None:
    assert "Nowhere: no other method" in section(page(summarise(two_tasks(), {}), {}, RUN), "Where we lose")


def test_ours_did_not_run() -> None:
    text = page(summarise([record("a", "bm25", 1.0)], {}), {}, RUN)
    assert "longattncomp did not run" in section(text, "Where we lose")


def test_losses_are_listed() -> None:
    records = [*two_tasks(), *(record(str(place), "minilm", 0.75, tokens=2000) for place in range(3))]
    lost = section(page(summarise(records, {}), {}, RUN), "Where we lose")
    assert "farm few rows 10 evidence recall, % minilm -25.0 -25.0 to -25.0 75.0 / 50.0 2,000 / 10" in lost


def test_adaptive_shows_the_tokens_kept_and_loses_nothing() -> None:
    kept = {"bm25": (1.0, 1234), "longattncomp": (0.5, 5)}
    records = [record("a", name, mean, budget="adaptive", tokens=tokens) for name, (mean, tokens) in kept.items()]
    text = page(summarise(records, {}), {}, RUN)
    assert "bm25 100.0 100.0 to 100.0, 1,234 tokens" in section(text, "Methods by tasks")
    assert "bm25 100.0" not in section(text, "Where we lose")
    assert "<strong>" not in text


def test_defaults_are_named_as_such() -> None:
    text = page(summarise(two_tasks(), {}), {}, replace(RUN, settings={}))
    assert "settings all at their defaults" in section(text, "How it was run")


def test_pictures_are_embedded(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG...")
    text = page(summarise(two_tasks(), {}), {}, RUN, pictures=[Picture(tmp_path / "a.png", "all <of> it")])
    assert '<img src="data:image/png;base64,iVBORy4uLg==" alt="all &lt;of&gt; it">' in text
    assert "<h2>Pictures</h2>" not in page(summarise(two_tasks(), {}), {}, RUN)


def test_each_budget_and_target_has_its_table() -> None:
    records = [
        record("a", method, 1.0, task=name, budget=budget, target="small", likelihood=-1.5)
        for name in ("farm", "zoo")
        for method in ("bm25", "longattncomp")
        for budget in ("5%", "10%")
    ]
    found = section(page(summarise(records, {}), {}, RUN), "Methods by tasks")
    for title in (
        "What was kept at a budget of 5%, evidence recall, %",
        "What was kept at a budget of 10%, evidence recall, %",
        "Answers of small at a budget of 10%, log-likelihood, nats/token",
    ):
        assert title in found
    assert "average of 2 tasks" in found
    assert "-1.50" in found


def test_names_are_text_and_nothing_runs_or_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "_ABOUT", {HOSTILE: HOSTILE})
    records = [
        record("a", method, 1.0, task=HOSTILE, target=HOSTILE, f1=0.5)
        for method in (HOSTILE, "longattncomp")
        for _ in range(2)
    ]
    run = RunDescription(
        command=HOSTILE, machine=HOSTILE, date=HOSTILE, versions={HOSTILE: HOSTILE}, settings={HOSTILE: HOSTILE}
    )
    text = page(summarise(records, {}), {HOSTILE: task(HOSTILE)}, run)
    text.encode("utf-8")
    assert text.count("<style>") == text.count("</style>") == text.count("</title>") == 1
    assert not re.search(r"<script|<img|49\b", text)
    assert not re.search(r"(?:src|href)=|url\(|@import", text.replace("&lt;img src=x", ""))
    assert "default-src 'none'" in text

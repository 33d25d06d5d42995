"""What the compressor decides by itself: node sizes, prompts as documents, special tokens first."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from toy import segments_of

from longattncomp import Compressor, Document, Node, Query, Scores, Settings
from longattncomp.cli.documents import read_documents
from longattncomp.errors import BrokenModelError, InputError, LongAttnCompWarning
from longattncomp.scorers.cross_attention.head import read_head_config
from longattncomp.scorers.cross_attention.opening import head_file
from longattncomp.testing import ByteTokenizer, save_draft_model
from longattncomp.types import Progress


class WordScorer:
    """The mass by how often the query's words occur."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        counts = [1e-6 + sum(node.text.count(word) for word in query.text.split()) for node in nodes]
        return Scores(tuple(count / sum(counts) for count in counts), 0.0)


@pytest.fixture
def words() -> Compressor:
    return Compressor(WordScorer(), ByteTokenizer(), settings=Settings(node_tokens=400))


def test_the_best_node_is_not_left_out_for_its_size(words: Compressor) -> None:
    long = "Nobody knows why. " * 8 + "The lease was signed by Ada. " + "The rain fell on. " * 8
    result = words.compress("lease signed", [long, "Bye."], token_budget=100, top_p=1.0)
    assert "The lease was signed by Ada." in result.text
    assert result.tokens > 50


def test_nodes_for_a_budget_are_those_that_compress_scores(words: Compressor) -> None:
    text = "The lease was signed by Ada. " * 20
    result = words.compress("lease", text, token_budget=90)
    assert [(node.start, node.end) for node in result.all_nodes] == [
        (node.start, node.end) for node in words.nodes(text, token_budget=90)
    ]
    assert max(node.tokens for node in words.nodes(text, token_budget=90)) <= 45
    assert max(node.tokens for node in words.nodes(text)) > 300


class Unsure:
    """Half of the mass is the instruction's."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        return Scores(tuple(0.5 / len(nodes) for _ in nodes), 0.5)


def test_min_relevance_may_leave_nothing() -> None:
    unsure = Compressor(Unsure(), ByteTokenizer(), settings=Settings(node_tokens=20))
    text = "The lease was signed by Ada. " * 20
    result = unsure.compress("lease", text, token_budget=100, min_relevance=0.6)
    assert (result.text, result.tokens, result.documents, result.stop_reason) == ("", 0, (), "min_relevance")
    assert {node.reason for node in result.all_nodes} == {"min_relevance"}
    kept = unsure.compress("lease", text, token_budget=100, min_relevance=0.4)
    assert kept.text == unsure.compress("lease", text, token_budget=100).text != ""
    assert unsure.compress("lease", text, pins=[(0, 0, 9)], min_relevance=0.6).text.startswith("The lease")


class Counting(WordScorer):
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def score_batch(
        self, queries: Sequence[Query], nodes: Sequence[Node], *, progress: Progress | None = None
    ) -> list[Scores]:
        self.asked.append([query.text for query in queries])
        return [self.score(query, nodes, progress=progress) for query in queries]


def test_a_batch_reads_neighbours_with_the_same_context_once() -> None:
    scorer = Counting()
    compressor = Compressor(scorer, ByteTokenizer(), settings=Settings(node_tokens=40))
    texts = ["The lease was signed by Ada. " * 9, "The rent is due on Fridays. " * 9]
    others = ["Nobody signed anything. " * 9]

    found = compressor.compress_batch(
        ["lease", "rent", "signed", "due"], [texts, texts, others, texts], token_budget=100
    )

    assert sorted(scorer.asked) == [["due"], ["lease", "rent"], ["signed"]]
    rows = zip(["lease", "rent", "signed", "due"], [texts, texts, others, texts], strict=True)
    assert found == [compressor.compress(query, context, token_budget=100) for query, context in rows]


def test_messages_keep_their_place_and_role(words: Compressor) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "tool", "content": "The lease was signed in May. " * 30},
        {"role": "user", "content": "Who signed the lease?"},
    ]
    result = words.compress_prompt(messages, token_budget=200)
    assert [(one.index, one.metadata["role"]) for one in result.documents] == [(0, "system"), (1, "tool"), (2, "user")]
    assert result.documents[0].text == "Be brief."
    assert result.documents[2].text == "Who signed the lease?"
    assert result.query == Query("Who signed the lease?", "messages")


class Watching(WordScorer):
    """Notes which documents it is shown, as texts."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        texts: dict[int, str] = {}
        for node in nodes:
            texts[node.document] = texts.get(node.document, "") + node.text
        self.shown = [texts[index] for index in sorted(texts)]
        return super().score(query, nodes, progress=progress)


PARAGRAPHS = [f"Tenant {number} pays the rent. " * length for number, length in enumerate((9, 2, 4, 2, 9))]
"""In bytes 216, 48, 96, 48 and 216: the second to fourth are one part, the last is open."""


@pytest.mark.parametrize("method", ["longattncomp", "speculative"])
def test_long_paragraphs_of_a_prompt_are_read_apart_and_stay_one_document(method: str) -> None:
    scorer = Watching()
    settings = Settings(node_tokens=40, method=method)
    prompt = "\n\n".join([*PARAGRAPHS, "Question: Who pays the rent?"])

    found = Compressor(scorer, ByteTokenizer(), settings=settings).compress_prompt(prompt, token_budget=300, top_p=1.0)

    first, *middle, last = PARAGRAPHS
    parts = [f"{first}\n\n", "\n\n".join(middle) + "\n\n", f"{last}\n\n"]
    assert scorer.shown == (parts if method == "longattncomp" else ["".join(parts)])
    assert {node.document for node in found.all_nodes} == {0}
    assert "".join(node.text for node in found.all_nodes) == prompt
    assert all(prompt[start:end] in found.text for start, end in found.documents[0].spans)


def test_a_context_is_read_as_it_is() -> None:
    scorer = Watching()
    text = "\n\n".join(PARAGRAPHS)
    Compressor(scorer, ByteTokenizer(), settings=Settings(node_tokens=40)).compress("rent", text, token_budget=300)
    assert scorer.shown == [text]


@pytest.mark.parametrize("query", ["Who siigned the leaase?", "Ada: Hello.\nBob: Hi.\nUser: Who signed the lease?"])
def test_the_steps_one_by_one_are_compress(words: Compressor, query: str) -> None:
    text = "The rent is low. The lease was signed by Ada. Hello is what Bob said. " * 3
    nodes, asked = words.nodes(text, token_budget=60), Query(query)
    (scores,) = words.score([asked], nodes)
    steps = words.assemble(asked, [Document(text)], nodes, scores, token_budget=60)
    assert "lease" in steps.text
    assert steps == words.compress(query, text, token_budget=60)


def test_scores_for_other_nodes_are_refused(words: Compressor) -> None:
    nodes = words.nodes("One. Two.")
    with pytest.raises(InputError, match="one score for each of 1 nodes, got 2"):
        words.assemble(Query("q"), [Document("One. Two.")], nodes, Scores((0.5, 0.5), 0.0))


def test_special_tokens_that_the_model_expects_come_first(tmp_path: Path) -> None:
    """A BOS in the tokenizer's template is read first and counted to the instruction."""
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

    folder = save_draft_model(tmp_path)
    options = {"layers": 2, "dtype": "float32", "device": "cpu"}
    without = Compressor.from_pretrained(folder, **options)
    file = str(folder / "tokenizer.json")
    tokenizer = Tokenizer.from_file(file)
    bos = tokenizer.id_to_token(65)
    tokenizer.post_processor = TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, 65)])
    tokenizer.save(file)
    seen: list[torch.Tensor] = []
    with_bos = Compressor.from_pretrained(folder, **options)

    def see(_module: object, _args: object, kwargs: dict[str, torch.Tensor]) -> None:
        if "position_ids" not in kwargs:  # else it is a question, which follows what was read
            seen.append(kwargs["input_ids"])

    with_bos.scorer.backbone._model.register_forward_pre_hook(see, with_kwargs=True)  # type: ignore[attr-defined]
    text = "The lease was signed. " * 10
    scored = with_bos.compress("Who?", text, token_budget=50)
    assert seen
    assert all((ids[:, 0] == 65).all() for ids in seen)
    assert scored.original_tokens == without.compress("Who?", text, token_budget=50).original_tokens
    assert abs(scored.instruction_score + sum(scored.scores) - 1) < 1e-4


def test_bm25_has_no_head(toy_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no head"):
        Compressor.from_pretrained(toy_folder, method="bm25", head=tmp_path / "head.safetensors")


def test_a_pipe_is_read_and_a_closed_input_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import threading

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"through a pipe",))
    writer.start()
    assert read_documents([str(pipe)]) == [Document("through a pipe", str(pipe))]
    writer.join()
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="closed"):
        read_documents(["-"])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"typed")))
    assert read_documents(["-"]) == [Document("typed", "-")]


def test_one_model_is_shared_by_many_threads_and_other_call_settings(toy_folder: Path) -> None:
    options: dict[str, Any] = {"layers": 2, "head": "untrained", "device": "cpu", "shared": True}
    with ThreadPoolExecutor(4) as pool:
        made = list(
            pool.map(lambda budget: Compressor.from_pretrained(toy_folder, token_budget=budget, **options), range(1, 9))
        )
    assert len({id(compressor.scorer) for compressor in made}) == 1
    assert [compressor.settings.token_budget for compressor in made] == list(range(1, 9))
    other = Compressor.from_pretrained(toy_folder, **options | {"method": "longattncomp-alone"})
    own = Compressor.from_pretrained(toy_folder, **options | {"shared": False})
    assert len({id(compressor.scorer) for compressor in (made[0], other, own)}) == 3


def test_count_is_what_the_budget_is_counted_in(toy_folder: Path) -> None:
    options: dict[str, Any] = {"layers": 2, "head": "untrained", "device": "cpu"}
    assert Compressor.from_pretrained(toy_folder, target_tokenizer=str.split, **options).count("one two three") == 3
    own = Compressor.from_pretrained(toy_folder, **options)
    assert own.count("one two three") == own.tokenizer.count("one two three")


def test_a_keep_rate_bounds_the_result_within_the_budget(words: Compressor) -> None:
    text = "The lease was signed by Ada. " * 40
    whole = len(text)
    assert words.compress("lease", text, keep_rate=0.25).token_budget == whole // 4
    assert words.compress("lease", text, keep_rate=0.25).tokens <= whole // 4
    assert words.compress("lease", text, keep_rate=0.25, token_budget=100).token_budget == 100
    assert words.compress("lease", text, keep_rate=1.0).token_budget == 16384
    assert max(node.tokens for node in words.configured(keep_rate=0.1).nodes(text)) <= whole // 20


def test_a_keep_rate_counts_in_the_targets_tokens() -> None:
    engine = Compressor(
        WordScorer(),
        ByteTokenizer(),
        settings=Settings(node_tokens=20),
        target_tokenizer=lambda text: len(text.split()),
    )
    texts = [
        "".join(f"The lease was signed {n}th. " for n in "abcdefghij"),
        "",
        "".join(f"Rain fell all day {n}. " for n in range(12)),
    ]
    result = engine.compress("lease", texts, keep_rate=0.5)
    assert result.original_tokens == 110
    assert result.token_budget == 55
    assert 40 < result.tokens <= 55


def test_the_best_document_may_come_first(words: Compressor) -> None:
    texts = ["A lease. Rain. " * 6, "Rain fell. " * 8, "lease lease lease " * 6]
    found = words.compress("lease", texts, order="score", token_budget=250)
    given = words.compress("lease", texts, token_budget=250)
    assert [document.index for document in given.documents] == sorted(document.index for document in given.documents)
    assert [document.index for document in found.documents] == [2, 0, 1][: len(found.documents)]
    assert found.text == words.settings.separator.join(document.text for document in found.documents)
    assert {document.index: document.spans for document in found.documents} == {
        document.index: document.spans for document in given.documents
    }
    assert found.tokens <= 250


def test_a_compressor_may_be_scored_by_another(words: Compressor) -> None:
    other = words.configured(token_budget=60).scored_by(Unsure())
    result = other.compress("lease", "The lease was signed. " * 20)
    assert (result.instruction_score, result.token_budget) == (0.5, 60)


def test_the_budget_over_documents_is_that_of_their_result(words: Compressor) -> None:
    texts = ["The lease was signed by Ada. " * 10, "", "Rain fell all day long here. " * 10]
    for options in ({}, {"keep_rate": 0.2}, {"keep_rate": 0.2, "token_budget": 50}, {"keep_rate": 1e-6}):
        engine = words.configured(**options)
        assert engine.budget(texts) == engine.compress("lease", texts).token_budget
    assert words.budget("Any text") == words.budget([Document("Any text")]) == words.settings.token_budget
    with pytest.raises(InputError):
        words.budget([])


@pytest.fixture
def toy(toy_folder: Path) -> Compressor:
    options: dict[str, Any] = {"layers": 2, "head": "untrained", "device": "cpu", "dtype": "float32"}
    with segments_of(200):
        return Compressor.from_pretrained(toy_folder, node_tokens=40, cache_bytes=1_001, **options)


def test_a_long_query_is_summed_a_few_rows_at_a_time(toy: Compressor, monkeypatch: pytest.MonkeyPatch) -> None:
    query, text = "Who signed the lease of the flat in Harbour Street? " * 3, "The lease was signed by Ada. " * 20
    whole = toy.compress(query, text, token_budget=100)
    monkeypatch.setattr("longattncomp.scorers.cross_attention.query_mass._ROWS", 7)
    found = toy.compress(query, text, token_budget=100)
    assert found.scores == pytest.approx(whole.scores, rel=1e-9)


def test_attention_that_is_not_a_number_is_an_error(toy: Compressor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first tokens would come back as the best."""
    weights = toy.scorer.head._parameters  # type: ignore[attr-defined]
    monkeypatch.setitem(weights, "row_gate", torch.full_like(weights["row_gate"], torch.nan))
    with pytest.raises(BrokenModelError, match=r"not a number.*float32"):
        toy.compress("Who signed the lease?", "The lease was signed by Ada. " * 20, token_budget=100)


def test_what_a_method_has_no_use_for_is_said(toy_folder: Path, tmp_path: Path) -> None:
    with pytest.warns(LongAttnCompWarning, match="method='bm25' has no use for layers, key_store"):
        Compressor.from_pretrained(toy_folder, method="bm25", layers=2, key_store=tmp_path)


def test_a_draft_model_without_a_head_is_said(toy_folder: Path) -> None:
    with pytest.warns(LongAttnCompWarning, match=rf"no head was trained for the weights of .*{toy_folder.name}"):
        Compressor.from_pretrained(toy_folder, layers=2)
    with warnings.catch_warnings(action="error"):
        Compressor.from_pretrained(toy_folder, layers=2, head="untrained")


def test_the_depth_that_a_shipped_head_has_keeps_it() -> None:
    shipped = head_file(Settings(), "after")
    assert shipped is not None
    assert head_file(Settings(layers=read_head_config(shipped).layers), "after") == shipped
    assert head_file(Settings(layers=3), "after") is None


def test_what_was_counted_is_not_counted_again() -> None:
    counted: list[str] = []

    def count(text: str) -> int:
        counted.append(text)
        return len(text)

    one = Compressor(WordScorer(), ByteTokenizer(), settings=Settings(node_tokens=20), target_tokenizer=count)
    result = one.compress("lease", "The lease was signed by Ada. " * 50, token_budget=200)
    counted.clear()
    one.assemble(result.query, result.context, result.all_nodes, Scores(result.scores, 0.0), token_budget=100)
    assert len(counted) < len(result.all_nodes)

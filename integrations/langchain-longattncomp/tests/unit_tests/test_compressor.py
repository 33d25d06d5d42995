"""documents -> documents: what is kept, what travels, what happens when something is wrong."""

from __future__ import annotations

import json
import threading
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_toys import Unsure, engine, report
from longattncomp import LongAttnCompWarning, Scores
from longattncomp.adapters import BudgetError, InputError
from longattncomp.testing import BrokenScorer, WordScorer

from langchain_longattncomp import LongAttnCompressor

LEASE = "Ada Marsh signed the lease in May. "


def documents() -> list[Document]:
    return [
        Document("The flat has three rooms. " * 8, id="rooms", metadata={"source": "a.txt", "page": 1}),
        Document(report(LEASE, 2_000), id="lease", metadata={"source": "b.txt", "tags": ["x"]}),
        Document("The roof was mended in 1987. " * 8, id="roof"),
        Document("A second lease was signed by Bo. ", id="second"),
    ]


def compressor(**options: object) -> LongAttnCompressor:
    return LongAttnCompressor(compressor=engine(), **{"token_budget": 150, **options})


QUERY = "who signed the lease"


def test_keeps_what_matters_verbatim_in_input_order() -> None:
    given = documents()
    kept = compressor().compress_documents(given, QUERY)
    assert [document.id for document in kept] == ["lease", "second"]
    assert LEASE.strip() in kept[0].page_content
    for document in kept:
        original = next(one.page_content for one in given if one.id == document.id)
        spans = json.loads(document.metadata["longattncomp_spans"])
        assert document.page_content == "\n[...]\n".join(original[start:end] for start, end in spans)


def test_inputs_are_not_changed_and_outputs_are_new() -> None:
    given = documents()
    before = deepcopy(given)
    kept = compressor().compress_documents(given, QUERY)
    kept[0].metadata["tags"] = "changed"
    assert given == before
    whole = compressor().compress_documents([Document("", id="image", metadata={"k": 1})], QUERY)
    whole[0].metadata["k"] = 2
    assert given == before


def test_metadata_is_flat_and_can_be_switched_off() -> None:
    kept = compressor().compress_documents(documents(), QUERY)
    assert {name: type(value) for name, value in kept[1].metadata.items()} == {
        "relevance_score": float,
        "longattncomp_spans": str,
    }
    plain = compressor(annotate=False).compress_documents(documents(), QUERY)
    assert [one.page_content for one in plain] == [one.page_content for one in kept]
    assert plain[0].metadata == {"source": "b.txt", "tags": ["x"]}


def test_metadata_that_is_not_json_travels() -> None:
    lock = threading.Lock()
    (kept,) = compressor().compress_documents([Document(LEASE * 9, metadata={"lock": lock})], QUERY)
    assert kept.metadata["lock"] is lock


def test_documents_without_text_pass_and_others_may_go() -> None:
    given = [Document("", id="image"), *documents(), Document("", id="last")]
    assert [one.id for one in compressor().compress_documents(given, QUERY)] == ["image", "lease", "second", "last"]


@pytest.mark.parametrize("given", [[], [Document("")], [Document(""), Document("", id="b")]])
def test_nothing_to_read_is_no_error(given: list[Document]) -> None:
    assert compressor().compress_documents(given, QUERY) == given
    assert compressor().compress_documents(given, "") == given


@pytest.mark.parametrize("query", ["", " \n"])
def test_a_blank_query_passes_everything_with_a_warning(query: str) -> None:
    with pytest.warns(LongAttnCompWarning, match="4 documents pass uncompressed, perhaps over the token budget"):
        assert compressor().compress_documents(documents(), query) == documents()


def test_an_engine_that_fails_passes_everything_with_a_warning_and_a_log(caplog: pytest.LogCaptureFixture) -> None:
    broken = LongAttnCompressor(compressor=engine(BrokenScorer()), token_budget=150)
    with pytest.warns(LongAttnCompWarning, match="RuntimeError: out of memory"):
        assert broken.compress_documents(documents(), QUERY) == documents()
    assert caplog.records[0].exc_info


def test_what_the_caller_got_wrong_raises() -> None:
    with pytest.raises(BudgetError, match="not one character"):
        compressor(token_budget=1).compress_documents([Document("日本語" * 50)], "日本")
    with pytest.raises(InputError, match="query as a string, got int"):
        compressor().compress_documents(documents(), 5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match='"documents"'):
        compressor().invoke({"docs": []})  # type: ignore[typeddict-item]


def test_the_chance_that_anything_answers_is_told_where_it_is_known() -> None:
    class Sure(WordScorer):
        def score(self, *args: Any, **options: Any) -> Scores:
            return replace(super().score(*args, **options), chance=0.75)

    (first, *_) = LongAttnCompressor(compressor=engine(Sure())).compress_documents(documents(), QUERY)
    assert first.metadata["longattncomp_relevance"] == 0.75


def test_other_keys_and_plain_strings_are_named() -> None:
    with pytest.raises(InputError, match="got 'documents', 'question'"):
        compressor().invoke({"documents": documents(), "question": QUERY})  # type: ignore[typeddict-item]
    with pytest.raises(InputError, match=r"wrap a text as Document\(page_content=text\)"):
        compressor().compress_documents(["a text"], QUERY)  # type: ignore[list-item]


def test_min_relevance_may_leave_nothing() -> None:
    unsure = LongAttnCompressor(compressor=engine(Unsure()), token_budget=150, min_relevance=0.5)
    assert unsure.compress_documents(documents(), QUERY) == []


# What users of such tools complained about.


@pytest.mark.parametrize("budget", [20, 60, 150, 1_000, 100_000])
def test_llmlingua_195_105_196_the_budget_is_kept_and_used(budget: int) -> None:
    kept = compressor(token_budget=budget, top_p=1).compress_documents(documents(), QUERY)
    tokens = len("\n\n".join(one.page_content for one in kept).encode())
    whole = len("\n\n".join(one.page_content for one in documents()).encode())
    assert min(budget, whole) // 3 < tokens <= budget


def test_langchain_7168_7640_4496_nothing_relevant_is_no_empty_result() -> None:
    assert compressor().compress_documents(documents(), "zebra")


def test_langchain_19142_llmlingua_80_metadata_is_kept() -> None:
    (first, _) = compressor().compress_documents(documents(), QUERY)
    assert (first.metadata["source"], first.metadata["tags"]) == ("b.txt", ["x"])


def test_langchain_cohere_131_ids_are_kept() -> None:
    assert {one.id for one in compressor().compress_documents(documents(), QUERY)} == {"lease", "second"}


class DocumentWithState(Document):
    """As `EmbeddingsFilter` leaves them behind: with an embedding of the text as it was."""

    state: dict[str, object]


def test_langchain_28511_only_plain_documents_come_out() -> None:
    given = [DocumentWithState(page_content=one.page_content, state={"embedded_doc": [0.1]}) for one in documents()]
    given.append(DocumentWithState(page_content="", state={}))
    assert [type(one) for one in compressor().compress_documents(given, QUERY)] == [Document] * 3
    with pytest.warns(LongAttnCompWarning):
        assert [type(one) for one in compressor().compress_documents(given, " ")] == [Document] * 5


def test_flashrank_34_the_end_of_a_long_document_is_read() -> None:
    (kept,) = compressor().compress_documents([Document(report("", 100_000) + LEASE)], "Ada Marsh")
    assert "Ada Marsh" in kept.page_content


@pytest.mark.parametrize(
    ("needle", "query"),
    [
        ("契約書に署名したのは青木さんです。", "契約書"),
        ("租约是由王芳签署的。", "租约"),
        ("See src/app/retry_policy.py: MAX_RETRIES = 7, C:\\logs\\a b.txt!", "MAX_RETRIES"),
    ],
)
def test_llmlingua_4_63_codex_18318_other_scripts_paths_and_symbols_are_whole(needle: str, query: str) -> None:
    (kept,) = compressor().compress_documents([Document(report(needle, 2_000))], query)
    assert needle in kept.page_content


def test_llama_index_10780_scores_are_python_floats() -> None:
    assert type(compressor().compress_documents(documents(), QUERY)[0].metadata["relevance_score"]) is float


def test_an_older_relevance_score_is_replaced() -> None:
    (kept,) = compressor().compress_documents([Document(LEASE * 9, metadata={"relevance_score": 7.0})], QUERY)
    assert 0 <= kept.metadata["relevance_score"] <= 1


def test_by_score_the_best_come_first_and_those_without_text_last() -> None:
    given = [Document("", id="image"), Document("Bo saw a lease. ", id="second"), *documents()[:2]]
    given.append(Document("Who signed? Ada signed the lease, signed, signed, signed. ", id="best"))
    by_place = compressor(token_budget=400).compress_documents(given, QUERY)
    by_score = compressor(token_budget=400, order="score").compress_documents(given, QUERY)
    scores = [document.metadata["relevance_score"] for document in by_score[:-1]]
    assert len(scores) > 2
    assert scores == sorted(scores, reverse=True)
    assert by_score[0].id == "best"
    assert by_score[-1].id == by_place[0].id == "image"
    assert sorted(by_score, key=lambda document: str(document.id)) == sorted(by_place, key=lambda one: str(one.id))


def test_it_has_a_json_schema() -> None:
    assert LongAttnCompressor.model_json_schema()["properties"]["token_budget"]["description"]

"""The real draft model under an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pydoc_data.topics import topics

import pytest
from langchain_core.documents import Document

from langchain_longattncomp import LongAttnCompressor

QUESTIONS = ("When does finally run?", "What else does do after except?", "Which exception is raised from what?")


def texts(kept: Sequence[Document]) -> list[tuple[str | None, str, str]]:
    return [(one.id, one.page_content, one.metadata["longattncomp_spans"]) for one in kept]


def scores(kept: Sequence[Document]) -> list[float]:
    """The last digits of scores depend on how many threads a pass had."""
    return [one.metadata["relevance_score"] for one in kept]


@pytest.mark.model
async def test_at_once_as_one_by_one() -> None:
    documents = [Document(topics[name], id=name) for name in ("try", "raise", "with")]
    compressor = LongAttnCompressor(token_budget=300)
    serial = [compressor.compress_documents(documents, question) for question in QUESTIONS]
    concurrent = await asyncio.gather(*(compressor.acompress_documents(documents, one) for one in QUESTIONS))
    assert [texts(kept) for kept in concurrent] == [texts(kept) for kept in serial]
    assert [scores(kept) for kept in concurrent] == [pytest.approx(scores(kept), abs=1e-3) for kept in serial]
    assert all(document.metadata["relevance_score"] > 0 for kept in serial for document in kept)

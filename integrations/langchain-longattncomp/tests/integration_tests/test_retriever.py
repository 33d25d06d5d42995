"""LangChain's own tests of retrievers, over a retriever that compresses."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_tests.integration_tests import RetrieversIntegrationTests
from langchain_toys import engine

from langchain_longattncomp import LongAttnCompressor

TEXTS = [f"Ada Marsh signed lease {index} in May." for index in range(10)]


class FirstK(BaseRetriever):
    """Finds the first k."""

    k: int = 3

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None, **kwargs: Any
    ) -> list[Document]:
        return [Document(text, id=str(index)) for index, text in enumerate(TEXTS[: k or self.k])]


def build(k: int = 3) -> ContextualCompressionRetriever:
    """A compressing retriever that passes k on."""
    compressor = LongAttnCompressor(compressor=engine(), token_budget=10_000, top_p=1.0)
    return ContextualCompressionRetriever(base_compressor=compressor, base_retriever=FirstK(k=k))


@pytest.mark.filterwarnings("ignore::DeprecationWarning:langchain_tests")
class TestCompressingRetriever(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> Any:
        return build

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {}

    @property
    def retriever_query_example(self) -> str:
        return "Who signed the lease?"

"""(documents, query) -> documents."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.runnables import RunnableConfig, RunnableSerializable
from longattncomp import Compressor
from longattncomp.adapters import InputError, in_thread, pass_whole, warn_of
from pydantic import ConfigDict, Field
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from langchain_longattncomp.options import UNCOMPRESSED, LongAttnOptions
from langchain_longattncomp.reporting import report


class CompressionInput(TypedDict):
    """What `LongAttnCompressor` takes as a Runnable."""

    documents: Sequence[Document]
    query: str


class LongAttnCompressor(
    LongAttnOptions, BaseDocumentCompressor, RunnableSerializable[CompressionInput, list[Document]]
):
    """Keeps what matters to a query in documents: verbatim, inside one token budget.

    It is a `BaseDocumentCompressor` and a Runnable over `{"documents": ..., "query": ...}`. Its options are those of
    `longattncomp.Settings`, all optional. The draft model is opened at the first use, once in this process however
    often LangChain rebuilds this object. Several threads and event loops may share the object.

    Documents come back in input order, or the best first with `order="score"`, as new, plain `Document`s with their
    id and a copy of their metadata. A document of which nothing is kept is left out. A document without text passes:
    in its place, or at the end with `order="score"`. With a blank query, or when the engine fails, all documents pass
    whole, with a `LongAttnCompWarning`.

    Raises:
        ValidationError: an option is unknown or out of its range (when it is given).
        ModelError: the draft model or head cannot be found, read or used (at the first use).
        InputError: a setting in the environment is wrong, or the budget cannot be kept (at a use).
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())

    annotate: bool = Field(
        default=True,
        description="Whether kept documents get relevance_score, longattncomp_spans (JSON) and longattncomp_relevance "
        "in their metadata.",
    )

    audit: bool = Field(
        default=False, description="Whether documents pass whole, and what would be saved is reported only."
    )

    def invoke(self, input: CompressionInput, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:  # noqa: A002
        """Compress, as one run of its own in a trace; `kwargs` are options of this call, such as `token_budget`."""
        return self._call_with_config(self._compressed, input, config, **kwargs)

    async def ainvoke(
        self,
        input: CompressionInput,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """Run `invoke` in a thread, so that the event loop goes on."""
        return await self._acall_with_config(self._acompressed, input, config, **kwargs)

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """Compress documents for a retriever or a pipeline, as `invoke` does."""
        return self.invoke({"documents": documents, "query": query}, {"callbacks": callbacks})

    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """Run `compress_documents` in a thread, so that the event loop goes on."""
        return await self.ainvoke({"documents": documents, "query": query}, {"callbacks": callbacks})

    async def _acompressed(self, given: CompressionInput, **options: Any) -> list[Document]:
        return await in_thread(self._compressed, given, **options)

    def _compressed(self, given: CompressionInput, **options: Any) -> list[Document]:
        if not isinstance(given, dict) or not {"documents", "query"} <= given.keys():
            found = ", ".join(map(repr, given)) if isinstance(given, dict) else type(given).__name__
            raise InputError(f'expected {{"documents": [...], "query": "..."}}, got {found}')
        documents, query = list(given["documents"]), given["query"]
        for document in documents:
            if not isinstance(document, Document):
                raise InputError(
                    f"expected documents that are LangChain's, got {document!r:.60}: wrap a text as "
                    "Document(page_content=text)"
                )
        # Plain ones, without what a subclass carries, such as the embedding that `EmbeddingsFilter` leaves behind.
        whole = [_with_text(document, document.page_content) for document in documents]
        if not any(document.page_content for document in documents):
            return whole
        consequence = f"{len(documents)} documents pass {UNCOMPRESSED}"
        if isinstance(query, str) and not query.strip():
            warn_of(consequence, "the query is blank")
            return whole
        engine = self.engine().configured(**options) if options else self.engine()
        return pass_whole(lambda: self._kept(engine, query, whole), whole, consequence)

    def _kept(self, engine: Compressor, query: str, documents: list[Document]) -> list[Document]:
        started = time.perf_counter()
        result = engine.compress(query, [document.page_content for document in documents])
        report(
            "documents",
            before=result.original_tokens,
            after=result.tokens,
            stop_reason=result.stop_reason,
            seconds=time.perf_counter() - started,
            audit=self.audit,
            relevance=result.relevance,
        )
        if self.audit:
            return documents
        kept = {}
        for part in result.documents:
            facts = {
                "relevance_score": float(part.score),
                "longattncomp_spans": json.dumps(part.spans),  # vector stores take no nested lists
            }
            if result.relevance is not None:
                facts["longattncomp_relevance"] = float(result.relevance)
            kept[part.index] = _with_text(documents[part.index], part.text, facts if self.annotate else {})
        kept |= {index: document for index, document in enumerate(documents) if not document.page_content}
        return [kept[index] for index in (sorted(kept) if engine.settings.order == "position" else kept)]


def _with_text(document: Document, text: str, facts: dict[str, Any] | None = None) -> Document:
    return Document(id=document.id, page_content=text, metadata={**document.metadata, **(facts or {})})

"""(documents, query) -> documents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.runnables import RunnableConfig, RunnableSerializable
from longattncomp.errors import InputError
from longattncomp.runtime.threads import in_thread
from longattncomp.types import Compressed, CompressedDocument
from pydantic import ConfigDict, Field
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from langchain_longattncomp.options import LongAttnOptions
from langchain_longattncomp.passing import pass_on


class CompressionInput(TypedDict):
    """What `LongAttnCompressor` is invoked with as a Runnable."""

    documents: Sequence[Document]
    query: str


class LongAttnCompressor(
    LongAttnOptions, BaseDocumentCompressor, RunnableSerializable[CompressionInput, list[Document]]
):
    """Keeps of documents what matters to a query: verbatim, inside one token budget.

    A `BaseDocumentCompressor` and a Runnable over `{"documents": ..., "query": ...}`. Its options are
    those of `longattncomp.Settings`, all optional. The draft model is opened at the first use, once per
    process however often this object is rebuilt. Safe to use from several threads and event loops.

    Documents come back in input order, or the best first with `order="score"`, as new, plain `Document`s
    with their id and a copy of their metadata. One of which nothing is kept is left out; one without text
    passes: in its place, or with `order="score"` at the end. With a blank query, or when the engine fails while
    it compresses, all pass whole and `LongAttnCompWarning` says so.

    Raises:
        ValidationError: an option is unknown or out of its range (when it is made).
        ModelError: the draft model or head cannot be found, read or used (at the first use).
        InputError: a setting in the environment is wrong, or the budget cannot be kept (at the use).
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())

    annotate: bool = Field(
        default=True,
        description="Whether kept documents get relevance_score, longattncomp_spans (JSON) and "
        "longattncomp_instruction_score in their metadata.",
    )

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether `dumpd` and `load` work: all fields but an open `compressor` and `store` travel."""
        return True

    def invoke(self, input: CompressionInput, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:  # noqa: A002
        """Compress, as one run of its own in a trace.

        Args:
            input: the documents and the query.
            config: of the run.
            **kwargs: options of this call, such as `token_budget`, which `bind` may give.
        """
        return self._call_with_config(self._compressed, input, config, **kwargs)

    async def ainvoke(
        self,
        input: CompressionInput,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """`invoke` in a thread, so that the event loop goes on."""
        return await self._acall_with_config(self._acompressed, input, config, **kwargs)

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """Compress retrieved documents, as retrievers and pipelines ask for it.

        Args:
            documents: as retrieved.
            query: what they are read for.
            callbacks: of the run that asks.
        """
        return self.invoke({"documents": documents, "query": query}, {"callbacks": callbacks})

    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """`compress_documents` in a thread, so that the event loop goes on."""
        return await self.ainvoke({"documents": documents, "query": query}, {"callbacks": callbacks})

    async def _acompressed(self, given: CompressionInput, **options: Any) -> list[Document]:
        return await in_thread(self._compressed, given, **options)

    def _compressed(self, given: CompressionInput, **options: Any) -> list[Document]:
        if not isinstance(given, dict) or not {"documents", "query"} <= given.keys():
            raise InputError(f'expected {{"documents": [...], "query": "..."}}, got {type(given).__name__}')
        documents, query = list(given["documents"]), given["query"]
        with_text = [index for index, document in enumerate(documents) if document.page_content]
        if not with_text:
            return [_plain(document) for document in documents]
        if isinstance(query, str) and not query.strip():
            pass_on(f"{len(documents)} documents pass", "the query is blank")
            return [_plain(document) for document in documents]
        engine = self.engine().configured(**options) if options else self.engine()
        texts = [documents[index].page_content for index in with_text]
        try:
            result = engine.compress(query, texts)
        except InputError:
            raise  # the caller's mistake
        except Exception as error:  # noqa: BLE001 (a chain goes on with what was retrieved)
            pass_on(f"{len(documents)} documents pass", error)
            return [_plain(document) for document in documents]
        left = {
            with_text[part.index]: self._shortened(documents[with_text[part.index]], part, result)
            for part in result.documents
        }
        left |= {index: _plain(document) for index, document in enumerate(documents) if not document.page_content}
        return [left[index] for index in (sorted(left) if engine.settings.order == "position" else left)]

    def _shortened(self, document: Document, part: CompressedDocument, result: Compressed) -> Document:
        metadata = dict(document.metadata)
        if self.annotate:
            metadata |= {
                "relevance_score": float(part.score),
                "longattncomp_spans": json.dumps(part.spans),  # vector stores take no nested lists
                "longattncomp_instruction_score": float(result.instruction_score),
            }
        return Document(id=document.id, page_content=part.text, metadata=metadata)


def _plain(document: Document) -> Document:
    """The same without what a subclass carries, such as the embedding that `EmbeddingsFilter` leaves behind."""
    return Document(id=document.id, page_content=document.page_content, metadata=dict(document.metadata))

"""documents -> the same documents, read ahead of a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.documents import BaseDocumentTransformer, Document
from langchain_core.load.serializable import Serializable
from longattncomp.adapters import in_thread, pass_whole

from langchain_longattncomp.options import LongAttnOptions


class LongAttnPreparer(LongAttnOptions, BaseDocumentTransformer, Serializable):
    """Reads documents when they are indexed, so that later questions over any of them cost little.

    Give it the draft model, head and store of the `LongAttnCompressor` that answers later, and put it behind the
    splitter, because it must read documents as they are retrieved. Documents that were read before are not read
    again, so a run that was killed continues. If the engine fails, a `LongAttnCompWarning` says so, and a question
    over these documents reads them. Other errors are those of `LongAttnCompressor`.
    """

    def transform_documents(self, documents: Sequence[Document], **kwargs: Any) -> list[Document]:
        """Read the documents, and return them as they are; `kwargs` have no effect."""
        given = list(documents)
        texts = [document.page_content for document in given if document.page_content]
        if texts:
            engine = self.engine()
            consequence = f"{len(given)} documents pass unprepared, so that a question reads them"
            pass_whole(lambda: engine.prepare(texts), None, consequence)
        return given

    async def atransform_documents(self, documents: Sequence[Document], **kwargs: Any) -> list[Document]:
        """Run `transform_documents` in a thread, so that the event loop goes on."""
        return await in_thread(self.transform_documents, documents, **kwargs)

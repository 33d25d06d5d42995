"""documents -> the same documents, read ahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.documents import BaseDocumentTransformer, Document
from langchain_core.load.serializable import Serializable
from longattncomp.errors import InputError
from longattncomp.runtime.threads import in_thread

from langchain_longattncomp.options import LongAttnOptions
from langchain_longattncomp.passing import pass_on


class LongAttnPreparer(LongAttnOptions, BaseDocumentTransformer, Serializable):
    """Reads documents when they are indexed, so that a question over them, in any company, costs little.

    Give it the draft model, head and store of the `LongAttnCompressor` that is asked later, and the
    documents as they are retrieved: after a splitter. What was read before is not read again, so a run
    that was killed goes on where it was. If the engine fails while it reads, `LongAttnCompWarning` says
    so and a question over these documents reads them.

    Raises:
        ValidationError: an option is unknown or out of its range (when it is made).
        ModelError: the draft model or head cannot be found, read or used (at the first use).
        InputError: a setting in the environment is wrong, or nothing would be kept (at the use).
    """

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether `dumpd` and `load` work: all fields but an open `compressor` and `store` travel."""
        return True

    def transform_documents(self, documents: Sequence[Document], **kwargs: Any) -> list[Document]:
        """Read what was not read before, and hand the documents on as they are.

        Args:
            documents: as they are retrieved later.
            **kwargs: not looked at.
        """
        given = list(documents)
        texts = [document.page_content for document in given if document.page_content]
        if texts:
            engine = self.engine()
            try:
                engine.prepare(texts)
            except InputError:
                raise  # the caller's mistake
            except Exception as error:  # noqa: BLE001 (indexing goes on)
                pass_on(f"{len(given)} documents pass", error, how="unprepared, so that a question reads them")
        return given

    async def atransform_documents(self, documents: Sequence[Document], **kwargs: Any) -> list[Document]:
        """`transform_documents` in a thread, so that the event loop goes on."""
        return await in_thread(self.transform_documents, documents, **kwargs)

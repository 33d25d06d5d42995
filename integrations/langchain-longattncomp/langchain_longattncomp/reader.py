"""documents and a question -> an answer, or a message, from vectors in place of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig, RunnableSerializable
from longattncomp.adapters import InputError, in_thread
from pydantic import ConfigDict, Field

Asked = dict[str, Any]


class _Reading(RunnableSerializable[Asked, Any]):
    """What both runnables take."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    reader: Any = Field(description="An open `longattncomp.soft.SoftReader`.")
    documents_key: str = Field(default="context", description="Where the input has the documents.")
    question_key: str = Field(
        default="question", description="Where the input has the question; `create_retrieval_chain` has it as `input`."
    )

    def _given(self, asked: Asked) -> tuple[str, Any]:
        """Return the question, and the documents as a context or None where there is no text."""
        if not isinstance(asked, dict) or not {self.documents_key, self.question_key} <= asked.keys():
            found = ", ".join(map(repr, asked)) if isinstance(asked, dict) else type(asked).__name__
            raise InputError(
                f"expected a mapping with {self.documents_key!r} and {self.question_key!r}, got {found}: name the keys "
                "with documents_key and question_key"
            )
        documents = asked[self.documents_key]
        if not all(isinstance(document, Document) for document in documents):
            raise InputError(f"expected {self.documents_key!r} as a list of Documents, got {documents!r:.200}")
        texts = [document.page_content for document in documents if document.page_content]
        return asked[self.question_key], self.reader.compress(texts) if texts else None


class LongAttnReader(_Reading):
    """Answers a question over documents by a local model that reads vectors, in place of a chain that stuffs text.

    The input is `{"context": documents, "question": text}`, the output a string; `stream` yields it piece by piece.
    Documents are compressed before the question is looked at, and each only once. Without documents the model answers
    from the question alone.
    """

    answer_tokens: int = Field(default=32, ge=1, description="Most tokens of an answer.")

    def invoke(self, input: Asked, config: RunnableConfig | None = None, **kwargs: Any) -> str:  # noqa: A002
        """Answer the question."""
        answer: str = self._call_with_config(self._answer, input, config)
        return answer

    async def ainvoke(self, input: Asked, config: RunnableConfig | None = None, **kwargs: Any) -> str:  # noqa: A002
        """Answer the question in a thread, so that the event loop goes on."""

        async def answer(asked: Asked) -> str:
            return await in_thread(self._answer, asked)

        found: str = await self._acall_with_config(answer, input, config)
        return found

    def stream(
        self,
        input: Asked,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[str]:
        """Yield the answer piece by piece."""

        def pieces(inputs: Iterator[Asked]) -> Iterator[str]:
            for asked in inputs:
                question, context = self._given(asked)
                yield from self.reader.stream(question, context, answer_tokens=self.answer_tokens)

        yield from self._transform_stream_with_config(iter([input]), pieces, config)

    def _answer(self, asked: Asked) -> str:
        question, context = self._given(asked)
        answer: str = self.reader.answer(question, context, answer_tokens=self.answer_tokens)
        return answer


class LongAttnPromptEmbeds(_Reading):
    """Turns documents and a question into a message that `ChatOpenAI` hands to a vLLM server as vectors.

    The reader must be of `method="compllm"`, on the very model that the server runs with `--enable-prompt-embeds`.
    """

    def invoke(self, input: Asked, config: RunnableConfig | None = None, **kwargs: Any) -> list[BaseMessage]:  # noqa: A002
        """Return one message of the user: the documents as vectors, then the question."""
        messages: list[BaseMessage] = self._call_with_config(self._message, input, config)
        return messages

    async def ainvoke(
        self,
        input: Asked,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> list[BaseMessage]:
        """Make the message in a thread, so that the event loop goes on."""

        async def message(asked: Asked) -> list[BaseMessage]:
            return await in_thread(self._message, asked)

        messages: list[BaseMessage] = await self._acall_with_config(message, input, config)
        return messages

    def _message(self, asked: Asked) -> list[BaseMessage]:
        question, context = self._given(asked)
        if context is None:
            return [HumanMessage(question)]
        return [HumanMessage([self.reader.prompt_embeds(context), {"type": "text", "text": f"\n\n{question}"}])]

"""nodes and a question -> a response of a local model that reads vectors in place of text."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Any

from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms import LLM, CompletionResponse, CompletionResponseGen, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.prompts.mixin import PromptDictType
from llama_index.core.response_synthesizers import BaseSynthesizer
from longattncomp.adapters import in_thread

_END = object()


class _LocalModel(CustomLLM):
    """The reader's target as a plain LLM, so that the base class needs none of the settings' own."""

    reader: Any
    answer_tokens: int

    @property
    def metadata(self) -> LLMMetadata:
        target = self.reader.target
        return LLMMetadata(context_window=target.window, num_output=self.answer_tokens, model_name=target.name)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=self.reader.answer(prompt, None, answer_tokens=self.answer_tokens))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        def pieces() -> CompletionResponseGen:
            text = ""
            for piece in self.reader.stream(prompt, None, answer_tokens=self.answer_tokens):
                text += piece
                yield CompletionResponse(text=text, delta=piece)

        return pieces()


class LongAttnSynthesizer(BaseSynthesizer):
    """Answers over nodes by a local model that reads them as vectors.

    Nodes are compressed before the question is looked at, and each only once; the response keeps them as its sources.
    Behind a `LongAttnPostprocessor`, hard compression comes before the soft one.
    """

    def __init__(
        self,
        reader: Any,
        *,
        answer_tokens: int = 32,
        streaming: bool = False,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        """Wrap a reader.

        Args:
            reader: an open `longattncomp.soft.SoftReader`.
            answer_tokens: most tokens of an answer.
            streaming: whether responses come piece by piece.
            callback_manager: as for every synthesizer.
        """
        super().__init__(
            llm=_LocalModel(reader=reader, answer_tokens=answer_tokens),
            callback_manager=callback_manager,
            streaming=streaming,
        )
        self._reader = reader
        self._answer_tokens = answer_tokens

    @property
    def llm(self) -> LLM:
        """The target as a plain LLM: an engine that is given none opens the settings' own, which is OpenAI's."""
        return self._llm

    def get_response(self, query_str: str, text_chunks: Sequence[str], **kwargs: Any) -> Any:
        """Answer from texts, or from the question alone where all are empty."""
        if self._streaming:
            return self._pieces(query_str, text_chunks)
        return self._reader.answer(query_str, self._context(text_chunks), answer_tokens=self._answer_tokens)

    async def aget_response(self, query_str: str, text_chunks: Sequence[str], **kwargs: Any) -> Any:
        """Answer in a thread, so that the event loop goes on."""
        if self._streaming:
            return self._apieces(query_str, text_chunks)
        return await in_thread(self.get_response, query_str, text_chunks)

    def _pieces(self, query_str: str, text_chunks: Sequence[str]) -> Generator[str, None, None]:
        yield from self._reader.stream(query_str, self._context(text_chunks), answer_tokens=self._answer_tokens)

    async def _apieces(self, query_str: str, text_chunks: Sequence[str]) -> AsyncGenerator[str, None]:
        pieces = self._pieces(query_str, text_chunks)
        while (piece := await in_thread(next, pieces, _END)) is not _END:
            yield str(piece)

    def _context(self, text_chunks: Sequence[str]) -> Any:
        texts = [text for text in text_chunks if text]
        return self._reader.compress(texts) if texts else None

    def _get_prompts(self) -> PromptDictType:
        return {}

    def _update_prompts(self, prompts: PromptDictType) -> None:
        """There are no prompts: the target's chat template is used."""

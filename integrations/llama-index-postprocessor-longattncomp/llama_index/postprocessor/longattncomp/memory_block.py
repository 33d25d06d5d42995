"""turns that `Memory` ejects -> those that the current question needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.memory import BaseMemoryBlock
from longattncomp import Compressed, Compressor, Settings
from longattncomp.adapters.budget import fit
from longattncomp.counting import Counter, counter
from longattncomp.errors import BudgetError
from longattncomp.query.parsing import query_for
from longattncomp.runtime.threads import in_thread

from llama_index.postprocessor.longattncomp.archive import Exchange, Turn, exchanges, last_user_text, latest, text_of
from llama_index.postprocessor.longattncomp.options import LongAttnOptions
from llama_index.postprocessor.longattncomp.remembered import Remembered
from llama_index.postprocessor.longattncomp.shrinking import warn_of
from llama_index.postprocessor.longattncomp.tokenizer import settings_tokenizer


class LongAttnMemoryBlock(LongAttnOptions, BaseMemoryBlock[str]):
    """Archives the turns that leave the chat history and brings back what the last user message needs.

    Turns are kept apart by session. What comes back is verbatim, in the order in which it was
    said, with `role: ` before each turn, and has at most `token_budget` tokens; what is kept of the
    turns, at most `keep_rate` of theirs. Without a question
    the latest turns come back. If the engine cannot be used, so do they, with a
    `longattncomp.LongAttnCompWarning`: a block never raises, since `Memory` would lose the turns.
    """

    name: str = Field(default="LongAttnMemory", description="The name of the memory block.")
    archive: dict[str, list[Turn]] = Field(
        default_factory=dict, description="(role, text) of every turn, by session, oldest first."
    )

    _pulled: Remembered[tuple[Any, ...], str] = PrivateAttr(default_factory=Remembered)
    """An agent asks its memory the same at each of its steps."""
    _read: Remembered[str, tuple[Compressor, Compressed, list[Exchange]]] = PrivateAttr(default_factory=Remembered)

    async def _aput(self, messages: list[ChatMessage]) -> None:
        for message in messages:
            if text := text_of(message).strip():
                session = str(message.additional_kwargs.get("session_id") or "")
                self.archive.setdefault(session, []).append((message.role.value, text))

    async def _aget(
        self, messages: list[ChatMessage] | None = None, session_id: str | None = None, **block_kwargs: Any
    ) -> str:
        turns = list(self.archive.get(session_id or "", ()))
        if not turns:
            return ""
        return await in_thread(self._pull, exchanges(turns), last_user_text(messages or ()))

    async def atruncate(self, content: str, tokens_to_truncate: int) -> str | None:
        """The content for the same question in fewer tokens, or none if nothing is left."""
        if not content:  # `Memory` passes an empty list for a block that had nothing
            return None
        return await in_thread(self._truncated, content, tokens_to_truncate)

    def _pull(self, spoken: list[Exchange], query: str) -> str:
        whole = "\n".join(exchange.text for exchange in spoken)
        budget = max(1, self.token_budget or Settings.model_fields["token_budget"].default)
        count: Counter | None = None
        try:
            engine = self.engine()
            texts = [exchange.text for exchange in spoken]
            budget, count = engine.budget(texts), engine.count
            asked = query_for(query, tokenizer=engine.tokenizer)
            if not asked:
                return latest(whole, budget, count)
            key = (engine, asked, *texts)
            if (known := self._pulled.get(key)) is not None:
                return known
            result = engine.compress(asked, texts, order="position")
            content = _fitted(engine, result, spoken, engine.settings.token_budget)
        except Exception as error:  # noqa: BLE001 (whatever it is, a block may not raise)
            warn_of(error, "the latest turns are brought back instead of those that the question needs")
            return _counted(lambda count: latest(whole, budget, count), count)
        self._read.put(content, (engine, result, spoken))
        self._pulled.put(key, content)
        return content

    def _truncated(self, content: str, tokens_to_truncate: int) -> str | None:
        if known := self._read.get(content):
            try:
                budget = known[0].count(content) - tokens_to_truncate
                return (_fitted(*known, budget) if budget > 0 else "") or None
            except BudgetError:
                return None
            except Exception as error:  # noqa: BLE001 (whatever it is, a block may not raise)
                warn_of(error, "the latest of it is kept instead of what the question needs")
        return _counted(lambda count: latest(content, count(content) - tokens_to_truncate, count)) or None


def _counted(work: Callable[[Counter], str], count: Counter | None = None) -> str:
    """Work that counts with LlamaIndex's tokenizer, or another; if that fails characters, which are as many or more."""
    try:
        return work(count or counter(settings_tokenizer()))
    except Exception as error:  # noqa: BLE001 (whatever it is, a block may not raise)
        warn_of(error, "characters are counted instead of tokens")
        return work(len)


def _fitted(engine: Compressor, result: Compressed, spoken: list[Exchange], token_budget: int) -> str:
    def shown(found: Compressed) -> str:
        return engine.settings.separator.join(
            spoken[document.index].labelled(document, engine.settings.gap_mark) for document in found.documents
        )

    return fit(engine, result, shown, token_budget=token_budget, order="position")

"""turns that `Memory` ejects -> the turns that the current question needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.memory import BaseMemoryBlock
from longattncomp import Compressed, Compressor, Settings
from longattncomp.adapters import BudgetError, Counter, counter, fit_budget, in_thread, pass_whole, query_for

from llama_index.postprocessor.longattncomp.archive import Exchange, Turn, exchanges, joined, latest, text_of
from llama_index.postprocessor.longattncomp.asking import asked_in
from llama_index.postprocessor.longattncomp.background import Background
from llama_index.postprocessor.longattncomp.events import report
from llama_index.postprocessor.longattncomp.options import LongAttnOptions, settings_tokenizer
from llama_index.postprocessor.longattncomp.shrinking import READER, Remembered

if TYPE_CHECKING:
    from llama_index.core.tools import FunctionTool

_FIXED: dict[str, Any] = {"order": "position", "keep_rate": 1.0}
"""Options of every call; what `keep_rate` allows is in the budget, as a part of all turns, said twice or not."""


class LongAttnMemoryBlock(LongAttnOptions, BaseMemoryBlock[str]):
    """Archives the turns that leave the chat history and brings back what the last user message needs.

    Turns are kept apart by session. The text that comes back is verbatim and in order, with `role: ` before each turn,
    and has at most `token_budget` tokens; the kept turns have at most `keep_rate` of the tokens of all. Without a
    question the latest turns come back. If the engine fails, so they do, with a `longattncomp.LongAttnCompWarning`:
    a block never raises, because `Memory` would lose the turns. Turns are read in the background when they come, so
    that a question finds them ready. A last line says from how many tokens the turns were shortened, and names the tool
    of `reading_tool` if an agent got it.
    """

    name: str = Field(default="earlier_turns", description="The tag around what the block brings back.")
    archive: dict[str, list[Turn]] = Field(
        default_factory=dict, description="(role, text) of every turn, by session, oldest first."
    )

    _pulled: Remembered[tuple[Any, ...], str] = PrivateAttr(default_factory=Remembered)
    """An agent asks its memory the same question at each of its steps."""
    _ahead: Background = PrivateAttr(default_factory=Background)
    _read: Remembered[str, tuple[Compressor, Compressed, list[Exchange]]] = PrivateAttr(default_factory=Remembered)

    _reader: str = PrivateAttr(default="")

    def reading_tool(self) -> FunctionTool:
        """Make a tool for an agent with this block in its memory: it searches all turns of the session.

        Its name is `read_original_` and the name of the block.
        """
        from llama_index.postprocessor.longattncomp.reading_back import turns_tool

        self._reader = f"{READER}_{self.name}"
        return turns_tool(self._reader, self._turns, lambda: self.engine(edge_marks=True))

    async def _aput(self, messages: list[ChatMessage]) -> None:
        for message in messages:
            if text := text_of(message).strip():
                session = str(message.additional_kwargs.get("session_id") or "")
                self.archive.setdefault(session, []).append((message.role.value, text))
        if messages:
            session = str(messages[-1].additional_kwargs.get("session_id") or "")
            self._ahead.start(session, self._read_ahead, list(self.archive.get(session, ())))

    async def _aget(
        self, messages: list[ChatMessage] | None = None, session_id: str | None = None, **block_kwargs: Any
    ) -> str:
        turns = list(self.archive.get(session_id or "", ()))
        if not turns:
            return ""
        await self._ahead.done(session_id or "")
        return await in_thread(self._pull, turns, asked_in(messages or ()))

    async def atruncate(self, content: str, tokens_to_truncate: int) -> str | None:
        """Return the content for the same question in fewer tokens, or None if nothing is left."""
        if not content:  # `Memory` passes an empty list for a block that had nothing
            return None
        return await in_thread(self._truncated, content, tokens_to_truncate)

    def _turns(self, session: str) -> str:
        return "\n".join(exchange.text for exchange in exchanges(self.archive.get(session, ())))

    def _line(self, engine: Compressor, tokens: int, token_budget: int) -> str:
        """Return the line that ends what is brought back, "" where it takes more than a quarter of the budget."""
        offer = f'; {self._reader}(query="...") searches all of them' if self._reader else ""
        line = f"\n[Earlier turns, shortened from {tokens} tokens{offer}.]"
        return line if 4 * engine.count(line) <= token_budget else ""

    def _read_ahead(self, turns: list[Turn]) -> None:
        if turns:
            self.engine().prepare([exchange.text for exchange in exchanges(turns)])

    def _pull(self, turns: list[Turn], query: str) -> str:
        spoken = exchanges(turns)
        texts = [exchange.text for exchange in spoken]
        whole = "\n".join(f"{role}: {text}" for role, text in turns)
        budget = max(1, self.token_budget or Settings.model_fields["token_budget"].default)
        count: Counter | None = None

        def needed() -> str:
            nonlocal budget, count
            engine = self.engine(separator="\n")
            budget, count = engine.budget([whole]), engine.count
            asked = query_for(query, tokenizer=engine.tokenizer)
            if not asked:
                line = self._line(engine, count(engine.settings.separator.join(texts)), budget)
                line = line if count(whole) > budget else ""
                return latest(whole, budget - count(line), count) + line
            key = (engine, asked, self._reader, *texts)
            if (known := self._pulled.get(key)) is not None:
                return known
            started = time.perf_counter()
            result = engine.compress(asked, texts, token_budget=budget, **_FIXED)
            content = self._fitted(engine, result, spoken, engine.settings.token_budget)
            read = self._read.get(content)
            unknown = read is not None and read[2] != spoken  # whose content it is: other turns gave the same
            self._read.put(content, (engine, result, [] if unknown else spoken))
            self._pulled.put(key, content)
            report(
                "turns",
                before=result.original_tokens,
                after=engine.count(content),
                stop_reason=result.stop_reason,
                seconds=time.perf_counter() - started,
            )
            return content

        consequence = "the latest turns are brought back instead of those that the question needs"
        content = pass_whole(needed, None, consequence, raises=())
        return _counted(lambda count: latest(whole, budget, count), count) if content is None else content

    def _truncated(self, content: str, tokens_to_truncate: int) -> str | None:
        if (known := self._read.get(content)) and known[2]:
            engine, result, spoken = known

            def again() -> str:
                return self._fitted(engine, result, spoken, engine.count(content) - tokens_to_truncate)

            consequence = "the latest turns are kept instead of those that the question needs"
            try:
                shorter = pass_whole(again, None, consequence, raises=BudgetError)
            except BudgetError:
                return None
            if shorter is not None:
                return shorter or None
        return _counted(lambda count: latest(content, count(content) - tokens_to_truncate, count)) or None

    def _fitted(self, engine: Compressor, result: Compressed, spoken: list[Exchange], token_budget: int) -> str:
        line = self._line(engine, result.original_tokens, token_budget)

        def shown(found: Compressed) -> str:
            gap_mark, separator = engine.settings.gap_mark, engine.settings.separator
            kept = joined(spoken, found.documents, separator=separator, gap_mark=gap_mark)
            return kept if found.stop_reason == "all" or not kept else kept.rstrip("\n") + line

        if token_budget < 1:
            return ""
        content: str = fit_budget(engine, result, shown, token_budget=token_budget, **_FIXED)
        return content


def _counted(work: Callable[[Counter], str], count: Counter | None = None) -> str:
    """Do work that counts tokens, by `count` or LlamaIndex's tokenizer; if counting fails, count characters."""
    consequence = "characters are counted instead of tokens"
    done = pass_whole(lambda: work(count or counter(settings_tokenizer())), None, consequence, raises=())
    return work(len) if done is None else done

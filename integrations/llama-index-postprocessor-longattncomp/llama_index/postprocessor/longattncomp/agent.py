"""tool results of a running agent -> shorter tool results for the user's message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llama_index.core.base.llms.types import TextBlock
from llama_index.core.bridge.pydantic import BaseModel, Field
from longattncomp.adapters import in_thread

from llama_index.postprocessor.longattncomp.asking import asked_in
from llama_index.postprocessor.longattncomp.options import LongAttnOptions
from llama_index.postprocessor.longattncomp.shrinking import shrink

if TYPE_CHECKING:
    from llama_index.core.agent.workflow.workflow_events import ToolCallResult
    from llama_index.core.memory import BaseMemory
    from llama_index.core.workflow import Context


class CompressToolResults(BaseModel):
    """A mixin for workflow agents: `class Agent(CompressToolResults, FunctionAgent)`.

    An agent keeps the tool results of a run outside its memory. Each result is compressed once, before the agent
    reads it, for the user's message and the call's arguments; `compression.token_budget` bounds one result. Results
    that fit, errors, results that are returned directly and images stay as they are. The events of the run carry the
    original results.

    If the engine fails, a result is passed on whole, with a `longattncomp.LongAttnCompWarning`. A wrong option or a
    missing draft model is an error.
    """

    compression: LongAttnOptions = Field(
        default_factory=LongAttnOptions, description="The engine's options for tool results."
    )

    async def handle_tool_call_results(self, ctx: Context, results: list[ToolCallResult], memory: BaseMemory) -> None:
        """Pass on copies of the results with less text."""
        said = str(await ctx.store.get("user_msg_str", default="") or "")
        asked = asked_in(await memory.aget_all(), said) if said else ""
        shorter = [await in_thread(self._compressed, result, asked) for result in results]
        await super().handle_tool_call_results(ctx, shorter, memory)  # type: ignore[misc]

    def _compressed(self, result: ToolCallResult, asked: str) -> ToolCallResult:
        output = result.tool_output
        if output.is_error or result.return_direct:
            return result
        texts = [block.text for block in output.blocks if isinstance(block, TextBlock)]
        left = iter(shrink(self.compression, asked, texts, arguments=result.tool_kwargs, results=range(len(texts))))
        blocks = [
            block.model_copy(update={"text": next(left)}) if isinstance(block, TextBlock) else block
            for block in output.blocks
        ]
        return result.model_copy(update={"tool_output": output.model_copy(update={"blocks": blocks})})

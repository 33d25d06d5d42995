"""tool results of a running agent -> shorter tool results for the user's message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from llama_index.core.base.llms.types import TextBlock
from llama_index.core.bridge.pydantic import BaseModel, Field, model_validator
from longattncomp.adapters import PURPOSE_TEXT, InputError, in_thread, original

from llama_index.postprocessor.longattncomp.asking import asked_in
from llama_index.postprocessor.longattncomp.options import LongAttnOptions
from llama_index.postprocessor.longattncomp.shrinking import READER, shrink

if TYPE_CHECKING:
    from llama_index.core.agent.workflow.workflow_events import ToolCallResult
    from llama_index.core.memory import BaseMemory
    from llama_index.core.workflow import Context


class CompressToolResults(BaseModel):
    """A mixin for workflow agents, before the agent: `class Agent(CompressToolResults, FunctionAgent)`.

    An agent keeps the tool results of a run outside its memory. Each result is compressed once, before the agent
    reads it, for the user's message and the call's arguments; `compression.token_budget` bounds one result. Results
    that fit, errors, results that are returned directly and images stay as they are. The events of the run carry the
    original results. The last line of a shortened result names the tool `read_original`, which the agent gets, too: it
    searches the whole text, which the run's context keeps. `CodeActAgent` gets neither, because its tools may not read
    the context, and no argument `purpose`.

    If the engine fails, a result is passed on whole, with a `longattncomp.LongAttnCompWarning`. A wrong option or a
    missing draft model is an error.
    """

    compression: LongAttnOptions = Field(
        default_factory=LongAttnOptions, description="The engine's options for tool results."
    )

    purpose: str | None = Field(
        default=None,
        description="Name of an optional argument that every tool gets for the model to say what it is looking for, "
        "such as looking_for; it joins the query, and the tool does not see it.",
    )

    purpose_text: str = Field(default=PURPOSE_TEXT, description="What the model reads about that argument.")

    audit: bool = Field(
        default=False, description="Whether results stay whole, and what would be saved is reported only."
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse an agent that comes before the mixin and would hand over whole results.

        Raises:
            InputError: the bases stand in the wrong order.
        """
        super().__pydantic_init_subclass__(**kwargs)
        for base in cls.__mro__[: cls.__mro__.index(CompressToolResults)]:
            if not issubclass(base, CompressToolResults) and "handle_tool_call_results" in vars(base):
                raise InputError(
                    f"expected the mixin before the agent, or nothing is compressed: class {cls.__name__}"
                    f"(CompressToolResults, {base.__name__}), got {base.__name__} first"
                )

    @model_validator(mode="before")
    @classmethod
    def _options_in_their_place(cls, values: Any) -> Any:
        """Refuse the engine's options beside `compression`, which an agent would ignore."""
        stray = LongAttnOptions.model_fields.keys() - cls.model_fields.keys()
        if isinstance(values, Mapping) and (names := sorted(stray & values.keys())):
            raise ValueError(f"{names[0]} is an option of compression: compression=LongAttnOptions({names[0]}=...)")
        return values

    @model_validator(mode="after")
    def _with_tools(self) -> Self:
        from llama_index.core.agent.workflow import CodeActAgent

        from llama_index.postprocessor.longattncomp.purpose import with_purpose
        from llama_index.postprocessor.longattncomp.reading_back import reading_tool

        agent: Any = self
        if isinstance(self, CodeActAgent):
            return self
        tools = list(agent.tools or [])
        if name := self.purpose:
            tools = [
                tool if _reads(tool.metadata.name) else with_purpose(tool, name, self.purpose_text) for tool in tools
            ]
        if READER not in _names(tools):
            tools.append(reading_tool(lambda: self.compression.engine(edge_marks=True)))
        agent.tools = tools
        return self

    async def handle_tool_call_results(self, ctx: Context, results: list[ToolCallResult], memory: BaseMemory) -> None:
        """Pass on copies of the results with less text."""
        said = str(await ctx.store.get("user_msg_str", default="") or "")
        asked = asked_in(await memory.aget_all(), said) if said else ""
        shorter = [await self._compressed(ctx, result, asked) for result in results]
        await super().handle_tool_call_results(ctx, shorter, memory)  # type: ignore[misc]

    async def _compressed(self, ctx: Context, result: ToolCallResult, asked: str) -> ToolCallResult:
        from llama_index.postprocessor.longattncomp.reading_back import keep

        output = result.tool_output
        if output.is_error or result.return_direct or _reads(result.tool_name):
            return result
        texts = [block.text for block in output.blocks if isinstance(block, TextBlock)]
        key = original(texts)[0] if READER in _names(getattr(self, "tools", None) or []) else ""
        kept = await in_thread(
            shrink,
            self.compression,
            asked,
            texts,
            arguments=result.tool_kwargs,
            results=range(len(texts)),
            key=key,
            audit=self.audit,
        )
        if kept == texts:
            return result
        if key:
            await keep(ctx, texts)
        left = iter(kept)
        blocks = [
            block.model_copy(update={"text": next(left)}) if isinstance(block, TextBlock) else block
            for block in output.blocks
        ]
        return result.model_copy(update={"tool_output": output.model_copy(update={"blocks": blocks})})


def _names(tools: list[Any]) -> set[str]:
    return {tool.metadata.name for tool in tools}


def _reads(tool: str | None) -> bool:
    """Tell whether a tool reads whole texts, which are not shortened again."""
    return (tool or "").startswith(READER)

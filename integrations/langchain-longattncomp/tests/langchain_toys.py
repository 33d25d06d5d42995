"""A tiny engine, and chat models that follow a script, so that most tests need no weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from longattncomp import Compressor, Node, Query, Scores, Settings
from longattncomp.testing import ByteTokenizer, WordScorer


class Unsure:
    """A scorer that finds nothing relevant."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Any = None) -> Scores:
        return Scores(tuple(0.1 / len(nodes) for _ in nodes), 0.9)


def engine(scorer: Any = None, **settings: Any) -> Compressor:
    """Make a compressor whose tokens are bytes."""
    options = {"node_tokens": 64, "token_budget": 500, "top_p": 0.95} | settings
    return Compressor(scorer or WordScorer(), ByteTokenizer(), settings=Settings(**options))


class ScriptedModel(BaseChatModel):
    """A chat model that answers with what a function makes of the messages, and notes every prompt."""

    script: Callable[[list[BaseMessage]], AIMessage]
    prompts: list[list[BaseMessage]] = []  # noqa: RUF012 (pydantic copies it)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> ScriptedModel:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.prompts.append(list(messages))
        return ChatResult(generations=[ChatGeneration(message=self.script(messages))])


def calls(*tools: tuple[str, dict[str, Any]], turn: int = 0) -> AIMessage:
    """Make an AI message that calls tools."""
    return AIMessage(
        "",
        tool_calls=[
            {"name": name, "args": args, "id": f"call-{turn}-{index}", "type": "tool_call"}
            for index, (name, args) in enumerate(tools)
        ],
    )


def call_once(name: str, **args: Any) -> ScriptedModel:
    """Make a chat model that calls one tool after each human message, then answers "done"."""

    def script(messages: list[BaseMessage]) -> AIMessage:
        if isinstance(messages[-1], HumanMessage):
            return calls((name, args), turn=len(messages))
        return AIMessage("done")

    return ScriptedModel(script=script)


def report(needle: str, size: int) -> str:
    """Make a text of about `size` bytes that never says the same twice, with the needle in its middle."""
    return diary(f"{needle} ", size // 50)


def diary(needle: str, days: int) -> str:
    """Make a text that never says the same twice, with the needle in its middle."""
    lines = [f"On day {day} of {days} nothing happened in the office. " for day in range(days)]
    return "".join([*lines[: days // 2], needle, *lines[days // 2 :]])

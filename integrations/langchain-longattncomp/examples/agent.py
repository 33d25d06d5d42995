"""An agent reads a long manual page; only what its question needs enters its messages.

The chat model follows a script, so that this runs anywhere; the page and its compression are real.

python examples/agent.py
"""

from pydoc_data.topics import topics
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool

from langchain_longattncomp import LongAttnMiddleware

QUESTION = "Which presentation type prints an integer in base 16 with lower-case letters?"


@tool
def manual(topic: str) -> str:
    """Read a page of Python's manual."""
    return topics[topic]


class Scripted(BaseChatModel):
    """Reads the manual, then answers with the line that names base 16."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> "Scripted":
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        last = messages[-1]
        if isinstance(last, HumanMessage):
            call = {"name": "manual", "args": {"topic": "formatstrings"}, "id": "1", "type": "tool_call"}
            answer = AIMessage("", tool_calls=[call])
        else:
            answer = AIMessage(next((line for line in str(last.text).splitlines() if "base 16" in line), "?").strip())
        return ChatResult(generations=[ChatGeneration(message=answer)])


def main() -> list[AnyMessage]:
    agent = create_agent(Scripted(), [manual], middleware=[LongAttnMiddleware(token_budget=600)])
    return agent.invoke({"messages": [HumanMessage(QUESTION)]})["messages"]


if __name__ == "__main__":
    for message in main():
        message.pretty_print()

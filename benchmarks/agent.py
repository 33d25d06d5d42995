"""An agent of 50 turns with 20 long tool results: what the model sees of each, and whether its prompts only grow.

Of each result: whether what was asked for is shown with all that it belongs to, and the values that are cut or stand
under another one's key, header or name. A table, then a line of JSON. It needs langchain-longattncomp[agents].

python benchmarks/agent.py [--seed N] [--budget N] [--show]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langchain_longattncomp import LongAttnMiddleware
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
from rich.console import Console
from rich.table import Table
from tool_results import KINDS, pages

from longattncomp import Compressor

TURNS = 50
TOKENS = 5_000
_SAID = "This is remark {} of our talk about the weather in the north, and it needs no tool and no long answer."


class Scripted(BaseChatModel):
    """Reads the page that a question names, answers everything else, and notes every prompt."""

    prompts: list[list[str]] = []  # noqa: RUF012 (pydantic copies it)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Scripted:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.prompts.append([message.model_dump_json() for message in messages])
        answer = AIMessage("That is noted.")
        if isinstance(messages[-1], HumanMessage) and "page-" in messages[-1].text:
            page = messages[-1].text.rsplit(" ", 1)[-1]
            answer = AIMessage("", tool_calls=[{"name": "read", "args": {"page": page}, "id": page}])
        return ChatResult(generations=[ChatGeneration(message=answer)])


def run(
    compressor: Compressor,
    *,
    seed: int = 0,
    tokens: int = TOKENS,
    turns: int = TURNS,
    show: Callable[[str], None] | None = None,
) -> Any:
    """Return for each kind how many of four pages show what was asked for, and figures of the whole run.

    Args:
        compressor: its `token_budget` bounds each result.
        seed: decides the pages.
        tokens: of a page.
        turns: of the user's, at least 20.
        show: is told what a page lost.
    """
    drawn = list(pages(seed, tokens, compressor.count))

    @tool
    def read(page: str) -> str:
        """Read a page."""
        return drawn[int(page.removeprefix("page-"))][1].text

    model = Scripted()
    middleware = LongAttnMiddleware(compressor=compressor)
    agent = create_agent(model, [read], middleware=[middleware], checkpointer=InMemorySaver(), store=InMemoryStore())
    config: Any = {"configurable": {"thread_id": "one"}}
    messages: list[BaseMessage] = []
    asked = {turns * number // len(drawn): number for number in range(len(drawn))}
    for turn in range(turns):
        number = asked.get(turn)
        said = _SAID.format(turn) if number is None else f"{drawn[number][1].asked.question} See page-{number}"
        messages = agent.invoke({"messages": [HumanMessage(said)]}, config)["messages"]
    found, false, after = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    results = [message for message in messages if isinstance(message, ToolMessage)]
    for number, ((kind, page), result) in enumerate(zip(drawn, results, strict=True)):
        spans = page.shown(result.text.rpartition("\n")[0])
        there, wrong = page.found(spans), page.false_values(spans)
        found[kind] += there
        false[kind] += len(wrong)
        after[kind] += compressor.count(result.text)
        if show and (wrong or not there):
            value = page.text[page.asked.start : page.asked.end]
            show(f"--- page {number}, {kind}: {page.asked.question} {value} {there=} {wrong=}\n{result.text}\n")
    stable = sum(later[: len(earlier)] == earlier for earlier, later in pairwise(model.prompts))
    return {
        "found": found,
        "false_values": false,
        "tokens_before": sum(compressor.count(page.text) for _, page in drawn),
        "tokens_after": after,
        "most_tokens": max(compressor.count(result.text) for result in results),
        "prompts": len(model.prompts),
        "byte_stable": stable,
    }


def main() -> None:
    """Run the agent, print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=int, default=500, help="tokens of a result")
    parser.add_argument("--show", action="store_true", help="what is shown where something is missing or false")
    options = parser.parse_args()
    compressor = Compressor.from_pretrained(token_budget=options.budget)
    figures = run(compressor, seed=options.seed, show=print if options.show else None)
    table = Table("", *KINDS, "all", title=f"{TURNS} turns, 20 results of {TOKENS:,} tokens at {options.budget}")
    for name in ("found", "false_values", "tokens_after"):
        table.add_row(name, *map(str, figures[name].values()), str(sum(figures[name].values())))
    table.add_row(
        "prompts that begin as the one before",
        *[""] * len(KINDS),
        f"{figures['byte_stable']} of {figures['prompts'] - 1}",
    )
    Console(width=120).print(table)
    print(json.dumps({"what": "agent", "seed": options.seed, "budget": options.budget, **figures}))


if __name__ == "__main__":
    main()

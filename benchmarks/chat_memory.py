"""Count the facts that the memory block for LlamaIndex brings back from long chats: a table, then a line of JSON.

python benchmarks/chat_memory.py [--seeds N] [--budget TOKENS ...] [--rival]

Each chat has 200 turns, 40 facts told in other words than the questions use, and ten questions. The rival ranks
sentences by all-MiniLM-L6-v2, and drops those that it has seen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from abstention import show
from llama_index.core import Settings
from llama_index.core.base.llms.types import ChatMessage
from llama_index.postprocessor.longattncomp import LongAttnMemoryBlock
from memories import Memories, memories
from rich.console import Console
from rich.progress import track
from speed import machine

from longattncomp.chunking.sentences import sentences
from longattncomp.scorers.embedding import EmbeddingScorer
from longattncomp.types import Node, Query

BUDGETS = (100, 250, 500, 1000)

Recall = Callable[[str, int], str]
"""(question, token budget) -> what is brought back."""


def main() -> None:
    """Ask each question at each budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="chats")
    parser.add_argument("--first", type=int, default=0, help="number of the first chat")
    parser.add_argument("--budget", type=int, nargs="+", default=BUDGETS)
    parser.add_argument("--who", nargs="+", default=("block", "minilm"), choices=("block", "minilm"))
    parser.add_argument("--misses", type=Path, help="file for what was brought back without the answer")
    options = parser.parse_args()
    found: Counter[tuple[str, int]] = Counter()
    misses = []
    seeds = range(options.first, options.first + options.seeds)
    for seed in track(seeds, "chats", console=Console(stderr=True)):
        chat = memories(f"{seed} memory 0")
        for name in options.who:
            recall = {"block": _block, "minilm": _minilm}[name](chat)
            for budget in options.budget:
                for question, answer in chat.asked:
                    text = recall(question, budget)
                    if len(Settings.tokenizer(text)) > budget:
                        raise RuntimeError(f"{name} brought back more than {budget} tokens")
                    found[name, budget] += answer in text
                    if answer not in text:
                        misses.append({"seed": seed, "who": name, "budget": budget, "query": question, "text": text})
    if options.misses:
        options.misses.write_text(json.dumps(misses, indent=1), "utf-8")
    rows = [
        (name, *(f"{found[name, budget] / options.seeds:.1f}" for budget in options.budget)) for name in options.who
    ]
    print(machine())
    show("facts found of ten", ("tokens", *map(str, options.budget)), rows)
    print(json.dumps({name: {str(b): found[name, b] for b in options.budget} for name in options.who}))


def _block(chat: Memories) -> Recall:
    block = LongAttnMemoryBlock()
    messages = [ChatMessage(role=said.role, content=said.text) for said in chat.turns]
    asyncio.run(block.aput(messages))

    def recall(question: str, budget: int) -> str:
        block.token_budget = budget
        return asyncio.run(block.aget([ChatMessage(role="user", content=question)]))

    return recall


def _minilm(chat: Memories) -> Recall:
    texts = dict.fromkeys(
        said.text[start:end].strip() for said in chat.turns for start, end in sentences(said.text, 0, len(said.text))
    )
    nodes = [Node(number, 0, len(text), text, len(Settings.tokenizer(text))) for number, text in enumerate(texts)]
    scorer = EmbeddingScorer()

    def recall(question: str, budget: int) -> str:
        return "\n".join(_fitting(nodes, scorer.score(Query(question), nodes).nodes, budget))

    return recall


def _fitting(nodes: Sequence[Node], scores: Sequence[float], budget: int) -> Iterator[str]:
    for index in sorted(range(len(nodes)), key=lambda index: -scores[index]):
        if (tokens := nodes[index].tokens + 1) <= budget:
            budget -= tokens
            yield nodes[index].text


if __name__ == "__main__":
    main()

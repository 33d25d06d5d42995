"""A year of chat as memory: every question brings back the few turns that it needs.

python year_of_chat.py chats.jsonl.gz

The first row of the file holds `documents`, each a chat with `text`; the others a `query`, as LiHua-World's.
On two cores, the draft model reads a year of 240,000 tokens in about two minutes for each question;
LONGATTNCOMP_METHOD=bm25 takes a second, and finds less.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
from pathlib import Path

from llama_index.core.llms import ChatMessage
from llama_index.core.memory import Memory

from llama_index.postprocessor.longattncomp import LongAttnMemoryBlock


def rows(path: Path) -> list[dict]:
    """The rows of a file of JSON lines, plain or gzipped."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


async def remember(chats: list[str], *, token_budget: int = 1000, **options: object) -> Memory:
    """A memory that has lived through the chats; only the last of them are still in its history."""
    block = LongAttnMemoryBlock(token_budget=token_budget, **options)
    memory = Memory.from_defaults(token_limit=4000, token_flush_size=2000, memory_blocks=[block])
    await block.aput([ChatMessage(role="user", content=chat) for chat in chats], session_id=memory.session_id)
    return memory


async def recall(memory: Memory, question: str) -> str:
    """What the model would read before the question."""
    history = await memory.aget(input=question)
    return str(history[0].content) if history else ""


async def main(path: Path) -> None:
    table = rows(path)
    chats = [document["text"] for document in table[0]["documents"]]
    memory = await remember(chats)
    print(f"{len(chats)} chats, {sum(map(len, chats)):,} characters")
    for row in [row for row in table if "query" in row][:3]:
        print(f"\n{row['query']}\n{await recall(memory, row['query'])}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
